// iperf3's control channel (src/iperf_api.h, iperf_client_api.c, iperf_server_api.c): a cookie, then single bytes that say which
// state the test is in, and JSON behind a length in four bytes.
import type { TcpSocket } from '../../sockets/net.ts';
import type { Process } from '../process.ts';
import { waitFor } from '../process.ts';

export const COOKIE_SIZE = 37;
export const TEST_START = 1;
export const TEST_RUNNING = 2;
export const TEST_END = 4;
export const PARAM_EXCHANGE = 9;
export const CREATE_STREAMS = 10;
export const SERVER_TERMINATE = 11;
export const CLIENT_TERMINATE = 12;
export const EXCHANGE_RESULTS = 13;
export const DISPLAY_RESULTS = 14;
export const IPERF_DONE = 16;
export const ACCESS_DENIED = 255;

/** Longest JSON that is taken: MAX_PARAMS_JSON_STRING and more. */
const MAX_JSON = 1 << 20;

export interface Params {
  readonly tcp?: true;
  readonly udp?: true;
  /** Bits per second, 0 for no limit. */
  readonly bandwidth?: number;
  /** Seconds; or bytes in `num`. */
  readonly time: number;
  readonly num?: number;
  readonly parallel: number;
  readonly len: number;
  readonly reverse?: boolean;
}

/** One flow of bytes of a test, at either end, as its transport carries it. */
export interface Stream {
  readonly id: number;
  readonly bytes: number;
  /** UDP: the highest number, what is missing, and the jitter in seconds. */
  readonly packets: number;
  readonly lost: number;
  readonly jitter: number;
  receive(): void;
  /** Sends `block` over and over until `stop`, or until `limit` bytes have gone. */
  send(block: Uint8Array, limit: number): void;
  /** Calls `fn` when something has come or gone. */
  onMove(fn: () => void): void;
  /** Nothing waits to be sent. */
  readonly drained: boolean;
  stop(): void;
  close(): void;
}

export interface StreamResult {
  readonly id: number;
  readonly bytes: number;
  readonly retransmits: number;
  readonly jitter: number;
  readonly errors: number;
  readonly packets: number;
  readonly start_time: number;
  readonly end_time: number;
}

/** Reads whole pieces from a socket. Rejects when it ends before. */
export class Reader {
  readonly #socket: TcpSocket;
  readonly #proc: Process;
  #held: Buffer = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => {};

  constructor(socket: TcpSocket, proc: Process) {
    this.#socket = socket;
    this.#proc = proc;
    socket.on('data', (chunk: Buffer) => {
      this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
      this.#wake();
    });
    const over = (): void => {
      this.#ended = true;
      this.#wake();
    };
    socket.on('end', over);
    socket.on('error', over);
    socket.on('close', over);
    socket.resume();
  }

  async take(length: number): Promise<Buffer> {
    while (this.#held.length < length) {
      if (this.#ended) throw new Error('the control socket has closed unexpectedly');
      await waitFor<void>(this.#proc, (done) => {
        this.#wake = done;
        return () => {
          this.#wake = () => {};
        };
      });
    }
    const piece = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return piece;
  }
  async state(): Promise<number> {
    return (await this.take(1))[0]!;
  }
  async json(): Promise<unknown> {
    const length = (await this.take(4)).readUInt32BE(0);
    if (length > MAX_JSON) throw new Error('unable to receive parameters');
    return JSON.parse((await this.take(length)).toString('utf8'));
  }
  sendState(state: number): void {
    this.#socket.write(Buffer.of(state));
  }
  sendJson(value: object): void {
    const text = Buffer.from(JSON.stringify(value));
    const head = Buffer.alloc(4);
    head.writeUInt32BE(text.length);
    this.#socket.write(Buffer.concat([head, text]));
  }
}

/** unit_snprintf: "2.24 GBytes", "19.2 Gbits". */
export function amount(value: number, unit: 'Bytes' | 'bits'): string {
  const base = unit === 'Bytes' ? 1024 : 1000;
  let scaled = value;
  let prefix = '';
  for (const next of ['K', 'M', 'G', 'T']) {
    if (scaled < base) break;
    scaled /= base;
    prefix = next;
  }
  const places = scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0;
  return `${scaled.toFixed(places).padStart(4)} ${prefix}${unit}`;
}

/** What stands behind the bitrate of a UDP stream: what its receiver counted. */
export function lossTail({
  jitter,
  errors,
  packets,
}: Pick<StreamResult, 'jitter' | 'errors' | 'packets'>): string {
  const share = packets > 0 ? (100 * errors) / packets : 0;
  return `  ${(jitter * 1000).toFixed(3)} ms  ${errors}/${packets} (${share.toPrecision(2).replace(/\.?0+$/, '')}%)`;
}

/** One line of a report; `tail` is what stands behind the bitrate. */
export function reportLine(id: number | 'SUM', from: number, to: number, bytes: number, tail = ''): string {
  const seconds = to - from;
  const rate = seconds > 0 ? (bytes * 8) / seconds : 0;
  const name = id === 'SUM' ? 'SUM' : String(id).padStart(3);
  const at = `${from.toFixed(2).padStart(6)}-${to.toFixed(2).padEnd(6)}`;
  return `[${name}] ${at} sec  ${amount(bytes, 'Bytes')}  ${amount(rate, 'bits')}/sec${tail}\n`;
}
