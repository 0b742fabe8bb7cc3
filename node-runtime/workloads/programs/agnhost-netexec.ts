// `agnhost netexec` (test/images/agnhost/netexec): tells over HTTP and UDP who it is and who asked, asks others on request (/dial)
// and runs commands (/shell).
import type { IncomingMessage, ServerResponse } from 'node:http';
import { formatIpv4 } from '../../kernel/wire/addr.ts';
import { createSocket, type RemoteInfo } from '../../sockets/dgram.ts';
import { httpRequest } from '../../sockets/http.ts';
import type { SocketStack } from '../../sockets/stack.ts';
import { describeError, errnoOf, goError } from '../errors.ts';
import { getopt } from '../getopt.ts';
import { bodyOf, serveHttp, withStack } from '../http-server.ts';
import { ExitError, Killed, type Process, sleep, waitFor, wallClock } from '../process.ts';
import { resolve } from '../resolve.ts';
import { bindUdp } from '../udp-server.ts';
import { seconds } from './simple.ts';

/** How long /dial waits for one answer, and how often it tries at most. */
const DIAL_TIMEOUT = 5000;
const MAX_TRIES = 64;

interface State {
  /** Ends the program: /exit and /shutdown. */
  exit: (code: number) => void;
  shuttingDown: boolean;
}

export function netexec(args: readonly string[], proc: Process): Promise<number> {
  const options = getopt(args, {
    short: '',
    long: [
      'http-port:',
      'udp-port:',
      'sctp-port:',
      'udp-listen-addresses:',
      'delay-shutdown:',
      'http-override:',
      'tls-cert-file:',
      'tls-private-key-file:',
    ],
  });
  const httpPort = Number(options.last('http-port') ?? 8080);
  const udpPort = Number(options.last('udp-port') ?? 8081);
  const delay = (seconds(options.last('delay-shutdown') ?? '0') ?? 0) * 1000;
  const override = options.last('http-override');
  return withStack(proc, 'agnhost', async (stack) => {
    const state: State = { exit: () => {}, shuttingDown: false };
    const stamp = (): string =>
      new Date(wallClock(proc))
        .toISOString()
        .replace(/[-T]/g, '/')
        .replace(/\.\d+Z/, '');
    try {
      if (udpPort !== -1) {
        await serveUdp(proc, stack, udpPort);
        proc.err(`${stamp()} Started UDP server on port  ${udpPort}\n`);
      }
      await serveHttp(stack, httpPort, (request, response) => {
        if (override !== undefined) request.url = override;
        return answer(proc, stack, state, request, response);
      });
      proc.err(`${stamp()} Started HTTP server on port ${httpPort}\n`);
    } catch (error) {
      const code = errnoOf(error);
      if (code === undefined) throw error;
      const port = (error as { readonly port?: number }).port;
      const proto = port === udpPort ? 'udp' : 'tcp';
      throw new ExitError(1, `${stamp()} listen ${proto} :${port}: bind: ${goError(code)}`);
    }
    proc.ready();
    try {
      return await waitFor<number>(proc, (done) => {
        state.exit = done;
        return () => {};
      });
    } catch (error) {
      if (!(error instanceof Killed) || error.signal !== 'SIGTERM') throw error;
      state.shuttingDown = true;
      // The container is being stopped: its own signal has come, so the delay is waited out beside it.
      if (delay > 0) await sleep({ ns: proc.ns, signal: new AbortController().signal }, delay);
      return 0;
    }
  });
}

async function answer(
  proc: Process,
  stack: SocketStack,
  state: State,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://pod');
  const query = url.searchParams;
  const say = (text: string, status = 200, headers: Readonly<Record<string, string>> = {}): void => {
    response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', ...headers }).end(text);
  };
  switch (url.pathname) {
    case '/':
      return say(`NOW: ${new Date(wallClock(proc)).toISOString()}`);
    case '/clientip':
      return say(`${request.socket.remoteAddress}:${request.socket.remotePort}`);
    case '/dial':
      return dial(proc, stack, query, say);
    case '/echo':
      return say(query.get('msg') ?? '', Number(query.get('code') ?? 200));
    case '/exit': {
      const wait = seconds((query.get('wait') ?? '0').replace(/^(\d+)ms$/, '0')) ?? 0;
      if (wait > 0) await sleep(proc, wait * 1000);
      say('');
      return state.exit(Number(query.get('code') ?? 0));
    }
    case '/header':
      return say(String(request.headers[(query.get('key') ?? '').toLowerCase()] ?? ''));
    case '/healthz':
      return say('', state.shuttingDown ? 412 : 200);
    case '/hostname':
    case '/hostName':
      return say(proc.hostname);
    case '/redirect':
      return say('', Number(query.get('code') ?? 302), { Location: query.get('location') ?? '/' });
    case '/shell':
      return shell(proc, query.get('shellCommand') ?? query.get('cmd') ?? '', say);
    case '/shutdown':
      say('');
      return state.exit(0);
    case '/upload':
      return say(`${JSON.stringify({ output: `uploaded ${(await bodyOf(request)).length} bytes` })}`);
    default:
      return say('404 page not found\n', 404, { 'X-Content-Type-Options': 'nosniff' });
  }
}

