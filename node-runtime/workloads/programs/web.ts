// Small web servers: Apache's and busybox's httpd, traefik/whoami, hashicorp/http-echo.
import type { IncomingMessage } from 'node:http';
import { formatIpv4 } from '../../kernel/wire/addr.ts';
import { getopt } from '../getopt.ts';
import { bodyOf, serve, serveHttp } from '../http-server.ts';
import type { Process, Program } from '../process.ts';
import { wallClock } from '../process.ts';
import { serveFile } from '../static-files.ts';
import { logTime } from './nginx.ts';

const APACHE_ROOT = '/usr/local/apache2/htdocs';

const apacheError = (status: number, text: string): string =>
  `<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>${status} ${text}</title>\n</head><body>\n<h1>${text}</h1>\n</body></html>\n`;
const busyboxError = (status: number, text: string): string =>
  `<HTML><HEAD><TITLE>${status} ${text}</TITLE></HEAD>\n<BODY><H1>${status} ${text}</H1>\nThe requested URL was not found\n</BODY></HTML>\n`;

/** The httpd image's httpd-foreground. */
export const apache: Program = (_, proc) =>
  serve(
    proc,
    'httpd',
    (stack) =>
      serveHttp(stack, 80, (request, response) => {
        response.setHeader('Server', 'Apache/2.4.63 (Unix)');
        const { status, bytes } = serveFile(proc.fs, APACHE_ROOT, request, response, apacheError);
        const { method, url, httpVersion, socket } = request;
        proc.out(
          `${socket.remoteAddress} - - [${logTime(wallClock(proc))}] "${method} ${url} HTTP/${httpVersion}" ${status} ${bytes}\n`,
        );
      }),
    ({ text }) =>
      `(98)${text}: AH00072: make_sock: could not bind to address 0.0.0.0:80\nno listening sockets available, shutting down\nAH00015: Unable to open logs`,
  );

/** busybox's: -p [ADDRESS:]PORT, -h ROOT. Without -f it goes to the background, which here is where it is anyway. */
export const httpd: Program = (args, proc) => {
  const options = getopt(args, { short: 'fvip:h:c:u:r:' });
  const root = options.last('h') ?? (proc.fs.exists(APACHE_ROOT) ? APACHE_ROOT : proc.cwd);
  const port = Number((options.last('p') ?? '80').split(':').at(-1));
  return serve(
    proc,
    'httpd',
    (stack) =>
      serveHttp(stack, port, (request, response) => {
        serveFile(proc.fs, root.replace(/\/$/, ''), request, response, busyboxError);
      }),
    ({ text }) => `httpd: bind: ${text}`,
  );
};

export const httpEcho: Program = (args, proc) => {
  const options = getopt(args, {
    short: '',
    long: ['text:', 'listen:', 'status-code:', 'version'],
    singleDashLong: true,
  });
  const text = options.last('text') ?? proc.env['ECHO_TEXT'];
  if (text === undefined || text === '') {
    proc.err('Missing -text option!\n');
    return 127;
  }
  const port = Number((options.last('listen') ?? ':5678').split(':').at(-1));
  const status = Number(options.last('status-code') ?? 200);
  return serve(proc, 'http-echo', async (stack) => {
    await serveHttp(stack, port, (request, response) => {
      response.writeHead(status, {
        'X-App-Name': 'http-echo',
        'X-App-Version': '1.0.0',
        'Content-Type': 'text/plain; charset=utf-8',
      });
      response.end(`${text}\n`);
      proc.out(
        `${new Date(wallClock(proc)).toISOString()} ${request.headers.host ?? ''} ${request.socket.remoteAddress}:${request.socket.remotePort} "${request.method} ${request.url} HTTP/1.1" ${status} ${text.length + 1} "${request.headers['user-agent'] ?? ''}"\n`,
      );
    });
    proc.out(`${new Date(wallClock(proc)).toISOString()} [INFO] server is listening on :${port}\n`);
  });
};

export const whoami: Program = (args, proc) => {
  const options = getopt(args, {
    short: '',
    long: ['port:', 'name:', 'verbose', 'cert:', 'key:'],
    singleDashLong: true,
  });
  const port = Number(options.last('port') ?? proc.env['WHOAMI_PORT_NUMBER'] ?? 80);
  const name = options.last('name') ?? proc.env['WHOAMI_NAME'];
  return serve(proc, 'whoami', async (stack) => {
    await serveHttp(stack, port, async (request, response) => {
      const path = request.url?.split('?')[0];
      if (path === '/health') response.end();
      else if (path === '/bench') response.end('1');
      else if (path === '/api')
        response.setHeader('Content-Type', 'application/json').end(whoamiJson(proc, request, name));
      else
        response
          .setHeader('Content-Type', 'text/plain; charset=utf-8')
          .end(await whoamiText(proc, request, name));
    });
    proc.out(`Starting up on port ${port}\n`);
  });
};

const addresses = (proc: Process): string[] =>
  [...proc.ns.devices.values()].flatMap((d) => d.addrs.map((a) => formatIpv4(a.addr)));

/** Header names as Go's net/http spells them. */
const canonical = (name: string): string =>
  name.replace(/(^|-)([a-z])/g, (_, dash: string, c: string) => dash + c.toUpperCase());

async function whoamiText(
  proc: Process,
  request: IncomingMessage,
  name: string | undefined,
): Promise<string> {
  const { headers, socket, method, url, httpVersion } = request;
  const lines = [
    ...(name === undefined ? [] : [`Name: ${name}`]),
    `Hostname: ${proc.hostname}`,
    ...addresses(proc).map((addr) => `IP: ${addr}`),
    `RemoteAddr: ${socket.remoteAddress}:${socket.remotePort}`,
    `${method} ${url} HTTP/${httpVersion}`,
    `Host: ${headers.host ?? ''}`,
    ...Object.entries(headers)
      .filter(([key]) => key !== 'host' && key !== 'content-length' && key !== 'connection')
      .map(([key, value]) => [canonical(key), value] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `${key}: ${value}`),
  ];
  return `${lines.join('\n')}\n\n${(await bodyOf(request)).toString('latin1')}`;
}

function whoamiJson(
  proc: Process,
  { headers, socket, method, url }: IncomingMessage,
  name: string | undefined,
): string {
  return `${JSON.stringify({
    hostname: proc.hostname,
    ip: addresses(proc),
    headers: Object.fromEntries(
      Object.entries(headers)
        .filter(([key]) => key !== 'host')
        .map(([key, value]) => [canonical(key), [value]]),
    ),
    url,
    host: headers.host,
    method,
    ...(name === undefined ? {} : { name }),
    remoteAddr: `${socket.remoteAddress}:${socket.remotePort}`,
  })}\n`;
}
