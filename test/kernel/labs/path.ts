// Three hosts around a router: fragments and their reassembly, which packets an ICMP error may be about and what it
// quotes, limits on errors, martians, rp_filter, path MTU, ARP.
import type { Lab } from '../lab.ts';
import { datagram, echo, packet } from '../packets.ts';
import {
  arpAsks,
  arpFrom,
  during,
  errorInFull,
  flood,
  icmpBoth,
  inTurn,
  ipOut,
  ipOutWithEnds,
  ping,
  quoted,
  raw,
  rest,
  tcp,
  tcpBoth,
  traceroute,
  udp,
  watching,
} from '../probes.ts';

const PATH = `
netns a r b c
r: ip link add ra type veth peer name eth0 netns a; ip link set ra up; ip addr add 10.1.0.1/24 dev ra
r: ip link add rb type veth peer name eth0 netns b; ip link set rb up; ip addr add 10.2.0.1/24 dev rb
r: ip link add rc type veth peer name eth0 netns c; ip link set rc up; ip addr add 10.3.0.1/24 dev rc
r: sysctl -w net.ipv4.ip_forward=1
# What one probe leaves incomplete must not be complained about in another.
b: sysctl -w net.ipv4.ipfrag_time=600
a: ip link set eth0 up; ip addr add 10.1.0.2/24 dev eth0; ip route add default via 10.1.0.1
b: ip link set eth0 up; ip addr add 10.2.0.2/24 dev eth0; ip route add default via 10.2.0.1
c: ip link set eth0 up; ip addr add 10.3.0.2/24 dev eth0; ip route add default via 10.3.0.1
`;

const A = '10.1.0.2';
const B = '10.2.0.2';
const TO_B = { src: A, dst: B };
const whole = echo(1024);
/** A fragment of it; packets are told apart by `id`, as what one probe leaves behind must be of no use to the next. */
const piece = (id: number, from: number, to: number, more?: boolean) =>
  packet({ ...TO_B, id }, whole, { from, to, ...(more === undefined ? {} : { more }) });
/** Sent by a, and what b gets and answers. */
const atB = (packets: readonly string[], ms?: number) =>
  watching('b', 'eth0', icmpBoth, raw('a', packets, ms));
/** Sent by a, and what a sees of ICMP. */
const atA = (packets: readonly string[], ms?: number) =>
  watching('a', 'eth0', icmpBoth, raw('a', packets, ms));
const from = (src: string) => packet({ src, dst: B }, echo());
const set = (ns: string, key: string, value: number, back: number, run: ReturnType<typeof ping>) =>
  during([`${ns}: sysctl -w net.ipv4.${key}=${value}`], [`${ns}: sysctl -w net.ipv4.${key}=${back}`], run);
const narrow = (mtu: number, run: ReturnType<typeof ping>) =>
  during(
    [`r: ip link set rb mtu ${mtu}`, `b: ip link set eth0 mtu ${mtu}`],
    ['r: ip link set rb mtu 1500', 'b: ip link set eth0 mtu 1500'],
    run,
  );
const UNLIMITED = 0;
const DEFAULT_MASK = 6168;

/** What arrives from c. */
const fromC = (f: { out: boolean; bytes: Uint8Array }): string | undefined => {
  const text = ipOutWithEnds({ ...f, out: !f.out });
  return text?.startsWith('10.3.0.2 ') ? text : undefined;
};

