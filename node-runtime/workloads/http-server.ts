// HTTP servers of in-tree programs: Node's own parser and response, on a pod's sockets. Node's timers for slow headers
// and idle connections run on the host's clock, so they are off.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcpServer } from '../sockets/net-server.ts';
import { type SocketStack, socketStack } from '../sockets/stack.ts';
import { describeError, errnoOf, goError } from './errors.ts';
import { ExitError, Killed, type Process, waitFor } from './process.ts';

/** Sockets that die with the process. */
export async function withStack<T>(
  proc: Process,
  owner: string,
  use: (stack: SocketStack) => Promise<T>,
): Promise<T> {
  const stack = socketStack(proc.ns, { owner });
  try {
    return await use(stack);
  } finally {
    stack.stop();
  }
}

export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** Listens for HTTP; rejects with the socket's error. */
export function serveHttp(stack: SocketStack, port: number, handler: HttpHandler): Promise<void> {
  const http = createServer(
    { requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 },
    (request, response) => {
      const failed = (error: unknown): void => {
        if (!response.headersSent) response.writeHead(500);
        response.end(error instanceof Error ? error.message : String(error));
      };
      try {
        Promise.resolve(handler(request, response)).catch(failed);
      } catch (error) {
        failed(error);
      }
    },
  );
  http.timeout = 0;
  const tcp = createTcpServer(stack, (socket) => {
    socket.on('error', () => socket.destroy());
    http.emit('connection', socket);
  });
  return new Promise((resolve, reject) => {
    tcp.once('error', reject);
    tcp.listen({ port }, () => resolve());
  });
}

/** A socket call that failed, in words: strerror's, and Go's. */
export interface Refused {
  readonly text: string;
  readonly goText: string;
  readonly port: string;
}

/**
 * Starts servers, says that they listen, and stays until a signal comes; SIGTERM is an orderly end. What `start` rejects with ends
 * the program with 1 and `words`, a Go program's by default.
 */
export function serve(
  proc: Process,
  owner: string,
  start: (stack: SocketStack) => Promise<void>,
  words: (why: Refused) => string = ({ goText, port }) => `${owner}: listen tcp :${port}: bind: ${goText}`,
): Promise<number> {
  return withStack(proc, owner, async (stack) => {
    try {
      await start(stack);
    } catch (error) {
      const code = errnoOf(error);
      if (code === undefined) throw error;
      const port = String((error as { readonly port?: number }).port ?? '?');
      throw new ExitError(1, words({ text: describeError(code), goText: goError(code), port }));
    }
    proc.ready();
    try {
      return await waitFor<number>(proc, () => () => {});
    } catch (error) {
      if (error instanceof Killed && error.signal === 'SIGTERM') return 0;
      throw error;
    }
  });
}

/** The whole body. */
export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
