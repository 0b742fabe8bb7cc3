import { describe, expect, it } from 'vitest';
import type { NetDevice } from '../netns/device.ts';
import type { Netns } from '../netns/netns.ts';
import { rtnetlink } from '../rtnetlink/rtnetlink.ts';
import { formatMac, ipv4, prefix } from '../wire/addr.ts';
import * as arp from '../wire/arp.ts';
import { arpSend } from './arp.ts';
import { nudName } from './neigh-output.ts';
import { ipv4Net } from './net.ts';
import { drops, Lab, tap } from './test-kit.ts';

function pair() {
  const lab = new Lab();
  const a = lab.netns('a');
  const b = lab.netns('b');
  const [ea, eb] = lab.link(a, 'eth0', '10.0.0.1/24', b, 'eth0', '10.0.0.2/24');
  return { lab, a, b, ea, eb };
}
const state = (ns: Netns, addr: string): string => {
  const entry = [...ipv4Net(ns).neigh.list()].find((n) => n.addr === ipv4(addr));
  return entry === undefined ? 'none' : nudName(entry.state);
};
const asks = (lines: string[]) => lines.filter((l) => l.includes('who-has'));
const sent = (lines: string[]) => lines.filter((l) => l.startsWith('>'));
const mac = (dev: NetDevice) => formatMac(dev.mac);

describe('states and timers', () => {
  it('asked for, reachable, stale after 15 to 45 s, and probed by unicast 5 s after it is used again', () => {
    const { lab, a, ea, eb } = pair();
    const seen = tap(ea);
    lab.ping(a, '10.0.0.2');
    expect(state(a, '10.0.0.2')).toBe('REACHABLE');
    lab.run(14_900);
    expect(state(a, '10.0.0.2')).toBe('REACHABLE');
    lab.run(30_200);
    expect(state(a, '10.0.0.2')).toBe('STALE');
    seen.length = 0;
    expect(lab.ping(a, '10.0.0.2')).toMatch(/^reply/);
    expect(state(a, '10.0.0.2')).toBe('DELAY');
    expect(asks(seen)).toEqual([]);
    lab.run(4999);
    expect(sent(asks(seen))).toEqual([]);
    lab.run(1);
    expect(sent(asks(seen)).map((l) => l.slice(0, 39))).toEqual([`> ${mac(ea)} > ${mac(eb)}`]);
    expect(state(a, '10.0.0.2')).toBe('REACHABLE');
  });

  it('one that is silent when probed: three unicasts a second apart, then failed and asked for anew', () => {
    const { lab, a, b, ea } = pair();
    lab.ping(a, '10.0.0.2');
    lab.run(50_000);
    b.device('eth0')!.noArp = true;
    const seen = tap(ea);
    lab.ping(a, '10.0.0.2');
    lab.run(5000);
    expect(state(a, '10.0.0.2')).toBe('PROBE');
    lab.run(2999);
    expect(asks(seen)).toHaveLength(3);
    lab.run(1);
    expect(state(a, '10.0.0.2')).toBe('FAILED');
    expect(lab.ping(a, '10.0.0.2', { ms: 3000 })).toBe('3/1 from 10.0.0.1');
    expect(asks(seen)).toHaveLength(6);
  });

  it('a neighbour that changes its MAC is believed when it answers', () => {
    const { lab, a, b, eb } = pair();
    lab.ping(a, '10.0.0.2');
    rtnetlink(b).linkSet('eth0', { mac: 0x020000000099 as never });
    lab.run(60_000);
    lab.ping(a, '10.0.0.2');
    lab.run(10_000);
    expect(lab.ping(a, '10.0.0.2')).toMatch(/^reply/);
    expect(eb.mac).toBe(0x020000000099);
  });

  it('permanent entries ask nobody and stay', () => {
    const { lab, a, ea, eb } = pair();
    const rtnl = rtnetlink(a);
    rtnl.neighAdd({ dev: 'eth0', addr: ipv4('10.0.0.2'), mac: eb.mac });
    const seen = tap(ea);
    lab.ping(a, '10.0.0.2');
    lab.run(3_600_000);
    expect(state(a, '10.0.0.2')).toBe('PERMANENT');
    expect(asks(seen.filter((l) => l.startsWith('>')))).toEqual([]);
  });

  it('goes down with its device', () => {
    const { lab, a, ea } = pair();
    lab.ping(a, '10.0.0.2');
    a.setUp(ea, false);
    expect(state(a, '10.0.0.2')).toBe('none');
  });
});

describe('the queue of an unresolved neighbour', () => {
  it('is bounded in bytes, and the oldest go first', () => {
    const { lab, a } = pair();
    for (let i = 0; i < 1000; i++) lab.send(a, '10.0.0.77', { seq: i });
    const waiting = [...ipv4Net(a).neigh.list()].find((n) => n.addr === ipv4('10.0.0.77'))!;
    const waitingBefore = waiting.queue.length;
    expect(waitingBefore).toBeLessThan(300);
    expect(waiting.queueBytes).toBeLessThanOrEqual(212_992);
    expect(drops(lab)).toEqual([`NEIGH_QUEUEFULL: ${1000 - waiting.queue.length}`]);
    lab.run(3000);
    expect(waiting.queue).toHaveLength(0);
    // Those who still waited are told, as far as the limit on all errors together lets them be.
    expect(lab.errors.length).toBeGreaterThan(25);
    expect(lab.errors.length).toBeLessThan(waitingBefore);
  });
});

