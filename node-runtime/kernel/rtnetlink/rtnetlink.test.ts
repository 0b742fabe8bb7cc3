import { beforeEach, describe, expect, it } from 'vitest';
import { Lab } from '../ipv4/test-kit.ts';
import type { Netns } from '../netns/netns.ts';
import { NetnsError } from '../netns/netns.ts';
import { ipv4, mac, parseMac, prefix } from '../wire/addr.ts';
import { type Rtnetlink, rtnetlink } from './rtnetlink.ts';

let lab: Lab;
let ns: Netns;
let rtnl: Rtnetlink;
const M = (text: string) => parseMac(text)!;

beforeEach(() => {
  lab = new Lab();
  ns = lab.netns('a');
  rtnl = rtnetlink(ns);
  rtnl.linkAdd({ type: 'veth', name: 'd0', peer: { name: 'd0p' } });
  rtnl.addrAdd('d0', { addr: prefix('10.1.1.1/24') });
  rtnl.linkSet('d0', { up: true });
  rtnl.linkSet('d0p', { up: true });
});

/** What a refused call says, with its code. */
function refusal(fn: () => unknown): string {
  try {
    fn();
  } catch (error) {
    if (error instanceof NetnsError) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'done';
}

// Texts and codes as iproute2 printed them on Linux 6.18.
describe('refusals', () => {
  it.each<[string, (r: Rtnetlink) => unknown, string]>([
    [
      'a gateway nowhere near',
      (r) => r.routeAdd({ dst: prefix('10.9.0.0/16'), via: ipv4('1.2.3.4') }),
      'ENETUNREACH Error: Nexthop has invalid gateway.',
    ],
    [
      'the own address as gateway',
      (r) => r.routeAdd({ dst: prefix('10.9.0.0/16'), via: ipv4('10.1.1.1') }),
      'done',
    ],
    [
      'a broadcast address as gateway',
      (r) => r.routeAdd({ dst: prefix('10.9.0.0/16'), via: ipv4('10.1.1.255') }),
      'EINVAL Error: Nexthop has invalid gateway.',
    ],
    [
      'onlink',
      (r) => r.routeAdd({ dst: prefix('10.9.0.0/16'), via: ipv4('7.7.7.7'), dev: 'd0', onlink: true }),
      'done',
    ],
    [
      'onlink without a device',
      (r) => r.routeAdd({ dst: prefix('10.9.0.0/16'), via: ipv4('7.7.7.7'), onlink: true }),
      'ENODEV Error: Nexthop device required for onlink.',
    ],
    [
      'a source that is not ours',
      (r) => r.routeAdd({ dst: prefix('10.9.0.0/16'), via: ipv4('10.1.1.2'), src: ipv4('9.9.9.9') }),
      'EINVAL Error: Invalid prefsrc address.',
    ],
    [
      'host bits',
      (r) => r.routeAdd({ dst: prefix('10.9.0.1/16'), dev: 'd0' }),
      'EINVAL Error: Invalid prefix for given prefix length.',
    ],
    [
      'no way at all',
      (r) => r.routeAdd({ dst: prefix('10.9.0.0/16') }),
      'ENODEV RTNETLINK answers: No such device',
    ],
    [
      'a route that is not there',
      (r) => r.routeDel({ dst: prefix('10.9.0.0/16') }),
      'ESRCH RTNETLINK answers: No such process',
    ],
    [
      'change of a route that is not there',
      (r) => r.routeChange({ dst: prefix('10.9.0.0/16'), via: ipv4('10.1.1.2') }),
      'ENOENT RTNETLINK answers: No such file or directory',
    ],
    [
      'the same address again',
      (r) => r.addrAdd('d0', { addr: prefix('10.1.1.1/24') }),
      'EEXIST Error: ipv4: Address already assigned.',
    ],
    [
      'an address that is not there',
      (r) => r.addrDel('d0', prefix('10.1.1.7/24')),
      'EADDRNOTAVAIL Error: ipv4: Address not found.',
    ],
    [
      'a name that is taken',
      (r) => r.linkAdd({ type: 'bridge', name: 'd0' }),
      'EEXIST RTNETLINK answers: File exists',
    ],
    [
      'a name too long',
      (r) => r.linkAdd({ type: 'bridge', name: 'averyveryverylongname' }),
      'ERANGE Error: Attribute failed policy validation.',
    ],
    [
      'a device that is not there',
      (r) => r.linkSet('nope', { up: true }),
      'ENODEV Cannot find device "nope"',
    ],
    ['loopback', (r) => r.linkDel('lo'), 'EOPNOTSUPP RTNETLINK answers: Operation not supported'],
    ['MTU too small', (r) => r.linkSet('d0', { mtu: 20 }), 'EINVAL Error: mtu less than device minimum.'],
    [
      'MTU too large',
      (r) => r.linkSet('d0', { mtu: 70_000 }),
      'EINVAL Error: mtu greater than device maximum.',
    ],
    [
      'a master that is no bridge',
      (r) => r.linkSet('d0', { master: 'd0p' }),
      'EOPNOTSUPP RTNETLINK answers: Operation not supported',
    ],
    [
      'hairpin without a bridge',
      (r) => r.linkSet('d0', { hairpin: true }),
      'EOPNOTSUPP RTNETLINK answers: Operation not supported',
    ],
    [
      'a neighbour without an address',
      (r) => r.neighAdd({ dev: 'd0', addr: ipv4('10.1.1.9') }),
      'EINVAL Error: No link layer address given.',
    ],
    [
      'a neighbour that is not there',
      (r) => r.neighDel('d0', ipv4('10.1.1.9')),
      'ENOENT RTNETLINK answers: No such file or directory',
    ],
    [
      'fdb of a device without one',
      (r) => r.fdbAdd({ dev: 'd0', mac: M('02:00:00:00:00:01'), dst: ipv4('1.2.3.4') }),
      'EOPNOTSUPP RTNETLINK answers: Operation not supported',
    ],
  ])('%s', (_name, call, said) => {
    expect(refusal(() => call(rtnl))).toBe(said);
  });

  it('a device that is down takes no routes', () => {
    rtnl.linkSet('d0', { up: false });
    expect(refusal(() => rtnl.routeAdd({ dst: prefix('10.9.0.0/16'), dev: 'd0' }))).toBe(
      'ENETDOWN Error: Device for nexthop is not up.',
    );
  });

  it('a gateway behind a gateway is not on the link', () => {
    rtnl.routeAdd({ dst: prefix('10.9.0.0/16'), via: ipv4('10.1.1.2') });
    expect(refusal(() => rtnl.routeAdd({ dst: prefix('10.10.0.0/16'), via: ipv4('10.9.0.1') }))).toBe(
      'ENETUNREACH Error: Nexthop has invalid gateway.',
    );
    expect(refusal(() => rtnl.routeAdd({ dst: prefix('10.9.0.0/16'), via: ipv4('10.1.1.3') }))).toBe(
      'EEXIST RTNETLINK answers: File exists',
    );
  });

  it('a bridge in a bridge, loopback in a bridge', () => {
    rtnl.linkAdd({ type: 'bridge', name: 'br0' });
    rtnl.linkAdd({ type: 'bridge', name: 'br1' });
    expect(refusal(() => rtnl.linkSet('br1', { master: 'br0' }))).toBe(
      'ELOOP Error: Can not enslave a bridge to a bridge.',
    );
    expect(refusal(() => rtnl.linkSet('lo', { master: 'br0' }))).toBe(
      'EINVAL RTNETLINK answers: Invalid argument',
    );
  });

  it('a neighbour twice, an fdb entry twice', () => {
    const neigh = { dev: 'd0', addr: ipv4('10.1.1.9'), mac: M('02:00:00:00:00:01') };
    rtnl.neighAdd(neigh);
    expect(refusal(() => rtnl.neighAdd(neigh))).toBe('EEXIST RTNETLINK answers: File exists');
    rtnl.linkAdd({ type: 'vxlan', name: 'vx', vni: 1, dev: 'd0', learning: false });
    const fdb = { dev: 'vx', mac: M('02:00:00:00:00:01'), dst: ipv4('1.2.3.4') };
    rtnl.fdbAdd(fdb);
    expect(refusal(() => rtnl.fdbAdd(fdb))).toBe('EEXIST RTNETLINK answers: File exists');
    expect(refusal(() => rtnl.fdbDel({ dev: 'vx', mac: M('02:00:00:00:00:02') }))).toBe(
      'ENOENT RTNETLINK answers: No such file or directory',
    );
  });
});

describe('routes', () => {
  const shown = () => rtnl.routeList().map((r) => r.describe());

  it('are shown as ip route shows them', () => {
    rtnl.routeAdd({ dst: prefix('0.0.0.0/0'), via: ipv4('10.1.1.2'), mtu: 1400 });
    rtnl.routeAdd({ dst: prefix('10.244.2.0/24'), via: ipv4('10.244.2.0'), dev: 'd0', onlink: true });
    rtnl.routeAdd({ dst: prefix('10.12.0.0/16'), type: 'blackhole' });
    rtnl.routeAdd({ dst: prefix('10.1.1.0/24'), dev: 'd0', metric: 5, proto: 'static' });
    expect(shown()).toEqual([
      'default via 10.1.1.2 dev d0 mtu 1400',
      '10.1.1.0/24 dev d0 proto kernel scope link src 10.1.1.1',
      '10.1.1.0/24 dev d0 proto static scope link metric 5',
      'blackhole 10.12.0.0/16',
      '10.244.2.0/24 via 10.244.2.0 dev d0 onlink',
    ]);
  });

  it('replace puts the new one in the old one’s place, or adds it', () => {
    rtnl.routeReplace({ dst: prefix('10.9.0.0/16'), via: ipv4('10.1.1.2') });
    rtnl.routeReplace({ dst: prefix('10.9.0.0/16'), via: ipv4('10.1.1.3') });
    rtnl.routeReplace({ dst: prefix('10.9.0.0/16'), via: ipv4('10.1.1.4'), metric: 7 });
    expect(shown().slice(1)).toEqual([
      '10.9.0.0/16 via 10.1.1.3 dev d0',
      '10.9.0.0/16 via 10.1.1.4 dev d0 metric 7',
    ]);
  });

  it('del takes the first that matches all that was said', () => {
    rtnl.routeAdd({ dst: prefix('10.9.0.0/16'), via: ipv4('10.1.1.2') });
    rtnl.routeAdd({ dst: prefix('10.9.0.0/16'), via: ipv4('10.1.1.3'), metric: 7 });
    expect(refusal(() => rtnl.routeDel({ dst: prefix('10.9.0.0/16'), via: ipv4('10.1.1.77') }))).toMatch(
      /ESRCH/,
    );
    rtnl.routeDel({ dst: prefix('10.9.0.0/16'), via: ipv4('10.1.1.3') });
    rtnl.routeDel({ dst: prefix('10.9.0.0/16') });
    expect(shown()).toHaveLength(1);
  });

  it('get answers as ip route get', () => {
    rtnl.routeAdd({ dst: prefix('10.12.0.0/16'), type: 'blackhole' });
    rtnl.routeAdd({ dst: prefix('10.13.0.0/16'), type: 'unreachable' });
    expect(rtnl.routeGet(ipv4('10.1.1.2'))).toMatchObject({ type: 'UNICAST', src: ipv4('10.1.1.1') });
    expect(rtnl.routeGet(ipv4('10.1.1.1')).dev.name).toBe('lo');
    expect(refusal(() => rtnl.routeGet(ipv4('10.12.0.1')))).toBe(
      'EINVAL RTNETLINK answers: Invalid argument',
    );
    expect(refusal(() => rtnl.routeGet(ipv4('10.13.0.1')))).toMatch(/^EHOSTUNREACH/);
    expect(refusal(() => rtnl.routeGet(ipv4('8.8.8.8')))).toBe(
      'ENETUNREACH RTNETLINK answers: Network is unreachable',
    );
  });
});

describe('links', () => {
  it('a veth is moved, renamed on its way, and loses addresses and routes', () => {
    const pod = lab.netns('pod');
    rtnl.linkSet('d0p', { netns: pod, name: 'eth0' });
    expect([ns.device('d0p'), pod.device('eth0')?.up]).toEqual([undefined, false]);
    expect(pod.sysctl.read('net.ipv4.conf.eth0.rp_filter')).toBe('0');
    expect(ns.sysctl.read('net.ipv4.conf.d0p.rp_filter')).toBeUndefined();
  });

  it('a bridge port moves from bridge to bridge, with its flags', () => {
    rtnl.linkAdd({ type: 'bridge', name: 'br0' });
    rtnl.linkAdd({ type: 'bridge', name: 'br1' });
    rtnl.linkSet('d0p', { master: 'br0', hairpin: true });
    rtnl.linkSet('d0p', { master: 'br1' });
    expect(rtnl.link('d0p').master?.name).toBe('br1');
    rtnl.linkSet('d0p', { master: undefined });
    expect(rtnl.link('d0p').master).toBeUndefined();
  });

  it('a vxlan device has the fdb that flannel writes', () => {
    rtnl.linkAdd({ type: 'vxlan', name: 'flannel.1', vni: 1, dev: 'd0', learning: false });
    rtnl.fdbReplace({ dev: 'flannel.1', mac: M('02:00:00:00:00:01'), dst: ipv4('10.1.1.2') });
    rtnl.fdbReplace({ dev: 'flannel.1', mac: M('02:00:00:00:00:01'), dst: ipv4('10.1.1.3') });
    rtnl.fdbAppend({ dev: 'flannel.1', mac: mac(0), dst: ipv4('10.1.1.3') });
    rtnl.fdbAppend({ dev: 'flannel.1', mac: mac(0), dst: ipv4('10.1.1.4') });
    const entries = rtnl.fdbList('flannel.1').map((r) => [r.mac, r.dst!] as const);
    expect(entries.sort((x, y) => y[0] - x[0] || x[1] - y[1])).toEqual([
      [M('02:00:00:00:00:01'), ipv4('10.1.1.3')],
      [mac(0), ipv4('10.1.1.3')],
      [mac(0), ipv4('10.1.1.4')],
    ]);
    rtnl.fdbDel({ dev: 'flannel.1', mac: M('02:00:00:00:00:01'), dst: ipv4('10.1.1.3') });
    expect(rtnl.fdbList('flannel.1')).toHaveLength(2);
    expect(rtnl.link('flannel.1').mtu).toBe(1450);
  });

  it('subscribers hear of links, addresses, routes and neighbours until they stop', () => {
    const heard: string[] = [];
    const stop = rtnl.subscribe((event) => heard.push(event.type));
    rtnl.addrAdd('d0', { addr: prefix('10.2.0.1/24') });
    rtnl.neighAdd({ dev: 'd0', addr: ipv4('10.2.0.9'), mac: M('02:00:00:00:00:01') });
    rtnl.linkDel('d0');
    expect(new Set(heard)).toEqual(
      new Set(['newaddr', 'newroute', 'newneigh', 'newlink', 'delroute', 'delneigh', 'deladdr', 'dellink']),
    );
    stop();
    heard.length = 0;
    rtnl.linkAdd({ type: 'bridge', name: 'br9' });
    expect(heard).toEqual([]);
  });
});
