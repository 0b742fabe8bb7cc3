// iperf3's UDP test (src/iperf_udp.c): numbered datagrams at a rate, or as fast as the stack takes them; the receiver counts what
// came, what is missing or out of order, and the jitter of RFC 1889, section 6.3.1.

import { WAKE_READ } from '../../kernel/transport/sock.ts';
import { UdpSock } from '../../kernel/transport/udp.ts';
import { ANY, type Ipv4 } from '../../kernel/wire/addr.ts';
import { put32, u32 } from '../../kernel/wire/bytes.ts';
import { type Process, sleep, throwIfKilled, waitFor, wallClock } from '../process.ts';
import type { Stream } from './iperf3-wire.ts';

/** Seconds, microseconds and the datagram's number; 64-bit counters are not asked for. */
const HEADER = 12;
/** What a client says first, and what it hears: UDP_CONNECT_MSG and UDP_CONNECT_REPLY, in the client's byte order. */
const HELLO = Uint8Array.of(0x39, 0x38, 0x37, 0x36);
const WELCOME = Uint8Array.of(0x36, 0x37, 0x38, 0x39);
/** How long a client waits for the welcome, and sends its hello again meanwhile, in milliseconds. */
const PATIENCE = 3000;
/** Datagrams in a row before others get a turn, and turns in which time may stand still (as virtual time does). */
const BURST = 64;
const STANDSTILL = 64;
/** pacing_timer: with a rate, how often the sender looks whether it is behind, in milliseconds. */
const PACING = 1;

export const DEFAULT_RATE = 1024 * 1024;

/** One stream of a test, at either end. */
export class UdpFlow implements Stream {
  readonly id: number;
  readonly sk: UdpSock;
  readonly #proc: Process;
  readonly #rate: number;
  bytes = 0;
  /** Highest number seen, or sent. */
  packets = 0;
  lost = 0;
  outOfOrder = 0;
  /** Seconds. */
  jitter = 0;
  #transit = Number.NaN;
  #sending = false;
  #wake: () => void = () => {};

  /** `rate` in bits per second, 0: as fast as the stack takes them. */
  constructor(id: number, sk: UdpSock, rate: number, proc: Process) {
    this.id = id;
    this.sk = sk;
    this.#rate = rate;
    this.#proc = proc;
  }

  receive(): void {
    const { sk } = this;
    sk.wake = (what) => {
      if ((what & WAKE_READ) === 0) return;
      for (let d = sk.recv(); d !== undefined; d = sk.recv()) this.#take(d.data);
    };
  }
  #take(data: Uint8Array): void {
    if (data.length < HEADER) return;
    this.bytes += data.length;
    const number = u32(data, 8);
    if (number > this.packets) {
      this.lost += number - 1 - this.packets;
      this.packets = number;
    } else {
      this.outOfOrder++;
      if (this.lost > 0) this.lost--;
    }
    const sent = u32(data, 0) + u32(data, 4) / 1e6;
    const transit = wallClock(this.#proc) / 1000 - sent;
    if (!Number.isNaN(this.#transit)) this.jitter += (Math.abs(transit - this.#transit) - this.jitter) / 16;
    this.#transit = transit;
    this.#wake();
  }

  /** Sends datagrams of `block`'s length until `stop`, at the rate it was made with. */
  send(block: Uint8Array, limit: number): void {
    this.#sending = true;
    void this.#run(block, limit)
      .catch(() => {})
      .then(() => this.#wake());
  }
  async #run(block: Uint8Array, limit: number): Promise<void> {
    const rate = this.#rate;
    const { clock } = this.#proc.ns.kernel;
    const data = Uint8Array.from(block);
    const began = clock.now();
    let last = began;
    let still = 0;
    while (this.#sending && this.bytes < limit) {
      throwIfKilled(this.#proc);
      const now = clock.now();
      const room = rate === 0 ? Number.POSITIVE_INFINITY : (rate * (now - began)) / 8000 - this.bytes;
      for (let i = 0; i < BURST && i * data.length <= room && this.bytes < limit; i++) this.#sendOne(data);
      still = now === last ? still + 1 : 0;
      last = now;
      // A real sender is slowed by its CPU; where time stands still until nobody has anything to do, it must wait itself.
      if (rate !== 0 || still >= STANDSTILL) await sleep(this.#proc, PACING);
      else await new Promise((resolve) => setImmediate(resolve));
    }
  }
  #sendOne(data: Uint8Array): void {
    const time = wallClock(this.#proc);
    put32(data, 0, Math.floor(time / 1000));
    put32(data, 4, Math.floor((time % 1000) * 1000));
    put32(data, 8, this.packets + 1);
    // What the stack refuses (its own queue full, no route) was not sent.
    if (this.sk.send(data) !== undefined) return;
    this.packets++;
    this.bytes += data.length;
  }

  onMove(fn: () => void): void {
    this.#wake = fn;
  }
  get drained(): boolean {
    return true;
  }
  stop(): void {
    this.#sending = false;
  }
  close(): void {
    this.stop();
    this.sk.close();
  }
}

/** iperf_udp_connect: the client's socket, once the server has answered. Undefined: it did not. */
export async function connectUdp(proc: Process, host: Ipv4, port: number): Promise<UdpSock | undefined> {
  const sk = new UdpSock(proc.ns);
  sk.owner = 'iperf3';
  if (sk.connect(host, port) !== undefined) return undefined;
  const { clock } = proc.ns.kernel;
  const welcome = waitFor<boolean>(proc, (done) => {
    sk.wake = (what) => {
      if ((what & WAKE_READ) !== 0 && sk.recv() !== undefined) done(true);
    };
    const timer = clock.after(PATIENCE, () => done(false));
    return () => timer.cancel();
  });
  sk.send(HELLO);
  if (await welcome) return sk;
  sk.close();
  return undefined;
}

/** iperf_udp_accept: waits for a client's hello on `port` and makes the socket its own. */
export async function acceptUdp(proc: Process, port: number): Promise<UdpSock> {
  const sk = new UdpSock(proc.ns);
  sk.owner = 'iperf3';
  sk.setOption('SO_REUSEADDR', 1);
  const failed = sk.bind(ANY, port);
  if (failed !== undefined) throw new Error(`unable to start stream listener: ${failed}`);
  try {
    const hello = await waitFor<{ readonly src: Ipv4; readonly sport: number }>(proc, (done) => {
      sk.wake = (what) => {
        const d = (what & WAKE_READ) === 0 ? undefined : sk.recv();
        if (d !== undefined) done(d);
      };
      return () => {};
    });
    sk.connect(hello.src, hello.sport);
    sk.send(WELCOME);
    return sk;
  } catch (error) {
    sk.close();
    throw error;
  }
}
