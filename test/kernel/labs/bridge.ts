// The bridge and br_netfilter: what is bridged, what iptables sees of it, and what becomes of DNAT to a host on the same
// bridge, to the sender itself, and elsewhere.
import type { Lab } from '../lab.ts';
import { during, icmpBoth, inTurn, ipOut, ping, udp, watching } from '../probes.ts';

/** Three pods on a bridge, a host beyond the node, and one service address for each thing that DNAT can do. */
const BRIDGE = `
netns n a b c x
n: ip link add br0 type bridge; ip link set br0 up; ip addr add 10.9.0.254/24 dev br0; sysctl -w net.ipv4.ip_forward=1
${['a', 'b', 'c']
  .map(
    (pod, i) => `
n: ip link add v${pod} type veth peer name eth0 netns ${pod}; ip link set v${pod} master br0; ip link set v${pod} up
${pod}: ip link set eth0 up; ip addr add 10.9.0.${i + 1}/24 dev eth0; ip route add default via 10.9.0.254`,
  )
  .join('')}
n: ip link add out type veth peer name eth0 netns x; ip link set out up; ip addr add 10.8.0.1/24 dev out
x: ip link set eth0 up; ip addr add 10.8.0.2/24 dev eth0; ip route add default via 10.8.0.1
n: iptables -t nat -A PREROUTING -d 10.96.0.1 -p udp --dport 53 -j DNAT --to-destination 10.9.0.2:5353
n: iptables -t nat -A PREROUTING -d 10.96.0.2 -p udp --dport 53 -j DNAT --to-destination 10.8.0.2:5353
n: iptables -t nat -A PREROUTING -d 10.96.0.3 -p udp --dport 53 -j DNAT --to-destination 10.9.0.1:5353
n: iptables -t nat -A PREROUTING -d 10.96.0.4 -p udp --dport 53 -j DNAT --to-destination 10.9.0.254:5353
n: iptables -t nat -A POSTROUTING -s 10.9.0.1 -d 10.9.0.1 -j MASQUERADE
`;
const OFF = ['n: sysctl -w net.bridge.bridge-nf-call-iptables=0'];
const ON = ['n: sysctl -w net.bridge.bridge-nf-call-iptables=1'];
const service = (n: number, server: string) => udp('a', `10.96.0.${n}`, 53, { server, listen: 5353 });
const POLICY_DROP = ['n: iptables -P FORWARD DROP'];
const POLICY_ACCEPT = ['n: iptables -P FORWARD ACCEPT'];
const narrow = (mtu: number) => [`n: ip link set vb mtu ${mtu}`, `b: ip link set eth0 mtu ${mtu}`];

