// One probe: a question over the emulated network from the node's own namespace, or a command in the container
// (pkg/probe/{http,tcp,exec,grpc}). Results carry upstream's words.
import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Container, Probe, ProbeHandler } from '../../../emulator/api/types/pod.ts';
import type { Clock } from '../../kernel/clock/clock.ts';
import type { ContainerHandle } from '../runtime.ts';

export interface ProbeResult {
  readonly success: boolean;
  readonly output: string;
}

/** Opens TCP connections from the node's own namespace; errors carry node's codes (ECONNREFUSED). */
export type Dial = (address: string, port: number) => Duplex;

export interface ProbeTarget {
  readonly container: Container;
  /** The pod's address; the node's for host networking. */
  readonly podIP: string;
  readonly handle: ContainerHandle;
}

export interface ProberOptions {
  readonly dial: Dial;
  readonly clock: Clock;
}

const MAX_BODY = 10 * 1024;

const SYSCALL_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ECONNRESET: 'read: connection reset by peer',
  ETIMEDOUT: 'i/o timeout',
};

/** "dial tcp 10.244.1.2:80: connect: connection refused". */
const dialError = (address: string, error: Error): string => {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return `dial tcp ${address}: ${SYSCALL_WORDS[code] ?? error.message}`;
};

export function runProbe(
  probe: Probe,
  target: ProbeTarget,
  timeout: number,
  options: ProberOptions,
): Promise<ProbeResult> {
  return runHandler(probe, target, timeout, options);
}

/** Also a lifecycle hook's handler. */
export function runHandler(
  handler: ProbeHandler,
  target: ProbeTarget,
  timeout: number,
  options: ProberOptions,
): Promise<ProbeResult> {
  if (handler.httpGet !== undefined) return httpProbe(handler.httpGet, target, timeout, options);
  if (handler.tcpSocket !== undefined) return tcpProbe(handler.tcpSocket, target, timeout, options);
  if (handler.exec !== undefined) return execProbe(handler.exec.command ?? [], target, timeout, options);
  if (handler.grpc !== undefined) return grpcProbe(handler.grpc, target, timeout, options);
  return Promise.resolve({ success: false, output: 'missing probe handler' });
}

/** A number, or the name of one of the container's ports. */
export function portNumber(port: number | string, container: Container): number | undefined {
  if (typeof port === 'number') return port;
  if (/^\d+$/.test(port)) return Number(port);
  return container.ports?.find((p) => p.name === port)?.containerPort;
}

/** Settles once: with `run`'s answer or, when the time is up, with `late`. */
function within(
  clock: Clock,
  timeout: number,
  late: string,
  run: (settle: (result: ProbeResult) => void) => () => void,
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    let done = false;
    let cleanUp: (() => void) | undefined;
    const settle = (result: ProbeResult): void => {
      if (done) return;
      done = true;
      timer.cancel();
      cleanUp?.();
      resolve(result);
    };
    const timer = clock.after(timeout, () => settle({ success: false, output: late }));
    cleanUp = run(settle);
    if (done) cleanUp();
  });
}

type HttpGet = NonNullable<ProbeHandler['httpGet']>;

function httpProbe(
  get: HttpGet,
  target: ProbeTarget,
  timeout: number,
  options: ProberOptions,
): Promise<ProbeResult> {
  const port = portNumber(get.port, target.container);
  if (port === undefined)
    return Promise.resolve({ success: false, output: `couldn't find port: ${get.port}` });
  const host = get.host ?? target.podIP;
  const path = get.path === undefined || get.path === '' ? '/' : get.path;
  const scheme = (get.scheme ?? 'HTTP').toLowerCase();
  const url = `${scheme}://${host}:${port}${path.startsWith('/') ? path : `/${path}`}`;
  const late = `Get ${JSON.stringify(url)}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)`;
  const headers: Record<string, string> = {
    'User-Agent': 'kube-probe/1.32',
    Accept: '*/*',
    Connection: 'close',
  };
  for (const { name, value } of get.httpHeaders ?? []) headers[name] = value;
  return within(options.clock, timeout, late, (settle) => {
    const req = request({
      host,
      port,
      path: path.startsWith('/') ? path : `/${path}`,
      method: 'GET',
      headers: { Host: `${host}:${port}`, ...headers },
      // No `agent`, not even false: with one, node:http would connect by itself, through the host's own network.
      createConnection: () => {
        const socket = plainSocket(options.dial(host, port));
        if (scheme !== 'https') return socket as never;
        // As upstream: the certificate is not looked at.
        return process.getBuiltinModule('node:tls').connect({ socket, rejectUnauthorized: false });
      },
    });
    req.on('error', (error) => {
      settle({
        success: false,
        output: `Get ${JSON.stringify(url)}: ${dialError(`${host}:${port}`, error)}`,
      });
    });
    req.on('response', (response) => {
      const code = response.statusCode ?? 0;
      let body = '';
      response.on('data', (chunk: Buffer) => {
        if (body.length < MAX_BODY) body += chunk.toString('utf8');
      });
      response.on('error', () => {});
      response.on('end', () => {
        const good = code >= 200 && code < 400;
        settle(
          good
            ? { success: true, output: body }
            : { success: false, output: `HTTP probe failed with statuscode: ${code}` },
        );
      });
    });
    req.end();
    return () => req.destroy();
  });
}

