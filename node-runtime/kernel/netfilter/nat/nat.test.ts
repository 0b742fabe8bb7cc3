import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHECKSUM_PARTIAL } from '../../skb/skb.ts';
import { formatIpv4, ip4, ipv4 } from '../../wire/addr.ts';
import { pseudoHeader } from '../../wire/checksum.ts';
import * as ip from '../../wire/ipv4.ts';
import * as tcp from '../../wire/tcp.ts';
import * as udp from '../../wire/udp.ts';
import { NfLab, show, sound } from '../test-kit.ts';
import { manglePacket } from './mangle.ts';

const nat = (...rules: string[]): NfLab => {
  const l = new NfLab();
  l.rules(`*nat\n${rules.join('\n')}\nCOMMIT\n`);
  return l;
};
const POD = '10.244.1.2:4000';
const WEB = '203.0.113.9:80';

describe('MASQUERADE', () => {
  const l = nat('-A POSTROUTING -s 10.244.0.0/16 ! -d 10.244.0.0/16 -j MASQUERADE');
  it('gives the address of the device it leaves by, keeps the port, and translates the answer back', () => {
    expect(l.through(l.packet('tcp', POD, WEB, { flags: 'S' }))).toBe(
      '192.168.100.11:4000 > 203.0.113.9:80 [S]',
    );
    expect(l.through(l.packet('tcp', WEB, '192.168.100.11:4000', { flags: 'S.', ack: 1 }), true)).toBe(
      '203.0.113.9:80 > 10.244.1.2:4000 [S.]',
    );
  });
  it('leaves what the rule does not name', () => {
    expect(l.through(l.packet('udp', POD, '10.244.2.3:53'))).toBe('10.244.1.2:4000 > 10.244.2.3:53');
  });
  it('takes another port when two pods use the same one towards the same server', () => {
    const second = l.through(l.packet('tcp', '10.244.1.3:4000', WEB, { flags: 'S' }));
    expect(second).toMatch(/^192\.168\.100\.11:\d+ > 203\.0\.113\.9:80/);
    const port = Number(/:(\d+) >/.exec(second)![1]);
    expect(port).not.toBe(4000);
    expect(port).toBeGreaterThanOrEqual(1024);
    expect(l.through(l.packet('tcp', WEB, `192.168.100.11:${port}`, { flags: 'S.', ack: 1 }), true)).toBe(
      '203.0.113.9:80 > 10.244.1.3:4000 [S.]',
    );
  });
  it('but may use the same port again towards another server', () => {
    expect(l.through(l.packet('tcp', '10.244.1.4:4000', '203.0.113.10:80', { flags: 'S' }))).toBe(
      '192.168.100.11:4000 > 203.0.113.10:80 [S]',
    );
  });
  it('keeps a privileged port privileged', () => {
    l.through(l.packet('udp', '10.244.1.2:123', '203.0.113.9:123'));
    const second = l.through(l.packet('udp', '10.244.1.3:123', '203.0.113.9:123'));
    expect(Number(/:(\d+) >/.exec(second)![1])).toBeLessThan(512);
  });
  it('tells two pings of the same id apart', () => {
    expect(l.through(l.packet('echo', '10.244.1.2:7', '203.0.113.9'))).toBe(
      '192.168.100.11 > 203.0.113.9 echo id 7',
    );
    const second = l.through(l.packet('echo', '10.244.1.3:7', '203.0.113.9'));
    const id = Number(/id (\d+)/.exec(second)![1]);
    expect(id).not.toBe(7);
    expect(l.through(l.packet('reply', `203.0.113.9:${id}`, '192.168.100.11'), true)).toBe(
      '203.0.113.9 > 10.244.1.3 reply id 7',
    );
  });
  it('forgets its connections when the address goes, and only those', () => {
    const before = l.entries().length;
    l.ns.delAddr(l.eth0, ipv4('192.168.100.11'), 24);
    expect(before).toBeGreaterThan(5);
    expect(l.entries()).toEqual(['10.244.1.2:4000 > 10.244.2.3:53 / 10.244.2.3:53 > 10.244.1.2:4000']);
  });
  it('without an address to give, drops', () => {
    expect(l.through(l.packet('udp', '10.244.1.9:1', WEB))).toBe('dropped');
  });
  it('--random-fully does not keep the port', () => {
    const r = nat('-A POSTROUTING -j MASQUERADE --random-fully');
    const ports = new Set<string>();
    for (let i = 1; i <= 20; i++) {
      const out = r.through(r.packet('udp', `10.244.1.${i}:4000`, WEB));
      ports.add(/:(\d+) >/.exec(out)![1]!);
    }
    expect(ports.size).toBe(20);
    expect(ports.has('4000')).toBe(false);
  });
  it('drops what changes its way out in the middle of a connection', () => {
    const r = nat('-A POSTROUTING -j MASQUERADE');
    r.through(r.packet('udp', POD, WEB));
    expect(r.forward(r.packet('udp', POD, WEB), r.cni0, r.cni0)).toBeUndefined();
    expect(r.entries()).toEqual([]);
  });
});

