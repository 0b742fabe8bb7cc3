// The lab's networks, as the commands that build them in Linux. The underlay is a bridge in a namespace of its own; behind
// the router is a host outside.

/** Namespaces n1, n2 (nodes), router and outside on an underlay 192.168.100.0/24. */
const UNDERLAY = `
netns sw n1 n2 router outside
sw: ip link add br0 type bridge; ip link set br0 up
sw: ip link add p1 type veth peer name eth0 netns n1; ip link set p1 master br0; ip link set p1 up
sw: ip link add p2 type veth peer name eth0 netns n2; ip link set p2 master br0; ip link set p2 up
sw: ip link add p3 type veth peer name eth0 netns router; ip link set p3 master br0; ip link set p3 up
router: ip link set eth0 up; ip addr add 192.168.100.1/24 dev eth0; sysctl -w net.ipv4.ip_forward=1
router: ip link add out0 type veth peer name eth0 netns outside; ip link set out0 up; ip addr add 203.0.113.1/24 dev out0
outside: ip link set eth0 up; ip addr add 203.0.113.10/24 dev eth0; ip route add default via 203.0.113.1
n1: ip link set eth0 up; ip addr add 192.168.100.11/24 dev eth0; sysctl -w net.ipv4.ip_forward=1
n2: ip link set eth0 up; ip addr add 192.168.100.12/24 dev eth0; sysctl -w net.ipv4.ip_forward=1
n1: ip route add default via 192.168.100.1
n2: ip route add default via 192.168.100.1
`;

/** A bridge with two pods on node n, pods a/b on n1 and c/d on n2. */
const pods = (
  node: string,
  bridge: string,
  prefix: string,
  names: readonly string[],
  mtu: number,
): string => `
netns ${names.join(' ')}
${node}: ip link add ${bridge} type bridge; ip link set ${bridge} up; ip addr add ${prefix}.1/${prefix.startsWith('172') ? 16 : 24} dev ${bridge}
${names
  .map(
    (name, i) => `
${node}: ip link add v${name} type veth peer name eth0 netns ${name}; ip link set v${name} mtu ${mtu}; ip link set v${name} master ${bridge}; ip link set v${name} up
${name}: ip link set eth0 mtu ${mtu}; ip link set eth0 up; ip addr add ${prefix}.${i + 2}/${prefix.startsWith('172') ? 16 : 24} dev eth0; ip route add default via ${prefix}.1
`,
  )
  .join('')}`;

/** flannel's masquerade rules for network 10.244.0.0/16 on the node that has 10.244.n.0/24. */
const flannelRules = (node: string, n: number): string => `
${node}: iptables -t nat -N FLANNEL-POSTRTG
${node}: iptables -t nat -A POSTROUTING -j FLANNEL-POSTRTG
${node}: iptables -t nat -A FLANNEL-POSTRTG -s 10.244.${n}.0/24 -d 10.244.0.0/16 -j RETURN
${node}: iptables -t nat -A FLANNEL-POSTRTG -s 10.244.0.0/16 -d 10.244.${n}.0/24 -j RETURN
${node}: iptables -t nat -A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.${n}.0/24 -j RETURN
${node}: iptables -t nat -A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE --random-fully
${node}: iptables -t nat -A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.0.0/16 -j MASQUERADE --random-fully
`;

/** flannel's host-gw back end. */
export const HOST_GW = `${UNDERLAY}
${pods('n1', 'cni0', '10.244.1', ['a', 'b'], 1500)}
${pods('n2', 'cni0', '10.244.2', ['c', 'd'], 1500)}
n1: ip route add 10.244.2.0/24 via 192.168.100.12
n2: ip route add 10.244.1.0/24 via 192.168.100.11
n1: ip route add 10.244.3.0/24 via 192.168.100.13
${flannelRules('n1', 1)}
${flannelRules('n2', 2)}
`;

