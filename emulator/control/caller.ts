// The one seam between those who drive a cluster and the emulator that runs it: named operations with plain data in and
// out, and a stream of messages beside those that last. In the same process it is a call; for a background cluster a
// WebSocket on loopback carries it (server.ts, remote.ts).

/** One end of an operation's stream: an exec's input and output, a capture's frames. */
export interface CallStream {
  send(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
}

export interface Caller {
  call(method: string, params: unknown, stream?: CallStream, signal?: AbortSignal): Promise<unknown>;
  close(): Promise<void>;
}

/** What the emulator offers: by name. Errors are thrown with a stable `code`. */
export type Operation = (params: never, stream: CallStream, signal: AbortSignal) => Promise<unknown>;
export type Operations = Readonly<Record<string, Operation>>;

/** The operation of that name; throws E_UNKNOWN_TYPE when there is none. */
export function operationOf(operations: Operations, method: string): Operation {
  const operation = Object.hasOwn(operations, method) ? operations[method] : undefined;
  if (operation === undefined)
    throw Object.assign(new Error(`no operation "${method}"`), { code: 'E_UNKNOWN_TYPE' });
  return operation;
}

/** Two ends of a stream in memory. Messages sent before the other side listens are kept for it. */
export function streamPair(): [CallStream, CallStream] {
  const end = () => {
    const kept: unknown[] = [];
    let listener: ((message: unknown) => void) | undefined;
    return {
      deliver(message: unknown): void {
        if (listener === undefined) kept.push(message);
        else listener(message);
      },
      onMessage(fn: (message: unknown) => void): void {
        listener = fn;
        for (const message of kept.splice(0)) fn(message);
      },
    };
  };
  const a = end();
  const b = end();
  return [
    { send: (m) => b.deliver(m), onMessage: a.onMessage },
    { send: (m) => a.deliver(m), onMessage: b.onMessage },
  ];
}

const deaf: CallStream = { send() {}, onMessage() {} };

export function localCaller(operations: Operations, close: () => Promise<void>): Caller {
  return {
    async call(method, params, stream = deaf, signal) {
      // A signal of its own for each call, as over a socket: what an operation hangs on it ends with the call, and does not pile up
      // on one that the caller keeps.
      const aborter = new AbortController();
      const abort = (): void => aborter.abort(signal?.reason);
      if (signal?.aborted === true) abort();
      signal?.addEventListener('abort', abort, { once: true });
      try {
        return await operationOf(operations, method)(params as never, stream, aborter.signal);
      } finally {
        signal?.removeEventListener('abort', abort);
      }
    },
    close,
  };
}