export const path: Lab = {
  name: 'pa',
  topology: PATH,
  probes: [
    { name: 'the far host', run: ping('a', B), fact: 'reply ttl 63' },
    { name: 'hops', run: traceroute('a', B), fact: '10.1.0.1 10.2.0.2' },

    // Reassembly
    {
      name: 'fragments in order',
      run: atB([piece(101, 0, 512), piece(101, 512, 1024)]),
      fact: 'sent | < 10.1.0.2 10.2.0.2 8/0 532 | < 10.1.0.2 10.2.0.2 frag 512 532 | > 10.2.0.2 10.1.0.2 0/0 1044',
    },
    {
      name: 'fragments in reverse order',
      run: atB([piece(102, 512, 1024), piece(102, 0, 512)]),
      fact: 'sent | < 10.1.0.2 10.2.0.2 frag 512 532 | < 10.1.0.2 10.2.0.2 8/0 532 | > 10.2.0.2 10.1.0.2 0/0 1044',
    },
    {
      name: 'three fragments, the middle one last',
      run: atB([piece(103, 0, 256), piece(103, 512, 1024), piece(103, 256, 512)]),
      fact: 'sent | < 10.1.0.2 10.2.0.2 8/0 276 | < 10.1.0.2 10.2.0.2 frag 512 532 | < 10.1.0.2 10.2.0.2 frag 256 276 | > 10.2.0.2 10.1.0.2 0/0 1044',
    },
    {
      name: 'a fragment that comes twice',
      run: atB([piece(104, 0, 512), piece(104, 0, 512), piece(104, 512, 1024)]),
      fact: 'sent | < 10.1.0.2 10.2.0.2 8/0 532 | < 10.1.0.2 10.2.0.2 8/0 532 | < 10.1.0.2 10.2.0.2 frag 512 532 | > 10.2.0.2 10.1.0.2 0/0 1044',
    },
    {
      name: 'fragments that overlap: all is thrown away',
      run: atB([piece(105, 0, 512), piece(105, 504, 1024), piece(105, 512, 1024)]),
      fact: 'sent | < 10.1.0.2 10.2.0.2 8/0 532 | < 10.1.0.2 10.2.0.2 frag 504 540 | < 10.1.0.2 10.2.0.2 frag 512 532',
    },
    {
      name: 'fragments of different packets are not put together',
      run: atB([piece(106, 0, 512), piece(99, 512, 1024)]),
      fact: 'sent | < 10.1.0.2 10.2.0.2 8/0 532 | < 10.1.0.2 10.2.0.2 frag 512 532',
    },
    {
      name: 'a fragment in the middle that is no multiple of eight long',
      run: atB([piece(107, 0, 510, true), piece(107, 512, 1024)]),
      fact: 'sent | < 10.1.0.2 10.2.0.2 8/0 530 | < 10.1.0.2 10.2.0.2 frag 512 532',
    },
    {
      name: 'a fragment that reaches beyond 65535',
      run: atB([
        piece(98, 0, 512),
        packet({ ...TO_B, id: 98 }, new Uint8Array(65_600), { from: 65_528, to: 65_592, more: false }),
      ]),
      fact: 'sent | < 10.1.0.2 10.2.0.2 8/0 532 | < 10.1.0.2 10.2.0.2 frag 65528 84',
    },
    {
      name: 'the end is missing: time exceeded in reassembly',
      run: set('b', 'ipfrag_time', 1, 600, atB([piece(109, 0, 512)], 2500)),
      fact: 'sent | < 10.1.0.2 10.2.0.2 8/0 532 | > 10.2.0.2 10.1.0.2 11/1 560',
    },
    {
      name: 'the beginning is missing: silence',
      run: set('b', 'ipfrag_time', 1, 600, atB([piece(110, 512, 1024)], 2500)),
      fact: 'sent | < 10.1.0.2 10.2.0.2 frag 512 532',
    },
    {
      name: 'a datagram in fragments to a closed port: the error quotes all of it that fits',
      run: atA([
        packet({ ...TO_B, proto: 17, id: 77 }, datagram(A, B, 5999, 1000), { from: 0, to: 512 }),
        packet({ ...TO_B, proto: 17, id: 77 }, datagram(A, B, 5999, 1000), { from: 512, to: 1000 }),
      ]),
      fact: 'sent | < 10.2.0.2 10.1.0.2 3/3 576',
    },

    // Which packets an error may be about
    {
      name: 'TTL 1: an error about a first fragment, none about a later one',
      run: inTurn(
        atA([packet({ ...TO_B, ttl: 1 }, whole, { from: 0, to: 512 })]),
        atA([packet({ ...TO_B, ttl: 1 }, whole, { from: 512, to: 1024 })]),
      ),
      fact: 'sent | > 10.1.0.2 10.2.0.2 8/0 532 | < 10.1.0.1 10.1.0.2 11/0 560 | sent | > 10.1.0.2 10.2.0.2 frag 512 532',
    },
    {
      name: 'TTL 1: an error about an echo reply, none about an error or an unknown type',
      run: inTurn(
        ...[0, 3, 11, 12, 4, 5, 40].map((type) => atA([packet({ ...TO_B, ttl: 1 }, echo(64, type))])),
      ),
      fact: 'sent | > 10.1.0.2 10.2.0.2 0/0 84 | < 10.1.0.1 10.1.0.2 11/0 112 | sent | > 10.1.0.2 10.2.0.2 3/0 84 | sent | > 10.1.0.2 10.2.0.2 11/0 84 | sent | > 10.1.0.2 10.2.0.2 12/0 84 | sent | > 10.1.0.2 10.2.0.2 4/0 84 | sent | > 10.1.0.2 10.2.0.2 5/0 84 | sent | > 10.1.0.2 10.2.0.2 40/0 84',
    },
    {
      name: 'TTL 0',
      run: atA([packet({ ...TO_B, ttl: 0 }, echo())]),
      fact: 'sent | > 10.1.0.2 10.2.0.2 8/0 84 | < 10.1.0.1 10.1.0.2 11/0 112',
    },
    {
      name: 'no error to a source that is no host',
      run: inTurn(
        ...['0.0.0.0', '224.0.0.1', '255.255.255.255', '10.1.0.255'].map((src) =>
          watching('a', 'eth0', icmpBoth, raw('a', [packet({ src, dst: B, ttl: 1 }, echo())])),
        ),
      ),
      fact: 'sent | > 10.1.0.2 10.2.0.2 8/0 84 | < 10.1.0.1 10.1.0.2 11/0 112 | sent | > 224.0.0.1 10.2.0.2 8/0 84 | sent | > 255.255.255.255 10.2.0.2 8/0 84 | sent | > 10.1.0.255 10.2.0.2 8/0 84 | < 10.1.0.1 10.1.0.255 11/0 112',
    },
    {
      name: 'no error about a datagram to a broadcast address',
      run: watching(
        'r',
        'ra',
        icmpBoth,
        raw('r', [
          packet({ src: '10.1.0.1', dst: '10.1.0.255', proto: 17 }, datagram('10.1.0.1', '10.1.0.255', 5999)),
        ]),
      ),
      fact: 'sent',
    },

    // What an error looks like
    {
      name: 'quoted: a short packet whole',
      run: quoted('a', B, { ttl: 1 }),
      fact: '11/0 from 10.1.0.1: 84 bytes 4500005400000000010100000a0100020a0200020800000000000000',
    },
    {
      name: 'quoted: 548 bytes of a long one',
      run: quoted('a', B, { ttl: 1, size: 1500 }),
      fact: '11/0 from 10.1.0.1: 548 bytes 450005dc00000000010100000a0100020a0200020800000000000000',
    },
    {
      name: 'quoted: one byte below, at and above 576',
      run: inTurn(...[547, 548, 549].map((size) => quoted('a', B, { ttl: 1, size }))),
      fact: '11/0 from 10.1.0.1: 547 bytes 4500022300000000010100000a0100020a0200020800000000000000 | 11/0 from 10.1.0.1: 548 bytes 4500022400000000010100000a0100020a0200020800000000000000 | 11/0 from 10.1.0.1: 548 bytes 4500022500000000010100000a0100020a0200020800000000000000',
    },
    {
      name: 'quoted with its TOS; the error’s own precedence',
      run: inTurn(quoted('a', B, { ttl: 1, tos: 0xb8 }), errorInFull('a', B, { ttl: 1, tos: 0xb8 })),
      fact: '11/0 from 10.1.0.1: 84 bytes 45b8005400000000010100000a0100020a0200020800000000000000 | 11/0 from 10.1.0.1: ttl 64 tos 216 len 112, quotes ttl 1 src 10.1.0.2, after 0 s',
    },
    {
      name: 'a closed port: whole, with a wrong checksum, and without one',
      run: inTurn(
        atA([packet({ ...TO_B, proto: 17 }, datagram(A, B, 5999))]),
        atA([packet({ ...TO_B, proto: 17 }, datagram(A, B, 5999, 64, 0x1234))]),
        atA([packet({ ...TO_B, proto: 17 }, datagram(A, B, 5999, 64, 0))]),
      ),
      fact: 'sent | < 10.2.0.2 10.1.0.2 3/3 112 | sent | sent | < 10.2.0.2 10.1.0.2 3/3 112',
    },
    {
      name: 'a closed TCP port: what the reset says',
      run: watching('a', 'eth0', tcpBoth, tcp('a', B, 5999)),
      fact: 'ECONNREFUSED | > S win 64240 ttl 64 df len 60 | < R. win 0 ttl 63 df len 40',
    },
    {
      name: 'an unknown protocol at the router itself',
      run: errorInFull('a', '10.1.0.1', { proto: 200 }),
      fact: '3/2 from 10.1.0.1: ttl 64 tos 192 len 112, quotes ttl 64 src 10.1.0.2, after 0 s',
    },
    {
      name: 'the router’s far address',
      run: inTurn(
        ping('a', '10.2.0.1'),
        errorInFull('a', '10.2.0.1', { proto: 200 }),
        errorInFull('a', '10.2.0.1', { ttl: 1, proto: 200 }),
      ),
      fact: 'reply ttl 64 | 3/2 from 10.2.0.1: ttl 64 tos 192 len 112, quotes ttl 64 src 10.1.0.2, after 0 s | 3/2 from 10.2.0.1: ttl 64 tos 192 len 112, quotes ttl 1 src 10.1.0.2, after 0 s',
    },
    {
      name: 'errors from the address of the device that it came in by',
      run: set('b', 'icmp_errors_use_inbound_ifaddr', 1, 0, errorInFull('a', B, { proto: 200 })),
      fact: '3/2 from 10.2.0.2: ttl 63 tos 192 len 112, quotes ttl 63 src 10.1.0.2, after 0 s',
    },

    // ICMP itself
    {
      name: 'echo requests ignored',
      run: set('b', 'icmp_echo_ignore_all', 1, 0, ping('a', B, { timeout: 300 })),
      fact: 'nothing',
    },
    {
      name: 'a timestamp request, an address mask request, an information request',
      run: inTurn(...[13, 17, 15].map((type) => atA([packet(TO_B, echo(20, type))]))),
      fact: 'sent | > 10.1.0.2 10.2.0.2 13/0 40 | < 10.2.0.2 10.1.0.2 14/0 40 | sent | > 10.1.0.2 10.2.0.2 17/0 40 | sent | > 10.1.0.2 10.2.0.2 15/0 40',
    },
    {
      name: 'an echo request with a wrong checksum',
      run: atB([packet(TO_B, echo().fill(0xee, 2, 4))]),
      fact: 'sent | < 10.1.0.2 10.2.0.2 8/0 84',
    },
    {
      name: 'echo to the subnet’s broadcast address, ignored and not',
      run: inTurn(
        ping('r', '10.2.0.255', { timeout: 300 }),
        set('b', 'icmp_echo_ignore_broadcasts', 0, 1, ping('r', '10.2.0.255', { timeout: 300 })),
      ),
      fact: 'nothing | reply ttl 64',
    },

    // Limits
    {
      name: 'errors are limited for each destination, echo replies not; a token a second comes back',
      run: set(
        'b',
        'icmp_ratemask',
        DEFAULT_MASK,
        UNLIMITED,
        inTurn(
          flood('a', B, 20, { proto: 200, timeout: 300 }),
          flood('c', B, 20, { proto: 200, timeout: 300 }),
          flood('a', B, 20, { timeout: 300 }),
          rest(700, flood('a', B, 20, { proto: 200, timeout: 200 })),
        ),
      ),
      fact: '6 of 20 | 6 of 20 | 20 of 20 | 1 of 20',
    },
    {
      name: 'time exceeded is limited, and not when icmp_ratelimit is 0',
      run: set(
        'r',
        'icmp_ratemask',
        DEFAULT_MASK,
        UNLIMITED,
        inTurn(
          flood('c', B, 20, { ttl: 1, timeout: 300 }),
          set('r', 'icmp_ratelimit', 0, 1000, flood('c', B, 20, { ttl: 1, timeout: 300 })),
        ),
      ),
      fact: '6 of 20 | 20 of 20',
    },

    // Martians
    { name: 'a source of 127/8 goes no further', run: atB([from('127.0.0.1')]), fact: 'sent' },
    {
      name: 'the router’s own address as source goes no further',
      run: atB([from('10.1.0.1')]),
      fact: 'sent',
    },
    { name: 'the router’s far address as source', run: atB([from('10.3.0.1')]), fact: 'sent' },
    {
      name: 'multicast, broadcast, subnet broadcast and no source at all',
      run: inTurn(
        ...['224.0.0.1', '255.255.255.255', '10.1.0.255', '0.0.0.0'].map((src) => atB([from(src)])),
      ),
      fact: 'sent | sent | sent | < 10.1.0.255 10.2.0.2 8/0 84 | > 10.2.0.2 10.1.0.255 0/0 84 | sent | < 10.1.0.2 10.2.0.2 8/0 84 | > 10.2.0.2 10.1.0.2 0/0 84',
    },
    {
      name: 'class E and link-local sources',
      run: inTurn(atB([from('240.0.0.1')]), atB([from('169.254.1.1')])),
      fact: 'sent | < 240.0.0.1 10.2.0.2 8/0 84 | > 10.2.0.2 240.0.0.1 0/0 84 | < 10.2.0.1 10.2.0.2 3/0 112 | sent | < 169.254.1.1 10.2.0.2 8/0 84 | > 10.2.0.2 169.254.1.1 0/0 84 | < 10.2.0.1 10.2.0.2 3/0 112',
    },
    {
      name: 'a destination in network 0',
      run: watching('r', 'ra', icmpBoth, raw('a', [packet({ src: A, dst: '0.0.0.9' }, echo())])),
      fact: 'sent | < 10.1.0.2 0.0.0.9 8/0 84 | > 10.1.0.1 10.1.0.2 3/0 112',
    },
    {
      name: 'a destination of class E',
      run: ping('a', '240.0.0.9', { timeout: 300 }),
      fact: '3/0 from 10.1.0.1',
    },
    {
      name: 'a far subnet’s broadcast address',
      run: watching('b', 'eth0', icmpBoth, ping('a', '10.2.0.255', { timeout: 300 })),
      fact: 'nothing',
    },
    {
      name: 'a multicast group beyond the router',
      run: watching('b', 'eth0', icmpBoth, ping('a', '239.1.1.1', { timeout: 300 })),
      fact: 'nothing',
    },
    {
      name: 'the all-hosts group on the link',
      run: inTurn(
        ping('a', '224.0.0.1', { timeout: 300 }),
        set('r', 'icmp_echo_ignore_broadcasts', 0, 1, ping('a', '224.0.0.1', { timeout: 300 })),
      ),
      fact: 'nothing | reply ttl 64',
    },

    // rp_filter
    ...(
      [
        [
          0,
          'sent | < 10.3.0.2 10.2.0.2 8/0 84 | > 10.2.0.2 10.3.0.2 0/0 84 | sent | < 172.30.0.1 10.2.0.2 8/0 84 | > 10.2.0.2 172.30.0.1 0/0 84 | < 10.2.0.1 10.2.0.2 3/0 112 | reply ttl 63',
        ],
        [1, 'sent | sent | reply ttl 63'],
        [2, 'sent | < 10.3.0.2 10.2.0.2 8/0 84 | > 10.2.0.2 10.3.0.2 0/0 84 | sent | reply ttl 63'],
      ] as const
    ).map(([level, fact]) => ({
      name: `rp_filter ${level}: a source behind another device, and one that no route leads to`,
      run: set(
        'r',
        'conf.ra.rp_filter',
        level,
        0,
        inTurn(atB([from('10.3.0.2')]), atB([from('172.30.0.1')]), ping('a', B)),
      ),
      fact,
    })),
    {
      name: 'rp_filter of all and of the device: the larger one counts',
      run: set('r', 'conf.all.rp_filter', 1, 0, set('r', 'conf.ra.rp_filter', 2, 0, atB([from('10.3.0.2')]))),
      fact: 'sent | < 10.3.0.2 10.2.0.2 8/0 84 | > 10.2.0.2 10.3.0.2 0/0 84',
    },
    {
      name: 'forwarding off on one device',
      run: set(
        'r',
        'conf.ra.forwarding',
        0,
        1,
        inTurn(ping('a', B, { timeout: 300 }), ping('b', A, { timeout: 300 }), ping('a', '10.1.0.1')),
      ),
      fact: 'nothing | nothing | reply ttl 64',
    },

    // Path MTU
    {
      name: 'sizes around a smaller link’s MTU, DF set',
      run: narrow(
        1000,
        inTurn(
          ...[999, 1000, 1001].map((size) => errorInFull('a', B, { df: true, size })),
          ping('a', B, { df: true, size: 1001 }),
          ping('a', B, { df: true, size: 1000 }),
        ),
      ),
      fact: 'reply ttl 63: ttl 63 tos 0 len 999, after 0 s | reply ttl 63: ttl 63 tos 0 len 1000, after 0 s | 3/4 from 10.1.0.1 mtu 1000: ttl 64 tos 192 len 576, quotes ttl 64 src 10.1.0.2, after 0 s | EMSGSIZE | reply ttl 63',
    },
    {
      name: 'what was learned holds for one destination, and for fragments too',
      run: narrow(
        1000,
        inTurn(
          watching('a', 'eth0', ipOut, ping('a', B, { size: 1400 })),
          watching('a', 'eth0', ipOut, ping('a', '10.3.0.2', { size: 1400 })),
        ),
      ),
      fact: 'reply ttl 63 | 996 frag 0+ ttl 64 | 424 frag 976 | reply ttl 63 | 1400 ttl 64',
    },
    {
      name: 'from the other side of the narrow link',
      run: narrow(
        1000,
        inTurn(
          ping('b', '10.3.0.2', { df: true, size: 1000 }),
          ping('b', '10.3.0.2', { df: true, size: 1001 }),
        ),
      ),
      fact: 'reply ttl 63 | EMSGSIZE',
    },
    {
      name: 'fragments are cut again by a router, in the right places',
      run: narrow(
        1000,
        watching(
          'b',
          'eth0',
          fromC,
          raw('c', [
            packet({ src: '10.3.0.2', dst: B }, echo(2888), { from: 0, to: 1480 }),
            packet({ src: '10.3.0.2', dst: B }, echo(2888), { from: 1480, to: 2888 }),
          ]),
        ),
      ),
      fact: 'sent | 10.3.0.2 > 10.2.0.2 proto 1 996 frag 0+ ttl 63 | 10.3.0.2 > 10.2.0.2 proto 1 524 frag 976+ | 10.3.0.2 > 10.2.0.2 proto 1 996 frag 1480+ | 10.3.0.2 > 10.2.0.2 proto 1 452 frag 2456',
    },
    {
      name: 'a fragment with DF that does not fit',
      run: narrow(
        1000,
        watching(
          'c',
          'eth0',
          icmpBoth,
          raw('c', [packet({ src: '10.3.0.2', dst: B, df: true }, echo(2888), { from: 0, to: 1480 })]),
        ),
      ),
      fact: 'sent | > 10.3.0.2 10.2.0.2 8/0 1500 | < 10.3.0.1 10.3.0.2 3/4 576',
    },
    {
      name: 'a link below the least path MTU that is believed',
      run: narrow(
        500,
        inTurn(
          ping('c', B, { df: true, size: 1400 }),
          ping('c', B, { df: true, size: 1400 }),
          ping('c', B, { df: true, size: 553, timeout: 300 }),
          watching('c', 'eth0', ipOut, ping('c', B, { df: true, size: 552, timeout: 300 })),
        ),
      ),
      fact: '3/4 from 10.3.0.1 mtu 500 | EMSGSIZE | EMSGSIZE | 3/4 from 10.3.0.1 mtu 500 | 552 df ttl 64',
    },
    {
      name: 'TCP over a narrow link that only the router knows of',
      run: narrow(1000, tcp('c', B, 80, { server: 'b' })),
      fact: 'seen from 10.3.0.2, connected',
    },

    // ARP
    {
      name: 'one who is not there: three questions, then unreachable',
      run: watching('r', 'rb', arpAsks, errorInFull('a', '10.2.0.77', { timeout: 4500 })),
      fact: '3/1 from 10.1.0.1: ttl 64 tos 192 len 112, quotes ttl 63 src 10.1.0.2, after 3 s | who-has 10.2.0.77 | who-has 10.2.0.77 | who-has 10.2.0.77',
    },
    {
      name: 'packets for one who is not there wait together and fail together',
      run: flood('a', '10.2.0.78', 20, { timeout: 4500 }),
      fact: '20 of 20',
    },
    {
      name: 'an answer for an address of another device, and arp_ignore 1',
      run: during(
        ['a: ip route add 10.3.0.1/32 dev eth0'],
        ['a: ip route del 10.3.0.1/32 dev eth0', 'r: sysctl -w net.ipv4.conf.ra.arp_ignore=0'],
        inTurn(
          ping('a', '10.3.0.1'),
          during(
            ['r: sysctl -w net.ipv4.conf.ra.arp_ignore=1', 'a: ip neigh flush dev eth0'],
            [],
            ping('a', '10.3.0.1', { timeout: 4500 }),
          ),
        ),
      ),
      fact: 'reply ttl 64 | 3/1 from 10.1.0.2',
    },
    {
      name: 'proxy_arp',
      run: during(
        ['a: ip route add 10.2.0.0/24 dev eth0', 'r: sysctl -w net.ipv4.conf.ra.proxy_arp=1'],
        ['a: ip route del 10.2.0.0/24 dev eth0', 'r: sysctl -w net.ipv4.conf.ra.proxy_arp=0'],
        ping('a', B),
      ),
      fact: 'reply ttl 63',
    },
    ...(
      [
        [0, 'nothing | 10.2.0.1 asks for 10.1.0.80'],
        [1, 'nothing | 10.1.0.1 asks for 10.1.0.80'],
        [2, 'nothing | 10.1.0.1 asks for 10.1.0.80'],
      ] as const
    ).map(([level, fact]) => ({
      name: `arp_announce ${level}: which address asks`,
      run: during(
        [`r: sysctl -w net.ipv4.conf.ra.arp_announce=${level}`, 'r: ip neigh flush dev ra'],
        ['r: sysctl -w net.ipv4.conf.ra.arp_announce=0'],
        watching('r', 'ra', arpFrom, ping('r', '10.1.0.80', { src: '10.2.0.1', timeout: 300 })),
      ),
      fact,
    })),
    {
      name: 'a wrong address in the table: the frame is not for the one who gets it',
      run: during(
        ['a: ip neigh replace 10.1.0.1 lladdr 02:00:00:00:00:99 dev eth0 nud permanent'],
        ['a: ip neigh del 10.1.0.1 dev eth0'],
        watching('r', 'ra', icmpBoth, ping('a', B, { timeout: 300 })),
      ),
      fact: 'nothing | < 10.1.0.2 10.2.0.2 8/0 84',
    },
    {
      name: 'arp_notify: who comes up says so',
      run: set(
        'b',
        'conf.eth0.arp_notify',
        1,
        0,
        watching(
          'r',
          'rb',
          (f) => arpFrom({ ...f, out: !f.out }),
          during(
            ['b: ip link set eth0 down', 'b: ip link set eth0 up', 'b: ip route add default via 10.2.0.1'],
            [],
            rest(100, ping('b', '127.0.0.1')),
          ),
        ),
      ),
      fact: 'reply ttl 64 | 10.2.0.2 asks for 10.2.0.2',
    },
    {
      name: 'the far link is down',
      run: during(
        ['b: ip link set eth0 down'],
        ['b: ip link set eth0 up', 'b: ip route add default via 10.2.0.1'],
        ping('a', B, { timeout: 300 }),
      ),
      fact: 'nothing',
    },

    // Source addresses
    {
      name: 'the source of a router’s own packets',
      run: inTurn(udp('r', A, 5000, { server: 'a' }), udp('r', B, 5000, { server: 'b' })),
      fact: 'seen from 10.1.0.1 ttl 64 len 64, answered | seen from 10.2.0.1 ttl 64 len 64, answered',
    },
    {
      name: 'a route’s preferred source',
      run: during(
        ['r: ip route add 10.1.0.2/32 dev ra src 10.3.0.1'],
        ['r: ip route del 10.1.0.2/32 dev ra'],
        udp('r', A, 5000, { server: 'a' }),
      ),
      fact: 'seen from 10.3.0.1 ttl 64 len 64, answered',
    },
    {
      name: 'a packet to itself',
      run: inTurn(ping('a', A), ping('a', '127.0.0.1'), ping('a', '127.9.9.9'), udp('a', '127.0.0.1', 5001)),
      fact: 'reply ttl 64 | reply ttl 64 | reply ttl 64 | ECONNREFUSED',
    },
    {
      name: 'a redirect is not sent where source and gateway are on different links',
      run: watching('r', 'ra', ipOutWithEnds, ping('a', '10.3.0.2')),
      fact: 'reply ttl 63 | 10.3.0.2 > 10.1.0.2 proto 1 84 ttl 63',
    },
  ],
};