/** flannel's vxlan back end, with a peer n3 that has a lease but is not there. */
export const VXLAN = `${UNDERLAY}
${pods('n1', 'cni0', '10.244.1', ['a', 'b'], 1450)}
${pods('n2', 'cni0', '10.244.2', ['c', 'd'], 1450)}
n1: ip link add flannel.1 type vxlan id 1 dev eth0 local 192.168.100.11 dstport 8472 nolearning
n2: ip link add flannel.1 type vxlan id 1 dev eth0 local 192.168.100.12 dstport 8472 nolearning
n1: ip link set flannel.1 address 0e:00:00:00:00:01; ip link set flannel.1 up; ip addr add 10.244.1.0/32 dev flannel.1
n2: ip link set flannel.1 address 0e:00:00:00:00:02; ip link set flannel.1 up; ip addr add 10.244.2.0/32 dev flannel.1
n1: ip neigh replace 10.244.2.0 lladdr 0e:00:00:00:00:02 dev flannel.1 nud permanent
n1: bridge fdb replace 0e:00:00:00:00:02 dev flannel.1 dst 192.168.100.12
n1: ip route add 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink
n2: ip neigh replace 10.244.1.0 lladdr 0e:00:00:00:00:01 dev flannel.1 nud permanent
n2: bridge fdb replace 0e:00:00:00:00:01 dev flannel.1 dst 192.168.100.11
n2: ip route add 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink
n1: ip neigh replace 10.244.3.0 lladdr 0e:00:00:00:00:03 dev flannel.1 nud permanent
n1: bridge fdb replace 0e:00:00:00:00:03 dev flannel.1 dst 192.168.100.13
n1: ip route add 10.244.3.0/24 via 10.244.3.0 dev flannel.1 onlink
n1: ip route add 10.244.4.0/24 via 10.244.4.0 dev flannel.1 onlink
n1: ip neigh replace 10.244.5.0 lladdr 0e:00:00:00:00:05 dev flannel.1 nud permanent
n1: ip route add 10.244.5.0/24 via 10.244.5.0 dev flannel.1 onlink
${flannelRules('n1', 1)}
${flannelRules('n2', 2)}
`;

/** flannel's udp back end; 10.244.3.0/24 is leased by a node that is not there. */
export const UDP_MODE = `${UNDERLAY}
${pods('n1', 'cni0', '10.244.1', ['a', 'b'], 1472)}
${pods('n2', 'cni0', '10.244.2', ['c', 'd'], 1472)}
n1: flanneld-udp flannel0 10.244.1.0 192.168.100.11 1472 10.244.2.0/24=192.168.100.12 10.244.3.0/24=192.168.100.13
n2: flanneld-udp flannel0 10.244.2.0 192.168.100.12 1472 10.244.1.0/24=192.168.100.11
n1: ip route add 10.244.0.0/16 dev flannel0
n2: ip route add 10.244.0.0/16 dev flannel0
${flannelRules('n1', 1)}
${flannelRules('n2', 2)}
`;

/** One end of flannel's vxlan for a peer: neighbour, forwarding entry, route. */
const peer = (node: string, n: number, vtep: string, at: string): string => `
${node}: ip neigh replace 10.244.${n}.0 lladdr ${vtep} dev flannel.1 nud permanent
${node}: bridge fdb replace ${vtep} dev flannel.1 dst ${at}
${node}: ip route add 10.244.${n}.0/24 via 10.244.${n}.0 dev flannel.1 onlink
`;

/** Two segments, a node in each, a router between them and the world behind it; VXLAN, with a dead third node in the second. */
export const SEGMENTS = `
netns sw n1 n2 router outside
sw: ip link add br0 type bridge; ip link set br0 up; ip link add br1 type bridge; ip link set br1 up
sw: ip link add p1 type veth peer name eth0 netns n1; ip link set p1 master br0; ip link set p1 up
sw: ip link add p3 type veth peer name eth0 netns router; ip link set p3 master br0; ip link set p3 up
sw: ip link add p4 type veth peer name eth0 netns n2; ip link set p4 master br1; ip link set p4 up
sw: ip link add p5 type veth peer name eth1 netns router; ip link set p5 master br1; ip link set p5 up
router: ip link set eth0 up; ip addr add 192.168.100.1/24 dev eth0; ip link set eth1 up; ip addr add 192.168.101.1/24 dev eth1
router: ip link add out0 type veth peer name eth0 netns outside; ip link set out0 up; ip addr add 203.0.113.1/24 dev out0
router: sysctl -w net.ipv4.ip_forward=1
outside: ip link set eth0 up; ip addr add 203.0.113.10/24 dev eth0; ip route add default via 203.0.113.1
n1: ip link set eth0 up; ip addr add 192.168.100.11/24 dev eth0; sysctl -w net.ipv4.ip_forward=1
n2: ip link set eth0 up; ip addr add 192.168.101.12/24 dev eth0; sysctl -w net.ipv4.ip_forward=1
n1: ip route add default via 192.168.100.1
n2: ip route add default via 192.168.101.1
${pods('n1', 'cni0', '10.244.1', ['a', 'b'], 1450)}
${pods('n2', 'cni0', '10.244.2', ['c', 'd'], 1450)}
n1: ip link add flannel.1 type vxlan id 1 dev eth0 local 192.168.100.11 dstport 8472 nolearning
n2: ip link add flannel.1 type vxlan id 1 dev eth0 local 192.168.101.12 dstport 8472 nolearning
n1: ip link set flannel.1 address 0e:00:00:00:00:01; ip link set flannel.1 up; ip addr add 10.244.1.0/32 dev flannel.1
n2: ip link set flannel.1 address 0e:00:00:00:00:02; ip link set flannel.1 up; ip addr add 10.244.2.0/32 dev flannel.1
${peer('n1', 2, '0e:00:00:00:00:02', '192.168.101.12')}
${peer('n1', 3, '0e:00:00:00:00:03', '192.168.101.13')}
${peer('n2', 1, '0e:00:00:00:00:01', '192.168.100.11')}
${flannelRules('n1', 1)}
${flannelRules('n2', 2)}
`;

