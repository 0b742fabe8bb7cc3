// Lines over WebSockets: one link per peer, opened by the first frame and closed when long idle, and the batches of all
// links flushed when the kernel has nothing more to do in this turn. Times are those of limits in real use, none of them
// a delay that a frame waits for.
import type { WebSocket } from 'ws';
import { dial } from '../../emulator/protocol/dial.ts';
import type { Cabling, LinkReport } from '../../emulator/protocol/records.ts';
import type { Timer } from '../kernel/clock/clock.ts';
import type { NetDevice } from '../kernel/netns/device.ts';
import type { Kernel } from '../kernel/netns/kernel.ts';
import type { Skb } from '../kernel/skb/skb.ts';
import { BATCH_CAPACITY } from './batch.ts';
import { Link, type LinkHost } from './link.ts';
import type { Listener } from './listener.ts';
import type { Lines } from './underlay.ts';

const PATH = '/link';
const IDLE_MS = 60_000;
/** Batch buffers kept for use again, 66 KiB each: two links' worth of credit. */
const KEEP_BUFFERS = 8;

export interface WebsocketOptions {
  readonly kernel: Kernel;
  readonly name: string;
  readonly secret: string;
  readonly listener: Listener;
  /** False where peers cannot reach our listener: they are told nothing to dial. */
  readonly dialable?: boolean;
  /** Milliseconds without a frame after which a link is closed. */
  readonly idle?: number;
}

export class WebsocketLines implements Lines {
  readonly url: string;
  onFrame: (peer: string, skb: Skb) => void = (_, skb) => skb.free();
  readonly #links = new Map<string, Link>();
  #urls = new Map<string, string>();
  #dirty: Link[] = [];
  #flushing = false;
  readonly #buffers: Buffer[] = [];
  readonly #host: LinkHost;
  readonly #options: WebsocketOptions;
  readonly #idle: number;
  #sweep: Timer | undefined;

  constructor(options: WebsocketOptions) {
    const { kernel, name, secret, listener } = options;
    this.#options = options;
    this.#idle = options.idle ?? IDLE_MS;
    this.url = options.dialable === false ? '' : listener.url;
    const lines = this;
    this.#host = {
      kernel,
      dialable: this.url !== '',
      urlOf: (peer) => this.#urls.get(peer) ?? '',
      dial: (url, peer, opened, failed) =>
        dial(
          { url, path: PATH, secret, name, peer, own: this.url, maxPayload: BATCH_CAPACITY },
          opened,
          failed,
        ),
      dirty(link) {
        // A job, if only an empty one, so that the queue becomes idle after it.
        if (lines.#dirty.length === 0) kernel.runQueue.push(() => {});
        if (!lines.#dirty.includes(link)) lines.#dirty.push(link);
      },
      takeBuffer: () => this.#buffers.pop() ?? Buffer.allocUnsafeSlow(BATCH_CAPACITY),
      giveBuffer(buffer) {
        if (lines.#buffers.length < KEEP_BUFFERS) lines.#buffers.push(buffer);
      },
      receive: (peer, skb) => this.onFrame(peer, skb),
    };
    kernel.runQueue.onIdle(() => this.#flushLater());
    listener.route(PATH, {
      maxPayload: BATCH_CAPACITY,
      accept: (socket: WebSocket, peer, url) => this.#link(peer).accept(socket, url),
    });
    this.#arm();
  }

  send(peer: string, skb: Skb, dev: NetDevice): void {
    this.#link(peer).send(skb, dev);
  }

  setPeers(peers: Cabling['peers']): void {
    const urls = new Map(peers.map((peer) => [peer.name, peer.url]));
    const old = this.#urls;
    this.#urls = urls;
    for (const [peer, link] of this.#links) {
      const url = urls.get(peer);
      const was = old.get(peer);
      if (url === undefined && was !== undefined) {
        link.stop();
        this.#links.delete(peer);
      } else if (url !== undefined && was !== undefined && url !== was) link.moved();
    }
  }

  report(): readonly LinkReport[] {
    return [...this.#links.values()].map((link) => link.report());
  }

  stop(): void {
    this.#sweep?.cancel();
    this.#options.listener.route(PATH, undefined);
    for (const link of this.#links.values()) link.stop();
    this.#links.clear();
    this.onFrame = (_, skb) => skb.free();
  }

  #link(peer: string): Link {
    let link = this.#links.get(peer);
    if (link === undefined) this.#links.set(peer, (link = new Link(this.#host, peer)));
    return link;
  }
  /**
   * The queue runs dry once for each message that comes, and several come in one turn of the event loop: what they lead to
   * is sent together when all have been read. A write is a system call that wakes the peer; it costs more than a
   * frame's whole way through this node.
   */
  #flushLater(): void {
    if (this.#dirty.length === 0 || this.#flushing) return;
    this.#flushing = true;
    setImmediate(this.#flush);
  }
  readonly #flush = (): void => {
    this.#flushing = false;
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const link of dirty) link.flush();
  };
  #arm(): void {
    const { clock } = this.#options.kernel;
    this.#sweep = clock.after(this.#idle / 2, () => {
      const before = clock.now() - this.#idle;
      for (const link of this.#links.values()) if (link.used < before && link.idle) link.hangUp();
      this.#arm();
    });
  }
}
