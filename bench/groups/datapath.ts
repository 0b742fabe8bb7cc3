// What a node's kernel takes for one frame: a datagram of a pod for a Service, one of 100,000 tracked flows, through bridge,
// conntrack, DNAT, route and VXLAN to the NIC; beside the same work fused by hand (hand-fused.ts), and with one frame in
// a thousand traced. Every frame is checked to leave with the bytes that the hand-fused loop gives it.
import { createKernel } from '../../node-runtime/kernel/boot.ts';
import { RealClock } from '../../node-runtime/kernel/clock/real-clock.ts';
import { Nic } from '../../node-runtime/kernel/netdev/nic.ts';
import type { Cable } from '../../node-runtime/kernel/netns/cable.ts';
import type { NetDevice } from '../../node-runtime/kernel/netns/device.ts';
import type { Kernel } from '../../node-runtime/kernel/netns/kernel.ts';
import { CHECKSUM_PARTIAL, type Skb } from '../../node-runtime/kernel/skb/skb.ts';
import { ipv4, parseMac } from '../../node-runtime/kernel/wire/addr.ts';
import { put16, put32, put48, u16 } from '../../node-runtime/kernel/wire/bytes.ts';
import * as checksum from '../../node-runtime/kernel/wire/checksum.ts';
import { execute } from '../../test/kernel/ip-command.ts';
import { HandFused } from '../hand-fused.ts';
import type { Bench, Group, Pair, Row } from '../row.ts';

const FUSED = 'data path of one node, per frame';
const TRACED = 'data path, one frame in 1000 traced';
const FLOWS = 100_000;
/** Frames of one measurement, and how many are handed in before the kernel runs. */
const FRAMES = 200_000;
const BURST = 64;
const LENGTH = 14 + 20 + 8 + 64;
const HEADROOM = 64;

const rows: readonly Row[] = [
  {
    name: FUSED,
    unit: 'ns/frame',
    better: 'lower',
    must: 4,
    aim: 2,
    about: `bridge, conntrack of ${FLOWS} flows, DNAT, flannel's rules, route, VXLAN: kernel/ as a node runs it`,
    against: 'the same bytes from a hand-fused loop over typed arrays',
  },
  {
    name: TRACED,
    unit: 'ns/frame',
    better: 'lower',
    must: 1.15,
    aim: 1.05,
    about: 'the same, one frame in a thousand traced',
    against: 'the same, none traced',
  },
];

const mac = (text: string): number => parseMac(text)!;
const POD = { addr: ipv4('10.244.1.2'), mac: mac('0a:58:0a:f4:01:02') };
const SERVICE = ipv4('10.96.0.10');
const BACKEND = ipv4('10.244.2.2');
const NODE = { addr: ipv4('192.168.100.11'), mac: mac('02:00:c0:a8:64:0b') };
const PEER = { addr: ipv4('192.168.100.12'), mac: mac('02:00:c0:a8:64:0c') };
const BRIDGE = '0a:58:0a:f4:01:01';
const TUNNEL = '0e:00:00:00:00:01';
const REMOTE = '0e:00:00:00:00:02';

const TOPOLOGY = `
ip link add cni0 type bridge
ip link set cni0 address ${BRIDGE}
ip link set cni0 up
ip addr add 10.244.1.1/24 dev cni0
ip link add va type veth peer name eth0 netns pod
ip link set va master cni0
ip link set va mtu 1450
ip link set va up
ip link add flannel.1 type vxlan id 1 dev eth0 local 192.168.100.11 dstport 8472 nolearning
ip link set flannel.1 address ${TUNNEL}
ip link set flannel.1 up
ip addr add 10.244.1.0/32 dev flannel.1
ip neigh replace 10.244.2.0 lladdr ${REMOTE} dev flannel.1 nud permanent
bridge fdb replace ${REMOTE} dev flannel.1 dst 192.168.100.12
ip route add 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink
ip neigh replace 192.168.100.12 lladdr 02:00:c0:a8:64:0c dev eth0 nud permanent
sysctl -w net.ipv4.ip_forward=1
sysctl -w net.bridge.bridge-nf-call-iptables=1
sysctl -w net.netfilter.nf_conntrack_udp_timeout=3600
iptables -t nat -N FLANNEL-POSTRTG
iptables -t nat -A POSTROUTING -j FLANNEL-POSTRTG
iptables -t nat -A FLANNEL-POSTRTG -s 10.244.1.0/24 -d 10.244.0.0/16 -j RETURN
iptables -t nat -A FLANNEL-POSTRTG -s 10.244.0.0/16 -d 10.244.1.0/24 -j RETURN
iptables -t nat -A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE --random-fully
iptables -t nat -A PREROUTING -d 10.96.0.10/32 -p udp -j DNAT --to-destination 10.244.2.2
iptables -N FLANNEL-FWD
iptables -A FORWARD -j FLANNEL-FWD
iptables -A FLANNEL-FWD -s 10.244.0.0/16 -j ACCEPT
iptables -A FLANNEL-FWD -d 10.244.0.0/16 -j ACCEPT
`;