describe('collection', () => {
  it('forgets stale entries beyond gc_thresh1, and refuses new ones at gc_thresh3', () => {
    const { lab, a, ea } = pair();
    const { neigh } = ipv4Net(a);
    for (let i = 0; i < 1500; i++) neigh.create(ea, (0x0b000000 + i) as never);
    expect(neigh.gcEntries).toBe(1024);
    expect(neigh.tableFulls).toBeGreaterThan(0);
    lab.run(120_000);
    neigh.create(ea, 0x0c000000 as never);
    expect(neigh.gcEntries).toBeLessThan(513);
  });

  it('does not count what was set by hand', () => {
    const { a, ea } = pair();
    const rtnl = rtnetlink(a);
    for (let i = 0; i < 2000; i++)
      rtnl.neighAdd({ dev: 'eth0', addr: (0x0b000000 + i) as never, mac: ea.mac });
    expect(ipv4Net(a).neigh.gcEntries).toBe(0);
    expect(rtnl.neighList()).toHaveLength(2000);
  });
});

describe('who is answered', () => {
  const ask = (dev: NetDevice, spa: string, tpa: string) =>
    arpSend(
      dev,
      arp.REQUEST,
      { sha: dev.mac, spa: ipv4(spa), tha: 0 as never, tpa: ipv4(tpa) },
      0xffffffffffff as never,
    );

  it('asks for every local address, by any device, unless told otherwise', () => {
    const { lab, b, ea, eb } = pair();
    const other = lab.netns('c');
    lab.link(b, 'eth1', '10.7.0.1/24', other, 'eth0', '10.7.0.2/24');
    const seen = tap(ea);
    const answers = () => seen.filter((l) => l.includes('is-at')).length;
    ask(ea, '10.0.0.1', '10.7.0.1');
    lab.run();
    expect(answers()).toBe(1);
    eb.conf.arp_ignore = 1;
    ask(ea, '10.0.0.1', '10.7.0.1');
    lab.run();
    expect(answers()).toBe(1);
    ask(ea, '10.0.0.1', '10.0.0.2');
    lab.run();
    expect(answers()).toBe(2);
    eb.conf.arp_ignore = 2;
    ask(ea, '10.9.0.1', '10.0.0.2');
    lab.run();
    expect(answers()).toBe(2);
    eb.conf.arp_ignore = 8;
    ask(ea, '10.0.0.1', '10.0.0.2');
    lab.run();
    expect(answers()).toBe(2);
  });

  it('a probe for duplicates is answered without remembering who asked', () => {
    const { lab, b, ea } = pair();
    const seen = tap(ea);
    ask(ea, '0.0.0.0', '10.0.0.2');
    lab.run();
    expect(seen.filter((l) => l.includes('is-at'))).toHaveLength(1);
    expect([...ipv4Net(b).neigh.list()]).toEqual([]);
  });

  it('a request makes an entry of who asked; a gratuitous one only changes what is there', () => {
    const { lab, b, ea } = pair();
    ask(ea, '10.0.0.1', '10.0.0.2');
    ask(ea, '10.0.0.33', '10.0.0.33');
    lab.run();
    expect(state(b, '10.0.0.1')).toBe('STALE');
    expect(state(b, '10.0.0.33')).toBe('none');
  });

  it('a proxy answers for what it reaches elsewhere', () => {
    const { lab, a, b, ea, eb } = pair();
    const other = lab.netns('c');
    lab.link(b, 'eth1', '10.7.0.1/24', other, 'eth0', '10.7.0.2/24');
    rtnetlink(other).routeAdd({ dst: prefix('0.0.0.0/0'), via: ipv4('10.7.0.1') });
    rtnetlink(a).routeAdd({ dst: prefix('10.7.0.0/24'), dev: 'eth0' });
    b.sysctl.write('net.ipv4.ip_forward', '1');
    const seen = tap(ea);
    expect(lab.ping(a, '10.7.0.2', { ms: 900 })).toBe('nothing');
    eb.conf.proxy_arp = 1;
    lab.run(2000);
    expect(lab.delivered.some((l) => l.includes('echo reply'))).toBe(true);
    expect(seen.filter((l) => l.includes('is-at')).length).toBeGreaterThan(0);
  });

  it('arp_announce chooses the source that a request names', () => {
    const { lab, a, ea } = pair();
    lab.link(a, 'eth1', '10.7.0.1/24', lab.netns('c'), 'eth0', '10.7.0.2/24');
    const seen = tap(ea);
    for (const level of [0, 1, 2]) {
      ea.conf.arp_announce = level;
      lab.send(a, `10.0.0.${100 + level}`, { src: '10.7.0.1' });
    }
    expect(asks(seen).map((l) => l.split('tell ')[1])).toEqual(['10.7.0.1', '10.0.0.1', '10.0.0.1']);
  });

  it('arp_notify: one gratuitous request when the device goes up', () => {
    const { a, ea } = pair();
    const seen = tap(ea);
    a.setUp(ea, false);
    ea.conf.arp_notify = 1;
    a.setUp(ea, true);
    expect(seen.map((l) => l.split(': ARP ').pop())).toEqual(['announcement 10.0.0.1']);
  });

  it('hostile frames are dropped and counted', () => {
    const { lab, a, ea, eb } = pair();
    for (let len = 0; len <= 28; len++) {
      const skb = lab.kernel.pool.alloc(64);
      skb.put(len);
      skb.bytes.fill(len * 7, skb.data, skb.tail);
      ea.header(skb, eb.mac, ea.mac, 0x0806);
      ea.queueXmit(skb);
    }
    lab.run();
    expect(drops(lab)).toEqual(['ARP_INVALID: 29']);
    expect(lab.ping(a, '10.0.0.2')).toMatch(/^reply/);
  });
});
