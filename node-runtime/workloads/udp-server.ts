// Datagram servers of in-tree programs.
import type { createSocket } from '../sockets/dgram.ts';

/** Resolves when the socket is bound; rejects with the socket's error. */
export function bindUdp(socket: ReturnType<typeof createSocket>, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ port }, () => {
      socket.removeListener('error', reject);
      // A peer that is gone answers with port unreachable; a server goes on.
      socket.on('error', () => {});
      resolve();
    });
  });
}
