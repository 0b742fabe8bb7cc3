import { describe, expect, it } from 'vitest';
import { addBridge } from '../netdev/bridge.ts';
import { addVethPair } from '../netdev/veth.ts';
import { NF_ACCEPT, NF_INET_POST_ROUTING, NF_INET_PRE_ROUTING } from '../netns/hooks.ts';
import type { Netns } from '../netns/netns.ts';
import { rtnetlink } from '../rtnetlink/rtnetlink.ts';
import { ipv4, prefix } from '../wire/addr.ts';
import { ipv4Net } from './net.ts';
import { addAddr, drops, Lab, tap } from './test-kit.ts';

const anonymous = (line: string) =>
  line.replace(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, 'MAC').replace(/id \d+, len/, 'id N, len');

describe('two namespaces on one link', () => {
  it('an echo request is answered, after ARP, and the way back needs none', () => {
    const lab = new Lab();
    const a = lab.netns('a');
    const [dev] = lab.link(a, 'eth0', '10.0.0.1/24', lab.netns('b'), 'eth0', '10.0.0.2/24');
    const seen = tap(dev);
    expect(lab.ping(a, '10.0.0.2')).toBe('reply ttl 64 from 10.0.0.2');
    expect(seen.map(anonymous)).toEqual([
      '> MAC > MAC, ARP (0x0806), length 42: ARP who-has 10.0.0.2 tell 10.0.0.1',
      '< MAC > MAC, ARP (0x0806), length 42: ARP 10.0.0.2 is-at MAC',
      '> MAC > MAC, IPv4 (0x0800), length 98: IP (ttl 64, id N, length 84) 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 64',
      '< MAC > MAC, IPv4 (0x0800), length 98: IP (ttl 64, id N, length 84) 10.0.0.2 > 10.0.0.1: ICMP echo reply, id 1, seq 1, length 64',
    ]);
  });

  it('what is sent to an own address comes back over lo, without touching the link', () => {
    const lab = new Lab();
    const a = lab.netns('a');
    const [dev] = lab.link(a, 'eth0', '10.0.0.1/24', lab.netns('b'), 'eth0', '10.0.0.2/24');
    const seen = tap(dev);
    expect(lab.ping(a, '10.0.0.1')).toBe('reply ttl 64 from 10.0.0.1');
    expect(lab.ping(a, '127.0.0.1')).toBe('reply ttl 64 from 127.0.0.1');
    expect(lab.ping(a, '127.9.9.9')).toBe('reply ttl 64 from 127.9.9.9');
    expect(seen).toEqual([]);
  });

  it.each(['10.0.0.255', '255.255.255.255'])('an echo to the broadcast address %s is ignored', (dst) => {
    const lab = new Lab();
    const a = lab.netns('a');
    const [dev] = lab.link(a, 'eth0', '10.0.0.1/24', lab.netns('b'), 'eth0', '10.0.0.2/24');
    const route = { dst: prefix('255.255.255.255/32'), dev: 'eth0', scope: 253 };
    if (dst === '255.255.255.255') rtnetlink(a).routeAdd(route);
    const seen = tap(dev);
    expect(lab.ping(a, dst, { src: '10.0.0.1' })).toBe('nothing');
    expect(seen.filter((l) => l.includes('ff:ff:ff:ff:ff:ff'))).toHaveLength(1);
  });

  it('a host without forwarding says nothing about what is not its own', () => {
    const lab = new Lab();
    const a = lab.netns('a');
    const b = lab.netns('b');
    lab.link(a, 'eth0', '10.0.0.1/24', b, 'eth0', '10.0.0.2/24');
    rtnetlink(a).routeAdd({ dst: prefix('0.0.0.0/0'), via: ipv4('10.0.0.2') });
    expect(lab.ping(a, '10.9.9.9')).toBe('nothing');
    expect(drops(lab)).toContain('IP_INADDRERRORS: 1');
  });
});

/**
 * Two nodes with a bridge and a pod each on one underlay, host-gw routes between them, and behind a router a host
 * outside: flannel's host-gw back end by hand.
 */
