// The machine that coredns-lite runs on inside a cluster: a container's files, environment and clock, and the sockets of its
// pod, so that questions, watches and forwarded queries cross the emulated network.
import type { Clock, Files, Host, Network } from '../../../coredns-lite/host.ts';
import { formatIpv4 } from '../../kernel/wire/addr.ts';
import { createSocket, type RemoteInfo } from '../../sockets/dgram.ts';
import { connect } from '../../sockets/net.ts';
import { createServer } from '../../sockets/net-server.ts';
import type { SocketStack } from '../../sockets/stack.ts';
import type { Process } from '../process.ts';

/** What of a process its machine is made of. */
export type Machine = Pick<Process, 'ns' | 'fs' | 'env' | 'cwd' | 'hostname' | 'out'>;

export function podHost(proc: Machine, stack: SocketStack, fatal: (message: string) => void): Host {
  const { kernel } = proc.ns;
  const random = kernel.dice.stream(`coredns ${proc.hostname}`);
  const clock: Clock = {
    now: () => kernel.clock.now(),
    wall: () => kernel.clock.epoch + kernel.clock.now(),
    after: (ms, fn) => kernel.clock.after(ms, fn),
  };
  const files: Files = {
    read: (path) => proc.fs.readText(path),
    stamp(path) {
      if (!proc.fs.exists(path)) return undefined;
      const { mtime, size } = proc.fs.stat(path);
      return `${mtime} ${size}`;
    },
    list: (dir) => (proc.fs.exists(dir) ? proc.fs.list(dir) : []),
  };
  return {
    clock,
    network: podNetwork(proc, stack),
    files,
    env: proc.env,
    cwd: proc.cwd,
    hostname: proc.hostname,
    random: () => random.float(),
    log: (line) => proc.out(`${line}\n`),
    fatal,
  };
}

function podNetwork(proc: Machine, stack: SocketStack): Network {
  return {
    bindUdp: ({ address, port, onMessage, onError }) =>
      new Promise((resolve, reject) => {
        const socket = createSocket(stack);
        socket.once('error', reject);
        socket.bind({ port, ...(address === undefined ? {} : { address }) }, () => {
          socket.removeListener('error', reject);
          // A peer that is gone answers with port unreachable; a server goes on.
          socket.on('error', (error: Error) => onError?.(error));
          socket.on('message', (data: Buffer, from: RemoteInfo) => onMessage(data, from));
          resolve({
            local: socket.address(),
            send: (data, toPort, to) => socket.send(data, { port: toPort, address: to }, ignore),
            close: () => void socket.close(),
          });
        });
      }),
    dialUdp: ({ to, localAddress, onMessage, onError }) =>
      new Promise((resolve, reject) => {
        const socket = createSocket(stack);
        socket.once('error', reject);
        socket.bind({ port: 0, ...(localAddress === undefined ? {} : { address: localAddress }) }, () =>
          socket.connect(to.port, to.address, () => {
            socket.removeListener('error', reject);
            socket.on('error', onError);
            socket.on('message', (data: Buffer) => onMessage(data));
            resolve({
              local: socket.address(),
              send: (data) => socket.send(data, undefined, (error) => error !== null && onError(error)),
              close: () => void socket.close(),
            });
          }),
        );
      }),
    listenTcp: ({ address, port, onConnection }) =>
      new Promise((resolve, reject) => {
        const server = createServer(stack, onConnection, { allowHalfOpen: true });
        server.once('error', reject);
        server.listen({ port, host: address }, () => {
          server.removeListener('error', reject);
          server.on('error', ignore);
          const at = server.address();
          resolve({ local: at ?? { address: '', port }, close: () => void server.close() });
        });
      }),
    connectTcp: ({ address, port, localAddress }) =>
      connect(stack, { host: address, port, localAddress, noDelay: true }),
    addresses: () =>
      [...proc.ns.devices.values()].flatMap((device) =>
        device.addrs.map(({ addr }) => ({ device: device.name, address: formatIpv4(addr) })),
      ),
  };
}

function ignore(): void {}
