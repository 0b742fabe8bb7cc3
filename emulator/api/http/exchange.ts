// One request and its answer, and what the steps on the way tell each other about it.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { StatusError } from '../status-error.ts';
import type { Status } from '../types/meta.ts';

/** Who asks: authentication.k8s.io UserInfo. */
export interface User {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export class Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly path: string;
  readonly query: URLSearchParams;
  user: User | undefined;
  #warnings = new Set<string>();

  constructor(req: IncomingMessage, res: ServerResponse) {
    this.req = req;
    this.res = res;
    const url = req.url ?? '/';
    const mark = url.indexOf('?');
    this.path = mark < 0 ? url : url.slice(0, mark);
    this.query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  }

  get method(): string {
    return this.req.method ?? 'GET';
  }

  /** A line for kubectl to print: RFC 7234's Warning header with code 299. */
  warn(text: string): void {
    this.#warnings.add(text);
  }

  flag(name: string): boolean {
    const value = this.query.get(name);
    return value === '' || value === 'true' || value === '1' || value === 'True' || value === 't';
  }

  send(code: number, body: Buffer | string, type: string, headers: Record<string, string> = {}): void {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    this.res.writeHead(code, {
      ...this.commonHeaders(),
      'content-type': type,
      'content-length': bytes.length,
      ...headers,
    });
    this.res.end(this.method === 'HEAD' ? undefined : bytes);
  }

  json(code: number, value: unknown, headers?: Record<string, string>): void {
    this.send(code, JSON.stringify(value), 'application/json', headers);
  }

  commonHeaders(): Record<string, string | string[]> {
    const headers: Record<string, string | string[]> = { 'cache-control': 'no-cache, private' };
    if (this.#warnings.size > 0)
      headers['warning'] = [...this.#warnings].map((text) => `299 - ${quoted(text)}`);
    return headers;
  }

  fail(error: unknown): void {
    if (this.res.headersSent) {
      this.res.destroy();
      return;
    }
    const status = statusOf(error);
    const headers: Record<string, string> = {};
    const wait = status.details?.retryAfterSeconds;
    if (wait !== undefined) headers['retry-after'] = String(wait);
    if (status.code === 413) headers['connection'] = 'close';
    this.json(status.code ?? 500, status, headers);
  }
}

export function statusOf(error: unknown): Status {
  if (error instanceof StatusError) return error.status;
  const message = error instanceof Error ? error.message : String(error);
  return new StatusError(500, 'InternalError', `Internal error occurred: ${message}`, {
    causes: [{ message }],
  }).status;
}

/** A quoted-string of printable ASCII, as net.NewWarningHeader writes it. */
function quoted(text: string): string {
  const printable = [...text]
    .map((c) => (c >= ' ' && c <= '~' ? c : c === '\n' || c === '\t' ? ' ' : '?'))
    .join('');
  return `"${printable.replace(/[\\"]/g, '\\$&')}"`;
}
