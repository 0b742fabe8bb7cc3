// registry.k8s.io/e2e-test-images/agnhost: the image of Kubernetes' own network tests (test/images/agnhost). netexec answers
// over HTTP and UDP; serve-hostname, pause and connect are the others that people use.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSocket, type RemoteInfo } from '../../sockets/dgram.ts';
import { connect } from '../../sockets/net.ts';
import type { SocketStack } from '../../sockets/stack.ts';
import { getopt } from '../getopt.ts';
import { serve, serveHttp, withStack } from '../http-server.ts';
import { forever, type Process, type Program, sleep } from '../process.ts';

const SUBCOMMANDS: Readonly<Record<string, Program>> = {
  netexec,
  'serve-hostname': serveHostname,
  pause: (_, proc) => {
    proc.ready();
    return forever(proc);
  },
  connect: dial,
};

export const agnhost: Program = (args, proc) => {
  const [name = 'pause', ...rest] = args;
  const run = SUBCOMMANDS[name];
  if (run !== undefined) return run(rest, proc);
  proc.err(`Error: unknown command "${name}" for "app"\nRun 'app --help' for usage.\n`);
  return 1;
};

function netexec(args: readonly string[], proc: Process): Promise<number> {
  const options = getopt(args, {
    short: '',
    long: ['http-port:', 'udp-port:', 'udp-listen-addresses:', 'delay-shutdown:', 'http-override:'],
  });
  const httpPort = Number(options.last('http-port') ?? 8080);
  const udpPort = Number(options.last('udp-port') ?? 8081);
  return serve(proc, 'agnhost', async (stack) => {
    proc.out(`Started HTTP server on port ${httpPort}\n`);
    await serveHttp(stack, httpPort, (request, response) => void answer(proc, stack, request, response));
    if (udpPort === -1) return;
    await serveUdp(proc, stack, udpPort);
    proc.out(`Started UDP server on port ${udpPort}\n`);
  });
}

async function answer(
  proc: Process,
  stack: SocketStack,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://pod');
  const client = `${request.socket.remoteAddress}:${request.socket.remotePort}`;
  const say = (text: string, status = 200): void => {
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
  };
  switch (url.pathname) {
    case '/':
      return say(`NOW: ${new Date(proc.ns.kernel.clock.epoch + proc.ns.kernel.clock.now()).toISOString()}`);
    case '/hostname':
    case '/hostName':
      return say(proc.hostname);
    case '/clientip':
      return say(client);
    case '/echo':
      return say(url.searchParams.get('msg') ?? '', Number(url.searchParams.get('code') ?? 200));
    case '/header':
      return say(String(request.headers[(url.searchParams.get('key') ?? '').toLowerCase()] ?? ''));
    case '/healthz':
      return say('');
    case '/dial':
      return say(await dialOut(proc, stack, url.searchParams));
    default:
      return say('404 page not found\n', 404);
  }
}

/** /dial: asks another netexec on the caller's behalf, several times. */
async function dialOut(proc: Process, stack: SocketStack, query: URLSearchParams): Promise<string> {
  const host = query.get('host') ?? '';
  const port = Number(query.get('port') ?? 8080);
  const udp = query.get('protocol') === 'udp';
  const tries = Number(query.get('tries') ?? 1);
  const responses: string[] = [];
  const errors: string[] = [];
  for (let i = 0; i < tries; i++)
    try {
      responses.push(
        await (udp
          ? askUdp(proc, stack, host, port, query.get('request') ?? 'hostname')
          : askHttp(stack, host, port, `/${query.get('request') ?? 'hostname'}`)),
      );
    } catch (error) {
      errors.push((error as Error).message);
    }
  return JSON.stringify({
    ...(responses.length > 0 || errors.length === 0 ? { responses } : {}),
    ...(errors.length > 0 ? { errors } : {}),
  });
}

function askHttp(stack: SocketStack, host: string, port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(stack, { host, port });
    let text = '';
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
    });
    socket.on('end', () => resolve(text.slice(text.indexOf('\r\n\r\n') + 4)));
    socket.end(`GET ${path} HTTP/1.0\r\nHost: ${host}\r\n\r\n`);
  });
}

function askUdp(
  proc: Process,
  stack: SocketStack,
  host: string,
  port: number,
  request: string,
): Promise<string> {
  const socket = createSocket(stack);
  return new Promise<string>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (data: Buffer) => resolve(data.toString('utf8')));
    socket.send(Buffer.from(request), { port, address: host });
    void sleep(proc, 5000).then(() => reject(new Error('i/o timeout')), reject);
  }).finally(() => socket.close());
}

function serveUdp(proc: Process, stack: SocketStack, port: number): Promise<void> {
  const socket = createSocket(stack);
  socket.on('message', (data: Buffer, from: RemoteInfo) => {
    const text = data.toString('utf8').trimEnd();
    const [word = '', ...rest] = text.split(' ');
    const reply =
      word.toLowerCase() === 'hostname'
        ? proc.hostname
        : word.toLowerCase() === 'echo'
          ? rest.join(' ')
          : word.toLowerCase() === 'clientip'
            ? `${from.address}:${from.port}`
            : undefined;
    if (reply !== undefined) socket.send(Buffer.from(reply), { port: from.port, address: from.address });
    else proc.out(`Unknown UDP command: ${text}\n`);
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ port }, () => resolve());
  });
}

function serveHostname(args: readonly string[], proc: Process): Promise<number> {
  const options = getopt(args, { short: '', long: ['port:', 'http:', 'tcp:', 'udp:'] });
  return serve(proc, 'agnhost', (stack) =>
    serveHttp(stack, Number(options.last('port') ?? 9376), (_, response) => {
      response.end(proc.hostname);
    }),
  );
}

/** `agnhost connect HOST:PORT`: exit 0, or the words upstream's tests look for. */
function dial(args: readonly string[], proc: Process): Promise<number> {
  const options = getopt(args, { short: '', long: ['timeout:', 'protocol:'] });
  const [host = '', port = ''] = (options.operands[0] ?? '').split(':');
  const seconds = Number.parseFloat(options.last('timeout') ?? '0');
  return withStack(proc, 'agnhost', async (stack) => {
    const outcome = await Promise.race([
      new Promise<string>((resolve) => {
        const socket = connect(stack, { host, port: Number(port) });
        socket.on('connect', () => resolve(''));
        socket.on('error', (error: { code?: string }) =>
          resolve(error.code === 'ECONNREFUSED' ? 'REFUSED' : `OTHER: ${error.code}`),
        );
      }),
      ...(seconds > 0 ? [sleep(proc, seconds * 1000).then(() => 'TIMEOUT')] : []),
    ]);
    if (outcome !== '') proc.err(`${outcome}\n`);
    return outcome === '' ? 0 : 1;
  });
}
