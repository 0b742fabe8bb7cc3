// Serves the operations of a background cluster on a loopback port, to whoever can read the cluster's control token
// (a file of mode 0600 in its folder).
import { timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { type CallStream, type Operations, operationOf } from './caller.ts';
import { decode, encode, type FromEmulator, MAX_MESSAGE, type ToEmulator } from './codec.ts';

/** Calls under way on one connection, and messages kept for an operation that does not listen yet. */
const MAX_CALLS = 1024;
const MAX_KEPT = 4096;

export interface ControlServer {
  readonly url: string;
  stop(): Promise<void>;
}

export async function serveControl(operations: Operations, token: string): Promise<ControlServer> {
  const http = createServer((_, response) => response.writeHead(426).end());
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE, perMessageDeflate: false });
  http.on('upgrade', (request, socket, head) => {
    if (!sameToken(request.headers.authorization, token)) {
      socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (ws) => serve(ws, operations));
  });
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject);
    http.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}`,
    async stop() {
      for (const ws of sockets.clients) ws.terminate();
      await new Promise<void>((resolve) => http.close(() => resolve()));
    },
  };
}

function sameToken(header: string | undefined, token: string): boolean {
  const given = Buffer.from(header ?? '');
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

interface Running {
  readonly aborter: AbortController;
  deliver(message: unknown): void;
}

function serve(ws: WebSocket, operations: Operations): void {
  const running = new Map<number, Running>();
  const send = (message: FromEmulator): void => {
    if (ws.readyState === ws.OPEN) ws.send(encode(message));
  };
  ws.on('message', (bytes: Buffer) => {
    const message = decode<ToEmulator>(bytes);
    if (message === undefined) ws.close(1002);
    else if (message.t === 'data') running.get(message.id)?.deliver(message.message);
    else if (message.t === 'cancel') running.get(message.id)?.aborter.abort();
    else if (message.t === 'call') void call(message.id, message.method, message.params);
    else ws.close(1002);
  });
  ws.on('close', () => {
    for (const { aborter } of running.values()) aborter.abort();
  });
  ws.on('error', () => ws.terminate());

  async function call(id: number, method: string, params: unknown): Promise<void> {
    if (running.has(id) || running.size >= MAX_CALLS) {
      const code = running.has(id) ? 'E_EXISTS' : 'E_BUSY';
      send({ t: 'error', id, code, message: `call ${id}: ${running.size} are under way` });
      return;
    }
    const aborter = new AbortController();
    const kept: unknown[] = [];
    let listener: ((message: unknown) => void) | undefined;
    const stream: CallStream = {
      send: (message) => send({ t: 'data', id, message }),
      onMessage(fn) {
        listener = fn;
        for (const message of kept.splice(0)) fn(message);
      },
    };
    const deliver = (message: unknown): void => {
      if (listener !== undefined) listener(message);
      else if (kept.push(message) > MAX_KEPT) aborter.abort();
    };
    running.set(id, { aborter, deliver });
    try {
      const value = await operationOf(operations, method)(params as never, stream, aborter.signal);
      send({ t: 'result', id, value });
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      send({
        t: 'error',
        id,
        code: typeof code === 'string' ? code : 'E_INTERNAL',
        message: error instanceof Error ? error.message : String(error),
      });
    } finally {
      running.delete(id);
    }
  }
}
