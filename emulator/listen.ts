// The API server's port on the host's loopback: kubectl and every other client comes here by TLS, the fabric's relay brings
// the connections of nodes and pods.
import { type AddressInfo, createServer, type Server } from 'node:net';
import type { ApiServer } from './api/server.ts';
import { keepPort, keptPort } from './credentials.ts';

export interface Listening {
  readonly port: number;
  close(): void;
}

/** `folder`: of a background cluster, whose port stays the same as long as nobody else takes it. */
export async function listen(api: ApiServer, folder: string | undefined): Promise<Listening> {
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    api.serve(socket);
  });
  const last = folder === undefined ? undefined : keptPort(folder);
  const port = await bound(server, last ?? 0).catch((error: NodeJS.ErrnoException) => {
    if (last === undefined || (error.code !== 'EADDRINUSE' && error.code !== 'EACCES')) throw error;
    return bound(server, 0);
  });
  if (folder !== undefined) keepPort(folder, port);
  return { port, close: () => void server.close() };
}

function bound(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.removeListener('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
