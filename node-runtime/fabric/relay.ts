// The control plane's TCP port on the underlay: connections of nodes and pods end here, and their bytes go on to the API server,
// wherever that is. So a node's way to the API is a connection of its own network, which a partition cuts.
import { connect as dialHost } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Netns } from '../kernel/netns/netns.ts';
import type { Log } from '../log.ts';
import { createServer } from '../sockets/net-server.ts';
import { socketStack } from '../sockets/stack.ts';

export const API_PORT = 6443;

export interface RelayOptions {
  readonly ns: Netns;
  /** Opens a stream to the API server. */
  readonly dial: () => Duplex;
  readonly log: Log;
}

/** Resolves when it listens. */
export function startRelay({ ns, dial, log }: RelayOptions): Promise<{ stop(): void }> {
  const stack = socketStack(ns, { owner: 'kube-apiserver' });
  /** Open ways to the API server: they are the host's, and do not end with the emulated stack. */
  const open = new Set<Duplex>();
  const server = createServer(
    stack,
    (client) => {
      const api = dial();
      open.add(api);
      client.setNoDelay(true);
      // Either end's error is both ends' end: the other side sees a reset, as from a crashed server.
      client.on('error', () => api.destroy());
      api.on('error', (error: Error) => {
        log.warn({ error: error.message }, 'the API server cannot be reached');
        client.resetAndDestroy();
      });
      client.on('close', () => api.destroy());
      api.on('close', () => {
        open.delete(api);
        client.destroy();
      });
      client.pipe(api);
      api.pipe(client);
    },
    { allowHalfOpen: true },
  );
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: API_PORT }, () =>
      resolve({
        stop() {
          server.close();
          stack.stop();
          for (const api of open) api.destroy();
        },
      }),
    );
  });
}

/** The API server on the host's loopback: "127.0.0.1:40123". */
export function dialLoopback(address: string): Duplex {
  const at = address.lastIndexOf(':');
  const socket = dialHost({ host: address.slice(0, at), port: Number(address.slice(at + 1)) });
  socket.setNoDelay(true);
  return socket;
}