describe('DNAT', () => {
  it('to a port of a pod, and back', () => {
    const l = nat('-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.244.1.2:80');
    const there = l.packet('tcp', '203.0.113.9:5000', '192.168.100.11:8080', { flags: 'S', data: 3 });
    const out = l.forward(there, l.eth0, l.cni0)!;
    expect([show(out), sound(out)]).toEqual(['203.0.113.9:5000 > 10.244.1.2:80 [S]', true]);
    const back = l.forward(l.packet('tcp', '10.244.1.2:80', '203.0.113.9:5000', { flags: 'S.', ack: 4 }))!;
    expect([show(back), sound(back)]).toEqual(['192.168.100.11:8080 > 203.0.113.9:5000 [S.]', true]);
  });
  it('in OUTPUT routes again, and drops when there is no route', () => {
    const l = nat('-A OUTPUT -d 10.96.0.1 -p udp -j DNAT --to-destination 10.244.2.3:53');
    expect(show(l.output(l.packet('udp', '192.168.100.11:999', '10.96.0.1:53'))!)).toBe(
      '192.168.100.11:999 > 10.244.2.3:53',
    );
    expect(l.rerouted).toBe(1);
    l.routable = false;
    expect(l.output(l.packet('udp', '192.168.100.11:998', '10.96.0.1:53'))).toBeUndefined();
    expect(l.drops()).toEqual(['IP_OUTNOROUTES 1']);
    l.output(l.packet('udp', '192.168.100.11:998', '10.244.9.9:53'));
    expect(l.rerouted).toBe(2);
  });
  it('with both ends changed: a pod that reaches itself through a service (hairpin)', () => {
    const l = nat(
      '-A PREROUTING -d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.244.1.2:8080',
      '-A POSTROUTING -s 10.244.1.2/32 -d 10.244.1.2/32 -j MASQUERADE',
    );
    const out = l.forward(l.packet('tcp', POD, '10.96.0.1:80', { flags: 'S' }), l.cni0, l.cni0)!;
    expect([show(out), sound(out)]).toEqual(['10.244.1.1:4000 > 10.244.1.2:8080 [S]', true]);
    const back = l.forward(
      l.packet('tcp', '10.244.1.2:8080', '10.244.1.1:4000', { flags: 'S.', ack: 1 }),
      l.cni0,
      l.cni0,
    )!;
    expect([show(back), sound(back)]).toEqual(['10.96.0.1:80 > 10.244.1.2:4000 [S.]', true]);
  });
  it('to a range of ports takes one that is free', () => {
    const l = nat('-A PREROUTING -p tcp -j DNAT --to-destination 10.244.1.2:8000-8003');
    const ports = [1, 2, 3, 4].map(
      (i) =>
        /> 10\.244\.1\.2:(\d+)/.exec(
          l.through(l.packet('tcp', `203.0.113.${i}:5000`, WEB, { flags: 'S' })),
        )![1],
    );
    expect(ports.every((p) => Number(p) >= 8000 && Number(p) <= 8003)).toBe(true);
  });
  it('to a range of addresses uses all of them', () => {
    const l = nat('-A PREROUTING -p udp -j DNAT --to-destination 10.244.1.2-10.244.1.5');
    const seen = new Set<string>();
    for (let i = 1; i <= 60; i++) {
      const out = l.through(l.packet('udp', `203.0.113.${i}:5000`, WEB));
      seen.add(/> ([\d.]+):/.exec(out)![1]!);
    }
    expect([...seen].sort()).toEqual(['10.244.1.2', '10.244.1.3', '10.244.1.4', '10.244.1.5']);
  });
  it('is decided once: the nat table does not count later packets', () => {
    const l = nat('-A PREROUTING -p udp -j DNAT --to-destination 10.244.1.2');
    for (let i = 0; i < 5; i++) l.through(l.packet('udp', '203.0.113.9:5000', WEB));
    expect(l.ipt('-t', 'nat', '-v', '-S', 'PREROUTING')).toContain('-c 1 28 -j DNAT');
  });
  it('REDIRECT goes to the device it came by, or to loopback from here', () => {
    const l = nat(
      '-A PREROUTING -p udp -j REDIRECT --to-ports 5353',
      '-A OUTPUT -p udp --dport 53 -j REDIRECT --to-ports 5353',
    );
    expect(show(l.input(l.packet('udp', '10.244.1.2:1', '1.1.1.1:53'), l.cni0)!)).toBe(
      '10.244.1.2:1 > 10.244.1.1:5353',
    );
    expect(show(l.output(l.packet('udp', '192.168.100.11:1', '1.1.1.1:53'))!)).toBe(
      '192.168.100.11:1 > 127.0.0.1:5353',
    );
  });
});

