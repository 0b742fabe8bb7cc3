// HTTP servers of in-tree programs: Node's own parser and response, on a pod's sockets. Node's timers for slow headers
// and idle connections run on the host's clock, so they are off.
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTcpServer } from '../sockets/net-server.ts';
import { type SocketStack, socketStack } from '../sockets/stack.ts';
import { errnoOf, goError } from './errors.ts';
import { ExitError, type Process, waitFor } from './process.ts';

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

/** Listens for HTTP; rejects with the socket's error. */
export function serveHttp(stack: SocketStack, port: number, handler: RequestListener): Promise<void> {
  const http = createServer({ requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 }, handler);
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

/** Starts servers, says that they listen, and stays until a signal comes. A port that is taken ends it as a Go program ends. */
export function serve(
  proc: Process,
  owner: string,
  start: (stack: SocketStack) => Promise<void>,
): Promise<number> {
  return withStack(proc, owner, async (stack) => {
    try {
      await start(stack);
    } catch (error) {
      const code = errnoOf(error);
      const { port } = error as { port?: number };
      throw new ExitError(
        1,
        `${owner}: listen tcp :${port ?? '?'}: bind: ${code === undefined ? String(error) : goError(code)}`,
      );
    }
    proc.ready();
    return await waitFor<number>(proc, () => () => {});
  });
}

/** The whole body. */
export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
