import { describe, expect, it } from 'vitest';
import { CHECKSUM_PARTIAL, type Skb } from '../skb/skb.ts';
import type { TraceEvent } from '../trace/event.ts';
import { pseudoHeader } from '../wire/checksum.ts';
import * as ip from '../wire/ipv4.ts';
import * as udp from '../wire/udp.ts';
import { dropReasons, lab, recordArrivals, udpPacket, up } from './test-kit.ts';
import { Tun } from './tun.ts';

const packet = () => udpPacket({ src: '10.244.1.2', dst: '10.244.2.2' });

function tunnel(options: { txQueueLen?: number } = {}) {
  const { kernel, ns } = lab();
  const tun = new Tun(kernel, { name: 'flannel0', mtu: 1472, ...options });
  up(ns, tun);
  const send = (bytes = packet()): Skb => {
    const skb = kernel.pool.copyOf(bytes);
    skb.network = skb.data;
    tun.queueXmit(skb);
    return skb;
  };
  return { kernel, ns, tun, send, arrived: recordArrivals(kernel) };
}

describe('tun', () => {
  it('hands packets to the daemon in order, as copies, and counts each crossing', () => {
    const { kernel, tun, send } = tunnel();
    const file = tun.attach();
    const woken: number[] = [];
    file.onReadable = () => woken.push(tun.queued);
    const first = packet();
    const second = udpPacket({ src: '10.244.1.2', dst: '10.244.2.3' });
    send(first);
    send(second);
    kernel.runQueue.run();
    expect(woken).toEqual([2]);
    expect([file.read()?.bytes, file.read()?.bytes, file.read()]).toEqual([first, second, undefined]);
    expect(tun.crossings).toEqual({ toUser: 2, toKernel: 0 });
    send();
    kernel.runQueue.run();
    expect(woken).toEqual([2, 1]);
  });

  it('cuts a packet to the daemon’s buffer, as read(2) does', () => {
    const { tun, send } = tunnel();
    const file = tun.attach();
    send();
    expect(file.read(20)?.bytes.length).toBe(20);
  });

  it('receives what the daemon writes, in a turn of its own', () => {
    const { kernel, tun, arrived } = tunnel();
    const file = tun.attach();
    file.write(packet(), 5);
    expect(arrived).toEqual([]);
    kernel.runQueue.run();
    expect(arrived).toMatchObject([{ dev: 'flannel0', bytes: packet(), skb: { trace: 5, mac: -1 } }]);
    expect(tun.crossings).toEqual({ toUser: 0, toKernel: 1 });
  });

  it('without a daemon there is no carrier; a daemon that stops reading fills the ring', () => {
    const { kernel, tun, send } = tunnel({ txQueueLen: 3 });
    send();
    expect(dropReasons(kernel)).toEqual(['NO_CARRIER']);
    const file = tun.attach();
    for (let i = 0; i < 5; i++) send();
    expect(tun.queued).toBe(3);
    expect(kernel.tracer.dropped.get('TUN_FULL_RING')).toBe(2);
    expect(tun.stats.txDropped).toBe(3);
    file.close();
    expect([tun.queued, tun.carrier, kernel.tracer.dropped.get('TUN_NO_READER')]).toEqual([0, false, 3]);
  });

  it('has one daemon at a time, and a closed file is dead', () => {
    const { tun, send } = tunnel();
    const file = tun.attach();
    expect(() => tun.attach()).toThrow(expect.objectContaining({ code: 'EBUSY' }));
    file.close();
    const next = tun.attach();
    send();
    expect(file.read()).toBeUndefined();
    expect(() => file.write(packet())).toThrow(expect.objectContaining({ code: 'EBADFD' }));
    expect(next.read()).toBeDefined();
  });

  it.each([
    { what: 'nothing', bytes: new Uint8Array(0), code: 'EINVAL' },
    { what: 'an IPv6 packet', bytes: Uint8Array.of(0x60, 0, 0, 0), code: 'EINVAL' },
    { what: 'more than IPv4 can be', bytes: new Uint8Array(65_536).fill(0x45), code: 'EINVAL' },
  ])('refuses $what', ({ bytes, code }) => {
    const { tun } = tunnel();
    expect(() => tun.attach().write(bytes)).toThrow(expect.objectContaining({ code }));
  });

  it('refuses writes while down', () => {
    const { ns, tun } = tunnel();
    const file = tun.attach();
    ns.setUp(tun, false);
    expect(() => file.write(packet())).toThrow(expect.objectContaining({ code: 'EIO' }));
  });

  it('completes a partial checksum: a daemon sees wire bytes', () => {
    const { kernel, tun } = tunnel();
    const file = tun.attach();
    const bytes = packet();
    const partial = bytes.slice();
    const at = ip.MIN_HLEN;
    const sum = pseudoHeader(ip.src(bytes, 0), ip.dst(bytes, 0), ip.PROTO_UDP, bytes.length - at);
    udp.setChecksum(partial, at, sum);
    const skb = kernel.pool.copyOf(partial);
    skb.network = skb.data;
    skb.transport = skb.data + at;
    skb.ipSummed = CHECKSUM_PARTIAL;
    tun.queueXmit(skb);
    expect(file.read()?.bytes).toEqual(bytes);
  });

  it('shows both crossings in a trace', () => {
    const { kernel, tun, send } = tunnel();
    const events: TraceEvent[] = [];
    kernel.tracer.sink = (e) => events.push(e);
    const file = tun.attach();
    const skb = kernel.pool.copyOf(packet());
    skb.network = skb.data;
    skb.trace = 3;
    tun.queueXmit(skb);
    file.write(file.read()!.bytes, 3);
    send();
    expect(events.map((e) => e.text)).toEqual([
      'waits for the daemon, 0 before it',
      'copied to the daemon: 46 bytes',
      'copied from the daemon: 46 bytes',
    ]);
  });
});
