import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FsChange, FsError, memoryDisk, NodeFs, normalizePath } from './node-fs.ts';

const make = (disk = memoryDisk()) => new NodeFs({ now: () => 1000, disk });

describe('NodeFs', () => {
  it('reads what was written, and makes the directories above', () => {
    const fs = make();
    fs.write('/run/flannel/subnet.env', 'FLANNEL_MTU=1450\n');
    expect(fs.readText('/run/flannel/subnet.env')).toBe('FLANNEL_MTU=1450\n');
    expect(fs.stat('/run/flannel')).toMatchObject({ kind: 'dir', mode: 0o755 });
    expect(fs.list('/run')).toEqual(['flannel']);
  });

  it.each([
    ['reading what is not there', (fs: NodeFs) => fs.read('/a/b'), 'open /a/b: no such file or directory'],
    ['a directory', (fs: NodeFs) => fs.read('/d'), 'read /d: is a directory'],
    ['listing a file', (fs: NodeFs) => fs.list('/d/f'), 'open /d/f: not a directory'],
    ['a file as a directory', (fs: NodeFs) => fs.write('/d/f/g', ''), 'mkdir /d/f: not a directory'],
    ['O_EXCL twice', (fs: NodeFs) => fs.write('/d/f', '', { exclusive: true }), 'open /d/f: file exists'],
    ['rmdir of a full directory', (fs: NodeFs) => fs.remove('/d'), 'remove /d: directory not empty'],
    ['unlink of nothing', (fs: NodeFs) => fs.remove('/x'), 'remove /x: no such file or directory'],
  ])('refuses %s', (_, act, message) => {
    const fs = make();
    fs.write('/d/f', 'x');
    expect(() => act(fs)).toThrow(new FsError('', '', 'ENOENT').constructor as typeof FsError);
    expect(() => act(fs)).toThrow(message);
  });

  it('tells watchers of changes below their path only', () => {
    const fs = make();
    const seen: FsChange[] = [];
    const stop = fs.watch('/etc/cni/net.d', (change) => seen.push(change));
    fs.write('/etc/cni/net.d/10-flannel.conflist', '{}');
    fs.write('/etc/cni/net.dx', '');
    fs.remove('/etc/cni/net.d/10-flannel.conflist');
    stop();
    fs.write('/etc/cni/net.d/99.conf', '');
    expect(seen).toEqual([
      { type: 'write', path: '/etc/cni/net.d/10-flannel.conflist' },
      { type: 'remove', path: '/etc/cni/net.d/10-flannel.conflist' },
    ]);
  });

  it('keeps /var and /etc over a reboot, and loses /run', () => {
    const disk = memoryDisk();
    const before = make(disk);
    before.write('/var/lib/cni/networks/cbr0/10.244.1.2', 'abc\r\neth0', { mode: 0o600 });
    before.write('/var/lib/gone', '');
    before.remove('/var/lib/gone');
    before.write('/run/flannel/subnet.env', 'x');
    const after = make(disk);
    expect(after.readText('/var/lib/cni/networks/cbr0/10.244.1.2')).toBe('abc\r\neth0');
    expect(after.stat('/var/lib/cni/networks/cbr0/10.244.1.2').mode).toBe(0o600);
    expect(after.exists('/var/lib/gone')).toBe(false);
    expect(after.exists('/run/flannel/subnet.env')).toBe(false);
  });

  it('makes generated files at each read', () => {
    const fs = make();
    let n = 0;
    fs.generate('/proc/sys/x', () => String(++n));
    expect([fs.readText('/proc/sys/x'), fs.readText('/proc/sys/x')]).toEqual(['1', '2']);
    expect(fs.list('/proc/sys')).toEqual(['x']);
    fs.generate('/proc/sys/x', undefined);
    expect(fs.exists('/proc/sys/x')).toBe(false);
  });

  it('renames over an existing file in one step', () => {
    const fs = make();
    fs.write('/run/a', 'old');
    fs.write('/run/a.tmp', 'new', { mode: 0o600 });
    fs.rename('/run/a.tmp', '/run/a');
    expect([fs.readText('/run/a'), fs.stat('/run/a').mode, fs.exists('/run/a.tmp')]).toEqual([
      'new',
      0o600,
      false,
    ]);
  });

  it('a written byte string comes back, whatever the path looks like', () => {
    const part = fc.stringMatching(/^[a-z.]{1,6}$/);
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), fc.uint8Array(), (parts, bytes) => {
        const path = `/${parts.join('/')}`;
        fc.pre(normalizePath(path) !== '/');
        const fs = make();
        fs.write(path, bytes);
        expect(fs.read(path)).toEqual(bytes);
        expect(normalizePath(normalizePath(path))).toBe(normalizePath(path));
      }),
    );
  });
});
