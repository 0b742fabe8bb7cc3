// Small web servers: nginx, httpd, traefik/whoami, hashicorp/http-echo, and what an unknown image is taken for.
import type { IncomingMessage } from 'node:http';
import { formatIpv4 } from '../../kernel/wire/addr.ts';
import { createSocket, type RemoteInfo } from '../../sockets/dgram.ts';
import { getopt } from '../getopt.ts';
import { serve, serveHttp } from '../http-server.ts';
import type { Process, Program } from '../process.ts';

const page = (title: string, hostname: string): string =>
  `<!DOCTYPE html>\n<html>\n<head><title>${title}</title></head>\n<body><h1>${title}</h1><p>${hostname}</p></body>\n</html>\n`;

/** A document root as an image would have it: a page of the container's own files, or one that names the pod. */
function documents(proc: Process, root: string, title: string, server: string) {
  return (request: IncomingMessage, response: import('node:http').ServerResponse): void => {
    const path = new URL(request.url ?? '/', 'http://pod').pathname;
    const file = proc.fs.tryRead(`${root}${path === '/' ? '/index.html' : path}`);
    response.setHeader('server', server);
    proc.out(
      `${request.socket.remoteAddress} "${request.method} ${request.url} HTTP/1.1" ${file !== undefined || path === '/' ? 200 : 404}\n`,
    );
    if (file !== undefined) response.end(file);
    else if (path === '/') response.setHeader('content-type', 'text/html').end(page(title, proc.hostname));
    else response.writeHead(404, { 'content-type': 'text/html' }).end(page('404 Not Found', proc.hostname));
  };
}

export const nginx: Program = (_, proc) =>
  serve(proc, 'nginx', (stack) =>
    serveHttp(stack, 80, documents(proc, '/usr/share/nginx/html', 'Welcome to nginx!', 'nginx')),
  );

export const httpd: Program = (args, proc) => {
  // busybox's httpd -f -p PORT -h ROOT, and Apache's without arguments.
  const options = getopt(args, { short: 'fp:h:v', long: [] });
  const root = options.last('h') ?? '/usr/local/apache2/htdocs';
  return serve(proc, 'httpd', (stack) =>
    serveHttp(stack, Number(options.last('p') ?? 80), documents(proc, root, 'It works!', 'Apache')),
  );
};

export const httpEcho: Program = (args, proc) => {
  const options = getopt(args, { short: '', long: ['text:', 'listen:'], singleDashLong: true });
  const port = Number((options.last('listen') ?? ':5678').split(':').at(-1));
  return serve(proc, 'http-echo', (stack) =>
    serveHttp(stack, port, (_, response) => {
      response.end(`${options.last('text') ?? ''}\n`);
    }),
  );
};

export const whoami: Program = (args, proc) => {
  const options = getopt(args, { short: '', long: ['port:', 'name:'], singleDashLong: true });
  return serve(proc, 'whoami', (stack) =>
    serveHttp(stack, Number(options.last('port') ?? 80), (request, response) => {
      const addresses = [...proc.ns.devices.values()].flatMap((d) =>
        d.addrs.map((a) => `IP: ${formatIpv4(a.addr)}`),
      );
      const headers = Object.entries(request.headers).map(([k, v]) => `${k}: ${v}`);
      response.end(
        [
          `Hostname: ${proc.hostname}`,
          ...addresses,
          `RemoteAddr: ${request.socket.remoteAddress}:${request.socket.remotePort}`,
          `${request.method} ${request.url} HTTP/1.1`,
          ...headers,
          '',
        ].join('\n'),
      );
    }),
  );
};

export interface ServedPort {
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
}

/** What an image that nobody knows does: its containerPorts answer with the hostname, over HTTP or as UDP echo. */
export const anyServer =
  (ports: readonly ServedPort[]): Program =>
  (_, proc) =>
    serve(proc, 'server', async (stack) => {
      for (const { port, protocol } of ports) {
        if (protocol === 'TCP')
          await serveHttp(stack, port, (_request, response) => {
            response.end(`${proc.hostname}\n`);
          });
        else if (protocol === 'UDP') {
          const socket = createSocket(stack);
          socket.on('message', (data: Buffer, from: RemoteInfo) =>
            socket.send(data, { port: from.port, address: from.address }),
          );
          await new Promise<void>((resolve, reject) => {
            socket.once('error', reject);
            socket.bind({ port }, () => resolve());
          });
        }
      }
    });
