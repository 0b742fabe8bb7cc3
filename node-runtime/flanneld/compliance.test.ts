// One suite for every back end: what a cluster's pods see of it, on two and three nodes in one process under a virtual clock. TTLs and error
// sources are those of real Linux with the same devices, routes and addresses.
import { describe, expect, it } from 'vitest';
import { NODES } from '../api-client/resources.ts';
import type { Tun } from '../kernel/netdev/tun.ts';
import { rtnetlink } from '../kernel/rtnetlink/rtnetlink.ts';
import { formatIpv4, formatMac, ipv4, prefix } from '../kernel/wire/addr.ts';
import { sendMany } from './test-flood.ts';
import { type Lab, type LabNode, type LabOptions, lab, ping, sendUdp } from './test-lab.ts';
import type { UdpNetwork } from './udp/backend.ts';

const BACKENDS = ['vxlan', 'udp', 'host-gw'] as const;
type Name = (typeof BACKENDS)[number];

interface Pods extends Lab {
  readonly a: { ns: LabNode['ns']; ip: LabNode['address'] };
  readonly a2: Pods['a'];
  readonly b: Pods['a'];
}

async function start(type: Name, options: Partial<LabOptions> = {}): Promise<Pods> {
  const made = await lab({ backend: { Type: type }, ...options });
  for (const node of made.nodes) node.startFlanneld();
  await made.settle();
  const [n1, n2] = made.nodes;
  return Object.assign(made, {
    a: await n1!.addPod('a'),
    a2: await n1!.addPod('a2'),
    b: await n2!.addPod('b'),
  });
}

const facts: Record<
  Name,
  { mtu: number; ttl: number; toNode: string; fromNode: number; hop2: string | undefined }
> = {
  vxlan: { mtu: 1450, ttl: 62, toNode: '10.244.1.0', fromNode: 63, hop2: '11/0 from 10.244.2.0' },
  udp: { mtu: 1472, ttl: 60, toNode: '10.244.1.0', fromNode: 61, hop2: undefined },
  'host-gw': { mtu: 1500, ttl: 62, toNode: '192.168.100.11', fromNode: 63, hop2: '11/0 from 192.168.100.12' },
};

