// What ipset 7.17 said to the same commands on Linux 6.18, sizes in memory, initval and the order in a hash aside.
import { describe, expect, it } from 'vitest';
import { NfLab } from '../test-kit.ts';
import { ipset } from './command.ts';

const USAGE = "\nTry `ipset help' for more information.\n";

function shell() {
  const lab = new NfLab();
  const run = (line: string, stdin = '') => ipset(lab.ns, line === '' ? [] : line.split(' '), stdin);
  /** Exit code and whatever was said. */
  const said = (line: string, stdin = ''): string => {
    const { code, stdout, stderr } = run(line, stdin);
    return `${code} ${(stdout + stderr).trimEnd()}`.trimEnd();
  };
  const plain = (line: string): string =>
    run(line)
      .stdout.replace(/ initval 0x[0-9a-f]{8}/g, '')
      .replace(/Size in memory: \d+\n/g, '');
  return { lab, run, said, plain };
}

const SETS = [
  'create svc hash:ip,port -exist',
  'create b hash:net maxelem 100 timeout 60',
  'create c hash:ip,port,ip',
  'create d hash:ip,port,net',
  'create e bitmap:port range 0-65535',
  'create f hash:ip family inet hashsize 64 maxelem 1000',
  'add svc 10.96.0.1,tcp:443',
  'add svc 10.96.0.1,80',
  'add b 10.1.0.0/16',
  'add b 10.1.2.0/24 nomatch timeout 0',
  'add c 10.0.0.1,udp:53,10.0.0.2',
  'add d 10.0.0.1,tcp:80,10.0.0.0/8',
  'add e 30080',
  'add e tcp:80',
];

