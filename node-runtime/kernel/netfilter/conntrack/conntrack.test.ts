import { describe, expect, it } from 'vitest';
import * as icmp from '../../wire/icmp.ts';
import { enableConntrack } from '../install.ts';
import { NfLab } from '../test-kit.ts';
import { conntrackEnabled, conntrackGet, conntrackPut } from './enable.ts';
import { IPS_ASSURED, IPS_SEEN_REPLY, infoOf, slotOf } from './entry.ts';

function lab(): NfLab {
  const l = new NfLab();
  enableConntrack(l.ns);
  return l;
}
const A = '10.244.1.2:4000';
const B = '10.244.2.3:80';
const INFO = ['ESTABLISHED', 'RELATED', 'NEW', 'ESTABLISHED_REPLY', 'RELATED_REPLY', '', '', 'UNTRACKED'];

describe('who tracks', () => {
  it('a namespace without a rule that needs it has no hooks and no entries', () => {
    const l = new NfLab();
    expect([0, 1, 2, 3, 4].every((h) => l.ns.hooks.isEmpty(h as 0))).toBe(true);
    l.through(l.packet('udp', A, B));
    expect(l.ct.table.count).toBe(0);
  });
  it('the first rule with a state begins it, the last one ends it', () => {
    const l = new NfLab();
    l.ipt('-A', 'FORWARD', '-m', 'conntrack', '--ctstate', 'ESTABLISHED', '-j', 'ACCEPT');
    expect(conntrackEnabled(l.ns)).toBe(true);
    l.ipt('-D', 'FORWARD', '1');
    expect(conntrackEnabled(l.ns)).toBe(false);
  });
  it('users are counted', () => {
    const l = new NfLab();
    conntrackGet(l.ns);
    conntrackGet(l.ns);
    conntrackPut(l.ns);
    expect(conntrackEnabled(l.ns)).toBe(true);
    conntrackPut(l.ns);
    conntrackPut(l.ns);
    expect(conntrackEnabled(l.ns)).toBe(false);
  });
});

describe('an entry', () => {
  it('exists for others only once the last hook confirmed it', () => {
    const l = lab();
    const skb = l.packet('udp', A, B);
    l.ns.hooks.run(skb, { hook: 0, netns: l.ns, in: l.cni0, out: undefined });
    expect([INFO[infoOf(skb.ctinfo)], l.entries().length, l.ct.table.count]).toEqual(['NEW', 0, 1]);
    l.ns.hooks.run(skb, { hook: 4, netns: l.ns, in: undefined, out: l.eth0 });
    expect(l.entries()).toEqual(['10.244.1.2:4000 > 10.244.2.3:80 / 10.244.2.3:80 > 10.244.1.2:4000']);
  });
  it('that is never confirmed is taken back after a second, and its slot used again', () => {
    const l = lab();
    for (let i = 0; i < 10; i++)
      l.ns.hooks.run(l.packet('udp', `10.0.0.1:${i + 1}`, B), {
        hook: 0,
        netns: l.ns,
        in: l.cni0,
        out: undefined,
      });
    expect(l.ct.table.count).toBe(10);
    l.clock.advance(1500);
    l.through(l.packet('udp', A, B));
    expect(l.ct.table.count).toBe(1);
    const end = l.ct.table.slots.end;
    l.clock.advance(1500);
    for (let i = 0; i < 10; i++) l.through(l.packet('udp', `10.0.0.2:${i + 1}`, B));
    expect(l.ct.table.slots.end).toBe(end);
  });
  it('dropped by a rule leaves nothing behind', () => {
    const l = lab();
    l.ipt('-P', 'FORWARD', 'DROP');
    expect(l.through(l.packet('udp', A, B))).toBe('dropped');
    expect(l.ct.table.count).toBe(0);
    expect(l.drops()).toEqual(['NETFILTER_DROP 1']);
  });
  it('knows the direction and state of each packet', () => {
    const l = lab();
    const seen: string[] = [];
    const pass = (skb: ReturnType<NfLab['packet']>, back: boolean): void => {
      const out = back ? l.forward(skb, l.eth0, l.cni0)! : l.forward(skb)!;
      seen.push(INFO[infoOf(out.ctinfo)]!);
    };
    pass(l.packet('udp', A, B), false);
    pass(l.packet('udp', A, B), false);
    pass(l.packet('udp', B, A), true);
    pass(l.packet('udp', A, B), false);
    expect(seen).toEqual(['NEW', 'NEW', 'ESTABLISHED_REPLY', 'ESTABLISHED']);
  });
  it('survives loopback: a packet that has one is not tracked twice', () => {
    const l = lab();
    const skb = l.output(l.packet('udp', A, B))!;
    const { ctinfo } = skb;
    l.input(skb);
    expect(skb.ctinfo).toBe(ctinfo);
    expect(l.ct.stats.insert).toBe(1);
  });
});

