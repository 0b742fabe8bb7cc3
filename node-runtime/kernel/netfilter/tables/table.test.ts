import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { u16 } from '../../wire/bytes.ts';
import * as tcp from '../../wire/tcp.ts';
import { ipsets } from '../ipset/ipset.ts';
import { recentLists } from '../matches/recent.ts';
import { NfLab, show, sound } from '../test-kit.ts';

const POD = '10.244.1.2:4000';
const WEB = '203.0.113.9:80';
const filter = (...rules: string[]): NfLab => {
  const l = new NfLab();
  l.rules(`*filter\n${rules.join('\n')}\nCOMMIT\n`);
  return l;
};
/** Packets and bytes of every rule, as "chain n: p b". */
const counts = (l: NfLab, table = 'filter'): string[] =>
  l
    .ipt('-t', table, '-v', '-S')
    .split('\n')
    .filter((line) => line.startsWith('-A'))
    .map((line) => `${line.split(' ')[1]} ${/-c (\d+)/.exec(line)![1]}`);

describe('the walk', () => {
  it('jump comes back, goto does not, RETURN leaves the chain', () => {
    const l = filter(
      ':A - [0:0]',
      ':B - [0:0]',
      ':C - [0:0]',
      '-A FORWARD -j A',
      '-A FORWARD -d 203.0.113.9',
      '-A FORWARD -g C',
      '-A FORWARD -j DROP',
      '-A A -j B',
      '-A A -j RETURN',
      '-A A -j DROP',
      '-A B -s 10.244.1.2',
      '-A C -j B',
    );
    expect(l.through(l.packet('udp', POD, WEB))).toBe('10.244.1.2:4000 > 203.0.113.9:80');
    expect(counts(l)).toEqual([
      'FORWARD 1',
      'FORWARD 1',
      'FORWARD 1',
      'FORWARD 0',
      'A 1',
      'A 1',
      'A 0',
      'B 2',
      'C 1',
    ]);
    expect(l.ipt('-v', '-S')).toContain('-P FORWARD ACCEPT -c 1 28');
  });
  it('a chain gone to from a chain jumped to returns to the first', () => {
    const l = filter(
      ':A - [0:0]',
      ':B - [0:0]',
      '-A FORWARD -j A',
      '-A FORWARD -j DROP',
      '-A A -g B',
      '-A A -j ACCEPT',
      '-A B -p udp',
    );
    expect(l.through(l.packet('udp', POD, WEB))).toBe('dropped');
    expect(counts(l)).toEqual(['FORWARD 1', 'FORWARD 1', 'A 1', 'A 0', 'B 1']);
  });
  it('a drop names the rule or the policy', () => {
    const l = filter(':FORWARD DROP', '-A FORWARD -p tcp -j ACCEPT', '-A FORWARD -s 10.244.1.2 -j DROP');
    l.through(l.packet('udp', POD, WEB));
    l.through(l.packet('udp', '10.244.1.3:1', WEB));
    expect(l.kernel.tracer.drops().map((d) => [d.dev, d.detail])).toEqual([
      ['cni0', 'filter FORWARD rule 2'],
      ['cni0', 'filter FORWARD policy'],
    ]);
  });
  it('nests: what REJECT sends passes OUTPUT of the same table', () => {
    const l = filter('-A FORWARD -p tcp -j REJECT --reject-with tcp-reset', '-A OUTPUT -p tcp -j ACCEPT');
    expect(l.through(l.packet('tcp', POD, WEB, { flags: 'S' }))).toBe('dropped');
    expect(counts(l)).toEqual(['FORWARD 1', 'OUTPUT 1']);
    expect(l.sent).toEqual(['203.0.113.9:80 > 10.244.1.2:4000 [R.]']);
  });
  it('a traced packet tells each rule', () => {
    const l = filter(':A - [0:0]', '-A FORWARD -m comment --comment "to A" -j A', '-A A -j DROP');
    l.through(l.packet('udp', POD, WEB, { trace: 3 }));
    expect(l.events.map((e) => `${e.stage}: ${e.text}`)).toEqual([
      'forward: filter FORWARD rule 1 matches, -j A: -A FORWARD -m comment --comment "to A" -j A',
      'forward: filter A rule 1 matches, -j DROP: -A A -j DROP',
      'drop: dropped by a netfilter rule: filter A rule 1',
    ]);
    expect(l.events[0]!.facts).toEqual({
      table: 'filter',
      chain: 'FORWARD',
      number: 1,
      rule: '-A FORWARD -m comment --comment "to A" -j A',
      goal: '-j A',
    });
  });
});

