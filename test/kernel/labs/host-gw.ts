import type { Lab } from '../lab.ts';
import {
  arpAsks,
  arpBoth,
  during,
  errorInFull,
  flood,
  inTurn,
  ipOut,
  ping,
  rest,
  tcp,
  traceroute,
  udp,
  watching,
  withOptions,
} from '../probes.ts';
import { HOST_GW } from '../topologies.ts';

const DEAD = { timeout: 4500 };

export const hostGw: Lab = {
  name: 'hgw',
  topology: HOST_GW,
  probes: [
    {
      name: 'cold ping across nodes: ARP on the pod’s link',
      run: watching('a', 'eth0', arpBoth, ping('a', '10.244.2.2')),
      fact: 'reply ttl 62 | who-has 10.244.1.1 | is-at 10.244.1.1 unicast',
    },
    {
      name: 'cold ping to the other pod of that node: ARP on the underlay',
      run: watching('n1', 'eth0', arpBoth, ping('a', '10.244.2.3')),
      fact: 'reply ttl 62',
    },
    { name: 'same bridge', run: ping('a', '10.244.1.3'), fact: 'reply ttl 64' },
    { name: 'own bridge', run: ping('a', '10.244.1.1'), fact: 'reply ttl 64' },
    { name: 'own node', run: ping('a', '192.168.100.11'), fact: 'reply ttl 64' },
    { name: 'other node', run: ping('a', '192.168.100.12'), fact: 'reply ttl 63' },
    { name: 'pod on the other node', run: ping('a', '10.244.2.2'), fact: 'reply ttl 62' },
    { name: 'node to remote pod', run: ping('n1', '10.244.2.2'), fact: 'reply ttl 63' },
    {
      name: 'hops to a remote pod',
      run: traceroute('a', '10.244.2.2'),
      fact: '10.244.1.1 192.168.100.12 10.244.2.2',
    },
    {
      name: 'hops to the other node',
      run: traceroute('a', '192.168.100.12'),
      fact: '10.244.1.1 192.168.100.12',
    },
    {
      name: 'hops outside',
      run: traceroute('a', '203.0.113.10'),
      fact: '10.244.1.1 192.168.100.1 203.0.113.10',
    },
    {
      name: 'UDP across nodes: source and TTL seen',
      run: udp('a', '10.244.2.2', 5000, { server: 'c' }),
      fact: 'seen from 10.244.1.2 ttl 62 len 64, answered',
    },
    {
      name: 'UDP outside: masqueraded',
      run: udp('a', '203.0.113.10', 5000, { server: 'outside' }),
      fact: 'seen from 192.168.100.11 ttl 62 len 64, answered',
    },
    {
      name: 'UDP from a node to a remote pod',
      run: udp('n1', '10.244.2.2', 5000, { server: 'c' }),
      fact: 'seen from 192.168.100.11 ttl 63 len 64, answered',
    },
    {
      name: 'TCP across nodes',
      run: tcp('a', '10.244.2.2', 80, { server: 'c' }),
      fact: 'seen from 10.244.1.2, connected',
    },
    {
      name: 'TCP outside',
      run: tcp('a', '203.0.113.10', 80, { server: 'outside' }),
      fact: 'seen from 192.168.100.11, connected',
    },
    { name: 'closed UDP port', run: udp('a', '10.244.2.2', 5001), fact: 'ECONNREFUSED' },
    { name: 'closed TCP port', run: tcp('a', '10.244.2.2', 81), fact: 'ECONNREFUSED' },
    {
      name: 'an unknown protocol',
      run: errorInFull('a', '10.244.2.2', { proto: 200 }),
      fact: '3/2 from 10.244.2.2: ttl 62 tos 192 len 112, quotes ttl 62 src 10.244.1.2, after 0 s',
    },
    {
      name: 'TTL 1',
      run: errorInFull('a', '10.244.2.2', { ttl: 1 }),
      fact: '11/0 from 10.244.1.1: ttl 64 tos 192 len 112, quotes ttl 1 src 10.244.1.2, after 0 s',
    },
    {
      name: 'TTL 2, 1500 bytes, TOS 0x10',
      run: errorInFull('a', '10.244.2.2', { ttl: 2, size: 1500, tos: 0x10 }),
      fact: '11/0 from 192.168.100.12: ttl 63 tos 208 len 576, quotes ttl 1 src 10.244.1.2, after 0 s',
    },
    {
      name: 'dead pod on the other node',
      run: watching('n2', 'cni0', arpAsks, errorInFull('a', '10.244.2.77', DEAD)),
      fact: '3/1 from 192.168.100.12: ttl 63 tos 192 len 112, quotes ttl 62 src 10.244.1.2, after 3 s | who-has 10.244.2.77 | who-has 10.244.2.77 | who-has 10.244.2.77',
    },
    {
      name: 'dead pod on the own subnet',
      run: watching('a', 'eth0', arpAsks, errorInFull('a', '10.244.1.77', DEAD)),
      fact: '3/1 from 10.244.1.2: ttl 64 tos 192 len 112, quotes ttl 64 src 10.244.1.2, after 3 s | who-has 10.244.1.77 | who-has 10.244.1.77 | who-has 10.244.1.77',
    },
    {
      name: 'dead node',
      run: errorInFull('a', '10.244.3.2', DEAD),
      fact: '3/1 from 10.244.1.1: ttl 64 tos 192 len 112, quotes ttl 63 src 10.244.1.2, after 3 s',
    },
    { name: 'UDP to a dead pod', run: udp('a', '10.244.2.78', 5000, DEAD), fact: 'nothing' },
    {
      name: 'TCP to a dead address on the own subnet',
      run: tcp('a', '10.244.1.78', 80, DEAD),
      fact: 'EHOSTUNREACH, after 3 s',
    },
    {
      name: 'an unleased pod address leaves by the default route, unmasqueraded',
      run: udp('a', '10.244.9.9', 5000),
      fact: 'nothing',
    },
    {
      name: 'no route at the router',
      run: errorInFull('a', '8.8.8.8'),
      fact: '3/0 from 192.168.100.1: ttl 63 tos 192 len 112, quotes ttl 63 src 10.244.1.2, after 0 s',
    },
    {
      name: 'no route at the node',
      run: during(
        ['n1: ip route del default'],
        ['n1: ip route add default via 192.168.100.1'],
        errorInFull('a', '8.8.8.8'),
      ),
      fact: '3/0 from 10.244.1.1: ttl 64 tos 192 len 112, quotes ttl 64 src 10.244.1.2, after 0 s',
    },
    {
      name: 'no route in the pod',
      run: during(
        ['a: ip route del default'],
        ['a: ip route add default via 10.244.1.1'],
        inTurn(ping('a', '8.8.8.8'), udp('a', '8.8.8.8', 53)),
      ),
      fact: 'ENETUNREACH | ENETUNREACH',
    },
    ...(
      [
        ['unreachable', '3/1 from 10.244.1.1 | EHOSTUNREACH | nothing'],
        ['prohibit', '3/13 from 10.244.1.1 | EACCES | EHOSTUNREACH'],
        ['blackhole', 'nothing | EINVAL | nothing'],
        ['throw', '3/0 from 10.244.1.1 | ENETUNREACH | nothing'],
      ] as const
    ).map(([type, fact]) => ({
      name: `a route of type ${type} on the node and in the pod`,
      run: during(
        [`n1: ip route add ${type} 10.99.0.0/16`, `a: ip route add ${type} 10.98.0.0/16`],
        [`n1: ip route del ${type} 10.99.0.0/16`, `a: ip route del ${type} 10.98.0.0/16`],
        inTurn(
          rest(2500, ping('a', '10.99.0.1', { timeout: 500 })),
          ping('a', '10.98.0.1', { timeout: 500 }),
          udp('a', '10.99.0.2', 53, { timeout: 500 }),
        ),
      ),
      fact,
    })),
    {
      name: 'forwarding off on the other node',
      run: during(
        ['n2: sysctl -w net.ipv4.ip_forward=0'],
        ['n2: sysctl -w net.ipv4.ip_forward=1'],
        ping('a', '10.244.2.2'),
      ),
      fact: 'nothing',
    },
    { name: 'echo to the subnet’s broadcast address', run: ping('a', '10.244.1.255'), fact: 'nothing' },
    {
      name: 'DF at the MTU and beyond it',
      run: inTurn(
        ping('a', '10.244.2.2', { df: true, size: 1500 }),
        ping('a', '10.244.2.2', { df: true, size: 1501 }),
      ),
      fact: 'reply ttl 62 | EMSGSIZE',
    },
    {
      name: 'no DF beyond the MTU: fragments',
      run: watching('a', 'eth0', ipOut, ping('a', '10.244.2.2', { size: 4000 })),
      fact: 'reply ttl 62 | 1500 frag 0+ ttl 64 | 1500 frag 1480+ | 1040 frag 2960',
    },
    {
      name: 'fragments cross conntrack and leave as they came',
      run: watching('n1', 'eth0', ipOut, ping('a', '10.244.2.2', { size: 4000 })),
      fact: 'reply ttl 62 | 1500 frag 0+ ttl 63 | 1500 frag 1480+ | 1040 frag 2960',
    },
    {
      name: 'a smaller link beyond the node: frag needed, remembered by the sender',
      run: during(
        ['n1: ip link set eth0 mtu 1400', 'sw: ip link set p1 mtu 1400'],
        ['n1: ip link set eth0 mtu 1500', 'sw: ip link set p1 mtu 1500'],
        inTurn(
          errorInFull('a', '10.244.2.3', { df: true, size: 1500 }),
          ping('a', '10.244.2.3', { df: true, size: 1500 }),
          ping('a', '10.244.2.3', { df: true, size: 1400 }),
          watching('n1', 'eth0', ipOut, ping('a', '10.244.2.2', { size: 1500, timeout: 300 })),
          ping('b', '10.244.2.3', { df: true, size: 1401 }),
        ),
      ),
      fact: '3/4 from 10.244.1.1 mtu 1400: ttl 64 tos 192 len 576, quotes ttl 64 src 10.244.1.2, after 0 s | EMSGSIZE | reply ttl 62 | reply ttl 62 | 1396 frag 0+ ttl 63 | 124 frag 1376 | 3/4 from 10.244.1.1 mtu 1400',
    },
    {
      name: 'a smaller link beyond the NAT: frag needed finds its way back',
      run: during(
        ['router: ip link set out0 mtu 1280', 'outside: ip link set eth0 mtu 1280'],
        ['router: ip link set out0 mtu 1500', 'outside: ip link set eth0 mtu 1500'],
        inTurn(
          errorInFull('a', '203.0.113.10', { df: true, size: 1400 }),
          ping('a', '203.0.113.10', { df: true, size: 1400 }),
          ping('a', '203.0.113.10', { df: true, size: 1280 }),
        ),
      ),
      fact: '3/4 from 192.168.100.1 mtu 1280: ttl 63 tos 192 len 576, quotes ttl 63 src 10.244.1.2, after 0 s | EMSGSIZE | reply ttl 62',
    },
    {
      name: 'a route with an MTU of its own',
      run: during(
        ['a: ip route replace 10.244.2.0/24 via 10.244.1.1 mtu 1000'],
        ['a: ip route del 10.244.2.0/24'],
        inTurn(
          ping('a', '10.244.2.2', { df: true, size: 1001 }),
          watching('a', 'eth0', ipOut, ping('a', '10.244.2.2', { size: 1001 })),
        ),
      ),
      fact: 'EMSGSIZE | reply ttl 62 | 996 frag 0+ ttl 64 | 25 frag 976',
    },
    {
      name: 'twenty expired packets: the limit on errors',
      run: during(
        ['n1: sysctl -w net.ipv4.icmp_ratemask=6168'],
        ['n1: sysctl -w net.ipv4.icmp_ratemask=0'],
        inTurn(
          flood('b', '10.244.2.2', 20, { ttl: 1, timeout: 500 }),
          flood('b', '10.244.2.2', 20, { timeout: 500 }),
        ),
      ),
      fact: '6 of 20 | 20 of 20',
    },
    {
      name: 'strict rp_filter on a path that is symmetric',
      run: during(
        ['n2: sysctl -w net.ipv4.conf.all.rp_filter=1'],
        ['n2: sysctl -w net.ipv4.conf.all.rp_filter=0'],
        ping('a', '10.244.2.2'),
      ),
      fact: 'reply ttl 62',
    },
    {
      name: 'rp_filter 0, 1, 2 where the source lies behind another device',
      run: during(
        [
          'n1: ip route add 10.77.0.0/24 via 10.244.1.2',
          'c: ip addr add 10.77.0.1/32 dev eth0',
          'n2: iptables -t nat -I FLANNEL-POSTRTG -s 10.77.0.0/24 -j RETURN',
        ],
        [
          'n1: ip route del 10.77.0.0/24',
          'c: ip addr del 10.77.0.1/32 dev eth0',
          'n1: sysctl -w net.ipv4.conf.all.rp_filter=0',
          'n2: iptables -t nat -D FLANNEL-POSTRTG -s 10.77.0.0/24 -j RETURN',
        ],
        inTurn(
          ...[0, 1, 2].map((level) =>
            during(
              [`n1: sysctl -w net.ipv4.conf.all.rp_filter=${level}`],
              [],
              watching('a', 'eth0', arrivals, ping('c', '10.244.1.2', { src: '10.77.0.1', timeout: 300 })),
            ),
          ),
        ),
      ),
      fact: 'nothing | 84 ttl 62 | 112 ttl 64 | 84 ttl 63 | nothing | nothing | 84 ttl 62 | 112 ttl 64 | 84 ttl 63',
    },
    {
      name: 'a redirect for a packet that goes back where it came from',
      run: during(
        [
          'n1: ip route add 10.55.0.0/16 via 192.168.100.1',
          'router: ip route add 10.55.0.0/16 via 192.168.100.12',
        ],
        ['n1: ip route del 10.55.0.0/16', 'router: ip route del 10.55.0.0/16'],
        ping('n1', '10.55.0.1'),
      ),
      fact: '5/1 from 192.168.100.1',
    },
    {
      name: 'no redirect where NAT is not done with the packet yet',
      run: during(
        ['a: ip route add 10.55.0.0/16 via 10.244.1.1', 'n1: ip route add 10.55.0.0/16 via 10.244.1.3'],
        ['a: ip route del 10.55.0.0/16', 'n1: ip route del 10.55.0.0/16'],
        ping('a', '10.55.0.1'),
      ),
      fact: 'nothing',
    },
    {
      name: 'record route: with room for nine, for two, and full',
      run: inTurn(
        withOptions('a', '10.244.2.2', `072704${'00'.repeat(36)}00`),
        withOptions('a', '10.244.2.2', `070b04${'00'.repeat(8)}00`),
        withOptions('a', '10.244.2.2', '0707080a00000100'),
      ),
      fact: 'reply ttl 62 options 072720c0a8640b0af402010af402020af40202c0a8640c0af401010af40102000000000000000000 | reply ttl 62 options 070b0cc0a8640b0af4020100 | reply ttl 62 options 0707080a00000100',
    },
    {
      name: 'record route in errors, on the same bridge and from the node',
      run: inTurn(
        withOptions('a', '10.244.2.2', `072704${'00'.repeat(36)}00`, { ttl: 2 }),
        withOptions('a', '10.244.1.3', `070f04${'00'.repeat(12)}00`),
        withOptions('n1', '10.244.2.2', `070f04${'00'.repeat(12)}00`),
      ),
      fact: '11/0 from 192.168.100.12 options 072718c0a8640bc0a8640cc0a8640c0af401010af401020000000000000000000000000000000000 | reply ttl 64 options 070f100af401030af401030af4010200 | reply ttl 63 options 070f100af402010af402020af4020200',
    },
    {
      name: 'faulty options: parameter problem with the octet',
      run: inTurn(
        withOptions('a', '10.244.2.2', '0101070b02000000000000000000'.padEnd(32, '0')),
        withOptions('a', '10.244.1.1', '44040502'),
        withOptions('a', '10.244.2.2', '9400000000000000'.slice(0, 8)),
      ),
      fact: '12/0 from 10.244.1.1 pointer 24 | reply ttl 64 options 44040522 | 12/0 from 10.244.1.1 pointer 20',
    },
    {
      name: 'timestamps: where the pointer stands and how many had no room',
      run: inTurn(
        withOptions('a', '10.244.2.2', `44240500${'00'.repeat(32)}`, { head: 8 }),
        withOptions('a', '10.244.2.2', `44240501${'00'.repeat(32)}`, { head: 16 }),
        withOptions('a', '10.244.2.2', `44140503${'0af40202'}00000000${'0af40102'}00000000`, { head: 8 }),
        withOptions('a', '10.244.2.2', `44080500${'00'.repeat(4)}`, { head: 8 }),
      ),
      fact: 'reply ttl 62 options 44242100 | reply ttl 62 options 442425310af40101 | reply ttl 62 options 44141503 | reply ttl 62 options 44080950',
    },
    {
      name: 'source routes are refused; router alert and unknown options pass',
      run: inTurn(
        withOptions('n1', '192.168.100.12', '8307040af4020200'),
        withOptions('a', '10.244.2.2', '94040000'),
        withOptions('a', '10.244.2.2', '9e040000'),
      ),
      fact: 'nothing | reply ttl 62 | reply ttl 62',
    },
  ],
};

function arrivals(frame: { out: boolean; bytes: Uint8Array }): string | undefined {
  return frame.out ? undefined : ipOut({ ...frame, out: true });
}
