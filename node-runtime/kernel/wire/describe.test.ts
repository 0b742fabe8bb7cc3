import * as fc from 'fast-check';
import { expect, it, describe as suite } from 'vitest';
import { ipv4, type Mac, parseMac } from './addr.ts';
import * as arp from './arp.ts';
import { describe } from './describe.ts';
import * as ethernet from './ethernet.ts';
import * as icmp from './icmp.ts';
import * as ip from './ipv4.ts';
import * as tcp from './tcp.ts';
import * as udp from './udp.ts';
import * as vxlan from './vxlan.ts';

const A = parseMac('02:00:c0:a8:64:0b') as Mac;
const B = parseMac('02:00:c0:a8:64:0c') as Mac;

/** Each builder returns the bytes of its header and of what is inside. */
const ether = (type: number, inner: Uint8Array): Uint8Array => {
  const b = new Uint8Array(14 + inner.length);
  b.set(inner, ethernet.put(b, 0, { dst: B, src: A, type }));
  return b;
};
const packet = (proto: number, inner: Uint8Array, more: Partial<ip.Ipv4Fields> = {}): Uint8Array => {
  const b = new Uint8Array(20 + (more.options?.length ?? 0) + inner.length);
  const fields = {
    totalLen: b.length,
    proto,
    id: 7,
    src: ipv4('10.244.1.2'),
    dst: ipv4('10.244.2.3'),
    ...more,
  };
  b.set(inner, ip.put(b, 0, fields));
  return b;
};
const datagram = (dstPort: number, inner: Uint8Array): Uint8Array => {
  const b = new Uint8Array(8 + inner.length);
  b.set(inner, udp.put(b, 0, { srcPort: 40_000, dstPort, length: b.length }));
  return b;
};
const segment = (fields: Partial<tcp.TcpInit>, payload = 0): Uint8Array => {
  const b = new Uint8Array(60);
  const end = tcp.put(b, 0, {
    srcPort: 40_000,
    dstPort: 80,
    seq: 100,
    flags: tcp.ACK,
    window: 502,
    ...fields,
  });
  const whole = new Uint8Array(end + payload);
  whole.set(b.subarray(0, end));
  return whole;
};
const message = (fields: icmp.IcmpInit): Uint8Array => {
  const b = new Uint8Array(8 + fields.body.length);
  icmp.put(b, 0, fields);
  return b;
};
const overlay = (vni: number, frame: Uint8Array): Uint8Array => {
  const b = new Uint8Array(8 + frame.length);
  b.set(frame, vxlan.put(b, 0, { vni }));
  return b;
};
const arpOf = (op: number, spa: string, tpa: string): Uint8Array => {
  const b = new Uint8Array(28);
  arp.put(b, 0, { op, sha: A, spa: ipv4(spa), tha: B, tpa: ipv4(tpa) });
  return b;
};
const say = (b: Uint8Array, outermost: 'ether' | 'ipv4' | 'raw' = 'ipv4') =>
  describe(b, 0, b.length, outermost);

const ping = packet(
  ip.PROTO_ICMP,
  message({ type: 'echo', code: 0, id: 3, seq: 1, body: new Uint8Array(56) }),
  { df: true },
);
const PING =
  'IP (ttl 64, id 7, DF, length 84) 10.244.1.2 > 10.244.2.3: ICMP echo request, id 3, seq 1, length 64';
const query = packet(ip.PROTO_UDP, datagram(53, new Uint8Array(30)));
const QUERY = 'IP (ttl 64, id 7, length 58) 10.244.1.2.40000 > 10.244.2.3.53: UDP, length 30';
const unreachable = (code: number, body = query, mtu = 0) =>
  packet(ip.PROTO_ICMP, message({ type: 'dest-unreach', code, length: 0, mtu, body }));

