// Services as kube-proxy's rules make them, in their barest form: a virtual address for a server elsewhere, on the same node, on the
// client itself, dead, or without any; node ports; the loopback address. What each side sees, what errors say, and
// what the table of connections has.
import type { Lab } from '../lab.ts';
import {
  connections,
  during,
  errorInFull,
  icmpBoth,
  inTurn,
  ipOut,
  ping,
  quoted,
  rest,
  tcp,
  tcpBoth,
  udp,
  watching,
} from '../probes.ts';
import { SERVICE } from '../topologies.ts';

const REMOTE = '10.96.0.10';
const LOCAL = '10.96.0.11';
const NONE = '10.96.0.12';
const DEAD = '10.96.0.13';
const DNS = { server: 'c', listen: 5353 };
const WEB = { server: 'c', listen: 8080 };

export const service: Lab = {
  name: 'sv',
  topology: SERVICE,
  probes: [
    {
      name: 'connections: a question and its answer, translated',
      run: connections('n1', `dst=${REMOTE}`, rest(10, udp('b', REMOTE, 53, DNS))),
      fact: 'seen from 10.244.1.3 ttl 62 len 64, answered | udp src=10.244.1.3 dst=10.96.0.10 sport=* dport=53 src=10.244.2.2 dst=10.244.1.3 sport=5353 dport=*',
    },
    {
      name: 'connections: unanswered',
      run: connections('n1', 'dst=10.244.2.66', udp('b', '10.244.2.66', 5005, { timeout: 100 })),
      fact: 'nothing | udp src=10.244.1.3 dst=10.244.2.66 sport=* dport=5005 [UNREPLIED] src=10.244.2.66 dst=10.244.1.3 sport=5005 dport=*',
    },
    {
      name: 'connections: masqueraded on the way out',
      run: connections('n1', 'dst=203.0.113.10', udp('b', '203.0.113.10', 5006, { server: 'outside' })),
      fact: 'seen from 192.168.100.11 ttl 62 len 64, answered | udp src=10.244.1.3 dst=203.0.113.10 sport=* dport=5006 src=203.0.113.10 dst=192.168.100.11 sport=5006 dport=*',
    },
    {
      name: 'connections: a ping and its masquerade',
      run: connections('n2', 'icmp', ping('d', '203.0.113.10')),
      fact: 'reply ttl 62 | icmp src=10.244.2.3 dst=203.0.113.10 type=8 code=0 id=* src=203.0.113.10 dst=192.168.100.12 type=0 code=0 id=*',
    },
    {
      name: 'connections: a TCP connection that was reset',
      run: connections('n1', `dst=${LOCAL}`, tcp('b', LOCAL, 80, { server: 'a', listen: 8080 })),
      fact: 'seen from 10.244.1.3, connected | tcp CLOSE src=10.244.1.3 dst=10.96.0.11 sport=* dport=80 src=10.244.1.2 dst=10.244.1.3 sport=8080 dport=* [ASSURED]',
    },
    {
      name: 'connections: a SYN that was refused',
      run: connections('n1', 'dport=5007', tcp('b', '10.244.2.2', 5007)),
      fact: 'ECONNREFUSED',
    },
    {
      name: 'connections: a SYN that nobody answers',
      run: connections('n1', 'dport=5008', tcp('b', '10.244.2.67', 5008, { timeout: 100 })),
      fact: 'nothing | tcp SYN_SENT src=10.244.1.3 dst=10.244.2.67 sport=* dport=5008 [UNREPLIED] src=10.244.2.67 dst=10.244.1.3 sport=5008 dport=*',
    },
    {
      name: 'connections: translated twice, at a node port',
      run: connections('n1', 'dport=30053', udp('outside', '192.168.100.11', 30_053, DNS)),
      fact: 'seen from 192.168.100.11 ttl 61 len 64, answered | udp src=203.0.113.10 dst=192.168.100.11 sport=* dport=30053 src=10.244.2.2 dst=192.168.100.11 sport=5353 dport=*',
    },
    {
      name: 'connections: what is dropped in FORWARD leaves none',
      run: during(
        ['n1: iptables -I FORWARD -p udp --dport 5009 -j DROP'],
        ['n1: iptables -D FORWARD -p udp --dport 5009 -j DROP'],
        connections('n1', 'dport=5009', udp('b', '10.244.2.2', 5009, { timeout: 100 })),
      ),
      fact: 'nothing',
    },
    {
      name: 'connections: NOTRACK leaves none',
      run: during(
        ['n1: iptables -t raw -I PREROUTING -p udp --dport 5010 -j CT --notrack'],
        ['n1: iptables -t raw -D PREROUTING -p udp --dport 5010 -j CT --notrack'],
        connections('n1', 'dport=5010', udp('b', '10.244.2.2', 5010, { server: 'c' })),
      ),
      fact: 'seen from 10.244.1.3 ttl 62 len 64, answered | udp src=10.244.2.2 dst=10.244.1.3 sport=5010 dport=* [UNREPLIED] src=10.244.1.3 dst=10.244.2.2 sport=* dport=5010',
    },
    {
      name: 'a server on the other node, UDP',
      run: udp('a', REMOTE, 53, DNS),
      fact: 'seen from 10.244.1.2 ttl 62 len 64, answered',
    },
    {
      name: 'a server on the other node, TCP',
      run: tcp('a', REMOTE, 80, WEB),
      fact: 'seen from 10.244.1.2, connected',
    },
    {
      name: 'from the node itself',
      run: inTurn(udp('n1', REMOTE, 53, DNS), tcp('n1', REMOTE, 80, WEB)),
      fact: 'seen from 192.168.100.11 ttl 63 len 64, answered | seen from 192.168.100.11, connected',
    },
    {
      name: 'a server on the same node',
      run: udp('b', LOCAL, 53, { server: 'a', listen: 5353 }),
      fact: 'seen from 10.244.1.3 ttl 64 len 64, answered',
    },
    {
      name: 'a server on the same node, across: its own node',
      run: udp('n1', LOCAL, 53, { server: 'a', listen: 5353 }),
      fact: 'seen from 192.168.100.11 ttl 64 len 64, answered',
    },
    {
      name: 'the client itself is the server: masqueraded, by the hairpin',
      run: inTurn(
        udp('a', LOCAL, 53, { server: 'a', listen: 5353 }),
        tcp('a', LOCAL, 80, { server: 'a', listen: 8080 }),
      ),
      fact: 'seen from 10.244.1.1 ttl 64 len 64, answered | seen from 10.244.1.1, connected',
    },
    {
      name: 'no server: refused at once',
      run: inTurn(udp('a', NONE, 53), tcp('a', NONE, 80), udp('n1', NONE, 53), tcp('n1', NONE, 80)),
      fact: 'ECONNREFUSED | ECONNREFUSED | EPERM | ECONNREFUSED',
    },
    {
      name: 'what refuses, seen at the pod',
      run: watching('a', 'eth0', icmpBoth, udp('a', NONE, 53)),
      fact: 'ECONNREFUSED | < 10.244.1.1 10.244.1.2 3/3 92',
    },
    {
      name: 'the server’s port is closed: the error is the service’s',
      run: watching('a', 'eth0', icmpBoth, udp('a', REMOTE, 53)),
      fact: 'ECONNREFUSED | < 10.96.0.10 10.244.1.2 3/3 92',
    },
    {
      name: 'the same with TCP: the reset is the service’s',
      run: watching('a', 'eth0', tcpBoth, tcp('a', REMOTE, 80)),
      fact: 'ECONNREFUSED | > S win 64240 ttl 64 df len 60 | < R. win 0 ttl 62 df len 40',
    },
    {
      name: 'the server is dead',
      run: tcp('a', DEAD, 80, { timeout: 4500 }),
      fact: 'EHOSTUNREACH, after 3 s',
    },
    {
      name: 'a port that the service has not: by the default route',
      run: udp('a', REMOTE, 54, { timeout: 500 }),
      fact: 'nothing',
    },
    {
      name: 'a service does not answer pings',
      run: watching('n1', 'eth0', ipOut, ping('a', REMOTE, { timeout: 500 })),
      fact: '3/0 from 192.168.100.1 | 84 ttl 63',
    },
    {
      name: 'the TTL runs out before and behind the translation',
      run: inTurn(
        ...[1, 2].map((ttl) =>
          watching('a', 'eth0', icmpBoth, udp('a', REMOTE, 53, { ...DNS, ttl, timeout: 500 })),
        ),
      ),
      fact: 'nothing | < 10.96.0.10 10.244.1.2 11/0 92 | nothing | < 10.96.0.10 10.244.1.2 11/0 92',
    },
    {
      name: 'a datagram in fragments',
      run: watching('n1', 'eth0', ipOut, udp('a', REMOTE, 53, { ...DNS, size: 4000 })),
      fact: 'seen from 10.244.1.2 ttl 62 len 4000, answered | 1500 frag 0+ ttl 63 | 1500 frag 1480+ | 1040 frag 2960',
    },
    {
      name: 'a smaller link behind the service: its address is what the sender learns of',
      run: during(
        ['n1: ip link set eth0 mtu 1400', 'sw: ip link set p1 mtu 1400'],
        ['n1: ip link set eth0 mtu 1500', 'sw: ip link set p1 mtu 1500'],
        inTurn(
          watching(
            'b',
            'eth0',
            icmpBoth,
            udp('b', REMOTE, 53, { ...DNS, size: 1450, df: true, timeout: 500 }),
          ),
          udp('b', REMOTE, 53, { ...DNS, size: 1450, df: true, timeout: 500 }),
          udp('b', REMOTE, 53, { ...DNS, size: 1400, df: true, timeout: 500 }),
        ),
      ),
      fact: 'EMSGSIZE | < 10.96.0.10 10.244.1.3 3/4 576 | EMSGSIZE | seen from 10.244.1.3 ttl 62 len 1400, answered',
    },
    {
      name: 'a node port from outside: masqueraded',
      run: inTurn(
        udp('outside', '192.168.100.11', 30_053, DNS),
        tcp('outside', '192.168.100.11', 30_080, WEB),
      ),
      fact: 'seen from 192.168.100.11 ttl 61 len 64, answered | seen from 192.168.100.11, connected',
    },
    {
      name: 'a node port at a node without the server, from the other node and its pods',
      run: inTurn(udp('n2', '192.168.100.11', 30_053, DNS), udp('d', '192.168.100.11', 30_053, DNS)),
      fact: 'seen from 192.168.100.11 ttl 62 len 64, answered | seen from 192.168.100.11 ttl 61 len 64, answered',
    },
    {
      name: 'a node port from the node, by its own address',
      run: udp('n1', '192.168.100.11', 30_053, DNS),
      fact: 'seen from 192.168.100.11 ttl 63 len 64, answered',
    },
    {
      name: 'a node port by 127.0.0.1: needs route_localnet',
      run: inTurn(
        udp('n1', '127.0.0.1', 30_053, { ...DNS, timeout: 500 }),
        during(
          ['n1: sysctl -w net.ipv4.conf.all.route_localnet=1'],
          ['n1: sysctl -w net.ipv4.conf.all.route_localnet=0'],
          udp('n1', '127.0.0.1', 30_053, DNS),
        ),
      ),
      fact: 'EINVAL | seen from 192.168.100.11 ttl 63 len 64, answered',
    },
    {
      name: 'an error from a router on the way quotes the service, not the server',
      run: quoted('b', '203.0.113.10', { ttl: 2 }),
      fact: '11/0 from 192.168.100.1: 84 bytes 4500005400000000010100000af40103cb00710a0800000000000000',
    },
    {
      name: 'an error in full about a ping through the masquerade',
      run: errorInFull('b', '203.0.113.10', { ttl: 2, size: 1500 }),
      fact: '11/0 from 192.168.100.1: ttl 63 tos 192 len 576, quotes ttl 1 src 10.244.1.3, after 0 s',
    },
  ],
};