describe('timeouts', () => {
  const left = (l: NfLab): number => l.ct.list()[0]?.timeout ?? -1;
  it('UDP: 30 s unanswered, 120 s once it has been a stream for 2 s', () => {
    const l = lab();
    l.through(l.packet('udp', A, B));
    expect(left(l)).toBe(30);
    l.through(l.packet('udp', B, A), true);
    expect(left(l)).toBe(30);
    l.clock.advance(2100);
    l.through(l.packet('udp', A, B));
    expect(left(l)).toBe(120);
    expect(l.ct.list()[0]!.status & IPS_ASSURED).not.toBe(0);
    l.clock.advance(119_000);
    expect(l.entries().length).toBe(1);
    l.clock.advance(2000);
    expect(l.entries().length).toBe(0);
  });
  it('an expired entry is swept although nobody asks for it', () => {
    const l = lab();
    for (let i = 1; i <= 100; i++) l.through(l.packet('udp', `10.0.0.1:${i}`, B));
    expect(l.ct.table.count).toBe(100);
    l.clock.advance(65_000);
    expect(l.ct.table.count).toBe(0);
    expect(l.clock.next()).toBeUndefined();
  });
  it('echo and other protocols', () => {
    const l = lab();
    l.through(l.packet('echo', '10.244.1.2:7', '10.244.2.3'));
    expect(left(l)).toBe(30);
    expect(l.entries()).toEqual(['10.244.1.2:7 > 10.244.2.3 / 10.244.2.3:7 > 10.244.1.2']);
  });
});

describe('invalid packets', () => {
  const state = (l: NfLab, skb: ReturnType<NfLab['packet']>): string => {
    const out = l.forward(skb)!;
    return out.ct === undefined ? 'INVALID' : INFO[infoOf(out.ctinfo)]!;
  };
  it.each([
    ['an echo reply that nobody asked for', (l: NfLab) => l.packet('reply', '10.244.1.2:7', '10.244.2.3')],
    ['an RST of no connection', (l: NfLab) => l.packet('tcp', A, B, { flags: 'R' })],
    ['SYN and FIN together', (l: NfLab) => l.packet('tcp', A, B, { flags: 'SF' })],
    ['no flags at all', (l: NfLab) => l.packet('tcp', A, B, { flags: '' })],
    [
      'a TCP checksum that is wrong',
      (l: NfLab) => {
        const skb = l.packet('tcp', A, B, { flags: 'S' });
        skb.bytes[skb.network + 36]! ^= 1;
        return skb;
      },
    ],
    [
      'a UDP length beyond the packet',
      (l: NfLab) => {
        const skb = l.packet('udp', A, B);
        skb.bytes[skb.network + 25] = 200;
        return skb;
      },
    ],
    ['an ICMP error about nothing known', (l: NfLab) => l.icmpError('10.9.9.9', 3, 1, l.packet('udp', A, B))],
  ])('%s', (_what, make) => {
    const l = lab();
    expect(state(l, make(l))).toBe('INVALID');
    expect([l.ct.stats.invalid, l.ct.table.count]).toEqual([1, 0]);
  });
  it('a truncated header of any kind never throws', () => {
    const l = lab();
    for (const kind of ['tcp', 'udp', 'echo'] as const)
      for (let cut = 0; cut < 20; cut++) {
        const skb = l.packet(kind, A, B);
        skb.tail = Math.min(skb.tail, skb.network + 20 + cut);
        l.forward(skb);
      }
    expect(l.ct.stats.invalid).toBeGreaterThan(30);
  });
});

describe('related', () => {
  it('an ICMP error belongs to the connection it quotes', () => {
    const l = lab();
    l.through(l.packet('udp', A, B));
    const out = l.forward(l.icmpError('10.9.9.9', 3, 1, l.packet('udp', A, B)), l.eth0, l.cni0)!;
    expect(INFO[infoOf(out.ctinfo)]).toBe('RELATED_REPLY');
    expect(slotOf(out.ctinfo)).toBe(l.ct.list()[0]!.slot);
  });
  it('but not when it is sent to somebody else', () => {
    const l = lab();
    l.through(l.packet('udp', A, B));
    const error = l.icmpError('10.9.9.9', 3, 1, l.packet('udp', A, B));
    error.bytes[error.network + 19] = 99;
    error.bytes[error.network + 10] = 0;
    expect(l.forward(error)!.ct).toBeUndefined();
  });
  it('nor when its checksum is wrong', () => {
    const l = lab();
    l.through(l.packet('udp', A, B));
    const error = l.icmpError('10.9.9.9', 3, 1, l.packet('udp', A, B));
    icmp.setChecksum(error.bytes, error.network + 20, 0x1234);
    expect(l.forward(error)!.ct).toBeUndefined();
  });
});

