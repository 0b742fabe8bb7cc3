// node:http on the emulated stack: its client with our sockets under it, its server fed with our connections. HTTP
// itself is Node's.
import * as http from 'node:http';
import type { Duplex } from 'node:stream';
import { connect, type TcpSocket } from './net.ts';
import { createServer, type ListenOptions, type TcpServer } from './net-server.ts';
import type { SocketStack } from './stack.ts';

/** An agent whose connections are the stack's; `keepAlive` as in node:http. */
export function httpAgent(stack: SocketStack, options: http.AgentOptions = {}): http.Agent {
  const agent = new http.Agent(options);
  const withConnection = agent as unknown as {
    createConnection(options: {
      host?: string;
      port: number | string;
      localAddress?: string;
      signal?: AbortSignal;
    }): Duplex;
  };
  withConnection.createConnection = (o) =>
    connect(stack, { host: o.host, port: Number(o.port), localAddress: o.localAddress, signal: o.signal });
  return agent;
}

export interface HttpRequestOptions extends http.RequestOptions {
  readonly trace?: number;
  /** What stands on the connection, below HTTP: TLS. */
  readonly wrap?: (raw: TcpSocket) => Duplex;
}

/** http.request over the stack: one connection for it, unless an agent of `httpAgent`'s is given. */
export function httpRequest(
  stack: SocketStack,
  options: HttpRequestOptions,
  callback?: (response: http.IncomingMessage) => void,
): http.ClientRequest {
  if (options.agent) return http.request(options, callback);
  const host = options.host ?? options.hostname ?? 'localhost';
  const port = Number(options.port ?? 80);
  return http.request(
    {
      ...options,
      agent: undefined,
      createConnection: () => {
        const raw = connect(stack, { host, port, localAddress: options.localAddress, trace: options.trace });
        return options.wrap?.(raw) ?? raw;
      },
    },
    callback,
  );
}

/** An http.Server that listens on the stack. Resolves when it listens; `stop` ends it and its connections. */
export async function httpServer(
  stack: SocketStack,
  options: ListenOptions,
  listener: http.RequestListener,
): Promise<{ readonly server: http.Server; readonly tcp: TcpServer; stop(): void }> {
  const server = http.createServer(listener);
  const tcp = createServer(stack, (socket) => server.emit('connection', socket), { allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    tcp.once('error', reject);
    tcp.listen(options, () => {
      tcp.removeListener('error', reject);
      resolve();
    });
  });
  return {
    server,
    tcp,
    stop: () => {
      tcp.close();
      for (const socket of tcp.connections) socket.destroy();
      // It looks for stuck connections every so often; nothing may keep a stopped workload's process alive.
      server.close();
    },
  };
}
