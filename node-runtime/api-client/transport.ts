// HTTP/1.1 over streams that somebody else opens: in a node, TCP sockets of the node's own emulated namespace. node:http
// does the protocol; connections are kept and reused. k8s.io/client-go/rest and transport.
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Status } from '../../emulator/api/types/meta.ts';
import { ApiError } from './errors.ts';

/** The shape of the kernel's clock, as far as a client needs it. */
export interface ClientClock {
  now(): number;
  after(ms: number, fn: () => void): { cancel(): void };
}

export interface TransportOptions {
  /** Opens a stream to the API server. It may fail at once, later, or never answer. */
  readonly connect: () => Duplex;
  readonly token: string;
  readonly clock: ClientClock;
  readonly userAgent: string;
  /** How long an answer may take before the call fails, in ms. */
  readonly timeout: number;
}

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
}

export interface Stream {
  /** Cuts the stream; `onEnd` is not called any more. */
  stop(): void;
}

export class Transport {
  #options: TransportOptions;
  #agent: Agent;
  #stopped = false;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#agent = new StreamAgent(options.connect);
  }

  /** One request, one JSON answer. */
  call(call: Call): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#stopped) return reject(new ApiError('E_API_UNREACHABLE', 'the client was stopped'));
      const req = this.#start(call);
      const timer = this.#options.clock.after(this.#options.timeout, () => {
        req.destroy(new Error(`no answer within ${this.#options.timeout} ms`));
      });
      const done = (finish: () => void): void => {
        timer.cancel();
        finish();
      };
      req.on('error', (error) => done(() => reject(unreachable(call, error))));
      req.on('response', (res) => {
        const chunks: Buffer[] = [];
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.on('error', (error) => done(() => reject(unreachable(call, error))));
        res.on('end', () =>
          done(() => {
            try {
              resolve(parse(res, Buffer.concat(chunks)));
            } catch (error) {
              reject(error);
            }
          }),
        );
      });
    });
  }

  /**
   * A request whose answer is read line by line as long as it lasts. Ends with undefined when the server closed it, else
   * with what went wrong; silence longer than `silence` ms counts as a dead connection.
   */
  stream(
    call: Call,
    silence: number,
    onLine: (line: string) => void,
    onEnd: (error: ApiError | undefined) => void,
  ): Stream {
    const req = this.#start(call);
    let ended = false;
    let timer = this.#options.clock.after(this.#options.timeout, () => req.destroy(new Error('no answer')));
    const end = (error: ApiError | undefined): void => {
      if (ended) return;
      ended = true;
      timer.cancel();
      onEnd(error);
    };
    const heard = (): void => {
      timer.cancel();
      timer = this.#options.clock.after(silence, () =>
        req.destroy(new Error(`nothing heard for ${silence} ms`)),
      );
    };
    req.on('error', (error) => end(unreachable(call, error)));
    req.on('response', (res) => {
      heard();
      readLines(res, heard, (line) => ended || onLine(line), end, call);
    });
    return {
      stop: () => {
        ended = true;
        timer.cancel();
        req.destroy();
      },
    };
  }

  stop(): void {
    this.#stopped = true;
    this.#agent.destroy();
  }

  #start(call: Call): ClientRequest {
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    const req = request({
      agent: this.#agent,
      host: 'kubernetes.default',
      method: call.method,
      path: call.path,
      headers: {
        authorization: `Bearer ${this.#options.token}`,
        'user-agent': this.#options.userAgent,
        accept: 'application/json',
        ...(body === undefined
          ? {}
          : {
              'content-type': call.contentType ?? 'application/json',
              'content-length': Buffer.byteLength(body),
            }),
      },
    });
    req.end(body);
    return req;
  }
}

function readLines(
  res: IncomingMessage,
  heard: () => void,
  onLine: (line: string) => void,
  end: (error: ApiError | undefined) => void,
  call: Call,
): void {
  const failed = res.statusCode !== 200;
  let rest = '';
  // A character may be cut in two by a chunk's end; the decoder of the stream keeps the half.
  res.setEncoding('utf8');
  res.on('data', (text: string) => {
    heard();
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    if (!failed) for (const line of lines) if (line !== '') onLine(line);
    if (failed) rest = [...lines, rest].join('\n');
  });
  res.on('error', (error) => end(unreachable(call, error)));
  res.on('end', () => {
    if (!failed) return end(undefined);
    try {
      parse(res, Buffer.from(rest));
    } catch (error) {
      end(error as ApiError);
    }
  });
}

function parse(res: IncomingMessage, body: Buffer): unknown {
  const code = res.statusCode ?? 0;
  const text = body.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (code >= 200 && code < 300 && value !== undefined) return value;
  const status = value as Status | undefined;
  if (status?.kind === 'Status')
    throw new ApiError('E_API_STATUS', status.message ?? `HTTP ${code}`, { ...status, code });
  throw new ApiError('E_API_STATUS', `HTTP ${code}: ${text.slice(0, 200)}`, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: text.slice(0, 200),
    code,
  });
}

const unreachable = (call: Call, error: Error): ApiError =>
  new ApiError('E_API_UNREACHABLE', `${call.method} ${call.path}: ${error.message}`);

/** An agent whose connections are the streams that `connect` opens. */
class StreamAgent extends Agent {
  #connect: () => Duplex;
  constructor(connect: () => Duplex) {
    // No TLS here; left to find a server name, Agent would ask whether the host is an IPv6 address, and the expression for
    // that costs more to compile (4 ms) than a whole request.
    const noServerName: object = { servername: '' };
    super({ keepAlive: true, maxFreeSockets: 2, ...noServerName });
    this.#connect = connect;
  }
  override createConnection(): Duplex {
    return asSocket(this.#connect());
  }
}

/** What node:http calls on a socket and a plain stream does not have. */
function asSocket(stream: Duplex): Duplex {
  const socket = stream as Duplex & Record<string, unknown>;
  for (const name of ['setKeepAlive', 'setNoDelay', 'setTimeout', 'ref', 'unref'])
    if (typeof socket[name] !== 'function') socket[name] = () => socket;
  return socket;
}
