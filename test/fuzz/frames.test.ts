// Frames at random into a live node: seven million of the ten, at every entrance, bent from sound ones and from those that
// the node itself sent, while connections open and close, time passes and devices come and go. Nothing may throw, nothing
// leak or grow, what leaves must be sound, and every packet must end under a reason or in hands that are known.
import { describe, expect, it } from 'vitest';
import { ipv4Net } from '../../node-runtime/kernel/ipv4/net.ts';
import { conntrack } from '../../node-runtime/kernel/netfilter/conntrack/conntrack.ts';
import type { Stream } from '../../node-runtime/kernel/netns/dice.ts';
import { tcpNet } from '../../node-runtime/kernel/transport/tcp/tcp-net.ts';
import { put48 } from '../../node-runtime/kernel/wire/bytes.ts';
import { anyFrame, anyPacket } from './frame-seeds.ts';
import { ENTRANCES, type Entrance, FrameWorld, NODE_MAC } from './frame-world.ts';
import { bend, bendField, mend, pieces, reflect } from './mutate.ts';
import { dice, GROWTH, mebibytes, memory, once, pick, share } from './scale.ts';

const WHOLE = 7_000_000;
/** Frames that one node gets before the next begins. */
const LIFE = 100_000;

/** Who may use a packet up without a reason, and what it becomes there. */
const CONSUMERS: Readonly<Record<string, string>> = {
  'arp/arpRcv': 'answered, or learnt from',
  'icmp-rcv/icmpRcv': 'answered, or told to a socket',
  'reassemble/assemble': 'a fragment, now part of the whole',
  'fragment/fragmentSkb': 'cut into fragments',
  'to-wire/toWire': 'cut into segments',
  'output/finishGso': 'cut into segments',
  'ip-tunnel/startXmit': 'cut into segments',
  'vxlan/#sendCut': 'cut into segments',
  'datagram-sock/recv': 'read by a program',
  'datagram-queue/clear': 'closed unread by its program',
  'udp/deliverToAll': 'broadcast: each socket has its copy',
  'input/settle': 'taken by its TCP connection',
  'request/connectionRequest': 'began a TCP connection',
  'tun/take': 'read by a daemon',
};

/** The device that a frame must be addressed to, so that the node's own stack gets it. */
function aim(world: FrameWorld, at: Entrance, b: Uint8Array, dice: Stream): void {
  if (b.length < 6 || once(dice, 10)) return;
  const dev = at === 'eth0' ? NODE_MAC : world.host.device(at === 'd' ? 'docker0' : 'cni0')!.mac;
  put48(b, 0, dev);
}

function make(world: FrameWorld, at: Entrance, dice: Stream): Uint8Array[] {
  const ether = at === 'tun' ? 0 : 14;
  let b: Uint8Array;
  const { seen } = world;
  if (seen.length > 0 && dice.below(3) > 0) {
    b = pick(dice, seen).slice();
    // What was seen on a TUN begins with the IP header.
    if (ether === 0 && b.length > 14 && b[12] === 8 && b[13] === 0) b = b.slice(14);
    if (once(dice, 2)) b = reflect(b, ether);
  } else b = ether === 0 ? anyPacket(dice) : anyFrame(dice);
  const damage = dice.below(4);
  for (let i = 0; i < damage; i++) {
    if (once(dice, 3)) b = bend(dice, b, seen.length > 0 ? pick(dice, seen) : b);
    else bendField(dice, b, ether);
  }
  if (!once(dice, 6)) mend(b, ether);
  if (ether > 0) aim(world, at, b, dice);
  return once(dice, 12) ? pieces(dice, b, ether) : [b];
}

/** Checksum state, tunnel bit and segment size as another process may claim them. */
const offload = (dice: Stream): number =>
  pick(dice, [0, 1, 3]) |
  (once(dice, 3) ? 4 : 0) |
  (once(dice, 2) ? pick(dice, [8, 9, 100, 1448, 65_535]) << 3 : 0);

