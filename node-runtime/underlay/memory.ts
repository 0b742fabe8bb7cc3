// Lines between the kernels of one process, for inline placement: the same seam, credit and bounds as WebSocket links,
// without their bytes. A frame is handed over as it is; the sender has let go of it. What arrives waits in the
// receiver's run queue, so a paused node fills its peers' queues as a stopped process would.
import type { LinkReport } from '../../emulator/protocol/records.ts';
import type { NetDevice } from '../kernel/netns/device.ts';
import type { Kernel } from '../kernel/netns/kernel.ts';
import type { Skb } from '../kernel/skb/skb.ts';
import { FRAME_HEADER } from './batch.ts';
import { Outbox } from './outbox.ts';
import type { Lines } from './underlay.ts';

/** Who is there, by name. One per inline cluster. */
export class MemoryHub {
  readonly members = new Map<string, MemoryLines>();
}

export class MemoryLines implements Lines {
  readonly url: string;
  onFrame: (peer: string, skb: Skb) => void = (_, skb) => skb.free();
  readonly kernel: Kernel;
  readonly name: string;
  readonly #hub: MemoryHub;
  readonly #links = new Map<string, MemoryLink>();

  constructor(hub: MemoryHub, kernel: Kernel, name: string) {
    this.#hub = hub;
    this.kernel = kernel;
    this.name = name;
    this.url = `memory:${name}`;
    hub.members.set(name, this);
  }

  send(peer: string, skb: Skb, dev: NetDevice): void {
    const to = this.#hub.members.get(peer);
    let link = this.#links.get(peer);
    // A peer that was restarted is another member under the same name: what was under way to the old one is gone.
    if (link === undefined || (to !== undefined && link.to !== to)) {
      if (to === undefined) {
        dev.stats.txDropped++;
        this.kernel.drop(skb, 'LINK_NO_PEER', dev, peer);
        return;
      }
      this.#links.set(peer, (link = new MemoryLink(this, to)));
    }
    if (to === undefined) link.outbox.drop(skb, dev, 'LINK_NO_PEER');
    else link.outbox.offer(skb, dev);
  }

  // Members find each other by name; there is nothing to dial.
  setPeers(): void {}

  report(): readonly LinkReport[] {
    return [...this.#links.values()].map((link) => link.report());
  }

  stop(): void {
    if (this.#hub.members.get(this.name) === this) this.#hub.members.delete(this.name);
    this.onFrame = (_, skb) => skb.free();
  }

  /** What `from` has sent here, counted. */
  received(from: string, frames: number, bytes: number): void {
    const link = this.#links.get(from);
    if (link === undefined) return;
    link.rxFrames += frames;
    link.rxBytes += bytes;
    link.rxBatches++;
  }
}

class MemoryLink {
  readonly outbox: Outbox;
  readonly to: MemoryLines;
  rxFrames = 0;
  rxBytes = 0;
  rxBatches = 0;
  #batches = 0;
  #underWay: Skb[] = [];

  constructor(from: MemoryLines, to: MemoryLines) {
    this.to = to;
    this.outbox = new Outbox(from.kernel, to.name, (skb) => {
      const bytes = FRAME_HEADER + skb.len; // as on a real line, so that both are behind at the same point
      if (this.#underWay.push(skb) === 1) to.kernel.runQueue.push(() => this.#arrive(from));
      return bytes;
    });
    this.outbox.opened();
  }

  #arrive(from: MemoryLines): void {
    const batch = this.#underWay;
    this.#underWay = [];
    this.#batches++;
    let bytes = 0;
    for (const skb of batch) {
      bytes += FRAME_HEADER + skb.len;
      this.to.onFrame(from.name, skb);
    }
    this.to.received(from.name, batch.length, bytes);
    // The sender goes on in its own turn, not in ours.
    from.kernel.runQueue.push(() => this.outbox.credit(bytes));
  }

  report(): LinkReport {
    const { outbox } = this;
    return {
      peer: outbox.peer,
      state: 'open',
      masked: false,
      queued: outbox.queued,
      unacked: outbox.unacked,
      txFrames: outbox.frames,
      txBatches: this.#batches,
      txBytes: outbox.bytes,
      rxFrames: this.rxFrames,
      rxBatches: this.rxBatches,
      rxBytes: this.rxBytes,
      dropped: outbox.dropped,
      malformed: 0,
      opened: 1,
    };
  }
}
