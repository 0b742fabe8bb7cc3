// Rows marked "Linux" were seen on Linux 6.18 in network namespaces with the same topology.
import { describe, expect, it } from 'vitest';
import {
  NF_ACCEPT,
  NF_INET_FORWARD,
  NF_INET_POST_ROUTING,
  NF_INET_PRE_ROUTING,
  NF_STOLEN,
} from '../netns/hooks.ts';
import type { Ipv4Ops } from '../netns/ipv4-ops.ts';
import type { Netns } from '../netns/netns.ts';
import { ETH_P_IP, PACKET_HOST, PACKET_OTHERHOST, type Skb } from '../skb/skb.ts';
import type { TraceEvent } from '../trace/event.ts';
import { ipv4 as address, formatMac, mac } from '../wire/addr.ts';
import * as ip from '../wire/ipv4.ts';
import { addBridge, type Bridge } from './bridge.ts';
import { dropReasons, type FrameSpec, frame, lab, macOf, recordArrivals, udpPacket } from './test-kit.ts';
import { addVethPair, type Veth } from './veth.ts';

const A = '02:00:00:00:00:11';
const B = '02:00:00:00:00:12';
const PORT_A = '02:aa:00:00:00:01';
const PORT_B = '02:aa:00:00:00:02';
const ALL = 'ff:ff:ff:ff:ff:ff';
const TEST_TYPE = 0x88b5;

/** br0 with ports va, vb, vc; their peers eth0 in pods a, b, c. */
function topology(options: { iptables?: boolean } = {}) {
  const { kernel, ns, clock } = lab();
  ns.sysctl.bridge['bridge-nf-call-iptables'] = options.iptables === true ? 1 : 0;
  const br = addBridge(ns, { name: 'br0' });
  ns.setUp(br, true);
  const pods = new Map<string, Veth>();
  for (const [i, name] of ['a', 'b', 'c'].entries()) {
    const pod = kernel.addNetns(name);
    const [port, eth0] = addVethPair(ns, { name: `v${name}`, mac: mac(macOf(PORT_A) + i) }, pod, {
      name: 'eth0',
      mac: mac(macOf(A) + i),
    });
    br.addPort(port);
    ns.setUp(port, true);
    pod.setUp(eth0, true);
    pods.set(name, eth0);
  }
  const arrived = recordArrivals(kernel, [ETH_P_IP, TEST_TYPE]);
  const seen: string[] = [];
  for (const [name, dev] of pods) dev.taps.add((_skb, _dev, outgoing) => outgoing || seen.push(name));
  const send = (from: string, spec: FrameSpec): string => {
    seen.length = 0;
    arrived.length = 0;
    pods.get(from)!.queueXmit(frame(kernel, { type: TEST_TYPE, ...spec }));
    kernel.runQueue.run();
    const up = arrived.some((x) => x.dev === 'br0') ? ' br0' : '';
    return `${[...seen].sort().join(' ')}${up}`.trim();
  };
  return { kernel, ns, clock, br, pods, arrived, send };
}
const port = (br: Bridge, name: string) => br.ports.find((p) => p.dev.name === name)!;

