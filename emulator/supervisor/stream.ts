// The emulator's end of a byte stream with a node: a command's input and output, a log, a forwarded port. Each way at
// most STREAM_WINDOW bytes are under way that the other side has not used.
import { STREAM_WINDOW, type StreamData, type StreamExit, type ToNode } from '../protocol/messages.ts';

const CHUNK = 64 * 1024;

type OutputListener = (channel: 'stdout' | 'stderr', data: Uint8Array | undefined) => void;

export class EmulatorStream {
  readonly id: number;
  #listener: OutputListener | undefined;
  /** What came before anybody listened. */
  #early: [channel: 'stdout' | 'stderr', data: Uint8Array | undefined][] = [];
  /** The window for input is open again after `write` said false. */
  onDrain: () => void = () => {};
  /** How it ended; a lost node ends it with code 137 and says so. */
  readonly exit: Promise<{ readonly code: number; readonly reason: string | undefined }>;
  #resolve!: (exit: { code: number; reason: string | undefined }) => void;
  readonly #send: (message: ToNode) => void;
  #window = STREAM_WINDOW;
  #waiting: StreamData[] = [];
  #over = false;

  constructor(id: number, send: (message: ToNode) => void) {
    this.id = id;
    this.#send = send;
    this.exit = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Output; undefined: no more will come on this channel. Say `taken` when it has been used. */
  set onData(listener: OutputListener) {
    this.#listener = listener;
    for (const [channel, data] of this.#early.splice(0)) listener(channel, data);
  }

  /** Sends input. False: the window is full; what was written waits, and `onDrain` will be called. */
  write(data: Uint8Array): boolean {
    for (let at = 0; at < data.length; at += CHUNK) this.#out(data.subarray(at, at + CHUNK), false);
    return this.#waiting.length === 0;
  }
  end(): void {
    this.#out(new Uint8Array(0), true);
  }
  /** `bytes` of output were used: more may come. */
  taken(bytes: number): void {
    if (!this.#over && bytes > 0) this.#send({ type: 'stream.credit', stream: this.id, bytes });
  }
  resize(cols: number, rows: number): void {
    if (!this.#over) this.#send({ type: 'stream.resize', stream: this.id, cols, rows });
  }
  kill(signal = 'SIGKILL'): void {
    if (!this.#over) this.#send({ type: 'stream.kill', stream: this.id, signal });
  }

  // --- what the node says ---
  data(message: StreamData): void {
    if (message.channel === 'stdin') return;
    if (message.data.length > 0) this.#output(message.channel, message.data);
    if (message.end) this.#output(message.channel, undefined);
  }
  #output(channel: 'stdout' | 'stderr', data: Uint8Array | undefined): void {
    if (this.#listener !== undefined) this.#listener(channel, data);
    // A copy: what was decoded lies in the buffer of a whole message.
    else this.#early.push([channel, data?.slice()]);
  }
  credit(bytes: number): void {
    const stalled = this.#waiting.length > 0;
    this.#window += bytes;
    while (this.#waiting.length > 0 && this.#waiting[0]!.data.length <= this.#window)
      this.#put(this.#waiting.shift()!);
    if (stalled && this.#waiting.length === 0) this.onDrain();
  }
  ended(message: Pick<StreamExit, 'code' | 'reason'>): void {
    if (this.#over) return;
    this.#over = true;
    this.#waiting = [];
    this.#resolve({ code: message.code, reason: message.reason });
  }

  #out(data: Uint8Array, end: boolean): void {
    if (this.#over) return;
    const message: StreamData = { type: 'stream.data', stream: this.id, channel: 'stdin', data, end };
    if (this.#waiting.length > 0 || data.length > this.#window) this.#waiting.push(message);
    else this.#put(message);
  }
  #put(message: StreamData): void {
    this.#window -= message.data.length;
    this.#send(message);
  }
}