suite('describe', () => {
  it.each<[string, string]>([
    [say(ping), PING],
    [say(query), QUERY],
    [
      say(
        packet(
          6,
          segment({
            flags: tcp.SYN,
            ack: 0,
            window: 64_240,
            options: { mss: 1460, sackPermitted: true, timestamps: { value: 9, echo: 0 }, wscale: 7 },
          }),
        ),
      ),
      'IP (ttl 64, id 7, length 60) 10.244.1.2.40000 > 10.244.2.3.80: Flags [S], seq 100, win 64240, options [mss 1460,sackOK,TS val 9 ecr 0,wscale 7], length 0',
    ],
    [
      say(packet(6, segment({ flags: tcp.ACK | tcp.PSH, ack: 5 }, 10))),
      'IP (ttl 64, id 7, length 50) 10.244.1.2.40000 > 10.244.2.3.80: Flags [P.], seq 100:110, ack 5, win 502, length 10',
    ],
    [
      say(
        packet(
          6,
          segment({
            ack: 5,
            options: { sack: [{ left: 10, right: 20 }], unknown: [{ kind: 254, data: Uint8Array.of(1, 2) }] },
          }),
        ),
      ),
      'IP (ttl 64, id 7, length 56) 10.244.1.2.40000 > 10.244.2.3.80: Flags [.], ack 5, win 502, options [sack 1 {10:20},unknown-254], length 0',
    ],
    [
      say(ether(ethernet.TYPE_ARP, arpOf(1, '10.0.0.1', '10.0.0.2')), 'ether'),
      '02:00:c0:a8:64:0b > 02:00:c0:a8:64:0c, ARP (0x0806), length 42: ARP who-has 10.0.0.2 tell 10.0.0.1',
    ],
    [
      say(ether(ethernet.TYPE_ARP, arpOf(2, '10.0.0.1', '10.0.0.2')), 'ether'),
      '02:00:c0:a8:64:0b > 02:00:c0:a8:64:0c, ARP (0x0806), length 42: ARP 10.0.0.1 is-at 02:00:c0:a8:64:0b',
    ],
    [
      say(ether(ethernet.TYPE_IPV4, packet(17, datagram(8472, overlay(1, ether(0x0800, ping))))), 'ether'),
      `02:00:c0:a8:64:0b > 02:00:c0:a8:64:0c, IPv4 (0x0800), length 148: IP (ttl 64, id 7, length 134) 10.244.1.2.40000 > 10.244.2.3.8472: VXLAN vni 1: 02:00:c0:a8:64:0b > 02:00:c0:a8:64:0c, IPv4 (0x0800), length 98: ${PING}`,
    ],
    [
      say(packet(17, datagram(8285, ping))),
      `IP (ttl 64, id 7, length 112) 10.244.1.2.40000 > 10.244.2.3.8285: flannel-udp: ${PING}`,
    ],
    [say(packet(4, ping)), `IP (ttl 64, id 7, length 104) 10.244.1.2 > 10.244.2.3: IPIP: ${PING}`],
    [
      say(
        packet(17, new Uint8Array(16), { mf: true, fragOffset: 1480, tos: 0x10, options: new Uint8Array(4) }),
      ),
      'IP (tos 0x10, ttl 64, id 7, MF, offset 1480, options 4, length 40) 10.244.1.2 > 10.244.2.3: UDP fragment, length 16',
    ],
    [
      say(packet(132, new Uint8Array(12))),
      'IP (ttl 64, id 7, length 32) 10.244.1.2 > 10.244.2.3: SCTP, length 12',
    ],
    [say(Uint8Array.of(1, 2, 0xff), 'raw'), 'length 3: 01 02 ff'],
    [say(new Uint8Array(0), 'raw'), 'length 0'],
    [say(new Uint8Array(5), 'ether'), '[malformed: ethernet: shorter than 14 bytes]'],
    [say(Uint8Array.of(0x60)), 'IP [malformed: ipv4: shorter than 20 bytes]'],
  ])('%s', (line, expected) => {
    expect(line).toBe(expected);
  });

  it.each<[number, string]>([
    [icmp.NET_UNREACH, 'ICMP net 10.244.2.3 unreachable, length 66'],
    [icmp.HOST_UNREACH, 'ICMP host 10.244.2.3 unreachable, length 66'],
    [icmp.PROT_UNREACH, 'ICMP 10.244.2.3 protocol 17 unreachable, length 66'],
    [icmp.PORT_UNREACH, 'ICMP 10.244.2.3 udp port 53 unreachable, length 66'],
    [icmp.FRAG_NEEDED, 'ICMP 10.244.2.3 unreachable - need to frag (mtu 1450), length 66'],
    [icmp.HOST_PROHIBITED, 'ICMP 10.244.2.3 unreachable - host admin prohibited, length 66'],
    [icmp.ADMIN_PROHIBITED, 'ICMP 10.244.2.3 unreachable - admin prohibited filter, length 66'],
    [99, 'ICMP 10.244.2.3 unreachable - code 99, length 66'],
  ])('unreachable code %i with its quote', (code, words) => {
    expect(say(unreachable(code, query, 1450))).toBe(
      `IP (ttl 64, id 7, length 86) 10.244.1.2 > 10.244.2.3: ${words} [${QUERY}]`,
    );
  });

  it('reads a quote of 8 bytes behind the header, and one of none', () => {
    const tcpHead = packet(6, segment({ flags: tcp.SYN }), { ttl: 1 }).slice(0, 28);
    const exceeded = packet(1, message({ type: 'time-exceeded', code: 0, length: 0, body: tcpHead }));
    expect(say(exceeded)).toBe(
      'IP (ttl 64, id 7, length 56) 10.244.1.2 > 10.244.2.3: ICMP time exceeded in-transit, length 36 [IP (ttl 1, id 7, length 40) 10.244.1.2.40000 > 10.244.2.3.80: TCP, seq 100 [cut short], length 20]',
    );
    expect(say(unreachable(icmp.PORT_UNREACH, new Uint8Array(0)))).toContain(
      'ICMP port unreachable, length 8',
    );
    const redirect = packet(
      1,
      message({ type: 'redirect', code: 1, gateway: ipv4('10.0.0.1'), body: query }),
    );
    expect(say(redirect)).toContain('ICMP redirect to host, gateway 10.0.0.1, length 66 [IP');
  });

  it('tells lengths by the headers when only a snapshot is there, and leaves padding out', () => {
    const big = packet(6, segment({}, 1000)).slice(0, 40);
    expect(say(big)).toContain('seq 100:1100, ack 0, win 502, length 1000');
    const padded = new Uint8Array(46);
    padded.set(packet(6, segment({})));
    expect(say(padded)).toContain('win 502, length 0');
  });

  it('ends on packets nested without end, on any bytes, and at any cut', () => {
    let nested = ping;
    for (let i = 0; i < 12; i++)
      nested = i % 2 === 0 ? packet(4, nested) : packet(17, datagram(8285, nested));
    expect(say(nested)).toContain('[nested too deep]');
    for (let i = 0; i < 12; i++) nested = packet(17, datagram(8472, overlay(1, ether(0x0800, nested))));
    expect(say(nested).length).toBeLessThan(2000);
    const deep = ether(0x0800, packet(17, datagram(8472, overlay(1, ether(0x0800, unreachable(3))))));
    for (let cut = 0; cut <= deep.length; cut++)
      expect(describe(deep.slice(0, cut), 0, cut, 'ether')).not.toBe('');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(119), bit(), (bytes, at, value) => {
        describe(bytes, 0, bytes.length, 'ether');
        describe(bytes, at, bytes.length + 5, 'raw');
        const hostile = deep.slice();
        hostile.set(bytes.subarray(0, 2), at);
        hostile[(at * 7) % deep.length] = value;
        const line = describe(hostile, 0, hostile.length, 'ether');
        expect(line).not.toMatch(/undefined|NaN/);
      }),
    );
  });
});

function bit(): fc.Arbitrary<number> {
  return fc.constantFrom(0, 0x45, 0x4f, 0xff, 6, 17, 1, 4);
}