describe('SNAT', () => {
  it('searches the range until a port is free, and drops the packet when none is', () => {
    const l = nat('-A POSTROUTING -p udp -j SNAT --to-source 1.2.3.4:1000-1009');
    const ports = new Set<string>();
    for (let i = 1; i <= 10; i++)
      ports.add(/:(\d+) >/.exec(l.through(l.packet('udp', `10.244.1.${i}:4000`, WEB)))![1]!);
    expect(ports.size).toBe(10);
    expect(l.through(l.packet('udp', '10.244.1.99:4000', WEB))).toBe('dropped');
    expect(l.drops()).toEqual(['CONNTRACK_INSERT_FAILED 1']);
    expect(l.through(l.packet('udp', '10.244.1.99:4000', '203.0.113.10:80'))).toMatch(/^1\.2\.3\.4:10/);
  });
  it('gives the other flows of a source the mapping it has already', () => {
    const l = nat('-A POSTROUTING -p udp -j SNAT --to-source 1.2.3.4-1.2.3.200');
    const first = /^([\d.]+):/.exec(l.through(l.packet('udp', POD, WEB)))![1];
    for (let i = 1; i < 20; i++)
      expect(l.through(l.packet('udp', POD, `203.0.113.${i}:53`))).toContain(`${first}:4000 >`);
  });
  it('a TCP connection in TIME_WAIT gives its port away when no other is left', () => {
    const l = nat('-A POSTROUTING -p tcp -j SNAT --to-source 1.2.3.4:1000');
    const end = (flags: string, seq: number, ack: number, back: boolean): void => {
      const skb = back
        ? l.packet('tcp', WEB, '1.2.3.4:1000', { flags, seq, ack })
        : l.packet('tcp', POD, WEB, { flags, seq, ack });
      l.through(skb, back);
    };
    end('S', 100, 0, false);
    end('S.', 500, 101, true);
    end('.', 101, 501, false);
    expect(l.through(l.packet('tcp', '10.244.1.3:7', WEB, { flags: 'S', seq: 9000 }))).toBe('dropped');
    end('F.', 101, 501, false);
    end('F.', 501, 102, true);
    end('.', 102, 502, false);
    expect(l.ct.list()[0]!.state).toBe('TIME_WAIT');
    expect(l.through(l.packet('tcp', '10.244.1.3:7', WEB, { flags: 'S', seq: 9000 }))).toBe(
      '1.2.3.4:1000 > 203.0.113.9:80 [S]',
    );
  });
});

