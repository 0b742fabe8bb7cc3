// curl, as far as people test connectivity with it: its options, messages and exit codes (curl 7.88), over node:http on the
// pod's sockets.
import type { IncomingMessage } from 'node:http';
import { formatIpv4 } from '../../kernel/wire/addr.ts';
import { httpRequest } from '../../sockets/http.ts';
import { errnoOf } from '../errors.ts';
import { getopt, OptionError, type Options } from '../getopt.ts';
import { withStack } from '../http-server.ts';
import { ExitError, type Process, type Program, sleep } from '../process.ts';
import { resolve } from '../resolve.ts';

const SPEC = {
  short: 'sSo:vIX:d:H:km:w:LfiA:nq4',
  long: [
    'silent',
    'show-error',
    'output:',
    'verbose',
    'head',
    'request:',
    'data:',
    'header:',
    'insecure',
    'max-time:',
    'connect-timeout:',
    'write-out:',
    'location',
    'fail',
    'include',
    'resolve:',
    'retry:',
    'interface:',
    'user-agent:',
    'http1.1',
    'no-progress-meter',
  ],
};

interface Answer {
  readonly response: IncomingMessage;
  readonly body: Buffer;
  readonly connect: number;
  readonly total: number;
  readonly remote: string;
  readonly local: string;
}

class CurlError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export const curl: Program = (args, proc) =>
  withStack(proc, 'curl', async (stack) => {
    let options: Options;
    try {
      options = getopt(args, SPEC);
    } catch (error) {
      if (!(error instanceof OptionError)) throw error;
      throw new ExitError(
        2,
        `curl: option ${error.refusal.option}: ${error.refusal.kind === 'unknown' ? 'is unknown' : 'requires parameter'}\ncurl: try 'curl --help' for more information`,
      );
    }
    const url = options.operands[0];
    if (url === undefined)
      throw new ExitError(2, "curl: (2) no URL specified\ncurl: try 'curl --help' for more information");
    const started = proc.ns.kernel.clock.now();
    const quiet = options.has('s', 'silent');
    try {
      let answer = await fetchOnce(url, options, proc, stack, started);
      for (let hops = 0; options.has('L', 'location') && isRedirect(answer) && hops < 50; hops++)
        answer = await fetchOnce(
          new URL(answer.response.headers.location!, url).href,
          options,
          proc,
          stack,
          started,
        );
      return finish(answer, options, proc);
    } catch (error) {
      if (!(error instanceof CurlError)) throw error;
      if (!quiet || options.has('S', 'show-error')) proc.err(`curl: (${error.code}) ${error.message}\n`);
      const format = options.last('w', 'write-out');
      if (format !== undefined) proc.out(writeOut(format, undefined, proc.ns.kernel.clock.now() - started));
      return error.code;
    }
  });

const isRedirect = ({ response }: Answer): boolean =>
  (response.statusCode ?? 0) >= 300 &&
  (response.statusCode ?? 0) < 400 &&
  response.headers.location !== undefined;