describe('a full table', () => {
  it('makes room by what nobody assured, near the newcomer', () => {
    const l = lab();
    l.ns.sysctl.netfilter.nf_conntrack_max = 64;
    for (let i = 1; i <= 200; i++) l.through(l.packet('udp', `10.0.0.1:${i}`, B));
    expect(l.ct.table.count).toBeLessThanOrEqual(64);
    expect(l.ct.stats.earlyDrop).toBeGreaterThan(100);
  });
  it('refuses when everything is assured, in the words of the kernel, not too often', () => {
    const l = lab();
    l.ns.sysctl.netfilter.nf_conntrack_max = 50;
    for (let i = 1; i <= 50; i++) {
      const a = `10.0.0.1:${i}`;
      l.through(l.packet('udp', a, B));
      l.through(l.packet('udp', B, a), true);
    }
    l.clock.advance(3000);
    for (let i = 1; i <= 50; i++) l.through(l.packet('udp', `10.0.0.1:${i}`, B));
    for (let i = 1; i <= 100; i++) expect(l.through(l.packet('udp', `10.0.0.2:${i}`, B))).toBe('dropped');
    expect(l.drops()).toEqual(['CONNTRACK_FULL 100']);
    expect(l.log.length).toBe(10);
    expect(l.log[0]).toBe('nf_conntrack: nf_conntrack: table full, dropping packet');
    expect(l.entries().length).toBe(50);
  });
});

describe('what else the table tells', () => {
  it('events as they happen', () => {
    const l = lab();
    const events: string[] = [];
    l.ct.listeners.add((event, conn) => events.push(`${event} ${conn.state ?? conn.proto}`));
    l.through(l.packet('tcp', A, B, { flags: 'S', seq: 100 }));
    l.through(l.packet('tcp', B, A, { flags: 'S.', seq: 900, ack: 101 }), true);
    l.through(l.packet('tcp', A, B, { seq: 101, ack: 901 }));
    l.ct.delete(() => true);
    expect(events).toEqual(['new SYN_SENT', 'update SYN_RECV', 'update ESTABLISHED', 'destroy ESTABLISHED']);
  });
  it('counters, when they are wanted', () => {
    const l = lab();
    l.ns.sysctl.netfilter.nf_conntrack_acct = 1;
    l.through(l.packet('udp', A, B, { data: 72 }));
    l.through(l.packet('udp', A, B, { data: 72 }));
    l.through(l.packet('udp', B, A), true);
    const [c] = l.ct.list();
    expect([c!.orig.packets, c!.orig.bytes, c!.reply.packets, c!.reply.bytes]).toEqual([2, 200, 1, 28]);
  });
  it('deletion by what it is', () => {
    const l = lab();
    for (let i = 1; i <= 20; i++) l.through(l.packet('udp', `10.0.0.1:${i}`, B));
    const gone = l.ct.delete((c) => c.orig.sport <= 5);
    expect([gone.length, l.entries().length]).toEqual([5, 15]);
    expect(l.ct.list().every((c) => (c.status & IPS_SEEN_REPLY) === 0)).toBe(true);
  });
});

describe('many entries', () => {
  it('are all found again after the hash has grown, and gone after they are deleted', () => {
    const l = lab();
    const n = 5000;
    const end = (i: number): string => `10.${i >> 12}.${(i >> 6) & 63}.${(i & 63) + 1}:${1000 + i}`;
    for (let i = 0; i < n; i++) l.forward(l.packet('udp', end(i), B))!.free();
    expect(l.ct.stats.insert).toBe(n);
    for (let i = 0; i < n; i += 7) {
      const out = l.forward(l.packet('udp', B, end(i)), l.eth0, l.cni0)!;
      expect(infoOf(out.ctinfo)).toBe(3);
      out.free();
    }
    l.ct.delete((c) => c.orig.sport % 2 === 0);
    expect(l.ct.table.count).toBe(n / 2);
    expect(l.ct.table.tuples.links).toBe(n);
    l.ct.delete(() => true);
    expect([l.ct.table.count, l.ct.table.tuples.links]).toEqual([0, 0]);
  });
});