describe('where a frame from pod a goes', () => {
  it.each([
    { what: 'broadcast', dst: ALL, to: 'b c br0' },
    { what: 'multicast', dst: '01:00:5e:00:00:fb', to: 'b c br0' },
    { what: 'unknown unicast', dst: '02:00:00:00:00:99', to: 'b c' },
    { what: "its port's own address", dst: PORT_A, to: 'br0' },
    { what: 'its own address', dst: A, to: '' },
    { what: 'BPDU, as STP is off', dst: '01:80:c2:00:00:00', to: 'b c br0' },
    { what: 'pause frame', dst: '01:80:c2:00:00:01', to: '' },
    { what: 'LLDP', dst: '01:80:c2:00:00:0e', to: '' },
    { what: 'beyond the reserved sixteen', dst: '01:80:c2:00:00:10', to: 'b c br0' },
    { what: 'zero source', dst: ALL, src: '00:00:00:00:00:00', to: '' },
    { what: 'group source', dst: ALL, src: '03:00:00:00:00:00', to: '' },
    { what: "another port's address as source", dst: ALL, src: PORT_B, to: 'b c br0' },
  ])('$what: $to (Linux)', ({ dst, src, to }) => {
    const { send } = topology();
    expect(send('a', { dst, src: src ?? A })).toBe(to);
  });

  it('after b has spoken, a frame to b reaches only b', () => {
    const { send, br } = topology();
    expect(send('a', { dst: B, src: A })).toBe('b c');
    expect(send('b', { dst: A, src: B })).toBe('a');
    expect(send('a', { dst: B, src: A })).toBe('b');
    expect(br.fdb.get(macOf(B))?.port?.dev.name).toBe('vb');
  });

  it("another port's address goes up, as a frame for somebody else", () => {
    const { kernel, br, send } = topology();
    const types: number[] = [];
    br.taps.add((skb) => types.push(skb.pktType));
    send('a', { dst: PORT_B, src: A });
    send('a', { dst: PORT_A, src: A });
    expect(types).toEqual([PACKET_OTHERHOST, PACKET_HOST]);
    expect(dropReasons(kernel)).toEqual(['OTHERHOST']);
  });

  it('with hairpin on the port: its own floods, and frames to itself, come back (Linux)', () => {
    const { br, send } = topology();
    port(br, 'va').hairpin = true;
    expect(send('a', { dst: ALL, src: A })).toBe('a b c br0');
    expect(send('a', { dst: A, src: A })).toBe('a');
  });

  it('isolated ports reach the others, not each other (Linux)', () => {
    const { kernel, br, send } = topology();
    port(br, 'va').isolated = true;
    port(br, 'vb').isolated = true;
    expect(send('a', { dst: ALL, src: A })).toBe('c br0');
    send('b', { dst: ALL, src: B });
    expect(send('a', { dst: B, src: A })).toBe('');
    expect(dropReasons(kernel).at(-1)).toBe('BRIDGE_ISOLATED');
  });

  it('a promiscuous bridge sees what it forwards and floods', () => {
    const { br, send } = topology();
    let tapped = 0;
    br.taps.add(() => tapped++);
    send('b', { dst: A, src: B });
    expect(tapped).toBe(0);
    br.promisc++;
    send('a', { dst: B, src: A });
    send('a', { dst: '02:00:00:00:00:99', src: A });
    expect(tapped).toBe(2);
  });

  it.each([
    { flag: 'flood' as const, dst: '02:00:00:00:00:99', to: 'c' },
    { flag: 'mcastFlood' as const, dst: '01:00:5e:00:00:fb', to: 'c br0' },
    { flag: 'bcastFlood' as const, dst: ALL, to: 'c br0' },
  ])('with $flag off on vb, b gets none of it', ({ flag, dst, to }) => {
    const { br, send } = topology();
    port(br, 'vb')[flag] = false;
    expect(send('a', { dst, src: A })).toBe(to);
  });

  it('a frame over the egress MTU is dropped in silence, a super-segment passes', () => {
    const { kernel, pods, ns, br } = topology();
    const big = new Uint8Array(1500);
    port(br, 'vb').dev.setMtu(1400);
    pods.get('b')!.setMtu(1400);
    const sent: number[] = [];
    port(br, 'vb').dev.taps.add((skb) => sent.push(skb.len));
    br.fdb.set(macOf(B), port(br, 'vb'));
    pods.get('a')!.queueXmit(frame(kernel, { dst: B, src: A, payload: big }));
    const gso = frame(kernel, { dst: B, src: A, payload: big });
    gso.gsoSize = 1360;
    pods.get('a')!.queueXmit(gso);
    kernel.runQueue.run();
    expect(sent).toEqual([1514]);
    expect(dropReasons(kernel)[0]).toBe('PKT_TOO_BIG');
    expect(ns.device('vb')!.stats.txDropped).toBe(1);
  });
});

describe("the bridge's own frames", () => {
  it.each([
    { what: 'known', dst: A, to: 'a' },
    { what: 'unknown', dst: '02:00:00:00:00:99', to: 'a b c' },
    { what: 'broadcast', dst: ALL, to: 'a b c' },
    { what: 'its own address', dst: PORT_A, to: 'a' },
  ])('$what: $to', ({ dst, to }) => {
    const { kernel, br, pods, send } = topology();
    send('a', { dst: ALL, src: A });
    const seen: string[] = [];
    for (const [name, dev] of pods) dev.taps.add(() => seen.push(name));
    br.queueXmit(frame(kernel, { dst, src: PORT_A, type: TEST_TYPE }));
    kernel.runQueue.run();
    expect(seen.sort().join(' ')).toBe(to);
  });

  it('counts bytes with the Ethernet header when sending, without when receiving (Linux)', () => {
    const { kernel, br, send } = topology();
    send('a', { dst: PORT_A, src: A, payload: new Uint8Array(100) });
    br.queueXmit(frame(kernel, { dst: A, src: PORT_A, payload: new Uint8Array(100) }));
    expect(br.stats).toMatchObject({ rxPackets: 1, rxBytes: 100, txPackets: 1, txBytes: 114 });
  });
});

