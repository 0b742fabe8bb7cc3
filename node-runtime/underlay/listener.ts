// The one port on which a process of the cluster is reached: its peers by /link, the emulator by /supervise. Loopback
// unless told otherwise. Who does not know the cluster's secret gets no further than the challenge.
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import {
  CHALLENGE_TIMEOUT,
  isNonce,
  NAME_HEADER,
  NONCE_HEADER,
  newNonce,
  proof,
  proves,
} from '../../emulator/protocol/challenge.ts';
import { parseSaid } from '../../emulator/protocol/dial.ts';

/** Connections that may be at the challenge at once. */
const MAX_UNPROVED = 256;

export interface ListenOptions {
  readonly name: string;
  readonly secret: string;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}
export interface Route {
  readonly maxPayload: number;
  /** Called in the turn in which the dialler proved itself. `url`: where it says that it can be dialled, or "". */
  readonly accept: (socket: WebSocket, name: string, url: string) => void;
}
export interface Listener {
  readonly url: string;
  readonly port: number;
  /** Adds a path, or with undefined takes it away. */
  route(path: string, route: Route | undefined): void;
  /** Connections refused because the dialler did not know the secret, or did not answer. */
  readonly refused: number;
  stop(): void;
}

export async function listen(options: ListenOptions): Promise<Listener> {
  const routes = new Map<string, { readonly route: Route; readonly server: WebSocketServer }>();
  const unproved = new Set<WebSocket>();
  let refused = 0;
  const http = createServer((_, response) => {
    response.writeHead(426, { 'content-type': 'text/plain' });
    response.end('Podwire underlay: WebSocket only\n');
  });
  http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const to = routes.get(request.url ?? '');
    const nonce = request.headers[NONCE_HEADER];
    const name = request.headers[NAME_HEADER];
    if (to === undefined || !isNonce(nonce) || typeof name !== 'string' || unproved.size >= MAX_UNPROVED) {
      refused++;
      socket.on('error', () => {});
      socket.end(
        `HTTP/1.1 ${to === undefined ? '404 Not Found' : '401 Unauthorized'}\r\nConnection: close\r\n\r\n`,
      );
      return;
    }
    to.server.handleUpgrade(request, socket, head, (ws) =>
      challenge(ws, to.route, request.url!, name, nonce),
    );
  });

  function challenge(ws: WebSocket, route: Route, path: string, dialler: string, diallerNonce: string): void {
    const acceptorNonce = newNonce();
    const handshake = { path, dialler, acceptor: options.name, diallerNonce, acceptorNonce };
    unproved.add(ws);
    ws.on('error', () => ws.terminate());
    const timer = setTimeout(() => ws.terminate(), CHALLENGE_TIMEOUT);
    const gone = (): void => {
      if (!unproved.delete(ws)) return;
      clearTimeout(timer);
      refused++;
    };
    ws.once('close', gone);
    ws.once('message', (data) => {
      const { proof: said, url } = parseSaid(data);
      if (!proves(options.secret, 'dial', handshake, said)) {
        ws.terminate();
        return;
      }
      unproved.delete(ws);
      clearTimeout(timer);
      ws.off('close', gone);
      route.accept(ws, dialler, typeof url === 'string' ? url : '');
    });
    ws.send(JSON.stringify({ nonce: acceptorNonce, proof: proof(options.secret, 'accept', handshake) }));
  }

  await new Promise<void>((resolve, reject) => {
    http.once('error', reject);
    http.listen(options.port, options.host, resolve);
  });
  const { port } = http.address() as AddressInfo;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    url: `ws://${host}:${port}`,
    port,
    get refused() {
      return refused;
    },
    route(path, route) {
      routes.get(path)?.server.close();
      routes.delete(path);
      if (route === undefined) return;
      const server = new WebSocketServer({
        noServer: true,
        perMessageDeflate: false,
        maxPayload: route.maxPayload,
        skipUTF8Validation: true,
        clientTracking: false,
      });
      routes.set(path, { route, server });
    },
    stop() {
      for (const ws of unproved) ws.terminate();
      http.close();
      http.closeAllConnections();
    },
  };
}
