import { describe, expect, it } from 'vitest';
import type { Cable } from '../netns/cable.ts';
import type { Skb } from '../skb/skb.ts';
import { Nic } from './nic.ts';
import { dropReasons, frame, lab, macOf, recordArrivals, up } from './test-kit.ts';

const OWN = '02:00:c0:a8:64:0b';
const OTHER = '02:00:c0:a8:64:0c';

function plugged() {
  const { kernel, ns } = lab();
  const sent: Skb[] = [];
  let receive: (skb: Skb) => void = () => {};
  let plugs = 0;
  const cable: Cable = {
    plug: (_dev, fn) => {
      receive = fn;
      plugs++;
    },
    send: (skb) => sent.push(skb),
    unplug: () => plugs--,
  };
  const nic = up(ns, new Nic(kernel, { name: 'eth0', mac: macOf(OWN), cable }));
  return {
    kernel,
    ns,
    nic,
    sent,
    receive: (skb: Skb) => receive(skb),
    plugs: () => plugs,
    arrived: recordArrivals(kernel),
  };
}

describe('nic', () => {
  it.each([
    { what: 'its own address', dst: OWN, promisc: 0, taken: true },
    { what: 'broadcast', dst: 'ff:ff:ff:ff:ff:ff', promisc: 0, taken: true },
    { what: 'multicast', dst: '01:00:5e:00:00:01', promisc: 0, taken: true },
    { what: 'another address', dst: OTHER, promisc: 0, taken: false },
  ])('takes $what: $taken', ({ dst, taken }) => {
    const { kernel, nic, receive, arrived } = plugged();
    receive(frame(kernel, { dst, src: OTHER }));
    expect(arrived.length).toBe(taken ? 1 : 0);
    expect(nic.stats.rxPackets).toBe(taken ? 1 : 0);
    expect(dropReasons(kernel)).toEqual(taken ? [] : ['OTHERHOST']);
  });

  it('promiscuous, its taps and its bridge see everything; the stack still refuses', () => {
    const { kernel, nic, receive, arrived } = plugged();
    let tapped = 0;
    nic.taps.add(() => tapped++);
    nic.promisc++;
    receive(frame(kernel, { dst: OTHER, src: OTHER }));
    expect([tapped, arrived.length, dropReasons(kernel)]).toEqual([1, 0, ['OTHERHOST']]);
  });

  it('sends into the cable, with what belonged to the node left behind', () => {
    const { kernel, nic, sent } = plugged();
    const skb = frame(kernel, { dst: OTHER, src: OWN });
    Object.assign(skb, { mark: 1, ct: {}, trace: 4, late: 0.5, gsoSize: 1448, encapsulation: true });
    nic.queueXmit(skb);
    expect(sent).toMatchObject([
      { mark: 0, ct: undefined, trace: 4, late: 0.5, gsoSize: 1448, encapsulation: true },
    ]);
  });

  it('unplugs when it is deleted', () => {
    const { ns, nic, plugs } = plugged();
    expect(plugs()).toBe(1);
    ns.unregister(nic);
    expect(plugs()).toBe(0);
  });

  it('down, it counts what comes in as dropped', () => {
    const { kernel, ns, nic, receive } = plugged();
    ns.setUp(nic, false);
    receive(frame(kernel, { dst: OWN, src: OTHER }));
    expect(dropReasons(kernel)).toEqual(['DEV_DOWN']);
  });
});
