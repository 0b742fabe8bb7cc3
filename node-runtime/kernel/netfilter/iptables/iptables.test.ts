import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conntrackEnabled } from '../conntrack/enable.ts';
import { NfLab } from '../test-kit.ts';
import { iptables } from './iptables.ts';
import { iptablesRestore } from './restore.ts';
import { iptablesSave } from './save.ts';
import { tokenize } from './tokenize.ts';

const rulesOf = (l: NfLab): string =>
  iptablesSave(l.ns, { counters: true })
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n');

describe('a restore', () => {
  const before = `*filter
:INPUT DROP [1:2]
:KUBE - [0:0]
[3:4] -A INPUT -m state --state NEW -j KUBE
[5:6] -A KUBE -s 10.0.0.0/8 -j ACCEPT
[7:8] -A KUBE -j DROP
COMMIT
`;
  it.each([
    ['a chain that is missing', '-A INPUT -j NOPE'],
    ['a rule the kernel refuses', '-A INPUT -j DNAT --to-destination 1.2.3.4'],
    ['a loop', '-A KUBE -j OTHER\n-A OTHER -j KUBE'],
    ['a deletion of nothing', '-D KUBE -s 9.9.9.9'],
    ['a chain that is in use', '-F KUBE\n-X KUBE'],
  ])('that fails on %s changes nothing', (_what, line) => {
    for (const noflush of [true, false]) {
      const l = new NfLab();
      iptablesRestore(l.ns, before, { counters: true });
      const was = rulesOf(l);
      const text = `*filter\n:OTHER - [0:0]\n:INPUT ACCEPT [9:9]\n${noflush ? '' : ':KUBE - [0:0]\n-A INPUT -j KUBE\n'}-A OTHER -j ACCEPT\n-I KUBE 1 -j OTHER\n${line}\nCOMMIT\n`;
      const result = iptablesRestore(l.ns, text, { noflush, counters: true });
      expect([result.code !== 0, rulesOf(l)]).toEqual([true, was]);
      expect(conntrackEnabled(l.ns)).toBe(true);
      // And the tables are as able as before.
      expect(iptablesRestore(l.ns, '*filter\n-F\n-X\nCOMMIT\n', { noflush: true }).code).toBe(0);
      expect(conntrackEnabled(l.ns)).toBe(false);
    }
  });
  it('without flush touches only what it names', () => {
    const l = new NfLab();
    iptablesRestore(l.ns, before, { counters: true });
    iptablesRestore(l.ns, '*filter\n:KUBE - [0:0]\n-A KUBE -j RETURN\nCOMMIT\n', { noflush: true });
    expect(rulesOf(l)).toContain(':INPUT DROP [1:2]');
    expect(rulesOf(l)).toContain('[3:4] -A INPUT -m state --state NEW -j KUBE\n[0:0] -A KUBE -j RETURN\n');
  });
  it('--test keeps nothing', () => {
    const l = new NfLab();
    expect(iptablesRestore(l.ns, before, { test: true }).code).toBe(0);
    expect(rulesOf(l)).not.toContain('KUBE');
  });
  it('refuses a target behind a jump that it may not stand behind', () => {
    const l = new NfLab();
    const r = iptablesRestore(
      l.ns,
      '*nat\n:A - [0:0]\n-A A -j DNAT --to-destination 1.2.3.4\n-A PREROUTING -j A\n-A POSTROUTING -j A\nCOMMIT\n',
    );
    expect([r.code, r.stderr]).toEqual([
      4,
      'iptables-restore v1.8.9 (nf_tables): \nline 5: RULE_APPEND failed (Invalid argument): rule in chain POSTROUTING\n',
    ]);
  });
});

describe('words of a line', () => {
  it.each([
    ['-A INPUT  -j\tDROP', ['-A', 'INPUT', '-j', 'DROP']],
    ['--comment "a b" x', ['--comment', 'a b', 'x']],
    ['--comment "a \\"b\\" \\\\"', ['--comment', 'a "b" \\']],
    ['--comment ""', ['--comment', '']],
    ["it's", ["it's"]],
  ])('%s', (line, words) => expect(tokenize(line)).toEqual(words));
});