describe('matches', () => {
  const tcpRule = (...args: string[]) => ['-p', 'tcp', ...args];
  const syn = (l: NfLab, spec = {}) => l.packet('tcp', POD, WEB, { flags: 'S', ...spec });
  const udp = (l: NfLab, spec = {}) => l.packet('udp', POD, WEB, spec);
  /** Rule options, packet, whether it matches in FORWARD from cni0 to eth0. */
  it.each<[string, (l: NfLab) => ReturnType<NfLab['packet']>, boolean]>([
    ['-s 10.244.0.0/16', udp, true],
    ['! -s 10.244.0.0/16', udp, false],
    ['-d 10.244.0.0/16', udp, false],
    ['! -d 10.244.0.0/16', udp, true],
    ['-i cni0 -o eth0', udp, true],
    ['-i cni+ ! -o cni+', udp, true],
    ['-i eth0', udp, false],
    ['! -i cni0', udp, false],
    ['-p udp', udp, true],
    ['! -p udp', udp, false],
    ['-p 17 --sport 4000 --dport 80', udp, true],
    ['-p udp --dport 81:', udp, false],
    ['-p udp ! --dport 81:', udp, true],
    ['-p tcp --dport 80', syn, true],
    ['-p tcp --sport 1:3999', syn, false],
    ['-p tcp --syn', syn, true],
    ['-p tcp ! --syn', syn, false],
    ['-p tcp --syn', (l) => l.packet('tcp', POD, WEB, { flags: '.' }), false],
    ['-p tcp --tcp-flags ALL SYN', syn, true],
    ['-p tcp --tcp-option 2', (l) => syn(l, { options: Uint8Array.of(2, 4, 5, 180) }), true],
    ['-p tcp --tcp-option 3', (l) => syn(l, { options: Uint8Array.of(2, 4, 5, 180) }), false],
    ['-p tcp -m tcpmss --mss 1400:1460', (l) => syn(l, { options: Uint8Array.of(2, 4, 5, 180) }), true],
    ['-p tcp -m tcpmss ! --mss 1400:1460', (l) => syn(l, { options: Uint8Array.of(2, 4, 5, 180) }), false],
    ['-p udp -m multiport --dports 53,80', udp, true],
    ['-p udp -m multiport --sports 53,80', udp, false],
    ['-p udp -m multiport --ports 3000:5000', udp, true],
    ['-p udp -m multiport ! --ports 3000:5000', udp, false],
    ['-p icmp --icmp-type 8', (l) => l.packet('echo', '10.244.1.2:1', '9.9.9.9'), true],
    ['-p icmp ! --icmp-type echo-request', (l) => l.packet('echo', '10.244.1.2:1', '9.9.9.9'), false],
    ['-p icmp --icmp-type any', (l) => l.packet('echo', '10.244.1.2:1', '9.9.9.9'), true],
    ['-p icmp --icmp-type 8/1', (l) => l.packet('echo', '10.244.1.2:1', '9.9.9.9'), false],
    ['-m mark --mark 0x4000/0x4000', (l) => udp(l, { mark: 0xc001 }), true],
    ['-m mark --mark 0x4000', (l) => udp(l, { mark: 0xc001 }), false],
    ['-m mark --mark 0x80000000/0x80000000', (l) => udp(l, { mark: 0x80000001 }), true],
    ['-m mark ! --mark 0x1', udp, true],
    ['-m addrtype --dst-type LOCAL', udp, false],
    ['-m addrtype --dst-type LOCAL', (l) => l.packet('udp', POD, '10.244.1.1:80'), true],
    ['-m addrtype ! --src-type LOCAL --dst-type UNICAST', udp, true],
    ['-m length --length 28', udp, true],
    ['-m length --length 29:', udp, false],
    ['-m ttl --ttl-lt 64', udp, false],
    ['-m ttl --ttl-eq 64', udp, true],
    ['-m pkttype --pkt-type unicast', udp, true],
    ['-m mac --mac-source 02:00:00:00:00:01', udp, false],
    ['-m conntrack --ctstate NEW', udp, true],
    ['-m conntrack ! --ctstate ESTABLISHED,RELATED', udp, true],
    ['-m conntrack --ctstate INVALID', (l) => l.packet('tcp', POD, WEB, { flags: 'R' }), true],
    ['-m conntrack ! --ctstate INVALID', (l) => l.packet('tcp', POD, WEB, { flags: 'R' }), false],
    ['-m conntrack --ctorigdst 203.0.113.0/24 --ctorigdstport 80 --ctproto udp', udp, true],
    ['-m conntrack --ctorigsrc 203.0.113.0/24', udp, false],
    ['-m conntrack --ctstatus CONFIRMED', udp, false],
    ['-m conntrack --ctdir REPLY', udp, false],
    ['-m state --state NEW,ESTABLISHED', udp, true],
    ['-m comment --comment "x y"', udp, true],
    ['-m physdev --physdev-is-bridged', udp, false],
    ['-m physdev ! --physdev-is-in', udp, true],
    ['-m statistic --mode random --probability 1', udp, true],
    ['-m statistic --mode random --probability 0', udp, false],
    ['-f', udp, false],
    ['! -f', udp, true],
  ])('%s', (options, make, want) => {
    const l = filter(`-A FORWARD ${options} -j DROP`);
    expect(l.through(make(l)) === 'dropped').toBe(want);
  });
  it('fragments behind the first have no ports', () => {
    const l = filter(`-A FORWARD ${tcpRule('--dport', '80').join(' ')} -j DROP`);
    const skb = syn(l);
    skb.bytes[skb.network + 7] = 5;
    expect(l.through(skb)).not.toBe('dropped');
    const attack = syn(l);
    attack.bytes[attack.network + 7] = 1;
    const strict = filter('-A FORWARD -p tcp --syn');
    expect(strict.through(attack)).toBe('dropped');
  });
  it('nth counts packets', () => {
    const l = filter('-A FORWARD -m statistic --mode nth --every 3 --packet 1 -j DROP');
    const dropped = [0, 1, 2, 3, 4, 5, 6].filter(() => l.through(udp(l)) === 'dropped').length;
    expect(dropped).toBe(2);
    const first = filter('-A FORWARD -m statistic --mode nth --every 3 --packet 0 -j DROP');
    expect([1, 2, 3, 4].map(() => first.through(udp(first)) === 'dropped')).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });
  it('limit lets a burst through, then so many a second', () => {
    const l = filter('-A FORWARD -m limit --limit 10/s --limit-burst 3 -j ACCEPT', '-A FORWARD -j DROP');
    const passed = (n: number): number =>
      Array.from({ length: n }, () => l.through(udp(l))).filter((r) => r !== 'dropped').length;
    expect(passed(10)).toBe(3);
    l.clock.advance(250);
    expect(passed(10)).toBe(2);
    l.clock.advance(10_000);
    expect(passed(10)).toBe(3);
  });
  it('sets are asked as they are now', () => {
    const l = new NfLab();
    ipsets(l.ns).create('KUBE-X', 'hash:ip,port,net');
    l.ipt('-A', 'FORWARD', '-m', 'set', '--match-set', 'KUBE-X', 'dst,dst,src', '-j', 'DROP');
    expect(l.through(udp(l))).not.toBe('dropped');
    ipsets(l.ns).get('KUBE-X').add('203.0.113.9,udp:80,10.244.0.0/16');
    expect(l.through(udp(l))).toBe('dropped');
    expect(l.through(syn(l))).not.toBe('dropped');
    expect(l.through(l.packet('udp', '10.245.1.2:4000', WEB))).not.toBe('dropped');
  });
});

