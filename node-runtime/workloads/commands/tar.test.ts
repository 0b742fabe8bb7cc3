import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExitError } from '../process.ts';
import { PodLab } from '../test-kit.ts';
import { absolute, entriesOf, header } from './tar.ts';

/** What is packed in a pod, as a Buffer. */
const archive = (...files: readonly (readonly [name: string, data: string])[]): Buffer =>
  Buffer.concat([
    ...files.flatMap(([name, data]) => [
      header(name, data.length, 0o644, '0'),
      Buffer.from(data),
      Buffer.alloc(-data.length & 511),
    ]),
    Buffer.alloc(1024),
  ]);

describe('tar', () => {
  it('packs, lists and unpacks files of the pod', async () => {
    const lab = new PodLab();
    const { handle } = lab.start(lab.a, 'busybox', { command: ['sleep', 'infinity'] });
    const run = (...argv: string[]) => lab.exec(handle, argv);
    await run('sh', '-c', 'mkdir -p /tmp/d/e && echo one > /tmp/d/a && echo two > /tmp/d/e/b');
    expect(await run('tar', 'cf', '/tmp/x.tar', '-C', '/tmp', 'd')).toMatchObject({ code: 0 });
    expect((await run('tar', 'tf', '/tmp/x.tar')).out).toBe('d/\nd/a\nd/e/\nd/e/b\n');
    expect(await run('tar', '-xmf', '/tmp/x.tar', '-C', '/root')).toMatchObject({ code: 0 });
    expect((await run('cat', '/root/d/a', '/root/d/e/b')).out).toBe('one\ntwo\n');
    expect(await run('tar', 'cf', '-', '/nosuch')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^tar: \/nosuch: Cannot stat: No such file or directory\n/),
    });
    expect(await run('tar')).toMatchObject({ code: 2, err: expect.stringMatching(/must specify one of/) });
  });

  it('what it packs, the system’s own tar lists, and the other way round', () => {
    const long = `${'directory/'.repeat(12)}file`;
    const packed = archive(['a', 'one'], [long, 'two'], ['empty', '']);
    const listed = spawnSync('tar', ['tf', '-'], { input: packed, encoding: 'utf8' });
    if (listed.error === undefined) expect(listed.stdout).toBe(`a\n${long}\nempty\n`);
    expect(entriesOf(packed).map((e) => [e.name, e.data.toString()])).toEqual([
      ['a', 'one'],
      [long, 'two'],
      ['empty', ''],
    ]);
  });

  it.each([
    ['a', '/tmp/a'],
    ['../../../a', '/a'],
    ['/etc/./x', '/etc/x'],
  ])('%s in /tmp is %s', (path, whole) => {
    expect(absolute('/tmp', path)).toBe(whole);
  });

  it('refuses anything else in words, never by breaking', () => {
    const whole = archive(['a', 'one'], ['b', 'x'.repeat(600)]);
    fc.assert(
      fc.property(fc.nat(whole.length), fc.nat(whole.length - 1), fc.nat(255), (cut, at, byte) => {
        const bytes = Buffer.from(whole.subarray(0, cut));
        if (at < bytes.length) bytes[at] = byte;
        try {
          entriesOf(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(ExitError);
        }
      }),
    );
  });
});
