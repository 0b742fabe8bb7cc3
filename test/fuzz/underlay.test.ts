// Underlay messages at random: batches bent on their way between two links, garbage between them, credit that lies, lines
// that break at any time; and the challenge in front of it. A bent message is counted as malformed or read as what it has
// become; nothing throws, nothing waits without bound, and each frame that was read is handed over once.

import { afterEach, describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { isNonce, newNonce, proof, proves } from '../../emulator/protocol/challenge.ts';
import { parseSaid } from '../../emulator/protocol/dial.ts';
import { createKernel } from '../../node-runtime/kernel/boot.ts';
import { VirtualClock } from '../../node-runtime/kernel/clock/virtual-clock.ts';
import { Dummy } from '../../node-runtime/kernel/netdev/dummy.ts';
import type { NetDevice } from '../../node-runtime/kernel/netns/device.ts';
import type { Stream } from '../../node-runtime/kernel/netns/dice.ts';
import type { Kernel } from '../../node-runtime/kernel/netns/kernel.ts';
import { BATCH_CAPACITY, BATCH_HEADER, parseHeader } from '../../node-runtime/underlay/batch.ts';
import { Link, type LinkHost } from '../../node-runtime/underlay/link.ts';
import { CREDIT } from '../../node-runtime/underlay/outbox.ts';
import { anyFrame } from './frame-seeds.ts';
import { bend } from './mutate.ts';
import { dice, GROWTH, mebibytes, memory, once, pick, share } from './scale.ts';
import { SkbAudit } from './skb-audit.ts';

const MESSAGES = 1_200_000;
const CHALLENGES = 300_000;

/** One end of a line in memory, as much of a WebSocket as a link uses. */
class Line {
  other!: Line;
  readonly #listeners = new Map<string, ((...args: never[]) => void)[]>();
  /** Bent or not: what the wire does to a message. */
  wire: (data: Buffer, binary: boolean, to: Line) => void;
  closed = false;

  constructor(wire: Line['wire']) {
    this.wire = wire;
  }
  on(event: string, fn: (...args: never[]) => void): this {
    const list = this.#listeners.get(event) ?? [];
    list.push(fn);
    this.#listeners.set(event, list);
    return this;
  }
  once(event: string, fn: (...args: never[]) => void): this {
    return this.on(event, fn);
  }
  emit(event: string, ...args: unknown[]): void {
    for (const fn of this.#listeners.get(event) ?? []) fn(...(args as never[]));
  }
  send(data: Buffer | string, done?: () => void): void {
    if (!this.closed) this.wire(Buffer.from(data as Buffer), typeof data !== 'string', this.other);
    done?.();
  }
  close(code = 1005): void {
    if (this.closed) return;
    this.closed = this.other.closed = true;
    this.emit('close', code);
    this.other.emit('close', code);
  }
  terminate(): void {
    this.close(1006);
  }
}

interface End {
  readonly kernel: Kernel;
  readonly audit: SkbAudit;
  readonly dev: NetDevice;
  readonly link: Link;
  received: number;
  refuse: boolean;
}

class Pair {
  readonly clock = new VirtualClock();
  readonly ends: readonly [End, End];
  readonly #dice: Stream;
  readonly #lines: Line[] = [];
  readonly #under: { data: Buffer; binary: boolean; to: Line }[] = [];
  readonly #other: Buffer[] = [Buffer.alloc(40)];
  messages = 0;

  constructor(dice: Stream) {
    this.#dice = dice;
    this.ends = [this.#end(0), this.#end(1)];
  }

  #end(n: number): End {
    const kernel = createKernel({ hostname: `n${n}`, clock: this.clock, seed: 1 });
    const audit = new SkbAudit(kernel);
    const dev = kernel.host.register(new Dummy(kernel, { name: 'eth0' }));
    let dirty: Link[] = [];
    kernel.runQueue.onIdle(() => {
      const due = dirty;
      dirty = [];
      for (const link of due) link.flush();
    });
    const host: LinkHost = {
      kernel,
      dialable: n === 0 || !once(this.#dice, 2),
      urlOf: () => `memory:${1 - n}`,
      dial: (_url, _peer, opened, failed) => {
        let over = false;
        kernel.runQueue.push(() => {
          if (over) return;
          const to = this.ends[1 - n]!;
          if (to.refuse) {
            failed();
            return;
          }
          const [mine, theirs] = this.#line();
          opened(mine as unknown as WebSocket);
          to.link.accept(theirs as unknown as WebSocket, once(this.#dice, 2) ? '' : `memory:${n}`);
        });
        return () => {
          over = true;
        };
      },
      dirty(link) {
        dirty.push(link);
        kernel.runQueue.push(() => {});
      },
      takeBuffer: () => Buffer.allocUnsafeSlow(BATCH_CAPACITY),
      giveBuffer: () => {},
      receive: (_peer, skb) => {
        end.received++;
        skb.free();
      },
    };
    const link = new Link(host, `n${1 - n}`);
    const end: End = { kernel, audit, dev, link, received: 0, refuse: false };
    return end;
  }

  #line(): [Line, Line] {
    const wire: Line['wire'] = (data, binary, to) => this.#under.push({ data, binary, to });
    const [a, b] = [new Line(wire), new Line(wire)];
    a.other = b;
    b.other = a;
    this.#lines.push(a);
    if (this.#lines.length > 8) this.#lines.shift();
    return [a, b];
  }

  run(): void {
    for (let busy = true; busy; ) {
      busy = false;
      for (const { kernel } of this.ends)
        while (kernel.runQueue.pending > 0) {
          kernel.runQueue.run();
          busy = true;
        }
      const under = this.#under.splice(0);
      for (const { data, binary, to } of under) {
        busy = true;
        this.#arrive(data, binary, to);
      }
    }
  }

  #arrive(data: Buffer, binary: boolean, to: Line): void {
    const roll = this.#dice;
    if (to.closed) return;
    this.messages++;
    if (binary && data.length < 4096) this.#other[this.messages & 15] = data;
    const last = pick(roll, this.#other.filter(Boolean));
    const bytes = once(roll, 3) ? Buffer.from(bend(roll, data.slice(), last ?? data)) : data;
    to.emit('message', bytes, once(roll, 200) ? !binary : binary);
  }

  /** Bytes that no link of ours would send. */
  garbage(bytes: Buffer, binary: boolean): void {
    const line = pick(this.#dice, this.#lines);
    if (line === undefined || line.closed) return;
    this.messages++;
    (once(this.#dice, 2) ? line : line.other).emit('message', bytes, binary);
  }
  cut(): void {
    const line = pick(
      this.#dice,
      this.#lines.filter((l) => !l.closed),
    );
    line?.close(once(this.#dice, 2) ? 1000 : 1006);
  }
  stop(): void {
    for (const { link } of this.ends) link.stop();
    this.run();
    for (const { audit } of [...this.ends].reverse()) audit.stop();
  }
}

let pair: Pair | undefined;
afterEach(() => pair?.stop());

describe('underlay messages', () => {
  it('bent on their way, are counted or read, and never kept', async () => {
    const messages = share(MESSAGES);
    const roll = dice('underlay', messages);
    const frames = Array.from({ length: 256 }, () => anyFrame(roll));
    pair = new Pair(roll);
    let early = 0;
    while (pair.messages < messages) {
      const before = pair.messages;
      // The run queues' own turns, which find nothing left to do.
      await undefined;
      for (const end of pair.ends) {
        const count = roll.below(once(roll, 500) ? 1200 : 3);
        for (let i = 0; i < count; i++) {
          const frame = once(roll, 200) ? new Uint8Array(roll.below(66_000)) : pick(roll, frames);
          end.link.send(end.kernel.pool.copyOf(frame), end.dev);
        }
      }
      if (once(roll, 4)) {
        const junk = new Uint8Array(roll.below(60)).map(() => roll.below(256));
        if (once(roll, 2)) junk[0] = 1;
        pair.garbage(Buffer.from(junk), !once(roll, 4));
      }
      pair.run();
      // Bytes that were bent away are credit that never comes back on this line; a real one loses none.
      if (once(roll, 300) || pair.messages === before) pair.cut();
      if (once(roll, 100)) pair.ends[roll.below(2)]!.refuse = once(roll, 4);
      pair.clock.advance(roll.below(40), () => pair!.run());
      pair.run();
      for (const { link, dev } of pair.ends) {
        const { unacked, queued } = link.report();
        expect(unacked).toBeLessThanOrEqual(CREDIT + BATCH_CAPACITY);
        expect(queued).toBeLessThanOrEqual(dev.txQueueLen);
      }
      if (early === 0 && pair.messages > messages / 4) early = memory();
    }
    const late = memory();
    pair.stop();
    for (const { link, audit, received, kernel } of pair.ends) {
      const report = link.report();
      expect(audit.live.size).toBe(0);
      expect(received).toBe(report.rxFrames);
      // Each packet: sent, received and used, or dropped under a reason.
      const dropped = [...kernel.tracer.dropped.values()].reduce((sum, n) => sum + n, 0);
      expect(audit.allocated).toBe(report.txFrames + received + dropped - tooLong(kernel));
      process.stdout.write(
        `underlay: ${pair.messages} messages; frames sent ${report.txFrames}, received ${received}, dropped ${dropped}, messages malformed ${report.malformed}, lines ${report.opened}\n`,
      );
      expect(report.malformed).toBeGreaterThan(0);
    }
    process.stdout.write(`underlay: heap ${mebibytes(early)}, at the end ${mebibytes(late)}\n`);
    expect(late - early).toBeLessThan(GROWTH);
  });

  it('a batch that is one thing is not taken for another', () => {
    const header = Buffer.alloc(BATCH_HEADER);
    for (let version = 0; version < 256; version++) {
      header[0] = version;
      expect(parseHeader(header) !== undefined).toBe(version === 1);
    }
  });
});

/** Frames that the outbox counted as sent and the link then found too long for a batch. */
const tooLong = (kernel: Kernel): number => kernel.tracer.dropped.get('PKT_TOO_BIG') ?? 0;

describe('the challenge', () => {
  it('is passed by nobody who does not know the secret, whatever he says', () => {
    const rounds = share(CHALLENGES);
    const roll = dice('challenge', rounds);
    const handshake = {
      path: '/link',
      dialler: 'n1',
      acceptor: 'n2',
      diallerNonce: newNonce(),
      acceptorNonce: newNonce(),
    };
    const right = proof('secret', 'dial', handshake);
    const sound = Buffer.from(JSON.stringify({ proof: right, url: 'ws://127.0.0.1:1' }));
    let passed = 0;
    let unread = 0;
    for (let i = 0; i < rounds; i++) {
      // The text as it lies on the line, or the proof inside it.
      const inside = once(roll, 2);
      let bytes: Uint8Array = inside ? Buffer.from(right) : sound.slice();
      for (let n = roll.below(4); n > 0; n--) bytes = bend(roll, bytes, sound);
      const text = Buffer.from(bytes);
      const said = parseSaid(inside ? Buffer.from(JSON.stringify({ proof: text.toString('latin1') })) : text);
      if (Object.keys(said).length === 0) unread++;
      isNonce(said['nonce']);
      const proven = proves('secret', 'dial', handshake, said['proof']);
      if (proven) passed++;
      expect(proven).toBe(said['proof'] === right);
      if (i % 16 === 0) expect(proves('secret', 'accept', handshake, said['proof'])).toBe(false);
    }
    process.stdout.write(`challenge: ${passed} kept the right proof, ${unread} were not read at all\n`);
  });
});
