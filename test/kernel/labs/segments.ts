// Two underlay segments with a router between them: VXLAN across it, nodes to nodes, and the router's own part in sizes, errors and
// routes that lead nowhere.
import type { Lab } from '../lab.ts';
import {
  arpAsks,
  during,
  errorInFull,
  icmpBoth,
  inTurn,
  ipOut,
  ipOutWithEnds,
  ping,
  quoted,
  takes,
  tcp,
  traceroute,
  udp,
  watching,
} from '../probes.ts';
import { SEGMENTS } from '../topologies.ts';

const N2 = '192.168.101.12';
const C = '10.244.2.2';
const arriving = (f: { out: boolean; bytes: Uint8Array }) => ipOutWithEnds({ ...f, out: !f.out });
const narrow = [
  'router: ip link set eth1 mtu 1400',
  'sw: ip link set p5 mtu 1400',
  'n2: ip link set eth0 mtu 1400',
  'sw: ip link set p4 mtu 1400',
];
const wide = [
  'router: ip link set eth1 mtu 1500',
  'sw: ip link set p5 mtu 1500',
  'n2: ip link set eth0 mtu 1500',
  'sw: ip link set p4 mtu 1500',
  'n2: ip link set flannel.1 mtu 1450',
];

export const segments: Lab = {
  name: 'sg',
  topology: SEGMENTS,
  probes: [
    {
      name: 'node to node across the router',
      run: inTurn(ping('n1', N2), traceroute('n1', N2)),
      fact: 'reply ttl 63 | 192.168.100.1 192.168.101.12',
    },
    {
      name: 'pod to pod: the router is no hop of theirs',
      run: inTurn(ping('a', C), traceroute('a', C)),
      fact: 'reply ttl 62 | 10.244.1.1 10.244.2.0 10.244.2.2',
    },
    {
      name: 'the outer TTL that arrives has the router in it',
      run: watching('n2', 'eth0', arriving, ping('a', C)),
      fact: 'reply ttl 62 | 192.168.100.11 > 192.168.101.12 proto 17 134 ttl 63',
    },
    {
      name: 'pod to the other node: masqueraded',
      run: udp('a', N2, 5000, { server: 'n2' }),
      fact: 'seen from 192.168.100.11 ttl 62 len 64, answered',
    },
    { name: 'TCP across', run: tcp('a', C, 80, { server: 'c' }), fact: 'seen from 10.244.1.2, connected' },
    {
      name: 'an error from the far node comes through the tunnel',
      run: errorInFull('a', C, { ttl: 2 }),
      fact: '11/0 from 10.244.2.0: ttl 63 tos 192 len 112, quotes ttl 1 src 10.244.1.2, after 0 s',
    },
    {
      name: 'TTL 1 at the router',
      run: quoted('n1', N2, { ttl: 1 }),
      fact: '11/0 from 192.168.100.1: 84 bytes 450000540000000001010000c0a8640bc0a8650c0800000000000000',
    },
    {
      name: 'a pod’s packet that ends at the router: the error is undone through the NAT',
      run: quoted('a', N2, { ttl: 2 }),
      fact: '11/0 from 192.168.100.1: 84 bytes 4500005400000000010100000af40102c0a8650c0800000000000000',
    },
    {
      name: 'host-gw needs one segment: the gateway is not on the link',
      run: inTurn(
        takes('n1: ip route add 10.244.7.0/24 via 192.168.101.12', 'n1: ip route del 10.244.7.0/24'),
        takes('n1: ip route add 10.244.7.0/24 via 192.168.100.1', 'n1: ip route del 10.244.7.0/24'),
      ),
      fact: 'refused | done',
    },
    {
      name: 'a smaller second segment: the outer packet is cut by the router',
      run: during(
        narrow,
        wide,
        watching('n2', 'eth0', arriving, ping('a', C, { df: true, size: 1450, timeout: 500 })),
      ),
      fact: 'reply ttl 62 | 192.168.100.11 > 192.168.101.12 proto 17 1396 frag 0+ ttl 63 | 192.168.100.11 > 192.168.101.12 proto 17 124 frag 1376',
    },
    {
      name: 'and nodes learn its MTU',
      run: during(
        narrow,
        wide,
        inTurn(
          errorInFull('n1', N2, { df: true, size: 1500 }),
          ping('n1', N2, { df: true, size: 1500 }),
          ping('n1', N2, { df: true, size: 1400 }),
          watching('n1', 'eth0', ipOut, ping('n1', N2, { size: 1500 })),
        ),
      ),
      fact: '3/4 from 192.168.100.1 mtu 1400: ttl 64 tos 192 len 576, quotes ttl 64 src 192.168.100.11, after 0 s | EMSGSIZE | reply ttl 63 | reply ttl 63 | 1396 frag 0+ ttl 64 | 124 frag 1376',
    },
    {
      name: 'pods learn it through the NAT',
      run: during(
        narrow,
        wide,
        inTurn(
          errorInFull('b', N2, { df: true, size: 1450 }),
          ping('b', N2, { df: true, size: 1401 }),
          ping('b', N2, { df: true, size: 1400 }),
        ),
      ),
      fact: '3/4 from 192.168.100.1 mtu 1400: ttl 63 tos 192 len 576, quotes ttl 63 src 10.244.1.3, after 0 s | EMSGSIZE | reply ttl 62',
    },
    {
      name: 'TCP to a node behind it',
      run: during(narrow, wide, tcp('b', N2, 80, { server: 'n2' })),
      fact: 'seen from 192.168.100.11, connected',
    },
    {
      name: 'a dead node in the other segment: the router says so, of the outer packet, to the node; the pod hears nothing',
      run: watching('n1', 'eth0', icmpBoth, ping('a', '10.244.3.2', { timeout: 4500 })),
      fact: 'nothing | < 192.168.100.1 192.168.100.11 3/1 162',
    },
    {
      name: 'the same node asked directly',
      run: watching('router', 'eth1', arpAsks, errorInFull('n1', '192.168.101.14', { timeout: 4500 })),
      fact: '3/1 from 192.168.100.1: ttl 64 tos 192 len 112, quotes ttl 63 src 192.168.100.11, after 3 s | who-has 192.168.101.14 | who-has 192.168.101.14 | who-has 192.168.101.14',
    },
    ...(
      [
        [
          'unreachable',
          '3/1 from 192.168.100.1: ttl 64 tos 192 len 112, quotes ttl 64 src 192.168.100.11, after 0 s | nothing | EHOSTUNREACH',
        ],
        [
          'prohibit',
          '3/13 from 192.168.100.1: ttl 64 tos 192 len 112, quotes ttl 64 src 192.168.100.11, after 0 s | nothing | EHOSTUNREACH',
        ],
        ['blackhole', 'nothing | nothing | nothing'],
        [
          'throw',
          '3/0 from 192.168.100.1: ttl 64 tos 192 len 112, quotes ttl 64 src 192.168.100.11, after 0 s | nothing | ENETUNREACH',
        ],
      ] as const
    ).map(([type, fact]) => ({
      name: `the router’s route is of type ${type}`,
      run: during(
        [`router: ip route add ${type} 192.168.101.12/32`],
        [`router: ip route del ${type} 192.168.101.12/32`],
        inTurn(
          errorInFull('n1', N2, { timeout: 500 }),
          ping('a', C, { timeout: 500 }),
          tcp('n1', N2, 80, { timeout: 500 }),
        ),
      ),
      fact,
    })),
    {
      name: 'the router refuses VXLAN: the error about the outer packet goes to the node',
      run: during(
        ['router: iptables -A FORWARD -p udp --dport 8472 -j REJECT'],
        ['router: iptables -D FORWARD -p udp --dport 8472 -j REJECT'],
        watching('n1', 'eth0', icmpBoth, udp('a', C, 5000, { server: 'c', timeout: 500 })),
      ),
      fact: 'nothing | < 192.168.100.1 192.168.100.11 3/3 142',
    },
    {
      name: 'nobody listens for VXLAN there: port unreachable about the outer packet',
      run: during(
        ['n2: ip link set flannel.1 down'],
        [
          'n2: ip link set flannel.1 up',
          'n2: ip neigh replace 10.244.1.0 lladdr 0e:00:00:00:00:01 dev flannel.1 nud permanent',
          'n2: bridge fdb replace 0e:00:00:00:00:01 dev flannel.1 dst 192.168.100.11',
          'n2: ip route add 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink',
        ],
        watching('n1', 'eth0', icmpBoth, udp('a', C, 5000, { timeout: 500 })),
      ),
      fact: 'nothing | < 192.168.101.12 192.168.100.11 3/3 142',
    },
    {
      name: 'a VNI that is unknown there',
      run: during(
        [
          'n1: ip link add vx9 type vxlan id 9 dev eth0 local 192.168.100.11 dstport 8472 nolearning',
          'n1: ip link set vx9 address 0e:00:00:00:00:19; ip link set vx9 up'.split(';')[0]!,
          'n1: ip link set vx9 up',
          'n1: ip neigh replace 10.244.8.0 lladdr 0e:00:00:00:00:02 dev vx9 nud permanent',
          'n1: bridge fdb replace 0e:00:00:00:00:02 dev vx9 dst 192.168.101.12',
          'n1: ip route add 10.244.8.0/24 via 10.244.8.0 dev vx9 onlink',
        ],
        ['n1: ip link del vx9'],
        watching('n2', 'eth0', arriving, ping('a', '10.244.8.2', { timeout: 500 })),
      ),
      fact: 'nothing | 192.168.100.11 > 192.168.101.12 proto 17 134 ttl 63',
    },
    {
      name: 'strict rp_filter on the far node: the tunnel’s source is looked up in the inner routes',
      run: during(
        ['n2: sysctl -w net.ipv4.conf.all.rp_filter=1'],
        ['n2: sysctl -w net.ipv4.conf.all.rp_filter=0'],
        inTurn(ping('a', C), ping('n1', C)),
      ),
      fact: 'reply ttl 62 | reply ttl 63',
    },
    {
      name: 'outside from a pod in the second segment',
      run: inTurn(traceroute('c', '203.0.113.10'), udp('c', '203.0.113.10', 5000, { server: 'outside' })),
      fact: '10.244.2.1 192.168.101.1 203.0.113.10 | seen from 192.168.101.12 ttl 62 len 64, answered',
    },
  ],
};