describe.each(BACKENDS)('%s', (type) => {
  const fact = facts[type];

  it('writes subnet.env, and pods get its MTU', async () => {
    const { nodes, a } = await start(type);
    expect(nodes[0]!.host.fs.readText('/run/flannel/subnet.env')).toBe(
      `FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=${fact.mtu}\nFLANNEL_IPMASQ=true\n`,
    );
    expect([a.ns.device('eth0')!.mtu, nodes[0]!.ns.device('cni0')!.mtu]).toEqual([fact.mtu, fact.mtu]);
  });

  it('TTL at the receiver: same node 64, across nodes as on Linux', async () => {
    const l = await start(type);
    expect((await sendUdp(l, l.a.ns, l.a2))?.ttl).toBe(64);
    expect(await sendUdp(l, l.a.ns, l.b)).toEqual({ ttl: fact.ttl, src: '10.244.1.2', bytes: 20 });
  });

  it('ping goes both ways, small and as large as the MTU', async () => {
    const l = await start(type);
    for (const size of [0, 56, fact.mtu - 28]) {
      expect((await ping(l, l.a.ns, l.b.ip, { size })).ttl).toBe(fact.ttl);
      expect((await ping(l, l.b.ns, l.a.ip, { size })).ttl).toBe(fact.ttl);
    }
  });

  it('larger datagrams are cut by the sender and put together by the receiver', async () => {
    const l = await start(type);
    expect((await sendUdp(l, l.a.ns, l.b, 4000))?.bytes).toBe(4000);
  });

  it('node to remote pod: the source is the tunnel’s address, or the node’s where there is none', async () => {
    const l = await start(type);
    const got = await sendUdp(l, l.nodes[0]!.ns, l.b);
    expect([got?.src, got?.ttl]).toEqual([fact.toNode, fact.fromNode]);
  });

  it('pod to the other node’s address goes by the underlay', async () => {
    const l = await start(type);
    const { ns, address } = l.nodes[1]!;
    expect(await sendUdp(l, l.a.ns, { ns, ip: address })).toEqual({
      ttl: 63,
      src: '192.168.100.11',
      bytes: 20,
    });
    expect((await ping(l, l.a.ns, address)).ttl).toBe(63);
  });

  it('pod to outside: masqueraded; pod to pod and to its own node: never', async () => {
    const l = await start(type);
    const { ns, address } = l.nodes[0]!;
    const router = { ns: l.router.host, ip: ipv4('192.168.100.1') };
    expect((await sendUdp(l, l.a.ns, router))?.src).toBe('192.168.100.11');
    expect((await sendUdp(l, l.a.ns, { ns, ip: address }))?.src).toBe('10.244.1.2');
    expect((await sendUdp(l, l.a.ns, l.b))?.src).toBe('10.244.1.2');
    expect((await sendUdp(l, l.a.ns, l.a2))?.src).toBe('10.244.1.2');
  });

  it('a FORWARD policy of DROP does not cut pods off, the rules let them through', async () => {
    const l = await start(type);
    for (const { host } of l.nodes) host.iptables.run('-P', 'FORWARD', 'DROP');
    expect((await ping(l, l.a.ns, l.b.ip)).ttl).toBe(fact.ttl);
    for (const { host } of l.nodes) host.iptables.run('-F', 'FLANNEL-FWD');
    expect((await ping(l, l.a.ns, l.b.ip)).ttl).toBeUndefined();
    await l.advance(5000);
    expect((await ping(l, l.a.ns, l.b.ip)).ttl).toBe(fact.ttl);
  });

  it('a host port leads to the pod: from another node with its address, from the node itself as well', async () => {
    const l = await start(type);
    const web = await l.nodes[0]!.addPod('web', [{ hostPort: 8080, containerPort: 7000, protocol: 'udp' }]);
    const published = { ns: web.ns, ip: l.nodes[0]!.address, port: 8080 };
    expect((await sendUdp(l, l.nodes[1]!.ns, published))?.src).toBe('192.168.100.12');
    expect((await sendUdp(l, l.nodes[0]!.ns, published))?.src).toBe('192.168.100.11');
    // From its own subnet it is masqueraded, or the answer would come from an address the client never asked.
    expect((await sendUdp(l, l.a.ns, published))?.src).toBe('10.244.1.1');
    expect((await sendUdp(l, l.nodes[0]!.ns, { ...published, ip: ipv4('127.0.0.1') }))?.src).toBe(
      '10.244.1.1',
    );
  });

  it('traceroute: the pod’s own gateway first, then the other node', async () => {
    const l = await start(type);
    expect((await ping(l, l.a.ns, l.b.ip, { ttl: 1 })).error).toBe('11/0 from 10.244.1.1');
    expect((await ping(l, l.a.ns, l.b.ip, { ttl: 2 })).error).toBe(fact.hop2);
    if (type !== 'udp') return;
    // Hops 2 and 3 are the daemons, who say nothing; the kernel behind the other TUN does.
    expect((await ping(l, l.a.ns, l.b.ip, { ttl: 3 })).error).toBeUndefined();
    expect((await ping(l, l.a.ns, l.b.ip, { ttl: 4 })).error).toBe('11/0 from 10.244.2.0');
    expect((await ping(l, l.a.ns, l.b.ip, { ttl: 5 })).ttl).toBe(60);
  });

  it('a node that joins is known to all, one that leaves is forgotten', async () => {
    const l = await start(type, { nodes: 3 });
    const c = await l.nodes[2]!.addPod('c');
    expect((await ping(l, l.a.ns, c.ip)).ttl).toBe(fact.ttl);
    expect((await ping(l, c.ns, l.b.ip)).ttl).toBe(fact.ttl);
    l.api.remove(NODES, 'n3');
    await l.settle();
    expect((await ping(l, l.a.ns, c.ip)).ttl).toBeUndefined();
    expect((await ping(l, l.a.ns, l.b.ip)).ttl).toBe(fact.ttl);
  });

  it('leases of another back end are black holes, not errors', async () => {
    const other = type === 'vxlan' ? 'host-gw' : 'vxlan';
    const l = await start(type, { perNode: { n2: { Type: other } } });
    expect((await ping(l, l.a.ns, l.b.ip)).ttl).toBeUndefined();
  });

  it('marks its node: annotations, and the NetworkUnavailable condition', async () => {
    const l = await start(type);
    const node = l.api.peek(NODES, 'n1')!;
    const notes = node.metadata.annotations!;
    expect(notes['flannel.alpha.coreos.com/backend-type']).toBe(type);
    expect(notes['flannel.alpha.coreos.com/public-ip']).toBe('192.168.100.11');
    expect(notes['flannel.alpha.coreos.com/kube-subnet-manager']).toBe('true');
    if (type !== 'vxlan') expect(notes['flannel.alpha.coreos.com/backend-data']).toBe('null');
    expect(node.status!.conditions).toMatchObject([
      { type: 'NetworkUnavailable', status: 'False', reason: 'FlannelIsUp' },
    ]);
  });

  it('waits for a podCIDR, and starts when the node has one', async () => {
    const l = await lab({ backend: { Type: type } });
    const node = l.api.peek(NODES, 'n1')!;
    l.api.set(NODES, { ...node, spec: {} });
    l.nodes[0]!.startFlanneld();
    await l.advance(5000);
    expect(l.nodes[0]!.host.fs.exists('/run/flannel/subnet.env')).toBe(false);
    l.api.set(NODES, { ...l.api.peek(NODES, 'n1')!, spec: { podCIDR: '10.244.9.0/24' } });
    await l.advance(1500);
    expect(l.nodes[0]!.host.fs.readText('/run/flannel/subnet.env')).toContain('FLANNEL_SUBNET=10.244.9.1/24');
  });

  it('a podCIDR outside the network is refused for good', async () => {
    const l = await lab({ backend: { Type: type } });
    l.api.set(NODES, { ...l.api.peek(NODES, 'n1')!, spec: { podCIDR: '10.9.1.0/24' } });
    const daemon = l.nodes[0]!.startFlanneld();
    expect(await daemon.exited).toContain(`doesn't contain "10.9.1.0/24" PodCIDR of the "n1" node`);
  });

  it('stopped and started again, it carries on', async () => {
    const l = await start(type);
    l.nodes[0]!.flanneld!.stop();
    expect(await l.nodes[0]!.flanneld!.exited).toBeUndefined();
    const reply = await ping(l, l.a.ns, l.b.ip);
    // The udp back end is its daemon; of the others the kernel remembers all that is needed.
    expect(reply.ttl).toBe(type === 'udp' ? undefined : fact.ttl);
    l.nodes[0]!.startFlanneld();
    await l.settle();
    expect((await ping(l, l.a.ns, l.b.ip)).ttl).toBe(fact.ttl);
  });
});

