import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rtnetlink } from '../rtnetlink/rtnetlink.ts';
import { formatIpv4, type Ipv4, ip4, ipv4, netmask, prefix } from '../wire/addr.ts';
import { Fib } from './fib.ts';
import { ipv4Net } from './net.ts';
import { Route, type RouteInit } from './route.ts';
import { addAddr, Lab } from './test-kit.ts';

function route(dst: number, len: number, more: Partial<RouteInit> = {}): Route {
  return new Route({
    dst: ip4(dst & netmask(len)),
    len,
    type: 'unicast',
    table: 254,
    scope: 0,
    proto: 'boot',
    metric: 0,
    prefsrc: ip4(0),
    gateway: ip4(0),
    dev: undefined,
    onlink: false,
    mtu: 0,
    advmss: 0,
    nhScope: 253,
    ...more,
  });
}

describe('look-up', () => {
  // Addresses from a few bits, so that prefixes nest and collide.
  const addr = fc.constantFrom(
    0,
    0x0a000000,
    0x0a000001,
    0x0a000100,
    0x0a800000,
    0xffffffff,
    0x80000000,
    0xc0a86401,
  );
  const step = fc.record({
    dst: addr,
    len: fc.integer({ min: 0, max: 32 }),
    metric: fc.integer({ min: 0, max: 2 }),
    drop: fc.boolean(),
  });

  it('finds what a walk over all routes finds, through any adding and removing', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 30 }),
        fc.array(addr, { minLength: 1, maxLength: 8 }),
        (steps, asked) => {
          const fib = new Fib();
          const all: Route[] = [];
          for (const { dst, len, metric, drop } of steps) {
            const gone = drop ? all.shift() : undefined;
            if (gone !== undefined) fib.remove(gone);
            const added = route(dst, len, { metric });
            all.push(added);
            fib.add(added);
            for (const a of asked) {
              const inside = all.filter((r) => ((a ^ r.dst) & netmask(r.len)) === 0);
              const len = Math.max(-1, ...inside.map((r) => r.len));
              const best = inside.filter((r) => r.len === len);
              const metric = Math.min(...best.map((r) => r.metric));
              expect(fib.lookup(ip4(a))).toBe(best.find((r) => r.metric === metric));
              expect(fib.lookupFor(ip4(a), 0)).toBe(fib.lookup(ip4(a)));
            }
          }
          expect(fib.size).toBe(all.length);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('of equal prefixes the local table comes before main, then the lower metric', () => {
    const fib = new Fib();
    const main = route(0x0a000000, 8);
    const worse = route(0x0a000000, 8, { metric: 10 });
    const local = route(0x0a000000, 8, { table: 255, type: 'local', scope: 254 });
    for (const r of [worse, main, local]) fib.add(r);
    expect(fib.at(ip4(0x0a000000), 8)).toEqual([local, main, worse]);
    expect(fib.lookup(ip4(0x0a010203))).toBe(local);
  });

  it('a look-up for a gateway passes over routes that reach as far', () => {
    const fib = new Fib();
    const far = route(0x0a000000, 24);
    const link = route(0x0a000000, 8, { scope: 253 });
    fib.add(far);
    fib.add(link);
    expect(fib.lookupFor(ip4(0x0a000001), 0, 253)).toBe(link);
  });
});

