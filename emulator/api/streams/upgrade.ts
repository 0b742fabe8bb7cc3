// Requests that want to become something else: kept beside the request until its handler takes the connection over.
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { badRequest } from '../status-error.ts';

interface Pending {
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly res: ServerResponse;
}

const waiting = new WeakMap<IncomingMessage, Pending>();

/** A response on the connection of an upgrade request: refused, it is answered like any other; taken, it is let go. */
export function awaitUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): ServerResponse {
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  res.assignSocket(socket as Socket);
  res.on('finish', () => {
    if (waiting.delete(req)) socket.end();
  });
  waiting.set(req, { socket, head, res });
  return res;
}

/** Of the sub-protocols that the client offers, the first that we speak. */
export function offered(req: IncomingMessage, spoken: readonly string[]): string | undefined {
  const list = (req.headers['sec-websocket-protocol'] ?? '').split(',').map((p) => p.trim());
  return spoken.find((protocol) => list.includes(protocol));
}

/** The connection of an upgrade request, for whoever answers it with bytes of its own. */
export function takeOver(req: IncomingMessage): { readonly socket: Duplex; readonly head: Buffer } {
  const pending = waiting.get(req);
  if (pending === undefined) throw badRequest('Upgrade request required');
  waiting.delete(req);
  pending.res.detachSocket(pending.socket as Socket);
  return pending;
}

/** Answers 101 and gives the WebSocket. What is not one is refused: kubectl then tries SPDY, which exec and attach refuse too. */
export function upgrade(req: IncomingMessage, protocol: string): Promise<WebSocket> {
  if (!waiting.has(req) || (req.headers.upgrade ?? '').toLowerCase() !== 'websocket')
    return Promise.reject(badRequest('Upgrade request required'));
  const pending = takeOver(req);
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: 4 * 1024 * 1024,
    handleProtocols: () => protocol,
  });
  // "SPDY/3.1+portforward.k8s.io" is no token (RFC 6455 section 4.1), and ws refuses such a request; Kubernetes does not.
  req.headers['sec-websocket-protocol'] = 'k8s.io';
  return new Promise((resolve) => {
    server.handleUpgrade(req, pending.socket, pending.head, resolve);
  });
}
