// docker-proxy (moby cmd/docker-proxy): a process of the host per published port, which listens on it and passes bytes on to
// the container. It serves what the DNAT rules leave out: the host's own 127.0.0.1, and containers that call their own host.

import { formatIpv4, type Ipv4 } from '../kernel/wire/addr.ts';
import { createSocket, type DatagramSocket } from '../sockets/dgram.ts';
import { connect } from '../sockets/net.ts';
import { createServer } from '../sockets/net-server.ts';
import type { SocketStack } from '../sockets/stack.ts';
import type { PortMapping } from './rules.ts';

/** A UDP client is forgotten after this long: moby's UDPConnTrackTimeout, in milliseconds. */
const UDP_TIMEOUT = 90_000;

export interface PortProxy {
  stop(): void;
}

/** Rejects with the listening socket's error: EADDRINUSE when somebody has the port. */
export function startProxy(stack: SocketStack, container: Ipv4, port: PortMapping): Promise<PortProxy> {
  return port.protocol === 'tcp' ? tcpProxy(stack, container, port) : udpProxy(stack, container, port);
}

function tcpProxy(
  stack: SocketStack,
  container: Ipv4,
  { hostIp, hostPort, containerPort }: PortMapping,
): Promise<PortProxy> {
  const server = createServer(stack, (client) => {
    const backend = connect(stack, { host: formatIpv4(container), port: containerPort, allowHalfOpen: true });
    client.on('error', () => backend.destroy());
    backend.on('error', () => client.destroy());
    client.pipe(backend);
    backend.pipe(client);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: formatIpv4(hostIp), port: hostPort }, () => {
      resolve({
        stop() {
          server.close();
          for (const socket of server.connections) socket.destroy();
        },
      });
    });
  });
}

interface UdpClient {
  readonly socket: DatagramSocket;
  timer: { cancel(): void };
}

function udpProxy(
  stack: SocketStack,
  container: Ipv4,
  { hostIp, hostPort, containerPort }: PortMapping,
): Promise<PortProxy> {
  const front = createSocket(stack);
  const clients = new Map<string, UdpClient>();
  const forget = (key: string): void => {
    clients.get(key)?.timer.cancel();
    clients.get(key)?.socket.close();
    clients.delete(key);
  };
  const clientOf = (key: string, address: string, port: number): UdpClient => {
    let client = clients.get(key);
    if (client !== undefined) {
      client.timer.cancel();
    } else {
      const socket = createSocket(stack);
      socket.on('error', () => forget(key));
      socket.on('message', (data: Uint8Array) => front.send(data, { port, address }));
      client = { socket, timer: { cancel() {} } };
      clients.set(key, client);
    }
    client.timer = stack.after(UDP_TIMEOUT, () => forget(key));
    return client;
  };
  front.on('message', (data: Uint8Array, from: { address: string; port: number }) => {
    clientOf(`${from.address}:${from.port}`, from.address, from.port).socket.send(data, {
      port: containerPort,
      address: formatIpv4(container),
    });
  });
  return new Promise((resolve, reject) => {
    front.once('error', reject);
    front.bind({ port: hostPort, address: formatIpv4(hostIp) }, () => {
      resolve({
        stop() {
          for (const key of [...clients.keys()]) forget(key);
          front.close();
        },
      });
    });
  });
}