/** Where frames end: eth0's cable. */
class Sink implements Cable {
  frames = 0;
  keep: ((skb: Skb) => void) | undefined;
  plug(): void {}
  unplug(): void {}
  send(skb: Skb): void {
    this.frames++;
    this.keep?.(skb);
    skb.free();
  }
}

interface Node {
  readonly kernel: Kernel;
  readonly port: NetDevice;
  readonly sink: Sink;
}

function buildNode(): Node {
  const clock = new RealClock();
  const kernel = createKernel({ hostname: 'n1', clock, seed: 1 });
  const pod = kernel.addNetns('pod');
  const sink = new Sink();
  const { host } = kernel;
  host.register(new Nic(kernel, { name: 'eth0', mac: parseMac('02:00:c0:a8:64:0b')!, cable: sink }));
  for (const command of ['ip link set eth0 up', 'ip addr add 192.168.100.11/24 dev eth0'])
    execute(host, command, () => host);
  for (const command of TOPOLOGY.split('\n').filter((line) => line !== '')) execute(host, command, () => pod);
  execute(pod, 'ip link set eth0 mtu 1450', () => pod);
  execute(pod, 'ip link set eth0 up', () => pod);
  return { kernel, port: host.device('va')!, sink };
}

/** A flow's ports: 50,000 source ports to each of two Service ports. */
const sourcePort = (flow: number): number => 10_000 + (flow >> 1);
const servicePort = (flow: number): number => 53 + (flow & 1);

/** The frame that all flows share but for their ports. */
function template(): Uint8Array {
  const b = new Uint8Array(LENGTH);
  put48(b, 0, mac(BRIDGE));
  put48(b, 6, POD.mac);
  put16(b, 12, 0x0800);
  put16(b, 14, 0x4500);
  put16(b, 16, LENGTH - 14);
  put16(b, 18, 0x1234);
  put16(b, 20, 0x4000);
  b[22] = 64;
  b[23] = 17;
  put32(b, 26, POD.addr);
  put32(b, 30, SERVICE);
  put16(b, 24, checksum.checksum(b, 14, 34));
  put16(b, 38, LENGTH - 34);
  // CHECKSUM_PARTIAL: the pseudo-header's sum.
  put16(b, 40, checksum.pseudoHeader(POD.addr, SERVICE, 17, LENGTH - 34));
  for (let i = 42; i < LENGTH; i++) b[i] = (i * 7) & 0xff;
  return b;
}

class Subject {
  readonly node = buildNode();
  readonly #frame = template();
  #flow = 0;
  #trace = 0;

  constructor() {
    // Where a node sends its events to: handed over, and forgotten.
    this.node.kernel.tracer.sink = () => {};
  }

