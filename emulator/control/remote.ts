// The calling end of a background cluster's control connection.
import WebSocket from 'ws';
import type { Caller, CallStream } from './caller.ts';
import { decode, encode, type FromEmulator, MAX_MESSAGE, type ToEmulator } from './codec.ts';

/** An error that came from the emulator, with its stable code. */
export class RemoteError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
  readonly stream: ReturnType<typeof stream> | undefined;
}

export async function remoteCaller(url: string, token: string): Promise<Caller> {
  const ws = new WebSocket(url, {
    headers: { authorization: `Bearer ${token}` },
    maxPayload: MAX_MESSAGE,
    perMessageDeflate: false,
  });
  const pending = new Map<number, Pending>();
  let nextId = 1;
  await new Promise<void>((resolve, reject) => {
    ws.once('open', resolve);
    ws.once('error', reject);
  });
  const send = (message: ToEmulator): void => ws.send(encode(message));
  const lost = (): void => {
    for (const p of pending.values()) p.reject(new RemoteError('E_CLOSED', 'the emulator has gone'));
    pending.clear();
  };
  ws.on('close', lost);
  ws.on('error', lost);
  ws.on('message', (bytes: Buffer) => {
    const message = decode<FromEmulator>(bytes);
    const call = message === undefined ? undefined : pending.get(message.id);
    if (message === undefined || call === undefined) return;
    if (message.t === 'data') {
      call.stream?.deliver(message.message);
      return;
    }
    pending.delete(message.id);
    if (message.t === 'result') call.resolve(message.value);
    else call.reject(new RemoteError(message.code, message.message));
  });
  return {
    call(method, params, theirs, signal) {
      const id = nextId++;
      return new Promise((resolve, reject) => {
        if (ws.readyState !== ws.OPEN) return reject(new RemoteError('E_CLOSED', 'the emulator has gone'));
        if (signal?.aborted) return reject(signal.reason);
        const abort = (): void => {
          if (!pending.delete(id)) return;
          send({ t: 'cancel', id });
          reject(signal?.reason);
        };
        const done = (): void => signal?.removeEventListener('abort', abort);
        signal?.addEventListener('abort', abort, { once: true });
        pending.set(id, {
          resolve(value) {
            done();
            resolve(value);
          },
          reject(error) {
            done();
            reject(error);
          },
          stream:
            theirs === undefined ? undefined : stream(theirs, (message) => send({ t: 'data', id, message })),
        });
        send({ t: 'call', id, method, params });
      });
    },
    async close() {
      ws.close();
    },
  };
}

/** Ties the caller's end of a stream to the socket: what it is told goes out, what comes in is told to it. */
function stream(end: CallStream, out: (message: unknown) => void): { deliver(message: unknown): void } {
  end.onMessage(out);
  return { deliver: (message) => end.send(message) };
}