describe('membership', () => {
  it('takes the lowest port address and the least MTU, until somebody sets them (Linux)', () => {
    const { kernel, ns } = lab();
    const br = addBridge(ns, { name: 'br0' });
    const [x] = addVethPair(ns, { name: 'x', mac: mac(0x02bb00000005), mtu: 1400 }, ns, { name: 'x2' });
    const [y] = addVethPair(ns, { name: 'y', mac: mac(0x02bb00000003) }, ns, { name: 'y2' });
    expect(br.carrier).toBe(true);
    br.addPort(x);
    expect([formatMac(br.mac), br.mtu, br.carrier]).toEqual(['02:bb:00:00:00:05', 1400, false]);
    br.addPort(y);
    expect([formatMac(br.mac), br.mtu]).toEqual(['02:bb:00:00:00:03', 1400]);
    br.delPort(x);
    expect([formatMac(br.mac), br.mtu]).toEqual(['02:bb:00:00:00:03', 1500]);
    br.delPort(y);
    expect([formatMac(br.mac), br.mtu]).toEqual(['00:00:00:00:00:00', 1500]);
    br.setMac(mac(0x0a580af40101));
    br.setMtu(1300);
    br.addPort(x);
    x.setMtu(1200);
    expect([formatMac(br.mac), br.mtu]).toEqual(['0a:58:0a:f4:01:01', 1300]);
    expect(kernel.runQueue.pending).toBe(0);
  });

  it('keeps local entries for its own address and each port, and drops a port’s when it leaves', () => {
    const { br, ns, send } = topology();
    send('a', { dst: ALL, src: A });
    const list = () =>
      [...br.fdb.entries()].map((e) => `${formatMac(e.mac)} ${e.port?.dev.name} ${e.local}`).sort();
    expect(list()).toEqual(
      [`${A} va false`, `${PORT_A} va true`, `${PORT_B} vb true`, '02:aa:00:00:00:03 vc true'].sort(),
    );
    ns.unregister(ns.device('va')!);
    expect(list()).toEqual([`${PORT_B} vb true`, '02:aa:00:00:00:03 vc true'].sort());
    expect(br.ports.map((p) => p.portNo)).toEqual([2, 3]);
  });

  it('forgets what was learned on a port that loses its link, and has carrier while one port has', () => {
    const { br, pods, send } = topology();
    send('a', { dst: ALL, src: A });
    const down = (name: string) => pods.get(name)!.ns.setUp(pods.get(name)!, false);
    down('a');
    expect(br.fdb.get(macOf(A))).toBeUndefined();
    down('b');
    expect(br.carrier).toBe(true);
    down('c');
    expect(br.carrier).toBe(false);
  });

  it.each([
    { what: 'a second master', code: 'EBUSY', make: (ns: Netns) => ns.device('va')! },
    { what: 'another bridge', code: 'ELOOP', make: (ns: Netns) => addBridge(ns, { name: 'br1' }) },
    {
      what: 'a device elsewhere',
      code: 'EINVAL',
      make: (ns: Netns) => addBridge(ns.kernel.addNetns('x'), { name: 'br1' }),
    },
  ])('refuses $what with $code', ({ make, code }) => {
    const { br, ns } = topology();
    expect(() => br.addPort(make(ns))).toThrow(expect.objectContaining({ code }));
  });

  it('lets its ports go when it is deleted', () => {
    const { br, ns, clock, send } = topology();
    send('a', { dst: ALL, src: A });
    ns.unregister(br);
    expect(ns.device('va')).toMatchObject({ master: undefined, rxHandler: undefined, promisc: 0 });
    expect(clock.next()).toBeUndefined();
  });
});

describe('trace', () => {
  it('says what was learned and why the frame went where it went', () => {
    const { kernel, br, pods } = topology();
    const events: TraceEvent[] = [];
    kernel.tracer.sink = (e) => e.stage === 'bridge' && events.push(e);
    for (const [from, dst, src] of [
      ['a', B, A],
      ['b', A, B],
      ['a', PORT_A, A],
    ] as const) {
      const skb = frame(kernel, { dst, src, type: TEST_TYPE });
      skb.trace = 1;
      pods.get(from)!.queueXmit(skb);
      kernel.runQueue.run();
    }
    expect(br.fdb.size).toBe(5);
    expect(events.map((e) => e.text)).toEqual([
      `learned: ${A} is behind port va`,
      `${B} is not known: flooded to 2 ports`,
      `learned: ${B} is behind port vb`,
      `${A} is behind port va: forwarded`,
      'passed up: for the bridge itself',
    ]);
  });
});

