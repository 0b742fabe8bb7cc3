// One end of a byte stream between a command on this node and the emulator: standard input comes, output goes, each way
// with at most STREAM_WINDOW bytes that the other side has not taken. As SPDY streams of kubectl exec, with the window
// counted in bytes.
import { type FromNode, STREAM_WINDOW, type StreamData } from '../../emulator/protocol/messages.ts';

/** Largest piece in one message. */
const CHUNK = 64 * 1024;

export class NodeStream {
  readonly id: number;
  /** Standard input: a piece, or undefined at its end. Call `taken` when it has been used. */
  onInput: (data: Uint8Array | undefined) => void = () => {};
  onResize: (cols: number, rows: number) => void = () => {};
  onKill: (signal: string) => void = () => {};
  /** The window is open again after `write` said false. */
  onDrain: () => void = () => {};
  readonly #send: (message: FromNode) => void;
  readonly #forget: () => void;
  #window = STREAM_WINDOW;
  #waiting: StreamData[] = [];
  #exit: { readonly code: number; readonly reason: string | undefined } | undefined;
  #over = false;

  constructor(id: number, send: (message: FromNode) => void, forget: () => void) {
    this.id = id;
    this.#send = send;
    this.#forget = forget;
  }

  /** Sends output. False: the window is full; what was written waits, and `onDrain` will be called. */
  write(channel: 'stdout' | 'stderr', data: Uint8Array): boolean {
    for (let at = 0; at < data.length; at += CHUNK)
      this.#out({
        type: 'stream.data',
        stream: this.id,
        channel,
        data: data.subarray(at, at + CHUNK),
        end: false,
      });
    return this.#waiting.length === 0;
  }
  /** No more will come on this channel. */
  end(channel: 'stdout' | 'stderr'): void {
    this.#out({ type: 'stream.data', stream: this.id, channel, data: new Uint8Array(0), end: true });
  }
  /** The last thing said, after all output has gone. */
  exit(code: number, reason?: string): void {
    if (this.#exit !== undefined || this.#over) return;
    this.#exit = { code, reason };
    this.#flush();
  }
  /** `bytes` of input were used: more may come. */
  taken(bytes: number): void {
    if (bytes > 0 && !this.#over) this.#send({ type: 'stream.credit', stream: this.id, bytes });
  }
  get isOver(): boolean {
    return this.#over;
  }

  // --- what the emulator says ---
  input(message: StreamData): void {
    if (message.data.length > 0) this.onInput(message.data);
    if (message.end) this.onInput(undefined);
  }
  credit(bytes: number): void {
    const stalled = this.#waiting.length > 0;
    this.#window += bytes;
    this.#flush();
    if (stalled && this.#waiting.length === 0 && !this.#over) this.onDrain();
  }
  /** Nobody listens any more. */
  abandon(): void {
    if (this.#over) return;
    this.#over = true;
    this.#waiting = [];
    this.onInput(undefined);
    this.onKill('SIGHUP');
  }

  #out(message: StreamData): void {
    if (this.#over || this.#exit !== undefined) return;
    if (this.#waiting.length > 0 || message.data.length > this.#window) this.#waiting.push(message);
    else this.#put(message);
  }
  #put(message: StreamData): void {
    this.#window -= message.data.length;
    this.#send(message);
  }
  #flush(): void {
    while (this.#waiting.length > 0 && this.#waiting[0]!.data.length <= this.#window)
      this.#put(this.#waiting.shift()!);
    if (this.#exit === undefined || this.#waiting.length > 0 || this.#over) return;
    this.#over = true;
    const { code, reason } = this.#exit;
    this.#send({ type: 'stream.exit', stream: this.id, code, ...(reason === undefined ? {} : { reason }) });
    this.#forget();
  }
}