describe('statistic random', () => {
  const chain = (l: NfLab): void =>
    l.rules(
      [
        '*nat',
        ...[1, 2, 3].map(
          (i) =>
            `-A PREROUTING ${i < 3 ? `-m statistic --mode random --probability ${(1 / (4 - i)).toFixed(10)} ` : ''}-p udp -j DNAT --to-destination 10.244.2.${i}`,
        ),
        'COMMIT\n',
      ].join('\n'),
    );
  const choices = (seed: number, n: number): string[] => {
    const l = new NfLab(seed);
    chain(l);
    return Array.from({ length: n }, (_, i) => {
      const skb = l.packet('udp', `10.244.1.${(i % 200) + 1}:${1024 + Math.floor(i / 200)}`, '10.96.0.10:53');
      return /> ([\d.]+)/.exec(l.through(skb))![1]!;
    });
  };
  it('is uniform over flows', () => {
    const n = 6000;
    const found = new Map<string, number>();
    for (const c of choices(1, n)) found.set(c, (found.get(c) ?? 0) + 1);
    const expected = n / 3;
    const chi = [...found.values()].reduce((sum, k) => sum + (k - expected) ** 2 / expected, 0);
    expect(found.size).toBe(3);
    expect(chi).toBeLessThan(13.8); // p > 0.001 at two degrees of freedom
  });
  it('is the same for the same seed and another for another', () => {
    expect(choices(1, 200)).toEqual(choices(1, 200));
    expect(choices(1, 200)).not.toEqual(choices(2, 200));
  });
  it('outside nat it is decided for each packet', () => {
    const l = filter('-A FORWARD -m statistic --mode random --probability 0.5 -j DROP');
    let dropped = 0;
    for (let i = 0; i < 400; i++)
      if (l.through(l.packet('udp', POD, WEB, { id: i })) === 'dropped') dropped++;
    expect(dropped).toBeGreaterThan(150);
    expect(dropped).toBeLessThan(250);
  });
});