describe('vxlan alone', () => {
  it('a peer is one neighbour, one FDB entry and one onlink route', async () => {
    const l = await start('vxlan');
    const rtnl = rtnetlink(l.nodes[0]!.ns);
    const vtep = l.nodes[1]!.ns.device('flannel.1')!.mac;
    expect(rtnl.neighList('flannel.1').map((n) => [formatIpv4(n.addr), formatMac(n.mac), n.state])).toEqual([
      ['10.244.2.0', formatMac(vtep), 0x80],
    ]);
    expect(rtnl.fdbList('flannel.1')).toMatchObject([
      { mac: vtep, dst: ipv4('192.168.100.12'), permanent: true },
    ]);
    const [route] = rtnl.routeList({ dst: prefix('10.244.2.0/24') });
    expect([formatIpv4(route!.gateway), route!.dev!.name, route!.onlink]).toEqual([
      '10.244.2.0',
      'flannel.1',
      true,
    ]);
    const [own] = rtnl.addrList('flannel.1');
    expect([formatIpv4(own!.addr), own!.prefixLen]).toEqual(['10.244.1.0', 32]);
  });

  it('a restarted daemon takes its MAC from the annotation', async () => {
    const l = await start('vxlan');
    const before = l.nodes[0]!.ns.device('flannel.1')!.mac;
    l.nodes[0]!.flanneld!.stop();
    rtnetlink(l.nodes[0]!.ns).linkDel('flannel.1');
    l.nodes[0]!.startFlanneld();
    await l.settle();
    expect(l.nodes[0]!.ns.device('flannel.1')!.mac).toBe(before);
    expect((await ping(l, l.a.ns, l.b.ip)).ttl).toBe(62);
  });

  it('a device that someone deleted comes back with all its entries', async () => {
    const l = await start('vxlan');
    rtnetlink(l.nodes[0]!.ns).linkDel('flannel.1');
    await l.advance(1100);
    expect((await ping(l, l.a.ns, l.b.ip)).ttl).toBe(62);
  });

  it('a device that does not fit is made anew', async () => {
    const l = await lab({ backend: { Type: 'vxlan' } });
    const rtnl = rtnetlink(l.nodes[0]!.ns);
    rtnl.linkAdd({ type: 'vxlan', name: 'flannel.1', vni: 1, dstPort: 4789, dev: 'eth0' });
    for (const node of l.nodes) node.startFlanneld();
    await l.settle();
    const a = await l.nodes[0]!.addPod('a');
    const b = await l.nodes[1]!.addPod('b');
    expect((await ping(l, a.ns, b.ip)).ttl).toBe(62);
  });

  it('with another VNI on one node nothing arrives', async () => {
    const l = await start('vxlan', { perNode: { n2: { Type: 'vxlan', VNI: 7 } } });
    expect((await ping(l, l.a.ns, l.b.ip)).ttl).toBeUndefined();
    expect(l.nodes[1]!.kernel.tracer.dropped.get('VXLAN_VNI_NOT_FOUND')).toBeGreaterThan(0);
  });

  it('crosses a router between segments; with DirectRouting only then', async () => {
    const plain = await start('vxlan', { nodes: 3, secondSegmentFrom: 2 });
    const c = await plain.nodes[2]!.addPod('c');
    expect((await ping(plain, plain.a.ns, c.ip)).ttl).toBe(62);
    const direct = await start('vxlan', {
      nodes: 3,
      secondSegmentFrom: 2,
      backend: { Type: 'vxlan', DirectRouting: true },
    });
    const far = await direct.nodes[2]!.addPod('c');
    const rtnl = rtnetlink(direct.nodes[0]!.ns);
    expect(rtnl.routeList({ dst: prefix('10.244.2.0/24') })[0]!.dev!.name).toBe('eth0');
    expect(rtnl.routeList({ dst: prefix('10.244.3.0/24') })[0]!.dev!.name).toBe('flannel.1');
    expect((await ping(direct, direct.a.ns, direct.b.ip)).ttl).toBe(62);
    expect((await ping(direct, direct.a.ns, far.ip)).ttl).toBe(62);
  });
});