function cluster() {
  const lab = new Lab();
  const underlay = lab.netns('switch');
  const net = rtnetlink(underlay);
  addBridge(underlay, { name: 'br0' });
  net.linkSet('br0', { up: true });
  const join = (ns: Netns, addr: string, port: string) => {
    addVethPair(underlay, { name: port }, ns, { name: 'eth0' });
    net.linkSet(port, { master: 'br0', up: true });
    ns.setUp(ns.device('eth0')!, true);
    addAddr(ns.device('eth0')!, addr);
  };
  const node = (n: number) => {
    const ns = lab.netns(`n${n}`);
    ns.sysctl.write('net.ipv4.ip_forward', '1');
    join(ns, `192.168.100.1${n}/24`, `p${n}`);
    const rtnl = rtnetlink(ns);
    rtnl.linkAdd({ type: 'bridge', name: 'cni0' });
    rtnl.linkSet('cni0', { up: true });
    rtnl.addrAdd('cni0', { addr: prefix(`10.244.${n}.1/24`) });
    rtnl.routeAdd({ dst: prefix('0.0.0.0/0'), via: ipv4('192.168.100.1') });
    return ns;
  };
  const pod = (n: Netns, subnet: number, host: number) => {
    const ns = lab.netns(`pod${subnet}-${host}`);
    rtnetlink(n).linkAdd({ type: 'veth', name: `v${host}`, peer: { name: 'eth0', netns: ns } });
    rtnetlink(n).linkSet(`v${host}`, { master: 'cni0', up: true });
    ns.setUp(ns.device('eth0')!, true);
    addAddr(ns.device('eth0')!, `10.244.${subnet}.${host}/24`);
    rtnetlink(ns).routeAdd({ dst: prefix('0.0.0.0/0'), via: ipv4(`10.244.${subnet}.1`) });
    return ns;
  };
  const router = lab.netns('router');
  router.sysctl.write('net.ipv4.ip_forward', '1');
  join(router, '192.168.100.1/24', 'p0');
  const outside = lab.netns('outside');
  lab.link(router, 'out0', '203.0.113.1/24', outside, 'eth0', '203.0.113.10/24');
  rtnetlink(outside).routeAdd({ dst: prefix('0.0.0.0/0'), via: ipv4('203.0.113.1') });
  const n1 = node(1);
  const n2 = node(2);
  rtnetlink(n1).routeAdd({ dst: prefix('10.244.2.0/24'), via: ipv4('192.168.100.12') });
  rtnetlink(n2).routeAdd({ dst: prefix('10.244.1.0/24'), via: ipv4('192.168.100.11') });
  rtnetlink(router).routeAdd({ dst: prefix('10.244.1.0/24'), via: ipv4('192.168.100.11') });
  rtnetlink(router).routeAdd({ dst: prefix('10.244.2.0/24'), via: ipv4('192.168.100.12') });
  return { lab, n1, n2, router, outside, a: pod(n1, 1, 2), b: pod(n1, 1, 3), c: pod(n2, 2, 2) };
}