describe('recent: the affinity of kube-proxy', () => {
  it('keeps a client at the endpoint it had, until it stays away too long', () => {
    const l = new NfLab();
    l.rules(
      [
        '*nat',
        ':SVC - [0:0]',
        ':SEP-A - [0:0]',
        ':SEP-B - [0:0]',
        '-A PREROUTING -d 10.96.0.1/32 -p udp -j SVC',
        '-A SVC -m recent --name SEP-A --rcheck --seconds 100 --reap --rsource -j SEP-A',
        '-A SVC -m recent --name SEP-B --rcheck --seconds 100 --reap --rsource -j SEP-B',
        '-A SVC -m statistic --mode nth --every 2 --packet 0 -j SEP-A',
        '-A SVC -j SEP-B',
        '-A SEP-A -p udp -m recent --name SEP-A --set --rsource -j DNAT --to-destination 10.244.2.1:53',
        '-A SEP-B -p udp -m recent --name SEP-B --set --rsource -j DNAT --to-destination 10.244.2.2:53',
        'COMMIT\n',
      ].join('\n'),
    );
    let port = 1024;
    const ask = (client: string): string =>
      /> 10\.244\.2\.(\d)/.exec(l.through(l.packet('udp', `${client}:${port++}`, '10.96.0.1:53')))![1]!;
    const a = ask('10.244.1.2');
    const b = ask('10.244.1.3');
    expect(a).not.toBe(b);
    for (let i = 0; i < 5; i++) {
      l.clock.advance(90_000);
      expect([ask('10.244.1.2'), ask('10.244.1.3')]).toEqual([a, b]);
    }
    expect([...recentLists(l.ns).values()].map((list) => list.entries.size)).toEqual([1, 1]);
    l.clock.advance(101_000);
    const again = [ask('10.244.1.2'), ask('10.244.1.2')];
    expect(again[0]).toBe(again[1]);
  });
  it('hitcount, update, remove', () => {
    const l = filter(
      '-A FORWARD -m recent --name x --update --seconds 10 --hitcount 3 --rsource -j DROP',
      '-A FORWARD -m recent --name x --set --rsource -j ACCEPT',
    );
    const go = (): string => l.through(l.packet('udp', POD, WEB));
    expect([go(), go(), go(), go()].map((r) => r === 'dropped')).toEqual([false, false, false, true]);
    l.clock.advance(11_000);
    expect(go()).not.toBe('dropped');
    l.ipt('-I', 'FORWARD', '-m', 'recent', '--name', 'x', '--remove', '--rsource', '-j', 'ACCEPT');
    go();
    expect(recentLists(l.ns).get('x')!.entries.size).toBe(0);
  });
  it('a list outlives its rules being written anew, and goes with the last of them', () => {
    const l = filter('-A FORWARD -m recent --name x --set --rsource -j ACCEPT');
    l.through(l.packet('udp', POD, WEB));
    const list = recentLists(l.ns).get('x');
    l.rules('*filter\n-A FORWARD -m recent --name x --rcheck --rsource -j DROP\nCOMMIT\n');
    l.kernel.runQueue.run();
    expect([recentLists(l.ns).get('x'), list!.entries.size]).toEqual([list, 1]);
    expect(l.through(l.packet('udp', POD, WEB))).toBe('dropped');
    l.ipt('-F');
    l.kernel.runQueue.run();
    expect(recentLists(l.ns).size).toBe(0);
  });
});

