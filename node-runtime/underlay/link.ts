// The link to one peer: two WebSockets, because only what a server sends need not be masked (RFC 6455, section 5.1), and
// masking in JavaScript costs more than the rest of the way. Each side sends on the connection that it accepted and
// reads on the one that it dialled:
//
//   A dials B ── B sends on it ──> A          B, dialled, dials back ── A sends on that ──> B
//
// Where one side cannot be dialled there is one socket, used both ways, masked in one. A lost link is dialled again when
// there is something to send, after a pause that grows; an idle one is closed by either side.
import type { WebSocket } from 'ws';
import type { LinkReport } from '../../emulator/protocol/records.ts';
import type { NetDevice } from '../kernel/netns/device.ts';
import type { Kernel } from '../kernel/netns/kernel.ts';
import type { Skb } from '../kernel/skb/skb.ts';
import {
  BATCH_CAPACITY,
  BATCH_HEADER,
  eachFrame,
  FRAME_HEADER,
  MAX_FRAME,
  parseHeader,
  putFrame,
  putHeader,
} from './batch.ts';
import { ACK_EVERY, CREDIT, Outbox } from './outbox.ts';

const BACKOFF_MIN = 50;
const BACKOFF_MAX = 1000;
/** What may wait here: a peer's credit on its last line and on this one. More comes only from one that heeds none. */
const MAX_WAITING = 2 * (CREDIT + BATCH_CAPACITY);
/** WebSocket close codes: done with it; it broke. */
const CLOSE_IDLE = 1000;

/** What a link needs of the process it is in. */
export interface LinkHost {
  readonly kernel: Kernel;
  /** Where the peer is dialled, or "" when it cannot be. */
  urlOf(peer: string): string;
  /** False when nobody can dial us. */
  readonly dialable: boolean;
  dial(url: string, peer: string, opened: (socket: WebSocket) => void, failed: () => void): () => void;
  /** Asks for `flush` to be called when the run queue is idle. */
  dirty(link: Link): void;
  takeBuffer(): Buffer;
  giveBuffer(buffer: Buffer): void;
  receive(peer: string, skb: Skb): void;
}

export class Link {
  readonly peer: string;
  readonly #host: LinkHost;
  readonly #outbox: Outbox;
  readonly #receive: (skb: Skb) => void;
  #accepted: WebSocket | undefined;
  #dialled: WebSocket | undefined;
  #giveUp: (() => void) | undefined;
  /** Where the peer said that it can be dialled, for a peer that the cabling does not know yet. */
  #saidUrl = '';
  /** The socket that we send on, what it is called in acknowledgements, and how much of it the peer has taken. */
  #tx: WebSocket | undefined;
  #session: number;
  #acked = 0;
  #rxSession = 0;
  #received = 0;
  #rxAcked = 0;
  /** Bytes that came and have not been handed on yet. */
  #waiting = 0;
  #batch: Buffer | undefined;
  #end = BATCH_HEADER;
  #retryAt = Number.NEGATIVE_INFINITY;
  #backoff = BACKOFF_MIN;
  #stopped = false;
  /** When a frame last went or came. */
  used: number;
  #txBatches = 0;
  #rxFrames = 0;
  #rxBatches = 0;
  #rxBytes = 0;
  #malformed = 0;
  #opened = 0;

