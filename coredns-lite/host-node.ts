// The machine as a process of its own has it: node:dgram, node:net, the file system.
import { createSocket } from 'node:dgram';
import { readdirSync, readFileSync, statSync, watch } from 'node:fs';
import { connect, createServer } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { basename, dirname } from 'node:path';
import type { Clock, Files, Host, Network } from './host.ts';

const clock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after: (ms, fn) => {
    const timer = setTimeout(fn, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Datagrams that may wait in a socket while a burst is answered. */
const BUFFER = 4 << 20;

const network: Network = {
  bindUdp: ({ address, port, onMessage, onError }) =>
    new Promise((resolve, reject) => {
      const v6 = address?.includes(':') ?? false;
      const socket = createSocket({ type: v6 ? 'udp6' : 'udp4', reuseAddr: false });
      socket.once('error', reject);
      socket.bind({ port, address: address ?? '0.0.0.0', exclusive: true }, () => {
        socket.removeListener('error', reject);
        socket.on('error', (error) => onError?.(error));
        socket.on('message', onMessage);
        try {
          socket.setRecvBufferSize(BUFFER);
        } catch {}
        const at = socket.address();
        let open = true;
        resolve({
          local: { address: at.address, port: at.port },
          send(data, toPort, to) {
            if (open) socket.send(data, toPort, to, ignore);
          },
          close() {
            if (!open) return;
            open = false;
            socket.close();
          },
        });
      });
    }),
  dialUdp: ({ to, localAddress, onMessage, onError }) =>
    new Promise((resolve, reject) => {
      const socket = createSocket(to.address.includes(':') ? 'udp6' : 'udp4');
      socket.once('error', reject);
      socket.on('connect', () => {
        socket.removeListener('error', reject);
        socket.on('error', onError);
        socket.on('message', onMessage);
        const local = socket.address();
        let open = true;
        resolve({
          local: { address: local.address, port: local.port },
          send: (data) => {
            if (open) socket.send(data, (error) => error !== null && onError(error));
          },
          close() {
            if (open) socket.close();
            open = false;
          },
        });
      });
      socket.bind({ port: 0, ...(localAddress === undefined ? {} : { address: localAddress }) }, () =>
        socket.connect(to.port, to.address),
      );
    }),
  listenTcp: ({ address, port, onConnection }) =>
    new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, onConnection);
      server.once('error', reject);
      server.listen({ port, host: address ?? '0.0.0.0', exclusive: true }, () => {
        server.removeListener('error', reject);
        server.on('error', ignore);
        const at = server.address();
        resolve({
          local: typeof at === 'object' && at !== null ? at : { address: '', port },
          close: () => server.close(),
        });
      });
    }),
  connectTcp: ({ address, port, localAddress }) =>
    connect({ host: address, port, ...(localAddress === undefined ? {} : { localAddress }) }).setNoDelay(
      true,
    ),
  addresses: () =>
    Object.entries(networkInterfaces()).flatMap(([device, list]) =>
      (list ?? []).map(({ address }) => ({ device, address })),
    ),
};

function ignore(): void {}

const files: Files = {
  read: (path) => readFileSync(path, 'utf8'),
  stamp(path) {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat === undefined ? undefined : `${stat.mtimeMs} ${stat.size} ${stat.ino}`;
  },
  list(dir) {
    try {
      return readdirSync(dir);
    } catch {
      return [];
    }
  },
  // The directory is watched, not the file: editors and volumes put a new file in its place.
  watch(path, onChange) {
    const name = basename(path);
    const watcher = watch(dirname(path), (_event, changed) => {
      if (changed === null || changed === name) onChange();
    });
    watcher.on('error', ignore);
    return watcher;
  },
};

export const nodeHost = (options: { log(line: string): void; fatal(message: string): void }): Host => ({
  clock,
  network,
  files,
  env: process.env,
  cwd: process.cwd(),
  hostname: hostname(),
  random: Math.random,
  ...options,
});