describe('ICMP errors about translated packets', () => {
  const service = (): NfLab =>
    nat(
      '-A PREROUTING -d 10.96.0.1/32 -p udp -j DNAT --to-destination 10.244.2.3:5353',
      '-A POSTROUTING -o eth0 -j MASQUERADE',
    );
  // Linux gives a router's error the translated source too: behind DNAT, traceroute shows one address for every hop.
  it('come back with both headers as the sender knows them', () => {
    const l = service();
    const out = l.forward(l.packet('udp', POD, '10.96.0.1:53', { data: 20 }))!;
    expect(show(out)).toBe('192.168.100.11:4000 > 10.244.2.3:5353');
    for (const quote of [8, 28]) {
      const back = l.forward(l.icmpError('192.168.100.12', 3, 3, out, quote), l.eth0, l.cni0)!;
      expect([show(back), sound(back)]).toEqual([
        '10.96.0.1 > 10.244.1.2 icmp 3/3 about 10.244.1.2:4000 > 10.96.0.1:53',
        true,
      ]);
      const inner = back.network + 28;
      expect(ip.checkHeader(back.bytes, inner, back.tail)).toBeUndefined();
      expect(ip.headerChecksum(back.bytes, inner)).toBe(
        ip.headerChecksum(l.packet('udp', POD, '10.96.0.1:53', { data: 20 }).bytes, 130),
      );
    }
  });
  it('from the host that was chosen show the address that was asked for', () => {
    const l = service();
    const out = l.forward(l.packet('udp', POD, '10.96.0.1:53'))!;
    const back = l.forward(l.icmpError('10.244.2.3', 3, 3, out), l.eth0, l.cni0)!;
    expect(show(back)).toBe('10.96.0.1 > 10.244.1.2 icmp 3/3 about 10.244.1.2:4000 > 10.96.0.1:53');
  });
  it('about the answer go to the host that was chosen', () => {
    const l = service();
    l.through(l.packet('udp', POD, '10.96.0.1:53'));
    const answer = l.forward(l.packet('udp', '10.244.2.3:5353', '192.168.100.11:4000'), l.eth0, l.cni0)!;
    expect(show(answer)).toBe('10.96.0.1:53 > 10.244.1.2:4000');
    const error = l.forward(l.icmpError('10.244.1.2', 3, 3, answer))!;
    expect([show(error), sound(error)]).toEqual([
      '192.168.100.11 > 10.244.2.3 icmp 3/3 about 10.244.2.3:5353 > 192.168.100.11:4000',
      true,
    ]);
  });
  it('about a masqueraded ping name the id that was sent', () => {
    const l = nat('-A POSTROUTING -o eth0 -j MASQUERADE');
    l.through(l.packet('echo', '10.244.1.3:7', '203.0.113.9'));
    const out = l.forward(l.packet('echo', '10.244.1.2:7', '203.0.113.9'))!;
    const back = l.forward(l.icmpError('192.168.100.1', 11, 0, out), l.eth0, l.cni0)!;
    expect(back.bytes[back.network + 28 + 25]).toBe(7);
    expect(sound(back)).toBe(true);
  });
  it('redirects about translated packets are dropped', () => {
    const l = service();
    const out = l.forward(l.packet('udp', POD, '10.96.0.1:53'))!;
    expect(l.forward(l.icmpError('192.168.100.1', 5, 1, out), l.eth0, l.cni0)).toBeUndefined();
  });
});

describe('two first packets of one socket', () => {
  const race = (quirk: boolean): NfLab => {
    const l = new NfLab();
    if (quirk) (l.kernel.quirks as Set<string>).add('ct-race');
    l.rules(
      [
        '*nat',
        '-A PREROUTING -p udp -m statistic --mode nth --every 2 --packet 0 -j DNAT --to-destination 10.244.2.1:53',
        '-A PREROUTING -p udp -j DNAT --to-destination 10.244.2.2:53',
        'COMMIT\n',
      ].join('\n'),
    );
    return l;
  };
  const both = (l: NfLab): (string | undefined)[] => {
    const skbs = [1, 2].map(() => l.packet('udp', POD, '10.96.0.10:53'));
    for (const skb of skbs) l.ns.hooks.run(skb, { hook: 0, netns: l.ns, in: l.cni0, out: undefined });
    return skbs.map((skb) => {
      const out = l.ns.hooks.run(skb, { hook: 4, netns: l.ns, in: undefined, out: l.eth0 });
      return out && show(out);
    });
  };
  it('both get through, and both answers come back', () => {
    const l = race(false);
    expect(both(l)).toEqual(['10.244.1.2:4000 > 10.244.2.1:53', '10.244.1.2:4000 > 10.244.2.2:53']);
    expect(l.ct.stats.clashResolve).toBe(1);
    expect(l.entries().length).toBe(1);
    expect(l.through(l.packet('udp', '10.244.2.2:53', POD), true)).toBe('10.96.0.10:53 > 10.244.1.2:4000');
    expect(l.through(l.packet('udp', '10.244.2.1:53', POD), true)).toBe('10.96.0.10:53 > 10.244.1.2:4000');
  });
  it('with the quirk ct-race the second is lost', () => {
    const l = race(true);
    expect(both(l)).toEqual(['10.244.1.2:4000 > 10.244.2.1:53', undefined]);
    expect(l.drops()).toEqual(['CONNTRACK_INSERT_FAILED 1']);
  });
  it('without NAT between them the second joins the first', () => {
    const l = nat();
    l.ipt('-t', 'nat', '-A', 'POSTROUTING', '-d', '9.9.9.9', '-j', 'MASQUERADE');
    expect(both(l)).toEqual(['10.244.1.2:4000 > 10.96.0.10:53', '10.244.1.2:4000 > 10.96.0.10:53']);
    expect(l.entries().length).toBe(1);
  });
});