describe('br_netfilter', () => {
  const NODE = '10.9.0.254';
  const packet = (dst: string, more: { bytes?: number; df?: boolean } = {}) =>
    udpPacket({ src: '10.9.0.1', dst, ...more });
  const toB = (more: { bytes?: number; df?: boolean } = {}): FrameSpec => ({
    dst: B,
    src: A,
    type: ETH_P_IP,
    payload: packet('10.9.0.2', more),
  });

  /** Hooks that write down where they were called, with devices and physical ports. */
  function hooked() {
    const t = topology({ iptables: true });
    t.br.fdb.set(macOf(B), port(t.br, 'vb'));
    const calls: string[] = [];
    const name = (index: number): string => t.ns.devices.get(index)?.name ?? '-';
    for (const [hook, label] of [
      [NF_INET_PRE_ROUTING, 'PRE'],
      [NF_INET_FORWARD, 'FORWARD'],
      [NF_INET_POST_ROUTING, 'POST'],
    ] as const)
      t.ns.hooks.register(hook, 0, (skb, s) => {
        calls.push(
          `${label} ${s.in?.name ?? '-'}(${name(skb.physin)}) ${s.out?.name ?? '-'}(${name(skb.physout)})`,
        );
        expect(skb.pktType).toBe(PACKET_HOST);
        return NF_ACCEPT;
      });
    return { ...t, calls };
  }
  function ops(kernel: { ipv4: Ipv4Ops }, part: Partial<Ipv4Ops>): void {
    kernel.ipv4 = part as Ipv4Ops;
  }

  it('a bridged packet passes three hooks, with bridge and ports as devices', () => {
    const { calls, send } = hooked();
    expect(send('a', toB())).toBe('b');
    expect(calls).toEqual(['PRE br0(va) -(-)', 'FORWARD br0(va) br0(vb)', 'POST -(va) br0(vb)']);
  });

  it('not with the sysctl at 0, and never for other protocols', () => {
    const { calls, ns, send } = hooked();
    send('a', { dst: B, src: A });
    ns.sysctl.bridge['bridge-nf-call-iptables'] = 0;
    send('a', toB());
    expect(calls).toEqual([]);
  });

  it('a packet for the bridge passes PRE_ROUTING once: on the bridge, not again in the stack', () => {
    const { calls, kernel, ns, br, send } = hooked();
    kernel.packetTypes.set(ETH_P_IP, (skb, dev) => {
      ns.hooks.run(skb, { hook: NF_INET_PRE_ROUTING, netns: dev.ns, in: dev, out: undefined });
      calls.push(`up on ${dev.name}`);
    });
    send('a', { dst: formatMac(br.mac), src: A, type: ETH_P_IP, payload: packet(NODE) });
    expect(calls).toEqual(['PRE br0(va) -(-)', 'up on br0']);
  });

  it('a bad header dies before the hooks; padding is cut off', () => {
    const { calls, kernel, send, arrived } = hooked();
    const bad = packet('10.9.0.2');
    bad[8] = 1;
    expect(send('a', { dst: B, src: A, type: ETH_P_IP, payload: bad })).toBe('');
    expect([calls, dropReasons(kernel)]).toEqual([[], ['IP_INHDR']]);
    const padded = new Uint8Array(60);
    padded.set(packet('10.9.0.2', { bytes: 4 }));
    send('a', { dst: B, src: A, type: ETH_P_IP, payload: padded });
    expect(arrived[0]!.bytes.length).toBe(14 + 32);
  });

  it('FORWARD can drop what is bridged', () => {
    const { kernel, ns, send } = hooked();
    ns.hooks.register(NF_INET_FORWARD, 1, (skb) => {
      kernel.drop(skb, 'NETFILTER_DROP', ns);
      return NF_STOLEN;
    });
    expect(send('a', toB())).toBe('');
  });

  const dnat = (ns: Netns, to: string) =>
    ns.hooks.register(NF_INET_PRE_ROUTING, 1, (skb) => {
      ip.setDst(skb.bytes, skb.network, address(to));
      ip.updateChecksum(skb.bytes, skb.network);
      return NF_ACCEPT;
    });

  it('after DNAT to a host on the bridge the frame stays bridged: new target MAC, own source MAC', () => {
    const { calls, kernel, ns, br, send, arrived } = hooked();
    dnat(ns, '10.9.0.2');
    ops(kernel, {
      routeInput: () => br,
      neighOutput: (skb, dev) => {
        dev.header(skb, macOf(B), dev.mac, ETH_P_IP);
        dev.queueXmit(skb);
      },
    });
    expect(send('a', { dst: formatMac(br.mac), src: A, type: ETH_P_IP, payload: packet('10.96.0.1') })).toBe(
      'b',
    );
    expect(formatMac(macAt(arrived[0]!.bytes, 0))).toBe(B);
    expect(formatMac(macAt(arrived[0]!.bytes, 6))).toBe(A);
    expect(calls).toEqual(['PRE br0(va) -(-)', 'FORWARD br0(va) br0(vb)', 'POST -(va) br0(vb)']);
    expect(br.stats.txPackets).toBe(0);
  });

  it('after DNAT to itself it needs hairpin, as Linux does', () => {
    const { kernel, ns, br, send } = hooked();
    dnat(ns, '10.9.0.1');
    ops(kernel, {
      routeInput: () => br,
      neighOutput: (skb, dev) => {
        dev.header(skb, macOf(A), dev.mac, ETH_P_IP);
        dev.queueXmit(skb);
      },
    });
    const spec = { dst: formatMac(br.mac), src: A, type: ETH_P_IP, payload: packet('10.96.0.1') };
    expect(send('a', spec)).toBe('');
    expect(dropReasons(kernel)).toEqual(['BRIDGE_SAME_PORT']);
    port(br, 'va').hairpin = true;
    expect(send('a', { ...spec, payload: packet('10.96.0.1') })).toBe('a');
  });

  it.each([
    { what: 'elsewhere', route: 'out', to: 'br0', drops: [] },
    { what: 'nowhere', route: undefined, to: '', drops: ['IP_OUTNOROUTES'] },
  ])('after DNAT to $what a bridged frame goes: $to', ({ route, to, drops }) => {
    const { kernel, ns, send, arrived, br } = hooked();
    const [out] = addVethPair(ns, { name: 'out' }, ns, { name: 'out2' });
    dnat(ns, '192.0.2.1');
    ops(kernel, { routeInput: () => (route === undefined ? undefined : out) });
    expect(send('a', toB())).toBe(to);
    expect(dropReasons(kernel)).toEqual(drops);
    if (to !== '') expect(macAt(arrived[0]!.bytes, 0)).toBe(br.mac);
  });

  it.each([
    { what: 'over the MTU, DF clear', df: false, max: 0, mtu: 1000, cut: 1000 },
    { what: 'over the MTU, DF set', df: true, max: 0, mtu: 1000, cut: undefined },
    { what: 'put together from fragments of 800', df: false, max: 800, mtu: 1500, cut: 800 },
    { what: 'that fits', df: false, max: 0, mtu: 1500, cut: 0 },
  ])('a packet $what: cut to $cut', ({ df, max, mtu, cut }) => {
    const { kernel, ns, br, pods, send } = hooked();
    port(br, 'vb').dev.mtu = mtu;
    pods.get('b')!.mtu = mtu;
    ns.hooks.register(NF_INET_PRE_ROUTING, 2, (skb) => {
      // What conntrack's reassembly gives: another skb, without a link-layer header.
      const whole: Skb = kernel.pool.copyOf(skb.bytes, skb.network, skb.tail);
      whole.network = whole.data;
      whole.fragMaxSize = max;
      skb.free();
      return whole;
    });
    let asked = 0;
    ops(kernel, {
      fragment: (skb, size) => {
        asked = size;
        const copy = kernel.pool.copyOf(skb.bytes, skb.data, skb.tail);
        copy.trim(100);
        return [skb, copy].map((s) => Object.assign(s, { network: s.data, tail: s.data + 100 }));
      },
    });
    expect(send('a', toB({ bytes: 1200, df }))).toBe(cut === undefined ? '' : cut === 0 ? 'b' : 'b b');
    expect(asked).toBe(cut ?? 0);
    expect(dropReasons(kernel)).toEqual(cut === undefined ? ['PKT_TOO_BIG'] : []);
  });
});

const macAt = (bytes: Uint8Array, at: number) =>
  mac(bytes.slice(at, at + 6).reduce((sum, byte) => sum * 256 + byte, 0));