describe('targets', () => {
  it.each([
    ['icmp-net-unreachable', '3/0'],
    ['icmp-host-unreachable', '3/1'],
    ['icmp-proto-unreachable', '3/2'],
    ['icmp-port-unreachable', '3/3'],
    ['icmp-net-prohibited', '3/9'],
    ['icmp-host-prohibited', '3/10'],
    ['icmp-admin-prohibited', '3/13'],
  ])('REJECT --reject-with %s', (type, want) => {
    const l = filter(`-A FORWARD -j REJECT --reject-with ${type}`);
    expect(l.through(l.packet('udp', POD, WEB))).toBe('dropped');
    expect([l.sent, l.drops()]).toEqual([[`${want} to 10.244.1.2`], ['NETFILTER_REJECT 1']]);
  });
  it('a reset acknowledges what was sent, and carries the sequence number asked for', () => {
    const l = new NfLab();
    const resets: number[][] = [];
    const { localOut } = l.kernel.ipv4;
    (l.kernel.ipv4 as { localOut: typeof localOut }).localOut = (skb, ns) => {
      const l4 = skb.network + 20;
      resets.push([
        tcp.flags(skb.bytes, l4),
        tcp.seq(skb.bytes, l4),
        tcp.ack(skb.bytes, l4),
        sound(skb) ? 1 : 0,
      ]);
      return localOut(skb, ns);
    };
    l.ipt('-A', 'FORWARD', '-p', 'tcp', '-j', 'REJECT', '--reject-with', 'tcp-reset');
    l.through(l.packet('tcp', POD, WEB, { flags: 'S', seq: 1000, data: 5 }));
    l.through(l.packet('tcp', POD, WEB, { flags: '.', seq: 1000, ack: 77 }));
    l.through(l.packet('tcp', POD, WEB, { flags: 'R', seq: 1000 }));
    expect(resets).toEqual([
      [tcp.RST | tcp.ACK, 0, 1006, 1],
      [tcp.RST, 77, 0, 1],
    ]);
  });
  it('the reset of a translated connection comes from the address that was asked for', () => {
    const l = new NfLab();
    l.rules('*nat\n-A PREROUTING -d 10.96.0.1 -p tcp -j DNAT --to-destination 10.244.2.3\nCOMMIT\n');
    l.ipt('-A', 'FORWARD', '-p', 'tcp', '-j', 'REJECT', '--reject-with', 'tcp-reset');
    l.through(l.packet('tcp', POD, '10.96.0.1:80', { flags: 'S' }));
    expect(l.sent).toEqual(['10.96.0.1:80 > 10.244.1.2:4000 [R.]']);
  });
  it('a damaged packet is not answered', () => {
    const l = filter('-A FORWARD -j REJECT');
    const skb = l.packet('udp', POD, WEB, { data: 4 });
    skb.bytes[skb.tail - 1]! ^= 1;
    l.through(skb);
    expect(l.sent).toEqual([]);
  });
  it('MARK in all its forms', () => {
    for (const [args, from, to] of [
      ['--set-mark 5', 0xff, 5],
      ['--set-mark 5/0xf', 0xff, 0xf5],
      ['--set-xmark 0xf0/0xff', 0x10f, 0x1f0],
      ['--or-mark 0x4000', 1, 0x4001],
      ['--and-mark 0xff', 0x4001, 1],
      ['--xor-mark 0x4000', 0x4001, 1],
      ['--or-mark 0x80000000', 1, 0x80000001],
    ] as const) {
      const l = new NfLab();
      l.rules(`*mangle\n-A FORWARD -j MARK ${args}\nCOMMIT\n`);
      expect([args, l.forward(l.packet('udp', POD, WEB, { mark: from }))!.mark]).toEqual([args, to]);
    }
  });
  it('CONNMARK carries a mark from the first packet to the answer', () => {
    const l = new NfLab();
    l.rules(
      [
        '*mangle',
        '-A PREROUTING -j CONNMARK --restore-mark --mask 0xff',
        '-A FORWARD -i cni0 -j MARK --set-mark 0x107',
        '-A FORWARD -i cni0 -j CONNMARK --save-mark',
        'COMMIT\n',
      ].join('\n'),
    );
    l.through(l.packet('udp', POD, WEB));
    expect(l.ct.list()[0]!.mark).toBe(0x107);
    expect(l.forward(l.packet('udp', WEB, POD), l.eth0, l.cni0)!.mark).toBe(7);
  });
  it('a local packet whose mark changes is routed again', () => {
    const l = new NfLab();
    l.rules('*mangle\n-A OUTPUT -p udp -j MARK --set-mark 1\nCOMMIT\n');
    l.output(l.packet('udp', '192.168.100.11:1', WEB));
    l.output(l.packet('tcp', '192.168.100.11:1', WEB));
    expect(l.rerouted).toBe(1);
  });
  it('NOTRACK: no entry, and the state UNTRACKED', () => {
    const l = new NfLab();
    l.rules(
      '*raw\n-A PREROUTING -p udp -j NOTRACK\nCOMMIT\n*filter\n-A FORWARD -m conntrack --ctstate UNTRACKED\nCOMMIT\n',
    );
    l.through(l.packet('udp', POD, WEB));
    l.through(l.packet('tcp', POD, WEB, { flags: 'S' }));
    expect([counts(l), l.entries().length]).toEqual([['FORWARD 1'], 1]);
  });
  it('TCPMSS lowers the offer to what the way out carries, and never raises it', () => {
    const l = new NfLab();
    l.eth0.mtu = 1450;
    l.rules('*mangle\n-A FORWARD -p tcp --syn -j TCPMSS --clamp-mss-to-pmtu\nCOMMIT\n');
    const mss = (options: Uint8Array, at: number): [number, boolean] => {
      const out = l.forward(l.packet('tcp', POD, WEB, { flags: 'S', options }))!;
      return [u16(out.bytes, out.network + 40 + at), sound(out)];
    };
    expect(mss(Uint8Array.of(2, 4, 1460 >> 8, 1460 & 255), 2)).toEqual([1410, true]);
    expect(mss(Uint8Array.of(2, 4, 4, 0), 2)).toEqual([1024, true]);
    // Behind one byte of padding the value lies across two words of the checksum.
    expect(mss(Uint8Array.of(1, 2, 4, 1460 >> 8, 1460 & 255, 1, 1, 0), 3)).toEqual([1410, true]);
  });
  it("LOG prints the kernel's line", () => {
    const l = filter(
      '-A FORWARD -p tcp -j LOG --log-prefix "FWD: " --log-tcp-sequence --log-tcp-options',
      '-A FORWARD -p udp -j LOG',
      '-A FORWARD -p icmp -j LOG',
    );
    l.through(
      l.packet('tcp', POD, WEB, {
        flags: 'S',
        seq: 7,
        id: 99,
        df: true,
        mark: 0x4000,
        options: Uint8Array.of(2, 4, 5, 180),
      }),
    );
    l.through(l.packet('udp', POD, WEB, { data: 4 }));
    l.through(l.packet('echo', '10.244.1.2:7', '203.0.113.9'));
    expect(l.log).toEqual([
      'FWD: IN=cni0 OUT=eth0 MAC= SRC=10.244.1.2 DST=203.0.113.9 LEN=44 TOS=0x00 PREC=0x00 TTL=64 ID=99 DF PROTO=TCP SPT=4000 DPT=80 SEQ=7 ACK=0 WINDOW=65535 RES=0x00 SYN URGP=0 OPT (020405B4) MARK=0x4000 ',
      'IN=cni0 OUT=eth0 MAC= SRC=10.244.1.2 DST=203.0.113.9 LEN=32 TOS=0x00 PREC=0x00 TTL=64 ID=1 PROTO=UDP SPT=4000 DPT=80 LEN=12 ',
      'IN=cni0 OUT=eth0 MAC= SRC=10.244.1.2 DST=203.0.113.9 LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=1 PROTO=ICMP TYPE=8 CODE=0 ID=7 SEQ=1 ',
    ]);
  });
});

it('header matches agree with arithmetic', () => {
  const octet = fc.integer({ min: 0, max: 255 });
  const addr = fc.tuple(octet, octet).map(([a, b]) => `10.0.${a}.${b}`);
  fc.assert(
    fc.property(addr, fc.integer({ min: 0, max: 32 }), fc.boolean(), addr, (net, len, invert, src) => {
      const l = filter(`-A FORWARD ${invert && len > 0 ? '! ' : ''}-s ${net}/${len} -j DROP`);
      const n = (t: string): number => t.split('.').reduce((x, o) => x * 256 + Number(o), 0);
      const inside =
        len === 0 || Math.floor(n(src) / 2 ** (32 - len)) === Math.floor(n(net) / 2 ** (32 - len));
      return (l.through(l.packet('udp', `${src}:1`, WEB)) === 'dropped') === (inside !== (invert && len > 0));
    }),
    { numRuns: 60 },
  );
});

it('shows a packet as tests read it', () => {
  const l = new NfLab();
  expect(show(l.packet('echo', '10.0.0.1:5', '10.0.0.2'))).toBe('10.0.0.1 > 10.0.0.2 echo id 5');
});