describe('ipset', () => {
  it.each<[string, string]>([
    ['create g hash:foo', "1 ipset v7.17: Syntax error: typename 'hash:foo' is unknown"],
    [
      'create svc hash:ip,port',
      '1 ipset v7.17: Set cannot be created: set with the same name already exists',
    ],
    ['create', `2 ipset v7.17: Missing mandatory argument to command create${USAGE}`],
    ['create x', `2 ipset v7.17: Missing second mandatory argument to command create${USAGE}`],
    ['add svc 10.96.0.1,tcp:443', "1 ipset v7.17: Element cannot be added to the set: it's already added"],
    ['add svc 10.96.0.1,tcp:443 -exist', '0'],
    ['add svc 10.96.0.1', '1 ipset v7.17: Syntax error: Second element is missing from 10.96.0.1.'],
    [
      'add svc 10.96.0.300,tcp:1',
      '1 ipset v7.17: Syntax error: cannot parse 10.96.0.300: resolving to IPv4 address failed',
    ],
    ['add svc 10.96.0.3,foo:1', "1 ipset v7.17: Syntax error: cannot parse 'foo' as a protocol"],
    ['add nope 1.2.3.4', '1 ipset v7.17: The set with the given name does not exist'],
    ['test svc 10.96.0.1,tcp:443', '0 Warning: 10.96.0.1,tcp:443 is in set svc.'],
    ['test svc 10.96.0.9,tcp:443', '1 10.96.0.9,tcp:443 is NOT in set svc.'],
    ['test nope 10.0.0.9', '1 ipset v7.17: The set with the given name does not exist'],
    ['del svc 10.0.0.9,tcp:1', "1 ipset v7.17: Element cannot be deleted from the set: it's not added"],
    ['del svc 10.0.0.9,tcp:1 -exist', '0'],
    ['list nope', '1 ipset v7.17: The set with the given name does not exist'],
    ['list -n', '0 svc\nb\nc\nd\ne\nf'],
    ['swap f svc', '1 ipset v7.17: The sets cannot be swapped: their type does not match'],
    ['rename f b', '1 ipset v7.17: Set cannot be renamed: a set with the new name already exists'],
    ['destroy nope', '1 ipset v7.17: The set with the given name does not exist'],
    ['foo', `2 ipset v7.17: No command specified: unknown argument foo${USAGE}`],
    ['', `2 ipset v7.17: No command specified.${USAGE}`],
    ['--version', '0 ipset v7.17, protocol version: 7'],
  ])('%s', (line, expected) => {
    const { said } = shellWithSets();
    expect(said(line)).toBe(expected.trimEnd());
  });

  it('lists sets with their elements', () => {
    const { plain } = shellWithSets();
    expect(plain('list svc')).toBe(
      'Name: svc\nType: hash:ip,port\nRevision: 7\nHeader: family inet hashsize 1024 maxelem 65536 bucketsize 12\nReferences: 0\nNumber of entries: 2\nMembers:\n10.96.0.1,tcp:443\n10.96.0.1,tcp:80\n',
    );
    expect(plain('list b')).toContain('maxelem 100 timeout 60 bucketsize 12\n');
    expect(plain('list b')).toContain('10.1.2.0/24 timeout 0 nomatch\n');
    expect(plain('list -t e')).toBe(
      'Name: e\nType: bitmap:port\nRevision: 3\nHeader: range 0-65535\nReferences: 0\nNumber of entries: 2\n',
    );
    expect(plain('save e')).toBe('create e bitmap:port range 0-65535\nadd e 80\nadd e 30080\n');
    expect(plain('save d')).toBe(
      'create d hash:ip,port,net family inet hashsize 1024 maxelem 65536 bucketsize 12\nadd d 10.0.0.1,tcp:80,10.0.0.0/8\n',
    );
  });

  it('takes networks and ranges for many addresses and ports', () => {
    const { said, plain } = shellWithSets();
    expect([
      said('add f 10.0.0.4/30'),
      said('add f 10.0.1.1-10.0.1.2'),
      said('add svc 10.0.0.1,udp:5-6'),
    ]).toEqual(['0', '0', '0']);
    expect(plain('save f').split('\n').slice(1, -1).sort()).toEqual(
      ['10.0.0.4', '10.0.0.5', '10.0.0.6', '10.0.0.7', '10.0.1.1', '10.0.1.2'].map((a) => `add f ${a}`),
    );
    expect(said('test svc 10.0.0.1,udp:6')).toMatch(/^0/);
  });

  it('restores what it saved, and stops at the first wrong line', () => {
    const { run, said } = shellWithSets();
    const saved = run('save').stdout;
    expect(said('destroy')).toBe('0');
    expect(said('restore', saved)).toBe('0');
    expect(run('save').stdout).toBe(saved);
    const wrong = 'create z hash:ip\nadd z 1.1.1.1\nadd z 1.1.1.1\nadd z 2.2.2.2\n';
    expect(said('restore', wrong)).toBe(
      "1 ipset v7.17: Error in line 3: Element cannot be added to the set: it's already added",
    );
    expect(run('save z').stdout).toContain('add z 1.1.1.1');
    expect(run('save z').stdout).not.toContain('add z 2.2.2.2');
    expect(said('restore -exist', wrong)).toBe('0');
  });

  it('keeps what a rule names', () => {
    const { lab, said, plain } = shellWithSets();
    lab.ipt('-A', 'INPUT', '-m', 'set', '--match-set', 'b', 'src', '-j', 'DROP');
    expect(plain('list -t b')).toContain('References: 1\n');
    expect(said('destroy b')).toBe(
      '1 ipset v7.17: Set cannot be destroyed: it is in use by a kernel component',
    );
    expect(said('destroy')).toBe(
      '1 ipset v7.17: Set cannot be destroyed: it is in use by a kernel component',
    );
    expect(said('rename b bb')).toBe('1 ipset v7.17: Set cannot be renamed: it is in use by another system');
    expect(said('flush b')).toBe('0');
    lab.ipt('-F');
    expect(said('destroy')).toBe('0');
    expect(said('list -n')).toBe('0');
  });

  function shellWithSets() {
    const made = shell();
    for (const line of SETS) expect(made.said(line), line).toBe('0');
    return made;
  }
});
