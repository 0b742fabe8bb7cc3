// What a container wrote to stdout and stderr, as the container runtime keeps it for `kubectl logs` (upstream: the CRI log
// format, pkg/kubelet/kuberuntime/logs). Kept in memory, line by line, and bounded: upstream rotates files at 10 MiB,
// here the oldest lines go.

import { TextDecoder } from 'node:util';

export type LogStream = 'stdout' | 'stderr';

export interface LogLine {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly stream: LogStream;
  /** Without the newline. */
  readonly text: string;
}

const MAX_BYTES = 1024 * 1024;
/** The CRI cuts longer lines in pieces (a "P" tag); so do we. */
const MAX_LINE = 16 * 1024;

export class ContainerLog {
  readonly #now: () => number;
  readonly #lines: LogLine[] = [];
  readonly #listeners = new Set<(line: LogLine) => void>();
  readonly #partial: Record<LogStream, string> = { stdout: '', stderr: '' };
  readonly #decoders: Record<LogStream, TextDecoder> = {
    stdout: new TextDecoder(),
    stderr: new TextDecoder(),
  };
  #bytes = 0;

  /** `now`: wall-clock milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Takes what the process wrote, in any pieces; a line is kept when its newline came. */
  write(stream: LogStream, chunk: string | Uint8Array): void {
    const text = typeof chunk === 'string' ? chunk : this.#decoders[stream].decode(chunk, { stream: true });
    const lines = (this.#partial[stream] + text).split('\n');
    let rest = lines.pop()!;
    for (const line of lines) this.#add(stream, line);
    while (rest.length >= MAX_LINE) {
      this.#add(stream, rest.slice(0, MAX_LINE));
      rest = rest.slice(MAX_LINE);
    }
    this.#partial[stream] = rest;
  }

  /** The process ended: an unfinished last line is a line. */
  end(): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      if (this.#partial[stream] !== '') this.#add(stream, this.#partial[stream]);
      this.#partial[stream] = '';
    }
  }

  get lines(): readonly LogLine[] {
    return this.#lines;
  }

  /** The last up to `lines` lines and `bytes` bytes: what a termination message falls back to. */
  tail(lines: number, bytes = Number.POSITIVE_INFINITY): string {
    const text = this.#lines
      .slice(-lines)
      .map((line) => `${line.text}\n`)
      .join('');
    return text.length > bytes ? text.slice(-bytes) : text;
  }

  /** Calls `fn` with each new line. Returns how to stop. */
  follow(fn: (line: LogLine) => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  #add(stream: LogStream, text: string): void {
    const line = { time: this.#now(), stream, text };
    this.#lines.push(line);
    this.#bytes += text.length + 1;
    let gone = 0;
    while (this.#bytes > MAX_BYTES && gone < this.#lines.length - 1)
      this.#bytes -= this.#lines[gone++]!.text.length + 1;
    if (gone > 0) this.#lines.splice(0, gone);
    for (const fn of [...this.#listeners]) fn(line);
  }
}