describe('routes that addresses bring', () => {
  const shown = (lab: Lab, ns = lab.kernel.host) =>
    rtnetlink(ns)
      .routeList({ table: 'all' })
      .map((r) => r.describe());

  it('loopback, when it is set up', () => {
    const lab = new Lab();
    const ns = lab.kernel.addNetns('a');
    expect(shown(lab, ns)).toEqual([]);
    ns.setUp(ns.device('lo')!, true);
    expect(shown(lab, ns)).toEqual([
      'local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1',
      'local 127.0.0.1 dev lo table local proto kernel scope host src 127.0.0.1',
      'broadcast 127.255.255.255 dev lo table local proto kernel scope link src 127.0.0.1',
    ]);
  });

  it('an address on a device that goes up, down, up and away', () => {
    const lab = new Lab();
    const ns = lab.kernel.addNetns('a');
    const peer = lab.kernel.addNetns('b');
    const [dev] = lab.link(ns, 'eth0', '', peer, 'eth0', '');
    ns.setUp(dev, false);
    addAddr(dev, '10.1.1.1/24');
    const local = 'local 10.1.1.1 dev eth0 table local proto kernel scope host src 10.1.1.1';
    const net = '10.1.1.0/24 dev eth0 proto kernel scope link src 10.1.1.1';
    const broadcast = 'broadcast 10.1.1.255 dev eth0 table local proto kernel scope link src 10.1.1.1';
    expect(shown(lab, ns)).toEqual([local]);
    ns.setUp(dev, true);
    expect(shown(lab, ns)).toEqual([net, local, broadcast]);
    rtnetlink(ns).routeAdd({ dst: prefix('10.9.0.0/16'), via: ipv4('10.1.1.2') });
    ns.setUp(dev, false);
    // As Linux: the host's own addresses are answered for by other devices still.
    expect(shown(lab, ns)).toEqual([local, broadcast]);
    ns.setUp(dev, true);
    expect(shown(lab, ns)).toEqual([net, local, broadcast]);
    ns.unregister(dev);
    expect(shown(lab, ns)).toEqual([]);
  });

  it.each([
    ['10.1.1.1/32', ['local 10.1.1.1']],
    ['10.1.1.0/32', ['local 10.1.1.0']],
    ['10.1.1.1/31', ['10.1.1.0/31', 'local 10.1.1.1']],
    ['10.1.1.1/30', ['10.1.1.0/30', 'local 10.1.1.1', 'broadcast 10.1.1.3']],
  ])('%s', (addr, routes) => {
    const lab = new Lab();
    const ns = lab.kernel.addNetns('a');
    lab.link(ns, 'eth0', addr, lab.kernel.addNetns('b'), 'eth0', '');
    expect(shown(lab, ns).map((r) => r.split(' dev ')[0])).toEqual(routes);
  });

  it('a second address of the same network is secondary: it brings no network route and goes with the first', () => {
    const lab = new Lab();
    const ns = lab.kernel.addNetns('a');
    const [dev] = lab.link(ns, 'eth0', '10.1.1.1/24', lab.kernel.addNetns('b'), 'eth0', '');
    addAddr(dev, '10.1.1.9/24');
    addAddr(dev, '10.2.2.2/24');
    expect(lab.kernel.ipv4.selectAddr(ns, dev, ipv4('10.1.1.77'))).toBe(ipv4('10.1.1.1'));
    expect(lab.kernel.ipv4.selectAddr(ns, dev, ipv4('10.2.2.77'))).toBe(ipv4('10.2.2.2'));
    rtnetlink(ns).addrDel('eth0', prefix('10.1.1.1/24'));
    expect(dev.addrs.map((a) => formatIpv4(a.addr))).toEqual(['10.2.2.2']);
    expect(ipv4Net(ns).fib.lookup(ipv4('10.1.1.77'))).toBeUndefined();
  });

  it('routes that name an address as their source go with it', () => {
    const lab = new Lab();
    const ns = lab.kernel.addNetns('a');
    const [dev] = lab.link(ns, 'eth0', '10.1.1.1/24', lab.kernel.addNetns('b'), 'eth0', '');
    addAddr(dev, '10.2.2.2/32');
    rtnetlink(ns).routeAdd({ dst: prefix('10.9.0.0/16'), via: ipv4('10.1.1.2'), src: ipv4('10.2.2.2') });
    expect(lab.kernel.ipv4.routeOutput(ns, ipv4('10.9.0.1'), 0 as Ipv4, 0, 0)).toMatchObject({
      src: ipv4('10.2.2.2'),
    });
    rtnetlink(ns).addrDel('eth0', prefix('10.2.2.2/32'));
    expect(lab.kernel.ipv4.routeOutput(ns, ipv4('10.9.0.1'), 0 as Ipv4, 0, 0)).toBe('ENETUNREACH');
  });
});

describe('addrType', () => {
  it.each([
    ['10.1.1.1', 'LOCAL'],
    ['127.3.4.5', 'LOCAL'],
    ['10.1.1.255', 'BROADCAST'],
    ['255.255.255.255', 'BROADCAST'],
    ['0.0.0.0', 'BROADCAST'],
    ['224.0.0.1', 'MULTICAST'],
    ['10.1.1.2', 'UNICAST'],
    ['9.9.9.9', 'UNICAST'],
    ['10.99.0.1', 'UNREACHABLE'],
    ['10.98.0.1', 'BLACKHOLE'],
    ['10.97.0.1', 'PROHIBIT'],
  ])('%s is %s', (addr, type) => {
    const lab = new Lab();
    const ns = lab.netns('a');
    lab.link(ns, 'eth0', '10.1.1.1/24', lab.netns('b'), 'eth0', '');
    const rtnl = rtnetlink(ns);
    rtnl.routeAdd({ dst: prefix('10.99.0.0/16'), type: 'unreachable' });
    rtnl.routeAdd({ dst: prefix('10.98.0.0/16'), type: 'blackhole' });
    rtnl.routeAdd({ dst: prefix('10.97.0.0/16'), type: 'prohibit' });
    expect(lab.kernel.ipv4.addrType(ns, ipv4(addr))).toBe(type);
  });
});
