import { describe, expect, it } from 'vitest';
import { enableConntrack } from '../install.ts';
import { NfLab } from '../test-kit.ts';
import { IPS_ASSURED } from './entry.ts';

const A = '10.244.1.2:4000';
const B = '203.0.113.9:80';

/** A conversation as tcpdump might write it: "> S 100" from the opener, "< S. 500 101" from the other. */
class Talk {
  readonly l = new NfLab();
  constructor() {
    enableConntrack(this.l.ns);
  }
  /** "STATE", "STATE!" when assured, "INVALID" when the packet was, or "gone". */
  say(line: string): string {
    const [dir, flags, seq = '0', ack = '0', data = '0', win = '65535'] = line.split(' ');
    const back = dir === '<';
    const skb = this.l.packet('tcp', back ? B : A, back ? A : B, {
      flags: flags!,
      seq: Number(seq),
      ack: Number(ack),
      data: Number(data),
      win: Number(win),
    });
    const out = back ? this.l.forward(skb, this.l.eth0, this.l.cni0)! : this.l.forward(skb)!;
    const invalid = out.ct === undefined;
    out.free();
    if (invalid) return 'INVALID';
    const [c] = this.l.ct.list();
    return c === undefined ? 'gone' : `${c.state}${(c.status & IPS_ASSURED) !== 0 ? '!' : ''}`;
  }
  get timeout(): number {
    return this.l.ct.list()[0]!.timeout;
  }
}
const OPEN = ['> S 100', '< S. 500 101', '> . 101 501'];

describe('states', () => {
  it.each<[string, readonly (readonly [string, string])[]]>([
    [
      'open, talk, close',
      [
        ['> S 100', 'SYN_SENT'],
        ['< S. 500 101', 'SYN_RECV'],
        ['> . 101 501', 'ESTABLISHED!'],
        ['> P. 101 501 50', 'ESTABLISHED!'],
        ['< . 501 151', 'ESTABLISHED!'],
        ['> F. 151 501', 'FIN_WAIT!'],
        ['< . 501 152', 'CLOSE_WAIT!'],
        ['< F. 501 152', 'LAST_ACK!'],
        ['> . 152 502', 'TIME_WAIT!'],
      ],
    ],
    [
      'refused',
      [
        ['> S 100', 'SYN_SENT'],
        ['< R. 0 101', 'gone'],
      ],
    ],
    [
      'reset in the middle',
      [
        ...OPEN.map((x, i) => [x, ['SYN_SENT', 'SYN_RECV', 'ESTABLISHED!'][i]!] as const),
        ['< R 501', 'CLOSE!'],
      ],
    ],
    [
      'a reset that does not fit keeps the connection, one from the past is invalid',
      [
        ...OPEN.map((x, i) => [x, ['SYN_SENT', 'SYN_RECV', 'ESTABLISHED!'][i]!] as const),
        ['< R 5000', 'ESTABLISHED!'],
        ['< R 400', 'INVALID'],
      ],
    ],
    [
      'simultaneous open',
      [
        ['> S 100', 'SYN_SENT'],
        ['< S 500', 'SYN_SENT2'],
        ['> S. 100 501', 'SYN_RECV'],
        ['< S. 500 101', 'SYN_RECV'],
        ['> . 101 501', 'ESTABLISHED!'],
      ],
    ],
    [
      'picked up in the middle',
      [
        ['> . 9000 7000 10', 'ESTABLISHED'],
        ['< . 7000 9010', 'ESTABLISHED'],
        ['> . 9010 7000', 'ESTABLISHED!'],
      ],
    ],
    ['a SYN/ACK begins nothing', [['> S. 100 5', 'INVALID']]],
    [
      'the same ports again after TIME_WAIT: a new connection',
      [
        ...OPEN.map((x, i) => [x, ['SYN_SENT', 'SYN_RECV', 'ESTABLISHED!'][i]!] as const),
        ['> F. 101 501', 'FIN_WAIT!'],
        ['< F. 501 102', 'LAST_ACK!'],
        ['> . 102 502', 'TIME_WAIT!'],
        ['> S 90000', 'SYN_SENT'],
      ],
    ],
    [
      'data outside the window',
      [
        ...OPEN.map((x, i) => [x, ['SYN_SENT', 'SYN_RECV', 'ESTABLISHED!'][i]!] as const),
        ['> . 900101 501 10', 'INVALID'],
        ['> . 101 900501', 'INVALID'],
      ],
    ],
  ])('%s', (_what, lines) => {
    const t = new Talk();
    expect(lines.map(([line]) => t.say(line))).toEqual(lines.map(([, want]) => want));
  });
});

describe('timeouts', () => {
  it.each([
    [['> S 100'], 120],
    [OPEN.slice(0, 2), 60],
    [OPEN, 432_000],
    [[...OPEN, '> P. 101 501 50'], 300],
    [[...OPEN, '> P. 101 501 50', '< . 501 151'], 432_000],
    [[...OPEN, '> F. 101 501'], 120],
    [[...OPEN, '< R 501'], 10],
    [[...OPEN, '> F. 101 501', '< F. 501 102'], 30],
    [[...OPEN, '> F. 101 501', '< F. 501 102', '> . 102 502'], 120],
    [[...OPEN, '< . 501 101 0 0'], 300],
    [[...OPEN, '> . 101 501', '> . 101 501', '> . 101 501', '> . 101 501'], 300],
    [['> . 9000 7000 10'], 300],
  ])('%j: %d s', (lines, want) => {
    const t = new Talk();
    for (const line of lines) t.say(line);
    expect(t.timeout).toBe(want);
  });
  it('a SYN sent again does not renew', () => {
    const t = new Talk();
    t.say('> S 100');
    t.l.clock.advance(50_000);
    t.say('> S 100');
    expect(t.timeout).toBe(70);
  });
});

describe('settings', () => {
  it('tcp_loose = 0: nothing is picked up in the middle', () => {
    const t = new Talk();
    t.l.ns.sysctl.netfilter.nf_conntrack_tcp_loose = 0;
    expect(t.say('> . 9000 7000 10')).toBe('INVALID');
  });
  it('tcp_be_liberal: only what is out of window is let through', () => {
    const t = new Talk();
    for (const line of OPEN) t.say(line);
    t.l.ns.sysctl.netfilter.nf_conntrack_tcp_be_liberal = 1;
    expect(t.say('> . 900101 501 10')).toBe('ESTABLISHED!');
    expect(t.say('> S.F 1 1')).toBe('INVALID');
  });
});

it('windows are scaled as both SYNs agreed', () => {
  const l = new NfLab();
  enableConntrack(l.ns);
  const scale = (n: number): Uint8Array => Uint8Array.of(3, 3, n, 0);
  const go = (back: boolean, spec: Parameters<NfLab['packet']>[3]): boolean => {
    const skb = l.packet('tcp', back ? B : A, back ? A : B, spec);
    const out = back ? l.forward(skb, l.eth0, l.cni0)! : l.forward(skb)!;
    return out.ct !== undefined;
  };
  go(false, { flags: 'S', seq: 100, win: 1000, options: scale(7) });
  go(true, { flags: 'S.', seq: 500, ack: 101, win: 1000, options: scale(7) });
  go(false, { flags: '.', seq: 101, ack: 501, win: 1000 });
  // 1000 << 7 bytes may be under way towards the opener; a hundred thousand are within, two hundred are not.
  expect(go(true, { flags: '.', seq: 100_501, ack: 101, data: 10, win: 1000 })).toBe(true);
  expect(go(true, { flags: '.', seq: 300_501, ack: 101, data: 10, win: 1000 })).toBe(false);
});
