import { describe, expect, it } from 'vitest';
import { CHECKSUM_NONE, CHECKSUM_PARTIAL } from '../skb/skb.ts';
import type { TraceEvent } from '../trace/event.ts';
import { dropReasons, frame, lab, recordArrivals } from './test-kit.ts';
import { addVethPair } from './veth.ts';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';

function pair(options: { samens?: boolean; mtu?: number; peerMtu?: number } = {}) {
  const { kernel, ns } = lab();
  const pod = options.samens === true ? ns : kernel.addNetns('pod');
  const [a, b] = addVethPair(ns, { name: 'veth0', mac: mac(A), mtu: options.mtu ?? 1500 }, pod, {
    name: 'eth0',
    mac: mac(B),
    mtu: options.peerMtu ?? 1500,
  });
  ns.setUp(a, true);
  pod.setUp(b, true);
  return { kernel, ns, pod, a, b, arrived: recordArrivals(kernel) };
}
const mac = (text: string) => Number.parseInt(text.replaceAll(':', ''), 16) as never;

describe('veth', () => {
  it.each([
    { crossing: 'into another namespace', samens: false, mark: 0 },
    { crossing: 'within one namespace', samens: true, mark: 5 },
  ])('$crossing: mark $mark, connection and route forgotten, trace and lateness kept', (row) => {
    const { kernel, a, arrived } = pair({ samens: row.samens });
    const skb = frame(kernel, { dst: B, src: A });
    Object.assign(skb, { mark: 5, ct: {}, dst: {}, sk: {}, priority: 3, trace: 9, late: 0.25, physin: 4 });
    a.queueXmit(skb);
    kernel.runQueue.run();
    expect(arrived.map((x) => x.dev)).toEqual(['eth0']);
    expect(arrived[0]!.skb).toMatchObject({
      mark: row.mark,
      ct: undefined,
      dst: undefined,
      sk: undefined,
      priority: 0,
      physin: 0,
      trace: 9,
      late: 0.25,
    });
  });

  it('leaves the checksum state alone: partial stays partial, unverified stays unverified', () => {
    const { kernel, a, arrived } = pair();
    for (const ipSummed of [CHECKSUM_PARTIAL, CHECKSUM_NONE]) {
      const skb = frame(kernel, { dst: B, src: A });
      skb.ipSummed = ipSummed;
      a.queueXmit(skb);
    }
    kernel.runQueue.run();
    expect(arrived.map((x) => x.skb.ipSummed)).toEqual([CHECKSUM_PARTIAL, CHECKSUM_NONE]);
  });

  it.each([
    { what: 'at the MTU', payload: 1400, gso: 0, drops: [] },
    { what: 'within the room for a VLAN tag', payload: 1404, gso: 0, drops: [] },
    { what: 'beyond it', payload: 1405, gso: 0, drops: ['PKT_TOO_BIG'] },
    { what: 'a super-segment', payload: 8000, gso: 1360, drops: [] },
  ])('towards a peer of MTU 1400, a frame $what: drops $drops', ({ payload, gso, drops }) => {
    const { kernel, a, arrived } = pair({ peerMtu: 1400 });
    const skb = frame(kernel, { dst: B, src: A, payload: new Uint8Array(payload) });
    skb.gsoSize = gso;
    a.queueXmit(skb);
    kernel.runQueue.run();
    expect(dropReasons(kernel)).toEqual(drops);
    expect(arrived).toHaveLength(drops.length === 0 ? 1 : 0);
  });

  it('has carrier while both ends are up, and says so to listeners', () => {
    const { ns, pod, a, b } = pair();
    const changes: string[] = [];
    ns.listen((event) => changes.push(event.type));
    expect([a.carrier, b.carrier]).toEqual([true, true]);
    pod.setUp(b, false);
    expect([a.carrier, b.carrier]).toEqual([false, false]);
    pod.setUp(b, true);
    expect([a.carrier, b.carrier]).toEqual([true, true]);
    expect(changes).toEqual(['change', 'change']);
  });

  it('drops a frame when the peer is down, and when it went down on the way', () => {
    const { kernel, pod, a, b, arrived } = pair();
    a.queueXmit(frame(kernel, { dst: B, src: A }));
    pod.setUp(b, false);
    kernel.runQueue.run();
    a.queueXmit(frame(kernel, { dst: B, src: A }));
    expect(dropReasons(kernel)).toEqual(['DEV_DOWN', 'NO_CARRIER']);
    expect(arrived).toEqual([]);
  });

  it('goes with its peer, whichever end or namespace is deleted', () => {
    const { kernel, ns, pod, a, b } = pair();
    expect([a.peerIfindex, a.peerNs, b.peerIfindex]).toEqual([b.ifindex, pod, a.ifindex]);
    kernel.delNetns(pod);
    expect([ns.device('veth0'), a.peer, b.peer]).toEqual([undefined, undefined, undefined]);
  });

  it('leaves nothing behind when the name is taken', () => {
    const { ns, pod } = pair();
    expect(() => addVethPair(ns, { name: 'veth0' }, pod, { name: 'eth1' })).toThrow('exists');
    expect(pod.device('eth1')).toBeUndefined();
  });

  it('says in the trace where the frame went', () => {
    const { kernel, a } = pair();
    const events: TraceEvent[] = [];
    kernel.tracer.sink = (event) => events.push(event);
    const skb = frame(kernel, { dst: B, src: A });
    skb.trace = 1;
    a.queueXmit(skb);
    expect(events[0]).toMatchObject({ stage: 'xmit', text: 'crosses the veth pair to eth0 in pod' });
  });
});