/** kube-proxy's translations for one service port, in and out of the node, and node ports that masquerade. */
const serves = (node: string, at: string, proto: string, port: number, to: string): string => `
${node}: iptables -t nat -A SERVICES -d ${at} -p ${proto} --dport ${port} -j DNAT --to-destination ${to}
`;
const services = (node: string, nodeAddress: string): string => `
${node}: iptables -t nat -N SERVICES
${node}: iptables -t nat -A PREROUTING -j SERVICES
${node}: iptables -t nat -A OUTPUT -j SERVICES
${node}: iptables -t nat -N NODEPORTS
${node}: iptables -t nat -A NODEPORTS -j MARK --set-mark 0x4000
${node}: iptables -t nat -A NODEPORTS -p udp -j DNAT --to-destination 10.244.2.2:5353
${node}: iptables -t nat -A NODEPORTS -p tcp -j DNAT --to-destination 10.244.2.2:8080
${serves(node, '10.96.0.10', 'udp', 53, '10.244.2.2:5353')}
${serves(node, '10.96.0.10', 'tcp', 80, '10.244.2.2:8080')}
${serves(node, '10.96.0.11', 'udp', 53, '10.244.1.2:5353')}
${serves(node, '10.96.0.11', 'tcp', 80, '10.244.1.2:8080')}
${serves(node, '10.96.0.13', 'tcp', 80, '10.244.2.77:8080')}
${node}: iptables -t nat -A SERVICES -d ${nodeAddress} -p udp --dport 30053 -j NODEPORTS
${node}: iptables -t nat -A SERVICES -d ${nodeAddress} -p tcp --dport 30080 -j NODEPORTS
${node}: iptables -t nat -A SERVICES -d 127.0.0.1 -p udp --dport 30053 -j NODEPORTS
${node}: iptables -t nat -I POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE
${node}: iptables -t nat -I POSTROUTING -s 10.244.1.2 -d 10.244.1.2 -j MASQUERADE
${node}: iptables -A FORWARD -d 10.96.0.12 -j REJECT
${node}: iptables -A OUTPUT -d 10.96.0.12 -j REJECT
`;

/** host-gw with services on both nodes, and hairpin on a's port of the bridge. */
export const SERVICE = `${HOST_GW}
${services('n1', '192.168.100.11')}
${services('n2', '192.168.100.12')}
n1: ip link set va type bridge_slave hairpin on
`;

/** Docker's default bridge on two hosts that know nothing of each other: the same addresses on both. */
export const DOCKER0 = `${UNDERLAY}
${pods('n1', 'docker0', '172.17.0', ['a', 'b'], 1500)}
${pods('n2', 'docker0', '172.17.0', ['c'], 1500)}
n1: iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
n2: iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
n1: iptables -t nat -N DOCKER
n1: iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
n1: iptables -t nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
n1: iptables -t nat -A DOCKER ! -i docker0 -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
n1: iptables -t nat -A DOCKER ! -i docker0 -p udp --dport 5353 -j DNAT --to-destination 172.17.0.2:53
`;