export const bridge: Lab = {
  name: 'br',
  topology: BRIDGE,
  probes: [
    { name: 'same bridge', run: ping('a', '10.9.0.2'), fact: 'reply ttl 64' },
    {
      name: 'service with its server on the bridge: bridged, TTL untouched',
      run: service(1, 'b'),
      fact: 'seen from 10.9.0.1 ttl 64 len 64, answered',
    },
    {
      name: 'without br_netfilter: routed, and the answer comes from a stranger',
      run: during(OFF, ON, service(1, 'b')),
      fact: 'seen from 10.9.0.1 ttl 63 len 64, not answered',
    },
    {
      name: 'service with its server elsewhere',
      run: service(2, 'x'),
      fact: 'seen from 10.9.0.1 ttl 63 len 64, answered',
    },
    {
      name: 'the same without br_netfilter',
      run: during(OFF, ON, service(2, 'x')),
      fact: 'seen from 10.9.0.1 ttl 63 len 64, answered',
    },
    {
      name: 'service on the node itself',
      run: service(4, 'n'),
      fact: 'seen from 10.9.0.1 ttl 64 len 64, answered',
    },
    { name: 'service that leads back to the sender', run: service(3, 'a'), fact: 'nothing' },
    {
      name: 'the same with hairpin',
      run: during(
        ['n: ip link set va type bridge_slave hairpin on'],
        ['n: ip link set va type bridge_slave hairpin off'],
        service(3, 'a'),
      ),
      fact: 'seen from 10.9.0.254 ttl 64 len 64, answered',
    },
    {
      name: 'without forwarding DNAT on the bridge fails, whatever its source says',
      run: during(
        ['n: sysctl -w net.ipv4.ip_forward=0'],
        ['n: sysctl -w net.ipv4.ip_forward=1'],
        service(1, 'b'),
      ),
      fact: 'nothing',
    },
    {
      name: 'policy DROP cuts the bridge',
      run: during(POLICY_DROP, POLICY_ACCEPT, ping('a', '10.9.0.2')),
      fact: 'nothing',
    },
    {
      name: 'policy DROP without br_netfilter does not',
      run: during([...OFF, ...POLICY_DROP], [...POLICY_ACCEPT, ...ON], ping('a', '10.9.0.2')),
      fact: 'reply ttl 64',
    },
    {
      name: 'containers kept apart',
      run: during(
        ['n: iptables -A FORWARD -i br0 -o br0 -j DROP'],
        ['n: iptables -D FORWARD -i br0 -o br0 -j DROP'],
        ping('a', '10.9.0.2'),
      ),
      fact: 'nothing',
    },
    {
      name: 'fragments are put together for conntrack and cut again',
      run: watching('n', 'vb', ipOut, udp('a', '10.9.0.2', 5000, { server: 'b', size: 4028 })),
      fact: 'seen from 10.9.0.1 ttl 64 len 4028, answered | 1500 frag 0+ ttl 64 | 1500 frag 1480+ | 1068 frag 2960',
    },
    {
      name: 'fragments without br_netfilter pass as they are',
      run: during(
        OFF,
        ON,
        watching('n', 'vb', ipOut, udp('a', '10.9.0.2', 5000, { server: 'b', size: 4028 })),
      ),
      fact: 'seen from 10.9.0.1 ttl 64 len 4028, answered | 1500 frag 0+ ttl 64 | 1500 frag 1480+ | 1068 frag 2960',
    },
    {
      name: 'a packet too large for the port, DF clear: cut by br_netfilter',
      run: during(
        narrow(1000),
        narrow(1500),
        watching('n', 'vb', ipOut, udp('a', '10.9.0.2', 5000, { server: 'b', size: 1400 })),
      ),
      fact: 'seen from 10.9.0.1 ttl 64 len 1400, answered | 996 frag 0+ ttl 64 | 424 frag 976',
    },
    {
      name: 'the same with DF: gone in silence',
      run: during(narrow(1000), narrow(1500), ping('a', '10.9.0.2', { size: 1400, df: true })),
      fact: 'nothing',
    },
    {
      name: 'the same without br_netfilter',
      run: during(
        [...OFF, ...narrow(1000)],
        [...narrow(1500), ...ON],
        udp('a', '10.9.0.2', 5000, { server: 'b', size: 1400 }),
      ),
      fact: 'nothing',
    },
    {
      name: 'fragments through the node keep the bridge’s port in step',
      run: watching('n', 'out', ipOut, udp('a', '10.8.0.2', 5000, { server: 'x', size: 4028 })),
      fact: 'seen from 10.9.0.1 ttl 63 len 4028, answered | 1500 frag 0+ ttl 63 | 1500 frag 1480+ | 1068 frag 2960',
    },
    {
      name: 'what the bridge has not learned goes to every port, what it has to one',
      run: inTurn(
        during(
          ['a: ip neigh replace 10.9.0.77 lladdr 02:00:00:00:00:77 dev eth0 nud permanent'],
          ['a: ip neigh del 10.9.0.77 dev eth0'],
          watching('c', 'eth0', icmpBoth, ping('a', '10.9.0.77', { timeout: 300 })),
        ),
        watching('c', 'eth0', icmpBoth, ping('a', '10.9.0.2')),
      ),
      fact: 'nothing | < 10.9.0.1 10.9.0.77 8/0 84 | reply ttl 64',
    },
    {
      name: 'broadcasts and multicasts go to every port',
      run: inTurn(
        watching('c', 'eth0', icmpBoth, ping('a', '10.9.0.255', { timeout: 300 })),
        watching('c', 'eth0', icmpBoth, ping('a', '239.1.1.1', { timeout: 300 })),
      ),
      fact: 'nothing | < 10.9.0.1 10.9.0.255 8/0 84 | nothing | < 10.9.0.1 239.1.1.1 8/0 84',
    },
    {
      name: 'isolated ports reach the bridge, but not each other',
      run: during(
        [
          'n: ip link set va type bridge_slave isolated on',
          'n: ip link set vb type bridge_slave isolated on',
        ],
        [
          'n: ip link set va type bridge_slave isolated off',
          'n: ip link set vb type bridge_slave isolated off',
        ],
        inTurn(ping('a', '10.9.0.2', { timeout: 300 }), ping('a', '10.9.0.3'), ping('a', '10.9.0.254')),
      ),
      fact: 'nothing | reply ttl 64 | reply ttl 64',
    },
    {
      name: 'a port that is down',
      run: during(
        ['n: ip link set vb down'],
        ['n: ip link set vb up'],
        watching('c', 'eth0', icmpBoth, ping('a', '10.9.0.2', { timeout: 300 })),
      ),
      fact: 'nothing | < 10.9.0.1 10.9.0.2 8/0 84',
    },
  ],
};