async function fetchOnce(
  text: string,
  options: Options,
  proc: Process,
  stack: Parameters<typeof httpRequest>[0],
  started: number,
): Promise<Answer> {
  let url: URL;
  try {
    url = new URL(/^\w+:\/\//.test(text) ? text : `http://${text}`);
  } catch {
    throw new CurlError(3, 'URL using bad/illegal format or missing URL');
  }
  if (url.protocol !== 'http:')
    throw new CurlError(1, `Protocol "${url.protocol.slice(0, -1)}" not supported`);
  const port = Number(url.port || 80);
  const address = await lookUp(url.hostname, port, options, proc);
  const { clock } = proc.ns.kernel;
  const data = options.all('d', 'data').join('&');
  const method =
    options.last('X', 'request') ?? (options.has('I', 'head') ? 'HEAD' : data !== '' ? 'POST' : 'GET');
  const headers: Record<string, string> = {
    host: url.host,
    'user-agent': options.last('A', 'user-agent') ?? 'curl/7.88.1',
    accept: '*/*',
    connection: 'close',
  };
  if (data !== '') headers['content-type'] = 'application/x-www-form-urlencoded';
  for (const header of options.all('H', 'header')) {
    const at = header.indexOf(':');
    headers[header.slice(0, at).toLowerCase()] = header.slice(at + 1).trim();
  }
  const verbose = options.has('v', 'verbose');
  const connectLimit = Number(options.last('connect-timeout') ?? 300) * 1000;
  const totalLimit = Number(options.last('m', 'max-time') ?? Number.POSITIVE_INFINITY) * 1000;
  if (verbose) proc.err(`*   Trying ${address}:${port}...\n`);

  return await new Promise<Answer>((resolvePromise, reject) => {
    const request = httpRequest(stack, {
      host: address,
      port,
      path: url.pathname + url.search,
      method,
      headers,
    });
    let connect = 0;
    let remote = '';
    let local = '';
    const timers: { cancel(): void }[] = [];
    const give = (error: CurlError): void => {
      for (const timer of timers) timer.cancel();
      request.destroy();
      reject(error);
    };
    const since = (): number => Math.round(clock.now() - started);
    const onAbort = (): void => give(new CurlError(42, 'aborted'));
    proc.signal.addEventListener('abort', onAbort);
    if (Number.isFinite(totalLimit))
      timers.push(
        clock.after(totalLimit, () =>
          give(
            new CurlError(
              28,
              connect === 0
                ? `Connection timed out after ${since()} milliseconds`
                : `Operation timed out after ${since()} milliseconds with 0 bytes received`,
            ),
          ),
        ),
      );
    timers.push(
      clock.after(connectLimit, () => {
        if (connect === 0)
          give(
            new CurlError(
              28,
              `Failed to connect to ${url.hostname} port ${port} after ${since()} ms: Timeout was reached`,
            ),
          );
      }),
    );
    request.on('socket', (socket) =>
      socket.on('connect', () => {
        connect = clock.now() - started;
        remote = `${socket.remoteAddress}`;
        local = `${socket.localAddress}`;
        if (!verbose) return;
        proc.err(
          `* Connected to ${url.hostname} (${address}) port ${port} (#0)\n> ${method} ${url.pathname}${url.search} HTTP/1.1\n`,
        );
        for (const [k, v] of Object.entries(headers)) proc.err(`> ${k}: ${v}\n`);
        proc.err('>\n');
      }),
    );
    request.on('error', (error) => give(failure(error, url.hostname, port, connect, since())));
    request.on('response', (response) => {
      if (verbose) {
        proc.err(`< HTTP/1.1 ${response.statusCode} ${response.statusMessage}\n`);
        for (const [k, v] of Object.entries(response.headers)) proc.err(`< ${k}: ${v}\n`);
        proc.err('<\n');
      }
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', (error) => give(failure(error, url.hostname, port, connect, since())));
      response.on('end', () => {
        for (const timer of timers) timer.cancel();
        proc.signal.removeEventListener('abort', onAbort);
        resolvePromise({
          response,
          body: Buffer.concat(chunks),
          connect,
          total: clock.now() - started,
          remote,
          local,
        });
      });
    });
    request.end(data === '' ? undefined : data);
  });
}

async function lookUp(host: string, port: number, options: Options, proc: Process): Promise<string> {
  for (const entry of options.all('resolve')) {
    const [name, p, address] = entry.split(':');
    if (name === host && Number(p) === port && address !== undefined) return address;
  }
  const found = await resolve(proc, host);
  if ('error' in found) throw new CurlError(6, `Could not resolve host: ${host}`);
  return formatIpv4(found.addrs[0]!);
}

function failure(error: unknown, host: string, port: number, connect: number, ms: number): CurlError {
  const code = errnoOf(error);
  if (connect === 0) {
    const why = code === 'ETIMEDOUT' ? 'Connection timed out' : "Couldn't connect to server";
    return new CurlError(
      code === 'ETIMEDOUT' ? 28 : 7,
      `Failed to connect to ${host} port ${port} after ${ms} ms: ${why}`,
    );
  }
  if (code === 'ECONNRESET') {
    const empty = (error as Error).message === 'socket hang up';
    return empty
      ? new CurlError(52, 'Empty reply from server')
      : new CurlError(56, 'Recv failure: Connection reset by peer');
  }
  return new CurlError(56, (error as Error).message);
}

async function finish(answer: Answer, options: Options, proc: Process): Promise<number> {
  const { response, body } = answer;
  const status = response.statusCode ?? 0;
  const format = options.last('w', 'write-out');
  const fails = options.has('f', 'fail') && status >= 400;
  if (!fails) {
    const head = `HTTP/1.1 ${status} ${response.statusMessage}\r\n${Object.entries(response.headers)
      .map(([k, v]) => `${k}: ${v}\r\n`)
      .join('')}\r\n`;
    const output = options.last('o', 'output');
    const whole = Buffer.concat([
      ...(options.has('I', 'head', 'i', 'include') ? [Buffer.from(head)] : []),
      body,
    ]);
    if (output === undefined || output === '-') proc.out(whole);
    else if (output !== '/dev/null') proc.fs.write(output, whole);
  }
  if (format !== undefined) proc.out(writeOut(format, answer, answer.total));
  if (!fails) return 0;
  if (!options.has('s', 'silent') || options.has('S', 'show-error'))
    proc.err(`curl: (22) The requested URL returned error: ${status}\n`);
  await sleep(proc, 0);
  return 22;
}

function writeOut(format: string, answer: Answer | undefined, total: number): string {
  const values: Readonly<Record<string, string>> = {
    http_code: String(answer?.response.statusCode ?? 0).padStart(3, '0'),
    response_code: String(answer?.response.statusCode ?? 0).padStart(3, '0'),
    time_total: (total / 1000).toFixed(6),
    time_connect: ((answer?.connect ?? 0) / 1000).toFixed(6),
    size_download: String(answer?.body.length ?? 0),
    remote_ip: answer?.remote ?? '',
    local_ip: answer?.local ?? '',
  };
  return format
    .replace(/%\{(\w+)\}/g, (_, name: string) => values[name] ?? '')
    .replaceAll('\\n', '\n')
    .replaceAll('\\t', '\t');
}