/** What happens around the packets. */
function live(world: FrameWorld, dice: Stream): void {
  if (once(dice, 32)) world.run(once(dice, 80) ? dice.below(120_000) : dice.float() * 200);
  if (once(dice, 64)) world.programs(dice.below(1000));
  if (once(dice, 4000)) {
    world.rules();
    const dev = world.host.device(pick(dice, ['cni0', 'docker0', 'flannel.1', 'gre1', 'ipip1', 'eth0']))!;
    world.host.setUp(dev, false);
    world.run(dice.below(2000));
    world.host.setUp(dev, true);
    if (dev.name === 'eth0') world.sh('ip route replace default via 192.168.100.1');
    if (dev.name === 'flannel.1')
      world.sh('ip route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink');
  }
}

async function life(seed: number, frames: number, dice: Stream): Promise<FrameWorld> {
  const world = new FrameWorld(seed);
  for (let n = 0; n < frames; ) {
    // The run queue's own turns, which find nothing left to do.
    await undefined;
    const at = pick(dice, ENTRANCES);
    const batch = make(world, at, dice);
    try {
      for (const b of batch) {
        world.inject(at, b, once(dice, 8) ? offload(dice) : 0);
        n++;
      }
      world.run();
      live(world, dice);
    } catch (error) {
      const hex = batch.map((b) => Buffer.from(b).toString('hex')).join('\n');
      throw new Error(`life ${seed}, frame ${n}, at ${at}:\n${hex}`, { cause: error });
    }
    if (world.unsound !== undefined) throw new Error(`life ${seed}, frame ${n}: unsound ${world.unsound}`);
    if (n % 1024 < batch.length) bounded(world);
  }
  return world;
}

/** All that waits somewhere has a limit. */
function bounded(world: FrameWorld): void {
  expect(world.audit.live.size).toBeLessThan(6000);
  expect(conntrack(world.host).table.count).toBeLessThanOrEqual(4096);
  for (const ns of world.kernel.namespaces.values()) {
    const net = ipv4Net(ns);
    expect(net.frags.memory).toBeLessThanOrEqual(4_194_304 + 70_000);
    expect(net.neigh.entries).toBeLessThanOrEqual(1100);
    expect(net.exceptions.size).toBeLessThanOrEqual(2048);
  }
}

describe('frames into a live node', () => {
  it('none throws, leaks or goes uncounted', async () => {
    const frames = share(WHOLE);
    const roll = dice('frames', frames);
    const reasons = new Map<string, number>();
    const consumers = new Map<string, number>();
    const sizes: number[] = [];
    let left = 0;
    for (let done = 0, seed = 1; done < frames; done += LIFE, seed++) {
      const world = await life(seed, Math.min(LIFE, frames - done), roll);
      world.wind();
      expect([...world.audit.live].map((skb) => Buffer.from(skb.view()).toString('hex'))).toEqual([]);
      const { audit, kernel } = world;
      const dropped = [...kernel.tracer.dropped.values()].reduce((sum, n) => sum + n, 0);
      expect(audit.dropped).toBe(dropped);
      expect(audit.allocated).toBe(audit.dropped + audit.consumed);
      for (const ns of kernel.namespaces.values()) {
        const net = ipv4Net(ns);
        expect([net.frags.size, net.frags.memory, net.proxyQueue]).toEqual([0, 0, 0]);
        expect(tcpNet(ns).ehash.size).toBe(0);
      }
      world.stop();
      left += world.left;
      for (const [reason, n] of kernel.tracer.dropped) reasons.set(reason, (reasons.get(reason) ?? 0) + n);
      for (const [name, n] of audit.consumers) consumers.set(name, (consumers.get(name) ?? 0) + n);
      sizes.push(memory());
    }
    process.stdout.write(
      `frames: left by eth0 ${left}; ${JSON.stringify(Object.fromEntries(reasons))}; used up (one in eight asked): ${JSON.stringify(Object.fromEntries(consumers))}\n`,
    );
    if (sizes.length > 8) {
      const early = Math.max(...sizes.slice(1, 4));
      const late = Math.max(...sizes.slice(-3));
      process.stdout.write(`frames: heap ${mebibytes(early)}, at the end ${mebibytes(late)}\n`);
      expect(late - early).toBeLessThan(GROWTH);
    }
    expect([...consumers.keys()].filter((name) => CONSUMERS[name] === undefined)).toEqual([]);
  });
});
