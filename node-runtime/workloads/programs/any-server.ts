// What an image that nobody knows is taken for: a server that answers on each of its containerPorts, over HTTP with its hostname,
// over UDP with what it was sent.
import type { ContainerPort } from '../../kubelet/runtime.ts';
import { createSocket, type RemoteInfo } from '../../sockets/dgram.ts';
import { serve, serveHttp } from '../http-server.ts';
import type { Program } from '../process.ts';
import { bindUdp } from '../udp-server.ts';

/** A port as an argument of the program: "8080/TCP". */
export const servedPort = ({ containerPort, protocol }: ContainerPort): string =>
  `${containerPort}/${protocol}`;

export const anyServer: Program = (args, proc) =>
  serve(proc, 'server', async (stack) => {
    for (const arg of args) {
      const [port, protocol] = arg.split('/');
      if (protocol === 'TCP')
        await serveHttp(stack, Number(port), (_request, response) => {
          response.end(`${proc.hostname}\n`);
        });
      else if (protocol === 'UDP') {
        const socket = createSocket(stack);
        socket.on('message', (data: Buffer, from: RemoteInfo) =>
          socket.send(data, { port: from.port, address: from.address }),
        );
        await bindUdp(socket, Number(port));
      }
    }
  });