describe('host-gw: TTL at the receiver and the hops', () => {
  it.each([
    ['same bridge', '10.244.1.3', 64, ['10.244.1.3']],
    ['own bridge', '10.244.1.1', 64, ['10.244.1.1']],
    ['own node', '192.168.100.11', 64, ['192.168.100.11']],
    ['other node', '192.168.100.12', 63, ['10.244.1.1', '192.168.100.12']],
    ['pod on the other node', '10.244.2.2', 62, ['10.244.1.1', '192.168.100.12', '10.244.2.2']],
    ['outside', '203.0.113.10', 62, ['10.244.1.1', '192.168.100.1', '203.0.113.10']],
  ])('%s', (_name, dst, ttl, hops) => {
    const { lab, a } = cluster();
    const arrived: number[] = [];
    for (const ns of lab.kernel.namespaces.values()) {
      ns.hooks.register(NF_INET_PRE_ROUTING, 0, (skb) => {
        const b = skb.bytes;
        const to = `${b[skb.data + 16]}.${b[skb.data + 17]}.${b[skb.data + 18]}.${b[skb.data + 19]}`;
        if (to === dst) arrived.push(b[skb.data + 8]!);
        return NF_ACCEPT;
      });
    }
    expect(lab.ping(a, dst)).toBe(`reply ttl ${ttl} from ${dst}`);
    expect(arrived[arrived.length - 1]).toBe(ttl);
    expect(lab.traceroute(a, dst)).toEqual(hops);
  });

  it('time exceeded quotes the packet before the TTL fell, with TOS 0xc0 and all of it that fits', () => {
    const { lab, a } = cluster();
    const seen = tap(a.device('eth0')!);
    expect(lab.ping(a, '10.244.2.2', { ttl: 1, size: 1500 })).toBe('11/0 from 10.244.1.1');
    expect(lab.quotedTtls).toEqual([1]);
    expect(lab.errorSizes).toEqual([576]);
    expect(seen.some((l) => l.includes('tos 0xc0'))).toBe(true);
  });

  it('a dead pod: three requests a second apart, then host unreachable from the far node', () => {
    const { lab, a, n2 } = cluster();
    const seen = tap(n2.device('cni0')!);
    expect(lab.ping(a, '10.244.2.77', { ms: 2999 })).toBe('nothing');
    lab.run(1);
    expect(lab.errors).toEqual(['pod1-2: 3/1 from 192.168.100.12']);
    expect(lab.quotedTtls).toEqual([62]);
    expect(seen.filter((l) => l.includes('who-has'))).toHaveLength(3);
  });

  it('a dead address on the own subnet: the own stack says so', () => {
    const { lab, a } = cluster();
    expect(lab.ping(a, '10.244.1.77', { ms: 3000 })).toBe('3/1 from 10.244.1.2');
  });

  it('a dead node: host unreachable from the own node', () => {
    const { lab, a, n1 } = cluster();
    rtnetlink(n1).routeAdd({ dst: prefix('10.244.3.0/24'), via: ipv4('192.168.100.13') });
    expect(lab.ping(a, '10.244.3.2', { ms: 3000 })).toBe('3/1 from 10.244.1.1');
    expect(lab.quotedTtls).toEqual([63]);
  });

  it.each([
    ['unreachable', '3/1 from 10.244.1.1'],
    ['prohibit', '3/13 from 10.244.1.1'],
    ['blackhole', 'nothing'],
    ['throw', '3/0 from 10.244.1.1'],
  ] as const)('a route of type %s', (type, answer) => {
    const { lab, a, n1 } = cluster();
    rtnetlink(n1).routeAdd({ dst: prefix('10.99.0.0/16'), type });
    expect(lab.ping(a, '10.99.0.1')).toBe(answer);
  });

  it('no route at all', () => {
    const { lab, a, n1 } = cluster();
    rtnetlink(n1).routeDel({ dst: prefix('0.0.0.0/0') });
    expect(lab.ping(a, '8.8.8.8')).toBe('3/0 from 10.244.1.1');
  });

  it('an unknown protocol is answered with protocol unreachable', () => {
    const { lab, a } = cluster();
    expect(lab.ping(a, '10.244.2.2', { proto: 200 })).toBe('nothing');
    const net = ipv4Net(lab.kernel.namespaces.get(a.inum)!);
    expect(net.icmp.inTypes[3]).toBe(1);
  });
});

describe('sizes', () => {
  it('a forwarded packet that must not be cut: frag needed with the MTU, remembered, and the next one is cut to it', () => {
    const { lab, a, n1 } = cluster();
    n1.device('eth0')!.setMtu(1400);
    expect(lab.ping(a, '10.244.2.2', { size: 1500, df: true })).toBe('3/4 from 10.244.1.1 info 1400');
    expect(lab.kernel.ipv4.routeOutput(a, ipv4('10.244.2.2'), 0 as never, 0, 0)).toMatchObject({ mtu: 1400 });
    expect(lab.kernel.ipv4.routeOutput(a, ipv4('10.244.2.3'), 0 as never, 0, 0)).toMatchObject({ mtu: 1500 });
    lab.run(600_000);
    expect(lab.kernel.ipv4.routeOutput(a, ipv4('10.244.2.2'), 0 as never, 0, 0)).toMatchObject({ mtu: 1500 });
  });

  it.each([
    [1450, 1500, [1444, 76]],
    [1450, 2028, [1444, 604]],
    [1450, 1450, [1450]],
    [576, 1500, [572, 572, 396]],
    [68, 100, [68, 52]],
  ])('MTU %d: %d bytes leave as %j', (mtu, size, sizes) => {
    const { lab, a, n1 } = cluster();
    a.device('eth0')!.setMtu(9000);
    n1.device('v2')!.setMtu(9000);
    n1.device('cni0')!.setMtu(9000);
    n1.device('eth0')!.setMtu(mtu);
    const seen = tap(n1.device('eth0')!);
    lab.ping(a, '10.244.2.2', { size });
    const out = seen.filter((l) => l.startsWith('>') && l.includes('10.244.1.2 >'));
    expect(out.map((l) => Number(/length (\d+)\)/.exec(l)![1]))).toEqual(sizes);
  });

  it('min_pmtu is the least that is believed', () => {
    const { lab, a } = cluster();
    lab.kernel.ipv4.updatePmtu(a, ipv4('10.244.2.2'), 100);
    expect(lab.kernel.ipv4.routeOutput(a, ipv4('10.244.2.2'), 0 as never, 0, 0)).toMatchObject({ mtu: 552 });
  });
});

