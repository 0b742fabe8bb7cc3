// flannel's udp back end: the kernel's part is ours and Linux's, the daemon's is flanneld of ours and a stand-in for the real
// one (flannel_relay.py). Each daemon takes a TTL of its own and says nothing when it runs out.
import type { Lab } from '../lab.ts';
import {
  arpAsks,
  connections,
  during,
  errorInFull,
  icmpBoth,
  inTurn,
  ipOut,
  ipOutWithEnds,
  ping,
  tcp,
  traceroute,
  udp,
  watching,
} from '../probes.ts';
import { UDP_MODE } from '../topologies.ts';

const C = '10.244.2.2';
const mtu = (pods: number) => [
  `b: ip link set eth0 mtu ${pods}`,
  `n1: ip link set vb mtu ${pods}`,
  `n1: ip link set cni0 mtu ${pods}`,
];

export const udpMode: Lab = {
  name: 'ud',
  topology: UDP_MODE,
  probes: [
    { name: 'pod on the other node: four TTLs', run: ping('a', C), fact: 'reply ttl 60' },
    {
      name: 'hops: the daemons are silent',
      run: traceroute('a', C),
      fact: '10.244.1.1 * * 10.244.2.0 10.244.2.2',
    },
    { name: 'hops from a node', run: traceroute('n1', C), fact: '* * 10.244.2.0 10.244.2.2' },
    {
      name: 'what the underlay carries: bare IP in UDP, DF set',
      run: watching('n1', 'eth0', ipOutWithEnds, ping('a', C)),
      fact: 'reply ttl 60 | 192.168.100.11 > 192.168.100.12 proto 17 112 df ttl 64',
    },
    {
      name: 'what goes into the TUN',
      run: watching('n1', 'eth0', ipOut, udp('a', C, 5000, { server: 'c' })),
      fact: 'seen from 10.244.1.2 ttl 60 len 64, answered | 92 df ttl 64',
    },
    { name: 'TCP across', run: tcp('a', C, 80, { server: 'c' }), fact: 'seen from 10.244.1.2, connected' },
    {
      name: 'UDP from a node',
      run: udp('n1', C, 5000, { server: 'c' }),
      fact: 'seen from 10.244.1.0 ttl 61 len 64, answered',
    },
    {
      name: 'UDP outside: masqueraded',
      run: udp('a', '203.0.113.10', 5000, { server: 'outside' }),
      fact: 'seen from 192.168.100.11 ttl 62 len 64, answered',
    },
    {
      name: 'closed ports',
      run: inTurn(udp('a', C, 5001), tcp('a', C, 81)),
      fact: 'ECONNREFUSED | ECONNREFUSED',
    },
    {
      name: 'an unknown protocol',
      run: errorInFull('a', C, { proto: 200 }),
      fact: '3/2 from 10.244.2.2: ttl 60 tos 192 len 112, quotes ttl 60 src 10.244.1.2, after 0 s',
    },
    {
      name: 'the tunnel’s addresses',
      run: inTurn(ping('a', '10.244.2.0'), ping('a', '10.244.1.0'), ping('n1', '10.244.2.0')),
      fact: 'reply ttl 61 | reply ttl 64 | reply ttl 62',
    },
    {
      name: 'TTL 2 and 3 end in a daemon, TTL 4 in the far kernel',
      run: inTurn(...[2, 3, 4].map((ttl) => errorInFull('a', C, { ttl, timeout: 500 }))),
      fact: 'nothing | nothing | 11/0 from 10.244.2.0: ttl 61 tos 192 len 112, quotes ttl 1 src 10.244.1.2, after 0 s',
    },
    {
      name: 'DF at the MTU and beyond it',
      run: inTurn(ping('a', C, { df: true, size: 1472 }), ping('a', C, { df: true, size: 1473 })),
      fact: 'reply ttl 60 | EMSGSIZE',
    },
    {
      name: 'no DF beyond the MTU',
      run: watching('n1', 'eth0', ipOutWithEnds, ping('a', C, { size: 2000 })),
      fact: 'reply ttl 60 | 192.168.100.11 > 192.168.100.12 proto 17 1496 df ttl 64 | 192.168.100.11 > 192.168.100.12 proto 17 580 df ttl 64',
    },
    {
      name: 'pod MTU larger than the TUN’s',
      run: during(
        mtu(1500),
        mtu(1472),
        inTurn(
          errorInFull('b', C, { df: true, size: 1500 }),
          ping('b', C, { df: true, size: 1472 }),
          watching('n1', 'eth0', ipOutWithEnds, ping('b', '10.244.2.3', { size: 1500 })),
        ),
      ),
      fact: '3/4 from 10.244.1.1 mtu 1472: ttl 64 tos 192 len 576, quotes ttl 64 src 10.244.1.3, after 0 s | reply ttl 60 | reply ttl 60 | 192.168.100.11 > 192.168.100.12 proto 17 1496 df ttl 64 | 192.168.100.11 > 192.168.100.12 proto 17 80 df ttl 64',
    },
    {
      name: 'a smaller underlay: the daemon’s socket can’t send, and nobody hears of it',
      run: during(
        ['n1: ip link set eth0 mtu 1400', 'sw: ip link set p1 mtu 1400'],
        ['n1: ip link set eth0 mtu 1500', 'sw: ip link set p1 mtu 1500'],
        inTurn(
          ping('a', C, { size: 1372, timeout: 500 }),
          ping('a', C, { size: 1373, timeout: 500 }),
          ping('a', C, { size: 1373, df: true, timeout: 500 }),
        ),
      ),
      fact: 'reply ttl 60 | nothing | nothing',
    },
    {
      name: 'dead pod on the other node',
      run: watching('n2', 'cni0', arpAsks, errorInFull('a', '10.244.2.77', { timeout: 4500 })),
      fact: '3/1 from 10.244.2.0: ttl 61 tos 192 len 112, quotes ttl 60 src 10.244.1.2, after 3 s | who-has 10.244.2.77 | who-has 10.244.2.77 | who-has 10.244.2.77',
    },
    {
      name: 'dead node: silence',
      run: watching('n1', 'eth0', arpAsks, ping('a', '10.244.3.2', { timeout: 4500 })),
      fact: 'nothing | who-has 192.168.100.13 | who-has 192.168.100.13 | who-has 192.168.100.13',
    },
    {
      name: 'an address that nobody leases: the daemon says so, and the kernel takes it for a martian',
      run: watching('a', 'eth0', icmpBoth, udp('a', '10.244.9.9', 5000, { timeout: 500 })),
      fact: 'nothing',
    },
    { name: 'the same from the node', run: udp('n1', '10.244.9.9', 5000, { timeout: 500 }), fact: 'nothing' },
    {
      name: 'and a ping gets no answer at all',
      run: watching('a', 'eth0', icmpBoth, ping('a', '10.244.9.9', { timeout: 500 })),
      fact: 'nothing | > 10.244.1.2 10.244.9.9 8/0 84',
    },
    {
      name: 'connections on the near node: the packet, and the daemon’s own datagrams',
      run: connections('n1', 'dport=5004', udp('a', C, 5004, { server: 'c' })),
      fact: 'seen from 10.244.1.2 ttl 60 len 64, answered | udp src=10.244.1.2 dst=10.244.2.2 sport=* dport=5004 src=10.244.2.2 dst=10.244.1.2 sport=5004 dport=*',
    },
  ],
};