describe('hostile input', () => {
  it('never throws', () => {
    const word = fc.constantFrom(
      ...'-A -I -D -R -C -N -X -F -Z -P -E -L -S -t -p -s -d -i -o -j -g -m -f -n -v -c ! INPUT FOO nat filter tcp udp all 5 0 -1 10.0.0.0/8 1.2.3.4 ACCEPT DROP DNAT MARK REJECT LOG --dport --to-destination --ctstate NEW conntrack comment --comment multiport --dports 80,81 statistic --mode random --probability 0.5 recent --set --name mark --mark 0x1/0x1 --reject-with tcp-reset --set-xmark --tcp-flags SYN ALL limit --limit 5/s eth+ = --'.split(
        ' ',
      ),
      '',
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 14 }), (argv) => {
        const l = new NfLab();
        const r = iptables(l.ns, argv);
        expect([0, 1, 2, 3, 4]).toContain(r.code);
        if (r.code !== 0) expect(r.stderr).not.toBe('');
        const again = new NfLab();
        expect(
          iptablesRestore(again.ns, iptablesSave(l.ns, { counters: true }), { counters: true }).stderr,
        ).toBe('');
        expect(rulesOf(again)).toBe(rulesOf(l));
      }),
      { numRuns: 300 },
    );
  });
  it('restore of any text ends with a code', () => {
    const line = fc.oneof(
      fc.constantFrom(
        '*filter',
        '*nat',
        'COMMIT',
        ':INPUT ACCEPT [0:0]',
        ':X - [0:0]',
        '-A X -j ACCEPT',
        '-A INPUT -j X',
        '-F',
        '-X',
        '#',
        '',
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const l = new NfLab();
        const r = iptablesRestore(l.ns, lines.join('\n'));
        return r.code >= 0 && r.code <= 4;
      }),
      { numRuns: 300 },
    );
  });
});

describe('what is saved', () => {
  const port = fc.integer({ min: 0, max: 65_535 });
  const addr = fc
    .tuple(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 1, max: 32 }))
    .map(([a, len]) => `${a >>> 24}.${(a >>> 16) & 255}.${(a >>> 8) & 255}.${a & 255}/${len}`);
  const comment = fc.string({ minLength: 1, maxLength: 40 }).filter((t) => !/[\n\r\0]/.test(t));
  const quote = (t: string): string => `"${t.replace(/["\\]/g, '\\$&')}"`;
  const bang = fc.boolean().map((b) => (b ? '! ' : ''));
  const match = fc.oneof(
    fc.tuple(bang, addr).map(([b, a]) => `${b}-s ${a}`),
    fc.tuple(bang, addr).map(([b, a]) => `${b}-d ${a}`),
    fc.tuple(bang, fc.constantFrom('eth0', 'cni+')).map(([b, i]) => `${b}-i ${i}`),
  );
  const l4 = fc.tuple(fc.constantFrom('tcp', 'udp'), bang, port, port).map(([p, b, x, y]) => {
    const [low, high] = x < y ? [x, y] : [y, x];
    return `-p ${p} -m ${p} ${b}--dport ${low}:${high}`;
  });
  const rule = fc
    .tuple(
      fc.option(match),
      fc.option(l4),
      fc.option(comment),
      fc.constantFrom('ACCEPT', 'DROP', 'LOG', 'REJECT'),
    )
    .map(([m, p, c, j]) =>
      ['-A FORWARD', m, p, c === null ? null : `-m comment --comment ${quote(c)}`, `-j ${j}`]
        .filter((x) => x !== null)
        .join(' '),
    );
  it('is read back the same', () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 6 }), (rules) => {
        const l = new NfLab();
        l.rules(`*filter\n${rules.join('\n')}\nCOMMIT\n`);
        const saved = rulesOf(l);
        const again = new NfLab();
        again.rules(iptablesSave(l.ns));
        expect(rulesOf(again)).toBe(saved);
      }),
      { numRuns: 100 },
    );
  });
});