describe('limits on errors', () => {
  it('twenty expired packets at once get six answers, then one a second', () => {
    const { lab, a } = cluster();
    for (let i = 0; i < 20; i++) lab.send(a, '10.244.2.2', { ttl: 1 });
    lab.run();
    expect(lab.errors).toHaveLength(6);
    for (let s = 0; s < 3; s++) {
      lab.run(1000);
      for (let i = 0; i < 5; i++) lab.send(a, '10.244.2.2', { ttl: 1 });
      lab.run();
      expect(lab.errors).toHaveLength(7 + s);
    }
  });

  it('echo replies are not limited', () => {
    const { lab, a } = cluster();
    for (let i = 0; i < 100; i++) lab.send(a, '10.244.2.2');
    lab.run();
    expect(lab.delivered).toHaveLength(100);
  });
});

describe('sources', () => {
  it.each([
    ['another node claims our address', '192.168.100.11', 'IP_LOCAL_SOURCE'],
    ['a loopback source', '127.0.0.1', 'IP_LOCALNET'],
    ['a broadcast source', '255.255.255.255', 'IP_INVALID_SOURCE'],
    ['a multicast source', '224.0.0.5', 'IP_INVALID_SOURCE'],
    ['no source', '0.0.0.0', 'IP_INVALID_SOURCE'],
  ])('%s: %s is a martian', (_name, src, reason) => {
    const { lab, n2 } = cluster();
    lab.ping(n2, '192.168.100.11');
    lab.inject(n2, 'eth0', lab.packet(src, '192.168.100.11'), '192.168.100.11');
    lab.run();
    expect(drops(lab)).toContain(`${reason}: 1`);
  });

  it.each([
    [0, 'none'],
    [1, 'IP_RPFILTER: 1'],
    [2, 'none'],
  ])('rp_filter %d on a packet by the wrong device', (level, drop) => {
    const { lab, n1, n2 } = cluster();
    n1.sysctl.write('net.ipv4.conf.eth0.rp_filter', String(level));
    lab.ping(n2, '192.168.100.11');
    lab.inject(n2, 'eth0', lab.packet('10.244.1.2', '192.168.100.11'), '192.168.100.11');
    lab.run();
    expect(drops(lab).filter((d) => d.includes('RPFILTER'))[0] ?? 'none').toBe(drop);
  });
});

describe('redirects', () => {
  it('a router on the sender’s own link names the better hop, and the sender takes it', () => {
    const { lab, n1, router } = cluster();
    const rtnl = rtnetlink(n1);
    rtnl.routeDel({ dst: prefix('10.244.2.0/24') });
    expect(lab.ping(n1, '10.244.2.2')).toMatch(/^reply ttl 63/);
    // A redirect empties the bucket that other errors to the same host are taken from.
    lab.run(60_000);
    expect(lab.traceroute(n1, '10.244.2.2')).toContain('10.244.2.2');
    expect(ipv4Net(router).icmp.outTypes[5]).toBeGreaterThan(0);
    // A forwarding node does not take redirects (accept_redirects must then be set everywhere); a host does.
    expect(ipv4Net(n1).exceptions.size).toBe(0);
    n1.sysctl.conf.get('all')!.accept_redirects = 1;
    lab.run(60_000);
    lab.ping(n1, '10.244.2.2');
    lab.run(60_000);
    lab.ping(n1, '10.244.2.2');
    expect(lab.kernel.ipv4.routeOutput(n1, ipv4('10.244.2.2'), 0 as never, 0, 0)).toMatchObject({
      gateway: ipv4('192.168.100.12'),
    });
  });
});

describe('hooks and counters', () => {
  it('a forwarded packet passes POST_ROUTING once, its fragments not at all', () => {
    const { lab, a, n1 } = cluster();
    n1.device('eth0')!.setMtu(600);
    let seen = 0;
    n1.hooks.register(NF_INET_POST_ROUTING, 0, (_skb, state) => {
      if (state.out?.name === 'eth0') seen++;
      return NF_ACCEPT;
    });
    lab.ping(a, '10.244.2.2', { size: 1500 });
    expect(seen).toBe(1);
    const { ip } = ipv4Net(n1);
    expect([ip.FragOKs, ip.FragCreates, ip.ForwDatagrams]).toEqual([1, 3, 1]);
  });
});
