import { lab } from './lab.ts';
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
} from './probes.ts';
import { HOST_GW } from './topologies.ts';

const DEAD = { timeout: 4500 };

lab('hgw', HOST_GW, [
  {
    name: 'cold ping across nodes: ARP on the pod’s link',
    run: watching('a', 'eth0', arpBoth, ping('a', '10.244.2.2')),
    fact: '',
  },
  {
    name: 'cold ping to the other pod of that node: ARP on the underlay',
    run: watching('n1', 'eth0', arpBoth, ping('a', '10.244.2.3')),
    fact: '',
  },
  { name: 'same bridge', run: ping('a', '10.244.1.3'), fact: '' },
  { name: 'own bridge', run: ping('a', '10.244.1.1'), fact: '' },
  { name: 'own node', run: ping('a', '192.168.100.11'), fact: '' },
  { name: 'other node', run: ping('a', '192.168.100.12'), fact: '' },
  { name: 'pod on the other node', run: ping('a', '10.244.2.2'), fact: '' },
  { name: 'node to remote pod', run: ping('n1', '10.244.2.2'), fact: '' },
  { name: 'hops to a remote pod', run: traceroute('a', '10.244.2.2'), fact: '' },
  { name: 'hops to the other node', run: traceroute('a', '192.168.100.12'), fact: '' },
  { name: 'hops outside', run: traceroute('a', '203.0.113.10'), fact: '' },
  {
    name: 'UDP across nodes: source and TTL seen',
    run: udp('a', '10.244.2.2', 5000, { server: 'c' }),
    fact: '',
  },
  { name: 'UDP outside: masqueraded', run: udp('a', '203.0.113.10', 5000, { server: 'outside' }), fact: '' },
  { name: 'UDP from a node to a remote pod', run: udp('n1', '10.244.2.2', 5000, { server: 'c' }), fact: '' },
  { name: 'TCP across nodes', run: tcp('a', '10.244.2.2', 80, { server: 'c' }), fact: '' },
  { name: 'TCP outside', run: tcp('a', '203.0.113.10', 80, { server: 'outside' }), fact: '' },
  { name: 'closed UDP port', run: udp('a', '10.244.2.2', 5001), fact: '' },
  { name: 'closed TCP port', run: tcp('a', '10.244.2.2', 81), fact: '' },
  { name: 'an unknown protocol', run: errorInFull('a', '10.244.2.2', { proto: 200 }), fact: '' },
  { name: 'TTL 1', run: errorInFull('a', '10.244.2.2', { ttl: 1 }), fact: '' },
  {
    name: 'TTL 2, 1500 bytes, TOS 0x10',
    run: errorInFull('a', '10.244.2.2', { ttl: 2, size: 1500, tos: 0x10 }),
    fact: '',
  },
  {
    name: 'dead pod on the other node',
    run: watching('n2', 'cni0', arpAsks, errorInFull('a', '10.244.2.77', DEAD)),
    fact: '',
  },
  {
    name: 'dead pod on the own subnet',
    run: watching('a', 'eth0', arpAsks, errorInFull('a', '10.244.1.77', DEAD)),
    fact: '',
  },
  { name: 'dead node', run: errorInFull('a', '10.244.3.2', DEAD), fact: '' },
  { name: 'UDP to a dead pod', run: udp('a', '10.244.2.78', 5000, DEAD), fact: '' },
  { name: 'TCP to a dead address on the own subnet', run: tcp('a', '10.244.1.78', 80, DEAD), fact: '' },
  {
    name: 'an unleased pod address leaves by the default route, unmasqueraded',
    run: udp('a', '10.244.9.9', 5000),
    fact: '',
  },
  { name: 'no route at the router', run: errorInFull('a', '8.8.8.8'), fact: '' },
  {
    name: 'no route at the node',
    run: during(
      ['n1: ip route del default'],
      ['n1: ip route add default via 192.168.100.1'],
      errorInFull('a', '8.8.8.8'),
    ),
    fact: '',
  },
  {
    name: 'no route in the pod',
    run: during(
      ['a: ip route del default'],
      ['a: ip route add default via 10.244.1.1'],
      inTurn(ping('a', '8.8.8.8'), udp('a', '8.8.8.8', 53)),
    ),
    fact: '',
  },
  ...(['unreachable', 'prohibit', 'blackhole', 'throw'] as const).map((type) => ({
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
    fact: '',
  })),
  {
    name: 'forwarding off on the other node',
    run: during(
      ['n2: sysctl -w net.ipv4.ip_forward=0'],
      ['n2: sysctl -w net.ipv4.ip_forward=1'],
      ping('a', '10.244.2.2'),
    ),
    fact: '',
  },
  { name: 'echo to the subnet’s broadcast address', run: ping('a', '10.244.1.255'), fact: '' },
  {
    name: 'DF at the MTU and beyond it',
    run: inTurn(
      ping('a', '10.244.2.2', { df: true, size: 1500 }),
      ping('a', '10.244.2.2', { df: true, size: 1501 }),
    ),
    fact: '',
  },
  {
    name: 'no DF beyond the MTU: fragments',
    run: watching('a', 'eth0', ipOut, ping('a', '10.244.2.2', { size: 4000 })),
    fact: '',
  },
  {
    name: 'fragments cross conntrack and leave as they came',
    run: watching('n1', 'eth0', ipOut, ping('a', '10.244.2.2', { size: 4000 })),
    fact: '',
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
    fact: '',
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
    fact: '',
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
    fact: '',
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
    fact: '',
  },
  {
    name: 'strict rp_filter on a path that is symmetric',
    run: during(
      ['n2: sysctl -w net.ipv4.conf.all.rp_filter=1'],
      ['n2: sysctl -w net.ipv4.conf.all.rp_filter=0'],
      ping('a', '10.244.2.2'),
    ),
    fact: '',
  },
  {
    name: 'rp_filter 0, 1, 2 where the source lies behind another device',
    run: during(
      [
        'n1: ip route add 10.77.0.0/24 via 10.244.1.2',
        'c: ip addr add 10.77.0.1/32 dev eth0',
        'n1: iptables -t nat -I FLANNEL-POSTRTG -s 10.77.0.0/24 -j RETURN',
      ],
      [
        'n1: ip route del 10.77.0.0/24',
        'c: ip addr del 10.77.0.1/32 dev eth0',
        'n1: sysctl -w net.ipv4.conf.all.rp_filter=0',
        'n1: iptables -t nat -D FLANNEL-POSTRTG -s 10.77.0.0/24 -j RETURN',
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
    fact: '',
  },
  {
    name: 'a redirect for a packet that goes back where it came from',
    run: during(
      ['a: ip route add 10.55.0.0/16 via 10.244.1.1', 'n1: ip route add 10.55.0.0/16 via 10.244.1.3'],
      ['a: ip route del 10.55.0.0/16', 'n1: ip route del 10.55.0.0/16'],
      ping('a', '10.55.0.1'),
    ),
    fact: '',
  },
]);

function arrivals(frame: { out: boolean; bytes: Uint8Array }): string | undefined {
  return frame.out ? undefined : ipOut({ ...frame, out: true });
}
