import type { Lab } from '../lab.ts';
import {
  arpAsks,
  during,
  errorInFull,
  inTurn,
  ipOut,
  ipOutWithEnds,
  ping,
  tcp,
  traceroute,
  udp,
  watching,
} from '../probes.ts';
import { VXLAN } from '../topologies.ts';

const DEAD = { timeout: 4500 };

export const vxlan: Lab = {
  name: 'vx',
  topology: VXLAN,
  probes: [
    { name: 'pod on the other node, cold', run: ping('a', '10.244.2.2'), fact: 'reply ttl 62' },
    {
      name: 'what the underlay carries: outer TTL, no DF, sizes',
      run: watching('n1', 'eth0', ipOutWithEnds, ping('a', '10.244.2.2')),
      fact: 'reply ttl 62 | 192.168.100.11 > 192.168.100.12 proto 17 134 ttl 64',
    },
    {
      name: 'DF inside does not show outside',
      run: watching('n1', 'eth0', ipOutWithEnds, ping('a', '10.244.2.2', { df: true, size: 1450 })),
      fact: 'reply ttl 62 | 192.168.100.11 > 192.168.100.12 proto 17 1500 ttl 64',
    },
    {
      name: 'inner TTL and size on flannel.1',
      run: watching('n1', 'flannel.1', ipOut, ping('a', '10.244.2.2')),
      fact: 'reply ttl 62 | 84 ttl 63',
    },
    {
      name: 'hops to a remote pod',
      run: traceroute('a', '10.244.2.2'),
      fact: '10.244.1.1 10.244.2.0 10.244.2.2',
    },
    {
      name: 'hops from a node to a remote pod',
      run: traceroute('n1', '10.244.2.2'),
      fact: '10.244.2.0 10.244.2.2',
    },
    {
      name: 'hops to the other node',
      run: traceroute('a', '192.168.100.12'),
      fact: '10.244.1.1 192.168.100.12',
    },
    { name: 'the peer’s tunnel address from a pod', run: ping('a', '10.244.2.0'), fact: 'reply ttl 63' },
    {
      name: 'the peer’s tunnel address from the node',
      run: ping('n1', '10.244.2.0'),
      fact: 'reply ttl 64',
    },
    { name: 'the own tunnel address', run: ping('a', '10.244.1.0'), fact: 'reply ttl 64' },
    {
      name: 'UDP across: source and TTL seen',
      run: udp('a', '10.244.2.2', 5000, { server: 'c' }),
      fact: 'seen from 10.244.1.2 ttl 62 len 64, answered',
    },
    {
      name: 'UDP from a node to a remote pod',
      run: udp('n1', '10.244.2.2', 5000, { server: 'c' }),
      fact: 'seen from 10.244.1.0 ttl 63 len 64, answered',
    },
    {
      name: 'UDP from a pod to the other node',
      run: udp('a', '192.168.100.12', 5000, { server: 'n2' }),
      fact: 'seen from 192.168.100.11 ttl 63 len 64, answered',
    },
    {
      name: 'UDP outside: masqueraded',
      run: udp('a', '203.0.113.10', 5000, { server: 'outside' }),
      fact: 'seen from 192.168.100.11 ttl 62 len 64, answered',
    },
    {
      name: 'TCP across',
      run: tcp('a', '10.244.2.2', 80, { server: 'c' }),
      fact: 'seen from 10.244.1.2, connected',
    },
    { name: 'closed UDP port', run: udp('a', '10.244.2.2', 5001), fact: 'ECONNREFUSED' },
    { name: 'closed TCP port', run: tcp('a', '10.244.2.2', 81), fact: 'ECONNREFUSED' },
    {
      name: 'an error from a remote pod in full',
      run: errorInFull('a', '10.244.2.2', { proto: 200, tos: 0x20 }),
      fact: '3/2 from 10.244.2.2: ttl 62 tos 192 len 112, quotes ttl 62 src 10.244.1.2, after 0 s',
    },
    {
      name: 'an error from the far node in full',
      run: errorInFull('a', '10.244.2.2', { ttl: 2 }),
      fact: '11/0 from 10.244.2.0: ttl 63 tos 192 len 112, quotes ttl 1 src 10.244.1.2, after 0 s',
    },
    {
      name: 'dead pod on the other node',
      run: watching('n2', 'cni0', arpAsks, errorInFull('a', '10.244.2.77', DEAD)),
      fact: '3/1 from 10.244.2.0: ttl 63 tos 192 len 112, quotes ttl 62 src 10.244.1.2, after 3 s | who-has 10.244.2.77 | who-has 10.244.2.77 | who-has 10.244.2.77',
    },
    {
      name: 'dead node: silence',
      run: watching('n1', 'eth0', arpAsks, ping('a', '10.244.3.2', DEAD)),
      fact: 'nothing | who-has 192.168.100.13 | who-has 192.168.100.13 | who-has 192.168.100.13',
    },
    {
      name: 'no neighbour entry for the peer',
      run: watching('n1', 'eth0', ipOutWithEnds, errorInFull('a', '10.244.4.2', DEAD)),
      fact: '3/1 from 10.244.1.1: ttl 64 tos 192 len 112, quotes ttl 63 src 10.244.1.2, after 3 s',
    },
    {
      name: 'no fdb entry for the peer',
      run: watching('n1', 'eth0', ipOutWithEnds, ping('a', '10.244.5.2')),
      fact: 'nothing',
    },
    {
      name: 'a wrong MAC for the peer: the far node drops it',
      run: during(
        [
          'n1: ip neigh replace 10.244.2.0 lladdr 0e:00:00:00:00:09 dev flannel.1 nud permanent',
          'n1: bridge fdb replace 0e:00:00:00:00:09 dev flannel.1 dst 192.168.100.12',
        ],
        ['n1: ip neigh replace 10.244.2.0 lladdr 0e:00:00:00:00:02 dev flannel.1 nud permanent'],
        watching('n2', 'eth0', (f) => ipOutWithEnds({ ...f, out: !f.out }), ping('a', '10.244.2.2')),
      ),
      fact: 'nothing | 192.168.100.11 > 192.168.100.12 proto 17 134 ttl 64',
    },
    {
      name: 'DF at the MTU and beyond it',
      run: inTurn(
        ping('a', '10.244.2.2', { df: true, size: 1450 }),
        ping('a', '10.244.2.2', { df: true, size: 1451 }),
      ),
      fact: 'reply ttl 62 | EMSGSIZE',
    },
    {
      name: 'no DF beyond the MTU',
      run: inTurn(
        watching('a', 'eth0', ipOut, ping('a', '10.244.2.2', { size: 2028 })),
        watching('n1', 'eth0', ipOutWithEnds, ping('a', '10.244.2.2', { size: 2028 })),
      ),
      fact: 'reply ttl 62 | 1444 frag 0+ ttl 64 | 604 frag 1424 | reply ttl 62 | 192.168.100.11 > 192.168.100.12 proto 17 1494 ttl 64 | 192.168.100.11 > 192.168.100.12 proto 17 654 ttl 64',
    },
    {
      name: 'pod MTU larger than the tunnel’s',
      run: during(
        ['b: ip link set eth0 mtu 1500', 'n1: ip link set vb mtu 1500', 'n1: ip link set cni0 mtu 1500'],
        ['b: ip link set eth0 mtu 1450', 'n1: ip link set vb mtu 1450', 'n1: ip link set cni0 mtu 1450'],
        inTurn(
          errorInFull('b', '10.244.2.2', { df: true, size: 1500 }),
          ping('b', '10.244.2.2', { df: true, size: 1500 }),
          watching('n1', 'eth0', ipOutWithEnds, ping('b', '10.244.2.3', { size: 1500 })),
        ),
      ),
      fact: '3/4 from 10.244.1.1 mtu 1450: ttl 64 tos 192 len 576, quotes ttl 64 src 10.244.1.3, after 0 s | EMSGSIZE | reply ttl 62 | 192.168.100.11 > 192.168.100.12 proto 17 1494 ttl 64 | 192.168.100.11 > 192.168.100.12 proto 17 126 ttl 64',
    },
    {
      name: 'a smaller underlay under the tunnel: outer fragments, no error',
      run: during(
        ['n1: ip link set eth0 mtu 1400', 'sw: ip link set p1 mtu 1400'],
        [
          'n1: ip link set eth0 mtu 1500',
          'sw: ip link set p1 mtu 1500',
          'n1: ip link set flannel.1 mtu 1450',
        ],
        watching(
          'n1',
          'eth0',
          ipOutWithEnds,
          ping('a', '10.244.2.2', { df: true, size: 1450, timeout: 500 }),
        ),
      ),
      fact: 'reply ttl 62 | 192.168.100.11 > 192.168.100.12 proto 17 1396 frag 0+ ttl 64 | 192.168.100.11 > 192.168.100.12 proto 17 124 frag 1376',
    },
    {
      name: 'an unleased pod address leaves by the default route, unmasqueraded',
      run: watching('n1', 'eth0', ipOutWithEnds, ping('a', '10.244.9.9')),
      fact: 'nothing | 10.244.1.2 > 10.244.9.9 proto 1 84 ttl 63',
    },
  ],
};
