// HTTP listeners of health, ready and prometheus: one per address, shared by the blocks that name it, and kept open over a reload.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Host, Listener, Stream } from '../host.ts';

export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => void;

interface Port {
  readonly routes: Map<string, HttpHandler[]>;
  readonly opening: Promise<void>;
  listener: Listener | undefined;
  server: Server | undefined;
  users: number;
}

export class HttpPorts {
  readonly #host: Host;
  readonly #ports = new Map<string, Port>();
  readonly #streams = new Set<Stream>();

  constructor(host: Host) {
    this.#host = host;
  }

  /** Serves `path` on `address` (":8080") until the answer is called. The last handler for a path serves it. Rejects when the port is taken. */
  async serve(address: string, path: string, handler: HttpHandler): Promise<() => void> {
    let port = this.#ports.get(address);
    if (port === undefined) {
      port = this.#open(address);
      this.#ports.set(address, port);
    }
    const own = port;
    own.users++;
    const list = own.routes.get(path) ?? [];
    list.push(handler);
    own.routes.set(path, list);
    const release = (): void => {
      const at = list.indexOf(handler);
      if (at === -1) return;
      list.splice(at, 1);
      if (--own.users > 0) return;
      if (this.#ports.get(address) === own) this.#ports.delete(address);
      own.listener?.close();
      own.server?.close();
      for (const stream of this.#streams) stream.destroy();
    };
    try {
      await own.opening;
    } catch (error) {
      release();
      throw error;
    }
    return release;
  }

  #open(address: string): Port {
    const routes: Port['routes'] = new Map();
    const start = async (): Promise<void> => {
      const { createServer } = process.getBuiltinModule('node:http');
      const server = createServer((request, response) => {
        const handler = routes.get((request.url ?? '/').split('?')[0]!)?.at(-1);
        if (handler !== undefined) return handler(request, response);
        response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('404 page not found\n');
      });
      const at = splitAddress(address);
      port.server = server;
      port.listener = await this.#host.network.listenTcp({
        address: at.host === '' ? undefined : at.host,
        port: at.port,
        onConnection: (stream) => {
          this.#streams.add(stream);
          stream.on('close', () => this.#streams.delete(stream));
          stream.on('error', () => stream.destroy());
          server.emit('connection', stream);
        },
      });
    };
    const port: Port = {
      routes,
      users: 0,
      listener: undefined,
      server: undefined,
      opening: Promise.resolve().then(start),
    };
    return port;
  }
}

/** ":8080", "localhost:9153", "10.0.0.1:80", "[::1]:80". */
export function splitAddress(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[|\]$/g, '');
  return { host: host === 'localhost' ? '127.0.0.1' : host, port: Number(address.slice(at + 1)) };
}