  constructor(host: LinkHost, peer: string) {
    this.#host = host;
    this.peer = peer;
    this.used = host.kernel.clock.now();
    // Not from zero: a process that was restarted must not be taken at the word of the one before it.
    this.#session = Math.floor(this.used * 1000) % 0xffff;
    this.#outbox = new Outbox(host.kernel, peer, (skb) => this.#write(skb));
    this.#receive = (skb) => {
      this.#rxFrames++;
      host.receive(peer, skb);
    };
  }

  send(skb: Skb, dev: NetDevice): void {
    const now = this.#host.kernel.clock.now();
    this.used = now;
    const waiting = this.#tx !== undefined || this.#giveUp !== undefined || this.#dialled !== undefined;
    if (!waiting && (now < this.#retryAt || !this.#open())) {
      this.#outbox.drop(skb, dev, 'LINK_NO_PEER');
      return;
    }
    this.#outbox.offer(skb, dev);
  }

  /** The peer has dialled us. */
  accept(socket: WebSocket, url: string): void {
    if (this.#stopped) {
      socket.terminate();
      return;
    }
    const old = this.#accepted;
    this.#accepted = socket;
    this.#saidUrl = url;
    old?.terminate();
    this.#attach(socket);
    this.#sendOn(socket);
    if (this.#dialled === undefined && this.#giveUp === undefined) {
      this.#retryAt = Number.NEGATIVE_INFINITY;
      if (!this.#open()) this.#sayAlone();
    }
  }

  /** Where the peer is has changed: what we have leads to where it was. */
  moved(): void {
    this.#break();
    this.#retryAt = Number.NEGATIVE_INFINITY;
    this.#backoff = BACKOFF_MIN;
    if (this.#outbox.queued > 0 && !this.#open()) this.#outbox.discard('LINK_NO_PEER');
  }

  /** Sends what has gathered, or the bare acknowledgement that is due. */
  flush(): void {
    if (this.#batch !== undefined || this.#received - this.#rxAcked >= ACK_EVERY) this.#sendBatch();
  }

  /** Nothing waits. (A last few frames may never be acknowledged: that is done for many at a time.) */
  get idle(): boolean {
    return this.#outbox.queued === 0;
  }
  /** Closes the sockets in peace; the next frame opens them again. */
  hangUp(): void {
    this.#accepted?.close(CLOSE_IDLE);
    this.#dialled?.close(CLOSE_IDLE);
    this.#forget();
  }
  stop(): void {
    this.#stopped = true;
    this.#break();
    this.#outbox.discard('LINK_NO_PEER');
  }

  report(): LinkReport {
    const outbox = this.#outbox;
    const now = this.#host.kernel.clock.now();
    const opening = this.#giveUp !== undefined || this.#dialled !== undefined;
    return {
      peer: this.peer,
      state:
        this.#tx !== undefined ? 'open' : opening ? 'opening' : now < this.#retryAt ? 'backoff' : 'closed',
      masked: this.#tx !== undefined && this.#tx === this.#dialled,
      queued: outbox.queued,
      unacked: outbox.unacked,
      txFrames: outbox.frames,
      txBatches: this.#txBatches,
      txBytes: outbox.bytes,
      rxFrames: this.#rxFrames,
      rxBatches: this.#rxBatches,
      rxBytes: this.#rxBytes,
      dropped: outbox.dropped,
      malformed: this.#malformed,
      opened: this.#opened,
    };
  }

  /** Dials, so that the peer can send, and dials back, so that we can. False when there is nobody to dial. */
  #open(): boolean {
    const url = this.#host.urlOf(this.peer) || this.#saidUrl;
    if (url === '' || this.#stopped) return false;
    this.#giveUp = this.#host.dial(
      url,
      this.peer,
      (socket) => {
        this.#giveUp = undefined;
        this.#backoff = BACKOFF_MIN;
        this.#dialled = socket;
        this.#attach(socket);
        // Who cannot be dialled back need not wait for it.
        if (!this.#host.dialable) this.#sendOn(socket);
      },
      () => this.#failed(),
    );
    return true;
  }
  #failed(): void {
    this.#giveUp = undefined;
    this.#retryAt = this.#host.kernel.clock.now() + this.#backoff;
    this.#backoff = Math.min(this.#backoff * 2, BACKOFF_MAX);
    if (this.#accepted !== undefined) this.#sayAlone();
    else this.#outbox.discard('LINK_NO_PEER');
  }
  /** The peer waits to be dialled back in vain: it must send on the socket that it dialled. */
  #sayAlone(): void {
    this.#accepted?.send('alone');
  }

  #sendOn(socket: WebSocket): void {
    if (this.#batch !== undefined) this.#dropBatch();
    this.#tx = socket;
    this.#session = (this.#session % 0xffff) + 1; // 0: none
    this.#acked = 0;
    this.#opened++;
    this.#outbox.opened();
    if (this.#received - this.#rxAcked >= ACK_EVERY) this.#host.dirty(this);
  }

  #attach(socket: WebSocket): void {
    socket.on('message', (data: Buffer, binary: boolean) => {
      if (binary) this.#arrived(data);
      else if (data.toString() !== 'alone') this.#malformed++;
      else if (socket === this.#dialled && this.#tx === undefined) this.#sendOn(socket);
    });
    socket.on('error', () => socket.terminate());
    socket.once('close', (code: number) => this.#closed(socket, code));
  }
  #closed(socket: WebSocket, code: number): void {
    if (socket !== this.#accepted && socket !== this.#dialled) return;
    if (code === CLOSE_IDLE) this.hangUp();
    else this.#break();
    if (this.#outbox.queued > 0 && !this.#open()) this.#outbox.discard('LINK_NO_PEER');
  }
  #break(): void {
    this.#giveUp?.();
    this.#giveUp = undefined;
    this.#accepted?.terminate();
    this.#dialled?.terminate();
    this.#forget();
  }
  #forget(): void {
    this.#accepted = undefined;
    this.#dialled = undefined;
    this.#tx = undefined;
    if (this.#batch !== undefined) this.#dropBatch();
    this.#rxSession = 0;
    this.#received = 0;
    this.#rxAcked = 0;
    this.#outbox.closed();
  }

  #write(skb: Skb): number {
    const need = FRAME_HEADER + skb.len;
    if (skb.len > MAX_FRAME) {
      this.#host.kernel.drop(skb, 'PKT_TOO_BIG', undefined, `${skb.len} bytes do not fit in a batch`);
      return 0;
    }
    if (this.#batch !== undefined && this.#end + need > BATCH_CAPACITY) this.#sendBatch();
    if (this.#batch === undefined) {
      this.#batch = this.#host.takeBuffer();
      this.#end = BATCH_HEADER;
      this.#host.dirty(this);
    }
    this.#end = putFrame(this.#batch, this.#end, skb);
    skb.free();
    return need;
  }
  #sendBatch(): void {
    const tx = this.#tx;
    if (tx === undefined) return;
    const batch = this.#batch ?? this.#host.takeBuffer();
    putHeader(batch, this.#session, this.#rxSession, this.#received >>> 0);
    this.#rxAcked = this.#received;
    this.#batch = undefined;
    const end = this.#end;
    this.#end = BATCH_HEADER;
    this.#txBatches++;
    tx.send(batch.subarray(0, end), () => this.#host.giveBuffer(batch));
  }
  #dropBatch(): void {
    this.#host.giveBuffer(this.#batch!);
    this.#batch = undefined;
    this.#end = BATCH_HEADER;
  }

  #arrived(data: Buffer): void {
    const header = parseHeader(data);
    if (header === undefined) {
      this.#malformed++;
      return;
    }
    if (this.#tx !== undefined && header.ackSession === this.#session) {
      const taken = (header.acked - this.#acked) >>> 0;
      // The counter is cumulative: more than can be under way is an old one, or a lie.
      if (taken > 0 && taken <= CREDIT + BATCH_CAPACITY) {
        this.#acked = header.acked;
        this.#outbox.credit(taken);
      }
    }
    if (data.length === BATCH_HEADER) return;
    if (this.#waiting > MAX_WAITING) {
      this.#malformed++;
      return;
    }
    this.#waiting += data.length;
    this.#host.kernel.runQueue.push(() => this.#deliver(data, header.session));
  }
  #deliver(data: Buffer, session: number): void {
    this.used = this.#host.kernel.clock.now();
    const bytes = data.length - BATCH_HEADER;
    this.#waiting -= data.length;
    if (session !== this.#rxSession) {
      this.#rxSession = session;
      this.#received = 0;
      this.#rxAcked = 0;
    }
    if (eachFrame(data, this.#host.kernel.pool, this.#receive) < 0) this.#malformed++;
    this.#rxBatches++;
    this.#rxBytes += bytes;
    this.#received += bytes;
    if (this.#received - this.#rxAcked >= ACK_EVERY) this.#host.dirty(this);
  }
}