  /** Sends `n` frames, of flows in an order that no cache foresees; every `trace`th traced. */
  run(n: number, trace = 0): void {
    const { kernel, port } = this.node;
    const { pool, runQueue } = kernel;
    let until = trace;
    for (let sent = 0; sent < n; ) {
      for (let i = 0; i < BURST && sent < n; i++, sent++) {
        const flow = (this.#flow = (this.#flow + 61_803) % FLOWS);
        const skb = pool.copyOf(this.#frame);
        put16(skb.bytes, skb.data + 34, sourcePort(flow));
        put16(skb.bytes, skb.data + 36, servicePort(flow));
        skb.ipSummed = CHECKSUM_PARTIAL;
        if (trace !== 0 && --until === 0) {
          until = trace;
          skb.trace = 1 + (this.#trace++ & 0x3fff);
        }
        port.netifRx(skb);
      }
      while (runQueue.pending > 0) runQueue.run();
    }
  }
}

class Control {
  readonly fused = new HandFused({
    slots: 1 << 19,
    bridgeMac: mac(BRIDGE),
    tunnel: { mac: mac(TUNNEL), vni: 1, port: 8472 },
    remote: { mac: mac(REMOTE) },
    local: NODE,
    peer: PEER,
  });
  readonly slab = new Uint8Array(BURST * 256);
  readonly #frame = template();
  #flow = 0;

  constructor() {
    this.fused.route(ipv4('10.244.2.0'), 24, 2);
    this.fused.route(ipv4('10.244.1.0'), 24, 1);
    for (let flow = 0; flow < FLOWS; flow++) {
      const ports = (sourcePort(flow) << 16) | servicePort(flow);
      this.fused.connection(POD.addr | 0, SERVICE | 0, ports, BACKEND | 0, servicePort(flow));
    }
  }

  run(n: number, keep?: (b: Uint8Array, at: number) => void): void {
    const { fused, slab } = this;
    for (let sent = 0; sent < n; ) {
      const now = performance.now();
      for (let i = 0; i < BURST && sent < n; i++, sent++) {
        const flow = (this.#flow = (this.#flow + 61_803) % FLOWS);
        const b = slab.subarray(i * 256, i * 256 + 256);
        b.set(this.#frame, HEADROOM);
        put16(b, HEADROOM + 34, sourcePort(flow));
        put16(b, HEADROOM + 36, servicePort(flow));
        const at = fused.forward(b, LENGTH, now);
        if (at < 0) throw new Error(`the hand-fused loop does not know flow ${flow}`);
        keep?.(b, at);
      }
    }
  }
}

/** A frame as it left, but for what each chooses by itself: the outer IP id, source port and their checksums. */
function comparable(b: Uint8Array, at: number): string {
  const frame = Buffer.from(b.slice(at, at + LENGTH + 50));
  for (const [field, from, to, pseudo] of [
    [24, 14, 34, 0],
    [40, 34, 76 + 8, checksum.pseudoHeader(NODE.addr, PEER.addr, 17, u16(frame, 38))],
  ] as const) {
    // The outer UDP checksum covers an inner segment that sums up to the complement of its partial field.
    const inner = field === 40 ? ~u16(frame, 90) & 0xffff : 0;
    if (checksum.sum(frame, from, to, pseudo + inner) !== 0xffff)
      throw new Error(`a wrong checksum at ${field}: ${frame.toString('hex')}`);
    put16(frame, field, 0);
  }
  put16(frame, 18, 0);
  put16(frame, 34, 0);
  return frame.toString('hex');
}

/** Throws when the kernel sends anything else than the hand-fused loop does. */
export function compareOutputs(subject: Subject, control: Control, frames: number): number {
  const theirs: string[] = [];
  control.run(frames, (b, at) => theirs.push(comparable(b, at)));
  const ours: string[] = [];
  subject.node.sink.keep = (skb) => ours.push(comparable(skb.bytes, skb.data));
  subject.run(frames);
  subject.node.sink.keep = undefined;
  for (const [i, frame] of theirs.entries())
    if (ours[i] !== frame) throw new Error(`frame ${i} differs:\n  kernel ${ours[i]}\n  fused  ${frame}`);
  return ours.length;
}

export const createSubject = (): Subject => new Subject();
export const createControl = (): Control => new Control();

function perFrame(work: () => void): number {
  const began = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(began);
  return ((user + system) * 1000) / FRAMES;
}

async function run(bench: Bench): Promise<void> {
  const subject = createSubject();
  const control = createControl();
  compareOutputs(subject, control, 1000);
  // Every flow once: 100,000 connections are tracked from here on.
  subject.run(FLOWS);
  control.run(FLOWS);
  const before = subject.node.sink.frames;
  for (let i = 0; i < 2; i++) {
    subject.run(FRAMES);
    subject.run(FRAMES, 1000);
    control.run(FRAMES);
  }
  if (subject.node.sink.frames - before !== 4 * FRAMES) throw new Error('the kernel lost frames');
  const fused: Pair[] = [];
  const traced: Pair[] = [];
  for (let i = 0; i < bench.pairs + 4; i++) {
    const ours = perFrame(() => subject.run(FRAMES));
    fused.push({ value: ours, baseline: perFrame(() => control.run(FRAMES)) });
    if (!bench.wanted(TRACED)) continue;
    const some = perFrame(() => subject.run(FRAMES, 1000));
    traced.push({ value: some, baseline: perFrame(() => subject.run(FRAMES)) });
  }
  bench.report(FUSED, { pairs: fused, note: 'CPU time' });
  if (bench.wanted(TRACED)) bench.report(TRACED, { pairs: traced, note: 'CPU time' });
}

export const datapath: Group = { name: 'datapath', rows, limit: 45, run };