/** node:http calls a few methods of net.Socket that a plain stream has not. */
function plainSocket(stream: Duplex): Duplex {
  const socket = stream as Duplex & Record<string, unknown>;
  for (const name of ['setKeepAlive', 'setNoDelay', 'setTimeout', 'ref', 'unref'])
    if (typeof socket[name] !== 'function') socket[name] = () => socket;
  return socket;
}

type TcpSocket = NonNullable<ProbeHandler['tcpSocket']>;

function tcpProbe(
  tcp: TcpSocket,
  target: ProbeTarget,
  timeout: number,
  options: ProberOptions,
): Promise<ProbeResult> {
  const port = portNumber(tcp.port, target.container);
  if (port === undefined)
    return Promise.resolve({ success: false, output: `couldn't find port: ${tcp.port}` });
  const host = tcp.host ?? target.podIP;
  const address = `${host}:${port}`;
  return within(options.clock, timeout, `dial tcp ${address}: i/o timeout`, (settle) => {
    const socket = options.dial(host, port);
    socket.on('connect', () => settle({ success: true, output: '' }));
    socket.on('error', (error) => settle({ success: false, output: dialError(address, error) }));
    return () => void socket.destroy();
  });
}

async function execProbe(
  command: readonly string[],
  { handle }: ProbeTarget,
  timeout: number,
  { clock }: ProberOptions,
): Promise<ProbeResult> {
  return within(
    clock,
    timeout,
    `command timed out: ${JSON.stringify(command.join(' '))} timed out after ${timeout / 1000}s`,
    (settle) => {
      let output = '';
      const take = (chunk: Uint8Array): void => {
        if (output.length < MAX_BODY) output += Buffer.from(chunk).toString('utf8');
      };
      const exec = handle.exec(command, { stdin: undefined, stdout: take, stderr: take });
      exec.exited.then(
        ({ exitCode }) => settle({ success: exitCode === 0, output }),
        (error: Error) => settle({ success: false, output: error.message }),
      );
      return () => exec.kill();
    },
  );
}

type Grpc = NonNullable<ProbeHandler['grpc']>;

/** grpc.health.v1.Health/Check: one field in, one field back. */
function grpcProbe(
  grpc: Grpc,
  target: ProbeTarget,
  timeout: number,
  options: ProberOptions,
): Promise<ProbeResult> {
  const address = `${target.podIP}:${grpc.port}`;
  const late = `timeout: failed to connect service ${JSON.stringify(address)} within ${timeout / 1000}s: context deadline exceeded`;
  return within(options.clock, timeout, late, (settle) => {
    const fail = (error: Error): void =>
      settle({
        success: false,
        output: `error: this server does not implement the grpc health protocol: ${dialError(address, error)}`,
      });
    // Looked up at the first such probe: few nodes ever need it, and it takes its time to load.
    const { connect: connectHttp2 } = process.getBuiltinModule('node:http2');
    const session = connectHttp2(`http://${address}`, {
      createConnection: () => plainSocket(options.dial(target.podIP, grpc.port)),
    });
    session.on('error', fail);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const chunks: Buffer[] = [];
    stream.on('error', fail);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const status = servingStatus(Buffer.concat(chunks));
      const words = `service unhealthy (responded with ${JSON.stringify(SERVING[status ?? 0] ?? 'UNKNOWN')})`;
      settle(status === 1 ? { success: true, output: 'service healthy' } : { success: false, output: words });
    });
    stream.end(healthRequest(grpc.service ?? ''));
    return () => session.destroy();
  });
}

const SERVING = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/** A length-prefixed HealthCheckRequest: field 1, the service's name. */
export function healthRequest(service: string): Buffer {
  const name = Buffer.from(service).subarray(0, 127);
  const body = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

/** Field 1 of a HealthCheckResponse; undefined when the bytes are none. An absent field is 0. */
export function servingStatus(bytes: Buffer): number | undefined {
  if (bytes.length < 5 || bytes[0] !== 0 || bytes.readUInt32BE(1) !== bytes.length - 5) return undefined;
  if (bytes.length === 5) return 0;
  return bytes[5] === 0x08 && bytes.length === 7 ? bytes[6] : undefined;
}