describe('checksums', () => {
  const addr = fc.integer({ min: 0, max: 0xffff_ffff });
  const port = fc.integer({ min: 1, max: 65_535 });
  it('stay right whatever address and port a packet gets', () => {
    const l = new NfLab();
    fc.assert(
      fc.property(
        fc.constantFrom('tcp', 'udp', 'echo' as const),
        fc.boolean(),
        addr,
        port,
        fc.integer({ min: 0, max: 40 }),
        (kind, source, to, p, data) => {
          const skb = l.packet(kind as 'tcp', '10.1.2.3:400', '10.4.5.6:80', { data });
          manglePacket(skb.bytes, skb.network, skb.tail, source, to, p, false);
          const ok = sound(skb);
          const at = source ? ip.src(skb.bytes, skb.network) : ip.dst(skb.bytes, skb.network);
          skb.free();
          return ok && at === ip4(to);
        },
      ),
    );
  });
  it('partial ones hold the new pseudo-header, GSO or not', () => {
    const l = nat('-A POSTROUTING -j SNAT --to-source 1.2.3.4');
    for (const gso of [0, 1000]) {
      const skb = l.packet('tcp', `10.244.1.2:${4000 + gso}`, WEB, {
        flags: 'S',
        data: 3000,
        partial: true,
        gso,
      });
      const out = l.forward(skb)!;
      const l4 = out.network + 20;
      expect(out.ipSummed).toBe(CHECKSUM_PARTIAL);
      expect(tcp.checksum(out.bytes, l4)).toBe(
        pseudoHeader(ipv4('1.2.3.4'), ipv4('203.0.113.9'), 6, out.tail - l4),
      );
    }
  });
  it('of UDP that has none stays absent', () => {
    const l = nat('-A POSTROUTING -j SNAT --to-source 1.2.3.4');
    const skb = l.packet('udp', POD, WEB);
    udp.setChecksum(skb.bytes, skb.network + 20, 0);
    const out = l.forward(skb)!;
    expect([formatIpv4(ip.src(out.bytes, out.network)), udp.checksum(out.bytes, out.network + 20)]).toEqual([
      '1.2.3.4',
      0,
    ]);
  });
});

it('a traced packet tells what was translated into what', () => {
  const l = nat('-A PREROUTING -d 10.96.0.1/32 -p udp -j DNAT --to-destination 10.244.2.3:5353');
  l.through(l.packet('udp', POD, '10.96.0.1:53', { trace: 5 }));
  expect(l.events.map((e) => `${e.stage}: ${e.text}`)).toEqual([
    'conntrack: NEW, original direction of udp 10.244.1.2:4000 > 10.96.0.1:53, reply udp 10.96.0.1:53 > 10.244.1.2:4000',
    'prerouting: nat PREROUTING rule 1 matches, -j DNAT --to-destination 10.244.2.3:5353: -A PREROUTING -d 10.96.0.1/32 -p udp -j DNAT --to-destination 10.244.2.3:5353',
    'nat: DNAT: destination 10.96.0.1:53 becomes 10.244.2.3:5353',
    'postrouting: nat POSTROUTING policy ACCEPT',
  ]);
});