type Say = (text: string, status?: number) => void;

async function shell(proc: Process, command: string, say: Say): Promise<void> {
  if (command === '') return say(JSON.stringify({ error: 'No command', output: '' }));
  let output = '';
  const take = (chunk: string | Uint8Array): void => {
    output += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
  };
  const code = await proc.spawn(['sh', '-c', command], { stdin: undefined, out: take, err: take });
  say(JSON.stringify({ ...(code === 0 ? {} : { error: `exit status ${code}` }), output }));
}

/** /dial: asks another netexec on the caller's behalf, several times. */
async function dial(proc: Process, stack: SocketStack, query: URLSearchParams, say: Say): Promise<void> {
  const host = query.get('host') ?? '';
  const port = Number(query.get('port'));
  const protocol = query.get('protocol') ?? 'udp';
  const command = query.get('request') ?? 'hostname';
  const tries = Math.min(Number(query.get('tries') ?? 1), MAX_TRIES);
  if (!query.has('port') || !Number.isInteger(port))
    return say(`invalid port: ${query.get('port') ?? ''}`, 400);
  if (protocol !== 'http' && protocol !== 'udp') return say(`unsupported protocol: ${protocol}`, 400);
  if (!(tries >= 1)) return say('tries parameter is invalid', 400);
  const responses: string[] = [];
  const errors: string[] = [];
  for (let i = 0; i < tries; i++)
    try {
      const ask = protocol === 'udp' ? askUdp : askHttp;
      responses.push(await ask(proc, stack, host, port, command));
    } catch (error) {
      if (error instanceof Killed) throw error;
      errors.push(error instanceof Error ? error.message : String(error));
    }
  say(
    JSON.stringify({
      ...(errors.length > 0 ? { errors } : {}),
      ...(responses.length > 0 ? { responses } : {}),
    }),
  );
}

async function addressOf(proc: Process, host: string, what: string): Promise<string> {
  const found = await resolve(proc, host);
  if ('error' in found) throw new Error(`${what}: lookup ${host}: no such host`);
  return formatIpv4(found.addrs[0]!);
}

async function askHttp(
  proc: Process,
  stack: SocketStack,
  host: string,
  port: number,
  command: string,
): Promise<string> {
  const what = `Get "http://${host}:${port}/${command}"`;
  const address = await addressOf(proc, host, what);
  return waitFor<string>(proc, (done, fail) => {
    const request = httpRequest(stack, {
      host: address,
      port,
      path: `/${command}`,
      headers: { Host: `${host}:${port}`, 'User-Agent': 'Go-http-client/1.1' },
    });
    const timer = proc.ns.kernel.clock.after(DIAL_TIMEOUT, () =>
      fail(new Error(`${what}: dial tcp ${address}:${port}: i/o timeout`)),
    );
    request.on('error', (error) =>
      fail(new Error(`${what}: dial tcp ${address}:${port}: connect: ${goError(errnoOf(error) ?? '')}`)),
    );
    request.on(
      'response',
      (response) => void bodyOf(response).then((body) => done(body.toString('utf8')), fail),
    );
    request.end();
    return () => {
      timer.cancel();
      request.destroy();
    };
  });
}

async function askUdp(
  proc: Process,
  stack: SocketStack,
  host: string,
  port: number,
  command: string,
): Promise<string> {
  const address = await addressOf(proc, host, 'dial udp');
  return waitFor<string>(proc, (done, fail) => {
    const socket = createSocket(stack);
    const timer = proc.ns.kernel.clock.after(DIAL_TIMEOUT, () =>
      fail(new Error(`reading from udp connection failed. err:'read udp ->${address}:${port}: i/o timeout'`)),
    );
    socket.on('message', (data: Buffer) => done(data.toString('utf8')));
    socket.on('error', (error: Error) =>
      fail(
        new Error(
          `reading from udp connection failed. err:'read udp ->${address}:${port}: read: ${describeError(errnoOf(error) ?? '').toLowerCase()}'`,
        ),
      ),
    );
    socket.connect(port, address, () => socket.send(Buffer.from(command)));
    return () => {
      timer.cancel();
      socket.close();
    };
  });
}

function serveUdp(proc: Process, stack: SocketStack, port: number): Promise<void> {
  const socket = createSocket(stack);
  socket.on('message', (data: Buffer, from: RemoteInfo) => {
    const text = data.toString('utf8').trim();
    const lower = text.toLowerCase();
    const reply =
      lower === 'hostname'
        ? proc.hostname
        : lower.startsWith('echo ')
          ? text.slice(5)
          : lower === 'clientip'
            ? `${from.address}:${from.port}`
            : undefined;
    if (reply !== undefined) socket.send(Buffer.from(reply), { port: from.port, address: from.address });
    else if (text !== '') proc.err(`Unknown UDP command received: ${text}\n`);
  });
  return bindUdp(socket, port);
}
