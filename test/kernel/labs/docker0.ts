import type { Lab } from '../lab.ts';
import {
  arpAsks,
  during,
  errorInFull,
  inTurn,
  ipOutWithEnds,
  ping,
  tcp,
  traceroute,
  udp,
  watching,
} from '../probes.ts';
import { DOCKER0 } from '../topologies.ts';

export const docker0: Lab = {
  name: 'dk',
  topology: DOCKER0,
  probes: [
    { name: 'the other container', run: ping('a', '172.17.0.3'), fact: 'reply ttl 64' },
    { name: 'the bridge', run: ping('a', '172.17.0.1'), fact: 'reply ttl 64' },
    { name: 'the own host’s address', run: ping('a', '192.168.100.11'), fact: 'reply ttl 64' },
    { name: 'the other host', run: ping('a', '192.168.100.12'), fact: 'reply ttl 63' },
    {
      name: 'hops to the other host',
      run: traceroute('a', '192.168.100.12'),
      fact: '172.17.0.1 192.168.100.12',
    },
    {
      name: 'hops outside',
      run: traceroute('a', '203.0.113.10'),
      fact: '172.17.0.1 192.168.100.1 203.0.113.10',
    },
    {
      name: 'errors from beyond the masquerade quote the container’s own address',
      run: errorInFull('a', '203.0.113.10', { ttl: 2 }),
      fact: '11/0 from 192.168.100.1: ttl 63 tos 192 len 112, quotes ttl 1 src 172.17.0.2, after 0 s',
    },
    {
      name: 'a packet to "the other host’s" 172.17.0.4 never leaves',
      run: watching('n1', 'eth0', ipOutWithEnds, errorInFull('a', '172.17.0.4', { timeout: 4500 })),
      fact: '3/1 from 172.17.0.2: ttl 64 tos 192 len 112, quotes ttl 64 src 172.17.0.2, after 3 s',
    },
    {
      name: 'it asks on the own bridge only',
      run: watching(
        'n1',
        'docker0',
        (f) => arpAsks({ ...f, out: true }),
        ping('a', '172.17.0.5', { timeout: 4500 }),
      ),
      fact: '3/1 from 172.17.0.2 | who-has 172.17.0.5 | who-has 172.17.0.5 | who-has 172.17.0.5',
    },
    {
      name: 'UDP outside: source seen',
      run: udp('a', '203.0.113.10', 5000, { server: 'outside' }),
      fact: 'seen from 192.168.100.11 ttl 62 len 64, answered',
    },
    {
      name: 'UDP to the other host: source seen',
      run: udp('a', '192.168.100.12', 5000, { server: 'n2' }),
      fact: 'seen from 192.168.100.11 ttl 63 len 64, answered',
    },
    {
      name: 'UDP to the own host: source seen',
      run: udp('a', '192.168.100.11', 5000, { server: 'n1' }),
      fact: 'seen from 172.17.0.2 ttl 64 len 64, not answered',
    },
    {
      name: 'TCP outside',
      run: tcp('a', '203.0.113.10', 80, { server: 'outside' }),
      fact: 'seen from 192.168.100.11, connected',
    },
    {
      name: 'closed port outside, through the masquerade',
      run: inTurn(udp('a', '203.0.113.10', 5001), tcp('a', '203.0.113.10', 81)),
      fact: 'ECONNREFUSED | ECONNREFUSED',
    },
    {
      name: 'published TCP port from outside',
      run: tcp('n2', '192.168.100.11', 8080, { server: 'a', listen: 80 }),
      fact: 'seen from 192.168.100.12, connected',
    },
    {
      name: 'published TCP port from the host itself',
      run: tcp('n1', '192.168.100.11', 8080, { server: 'a', listen: 80 }),
      fact: 'seen from 192.168.100.11, connected',
    },
    {
      name: 'published TCP port by 127.0.0.1: refused without the proxy',
      run: tcp('n1', '127.0.0.1', 8080, { server: 'a', listen: 80 }),
      fact: 'ECONNREFUSED',
    },
    {
      name: 'published TCP port from a container of the own host: refused',
      run: tcp('b', '192.168.100.11', 8080, { server: 'a', listen: 80 }),
      fact: 'ECONNREFUSED',
    },
    {
      name: 'published UDP port from the other host’s container',
      run: udp('c', '192.168.100.11', 5353, { server: 'a', listen: 53 }),
      fact: 'seen from 192.168.100.12 ttl 62 len 64, answered',
    },
    {
      name: 'published UDP port where nothing listens',
      run: udp('n2', '192.168.100.11', 5353),
      fact: 'ECONNREFUSED',
    },
    {
      name: 'published TCP port where nothing listens',
      run: tcp('n2', '192.168.100.11', 8080),
      fact: 'ECONNREFUSED',
    },
    {
      name: 'a port that is not published',
      run: inTurn(
        tcp('n2', '192.168.100.11', 80, { server: 'a' }),
        udp('n2', '192.168.100.11', 53, { server: 'a' }),
      ),
      fact: 'ECONNREFUSED | ECONNREFUSED',
    },
    {
      name: 'FORWARD policy DROP cuts off the world, and the bridge’s own traffic while br_netfilter is on',
      run: during(
        ['n1: iptables -P FORWARD DROP'],
        ['n1: iptables -P FORWARD ACCEPT', 'n1: sysctl -w net.bridge.bridge-nf-call-iptables=1'],
        inTurn(
          ping('a', '203.0.113.10', { timeout: 300 }),
          ping('a', '172.17.0.3', { timeout: 300 }),
          during(
            ['n1: sysctl -w net.bridge.bridge-nf-call-iptables=0'],
            [],
            ping('a', '172.17.0.3', { timeout: 300 }),
          ),
          ping('a', '172.17.0.1', { timeout: 300 }),
        ),
      ),
      fact: 'nothing | nothing | reply ttl 64 | reply ttl 64',
    },
    {
      name: 'REJECT on the way through',
      run: during(
        [
          'n1: iptables -I FORWARD -d 203.0.113.10 -p udp --dport 7000 -j REJECT',
          'n1: iptables -I FORWARD -d 203.0.113.10 -p tcp --dport 7001 -j REJECT --reject-with tcp-reset',
          'n1: iptables -I FORWARD -d 203.0.113.10 -p icmp -j REJECT --reject-with icmp-admin-prohibited',
        ],
        [
          'n1: iptables -D FORWARD -d 203.0.113.10 -p udp --dport 7000 -j REJECT',
          'n1: iptables -D FORWARD -d 203.0.113.10 -p tcp --dport 7001 -j REJECT --reject-with tcp-reset',
          'n1: iptables -D FORWARD -d 203.0.113.10 -p icmp -j REJECT --reject-with icmp-admin-prohibited',
        ],
        inTurn(
          udp('a', '203.0.113.10', 7000),
          tcp('a', '203.0.113.10', 7001),
          errorInFull('a', '203.0.113.10'),
        ),
      ),
      fact: 'ECONNREFUSED | ECONNREFUSED | 3/13 from 172.17.0.1: ttl 64 tos 192 len 112, quotes ttl 63 src 172.17.0.2, after 0 s',
    },
    {
      name: 'an outside host cannot reach a container',
      run: during(
        [
          'outside: ip route add 172.17.0.0/16 via 203.0.113.1',
          'router: ip route add 172.17.0.0/16 via 192.168.100.12',
        ],
        ['outside: ip route del 172.17.0.0/16', 'router: ip route del 172.17.0.0/16'],
        ping('outside', '172.17.0.3', { timeout: 3500 }),
      ),
      fact: '3/1 from 192.168.100.12',
    },
    {
      name: 'an error about a packet that was DNATed but a moment ago is about the address that was asked',
      run: during(
        ['n1: iptables -t nat -A PREROUTING -d 192.168.100.11 -p icmp -j DNAT --to-destination 172.17.0.2'],
        ['n1: iptables -t nat -D PREROUTING -d 192.168.100.11 -p icmp -j DNAT --to-destination 172.17.0.2'],
        inTurn(errorInFull('n2', '192.168.100.11', { ttl: 1 }), ping('n2', '192.168.100.11')),
      ),
      fact: '11/0 from 192.168.100.11: ttl 64 tos 192 len 112, quotes ttl 1 src 192.168.100.12, after 0 s | reply ttl 63',
    },
  ],
};