describe('host-gw alone', () => {
  it('across segments the kernel refuses the gateway, and nothing arrives', async () => {
    const l = await start('host-gw', { nodes: 3, secondSegmentFrom: 2 });
    const c = await l.nodes[2]!.addPod('c');
    expect(rtnetlink(l.nodes[0]!.ns).routeList({ dst: prefix('10.244.3.0/24') })).toEqual([]);
    expect((await ping(l, l.a.ns, c.ip)).ttl).toBeUndefined();
  });

  it('a route that someone deleted is back after ten seconds', async () => {
    const l = await start('host-gw');
    rtnetlink(l.nodes[0]!.ns).routeDel({ dst: prefix('10.244.2.0/24') });
    await l.advance(9000);
    expect(rtnetlink(l.nodes[0]!.ns).routeList({ dst: prefix('10.244.2.0/24') })).toEqual([]);
    await l.advance(1500);
    expect((await ping(l, l.a.ns, l.b.ip)).ttl).toBe(62);
  });

  it('refuses to run behind a NAT', async () => {
    const l = await lab({ backend: { Type: 'host-gw' } });
    const daemon = l.nodes[0]!.startFlanneld({ publicIP: ipv4('1.2.3.4') });
    expect(await daemon.exited).toContain('your PublicIP differs from interface IP');
  });

  it('a dead peer is told of by the pod’s own gateway, after three ARP requests', async () => {
    const l = await start('host-gw');
    rtnetlink(l.nodes[1]!.ns).linkSet('eth0', { up: false });
    rtnetlink(l.nodes[0]!.ns).neighFlush('eth0');
    const { error, ms } = await ping(l, l.a.ns, l.b.ip);
    expect(error).toBe('3/1 from 10.244.1.1');
    expect(ms).toBeGreaterThan(2900);
    expect(ms).toBeLessThan(3300);
  });
});

describe('udp alone', () => {
  const tunOf = (l: Lab): Tun => l.nodes[0]!.ns.device('flannel0') as Tun;
  const proxyOf = (l: Lab) => (l.nodes[0]!.flanneld!.network as UdpNetwork).proxy;

  it('each packet crosses between kernel and daemon, and is counted', async () => {
    const l = await start('udp');
    const before = { ...tunOf(l).crossings };
    await ping(l, l.a.ns, l.b.ip);
    expect(tunOf(l).crossings).toEqual({ toUser: before.toUser + 1, toKernel: before.toKernel + 1 });
  });

  it('a daemon that stands still: the queue fills, and then drops and counts', async () => {
    const l = await start('udp');
    await ping(l, l.a.ns, l.b.ip);
    proxyOf(l).pause();
    const dropped = () => l.nodes[0]!.kernel.tracer.dropped.get('TUN_FULL_RING') ?? 0;
    await sendMany(l, l.a.ns, l.b.ip, 520);
    expect(tunOf(l).queued).toBe(500);
    expect(dropped()).toBe(20);
    proxyOf(l).resume();
    await l.settle();
    expect(tunOf(l).queued).toBe(0);
    expect((await ping(l, l.a.ns, l.b.ip)).ttl).toBe(60);
  });

  it('a destination that no node has: net unreachable, which the kernel takes for a martian', async () => {
    const l = await start('udp');
    const got = await sendUdp(l, l.a.ns, { ns: l.b.ns, ip: ipv4('10.244.77.5') });
    expect(got).toBeUndefined();
    expect(l.nodes[0]!.kernel.tracer.dropped.get('DAEMON_NO_ROUTE')).toBe(1);
  });
});
