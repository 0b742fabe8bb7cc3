// curl, as far as people test connectivity with it: output, messages and exit codes of 7.88, over node:http on the pod's sockets.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { formatIpv4, parseIpv4 } from '../../kernel/wire/addr.ts';
import { FsError } from '../../node-fs.ts';
import { httpRequest } from '../../sockets/http.ts';
import type { TcpSocket } from '../../sockets/net.ts';
import type { SocketStack } from '../../sockets/stack.ts';
import { describeError, errnoOf } from '../errors.ts';
import { withStack } from '../http-server.ts';
import { type Process, type Program, readAll, sleep, waitFor } from '../process.ts';
import { resolve } from '../resolve.ts';
import { type CurlOptions, curlOptions } from './curl-options.ts';
import { secured, type TlsOptions, tlsFailure } from './curl-tls.ts';
import { type Numbers, progressMeter, writeOut } from './curl-write-out.ts';

class CurlError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export const curl: Program = (args, proc) =>
  withStack(proc, 'curl', async (stack) => {
    const options = curlOptions(args);
    const body = await bodyOf(options, proc);
    let code = 0;
    for (const url of options.urls) code = await new Transfer(proc, stack, options, body).run(url);
    return code;
  });

async function bodyOf({ data }: CurlOptions, proc: Process): Promise<Buffer | undefined> {
  if (data.length === 0) return undefined;
  const parts: Buffer[] = [];
  for (const { kind, text } of data) {
    if (parts.length > 0) parts.push(Buffer.from('&'));
    if (kind === 'data-urlencode') {
      const at = text.indexOf('=');
      parts.push(Buffer.from(text.slice(0, at + 1) + encodeURIComponent(text.slice(at + 1))));
    } else if (kind === 'data-raw' || !text.startsWith('@')) parts.push(Buffer.from(text));
    else {
      const read =
        text === '@-' ? await readAll(proc.stdin) : Buffer.from(proc.fs.read(pathIn(proc, text.slice(1))));
      parts.push(
        kind === 'data' ? Buffer.from(read.toString('latin1').replace(/[\r\n\0]/g, ''), 'latin1') : read,
      );
    }
  }
  return Buffer.concat(parts);
}

const pathIn = (proc: Process, path: string): string => (path.startsWith('/') ? path : `${proc.cwd}/${path}`);

/** One URL, with its retries and redirections. */
class Transfer {
  readonly #proc: Process;
  readonly #stack: SocketStack;
  readonly #options: CurlOptions;
  readonly #body: Buffer | undefined;
  readonly #kept: Uint8Array[] = [];
  readonly #numbers: Numbers;
  #started = 0;

  constructor(proc: Process, stack: SocketStack, options: CurlOptions, body: Buffer | undefined) {
    this.#proc = proc;
    this.#stack = stack;
    this.#options = options;
    this.#body = body;
    this.#numbers = fresh();
  }

  async run(given: string): Promise<number> {
    const { retries, retryDelay, retryRefused, progress, writeOut: format } = this.#options;
    const shown = progress && this.#proc.tty === undefined;
    let failed: CurlError | undefined;
    for (let tries = 0; ; tries++) {
      Object.assign(this.#numbers, fresh());
      this.#kept.length = 0;
      this.#started = this.#proc.ns.kernel.clock.now();
      failed = await this.#once(given);
      const status = this.#numbers.status;
      const transient = failed?.code === 28 || [408, 429, 500, 502, 503, 504].includes(status);
      if (tries >= retries || !(transient || (retryRefused && failed !== undefined))) break;
      // One second, doubled each time, up to ten minutes.
      const wait = retryDelay ?? Math.min(1000 * 2 ** tries, 600_000);
      const problem =
        failed?.code === 28 ? 'timeout' : failed === undefined ? 'HTTP error' : 'connection refused';
      this.#proc.err(
        `Warning: Problem: ${problem}. Will retry in ${wait / 1000} seconds. ${retries - tries} retries left.\n`,
      );
      await sleep(this.#proc, wait);
    }
    this.#numbers.total = this.#since();
    failed ??= this.#store(given);
    if (shown && !this.#toTerminal) this.#proc.err(progressMeter(this.#numbers));
    this.#numbers.exitCode = failed?.code ?? 0;
    this.#numbers.error = failed?.message ?? '';
    if (format !== undefined) this.#proc.out(writeOut(format, this.#numbers));
    const { silent, showError } = this.#options;
    if (failed !== undefined && (!silent || showError))
      this.#proc.err(`curl: (${failed.code}) ${failed.message}\n`);
    return failed?.code ?? 0;
  }

  get #toTerminal(): boolean {
    return this.#proc.tty !== undefined;
  }
  #since(): number {
    return this.#proc.ns.kernel.clock.now() - this.#started;
  }

  async #once(given: string): Promise<CurlError | undefined> {
    const { follow, maxRedirects, fail, failWithBody, maxTime } = this.#options;
    const { clock } = this.#proc.ns.kernel;
    try {
      let url = parseUrl(given);
      let { method } = this.#options;
      for (let hops = 0; ; hops++) {
        const location = await waitFor<string | undefined>(this.#proc, (done, refuse) => {
          const stops: (() => void)[] = [];
          const over = (error: unknown): void => refuse(error);
          if (Number.isFinite(maxTime)) {
            const timer = clock.at(this.#started + maxTime, () => over(this.#timedOut()));
            stops.push(() => timer.cancel());
          }
          this.#request(url, method, stops).then(done, refuse);
          return () => {
            for (const stop of stops) stop();
          };
        });
        if (!follow || location === undefined) break;
        if (hops >= maxRedirects) throw new CurlError(47, `Maximum (${maxRedirects}) redirects followed`);
        url = new URL(location, url);
        // 301, 302 and 303 turn POST into GET, as browsers do.
        if (method === 'POST' && this.#numbers.status <= 303) method = 'GET';
        this.#numbers.redirects++;
      }
      const { status } = this.#numbers;
      if ((fail || failWithBody) && status >= 400)
        throw new CurlError(22, `The requested URL returned error: ${status}`);
      return undefined;
    } catch (error) {
      if (error instanceof CurlError) return error;
      throw error;
    }
  }

  #timedOut(): CurlError {
    const ms = Math.floor(this.#since());
    const { connect, downloaded, length } = this.#numbers;
    if (connect === 0) return new CurlError(28, `Connection timed out after ${ms} milliseconds`);
    const outOf = length === undefined ? '' : ` out of ${length}`;
    return new CurlError(
      28,
      `Operation timed out after ${ms} milliseconds with ${downloaded}${outOf} bytes received`,
    );
  }

  /** Sends one request and takes its answer. Resolves to where a redirection points. */
  async #request(url: URL, method: string, stops: (() => void)[]): Promise<string | undefined> {
    const numbers = this.#numbers;
    numbers.url = url.href;
    const secure = url.protocol === 'https:';
    if (url.protocol !== 'http:' && !secure)
      throw new CurlError(1, `Protocol "${url.protocol.slice(0, -1)}" not supported or disabled in libcurl`);
    const port = Number(url.port || (secure ? 443 : 80));
    const host = url.hostname;
    const address = await this.#lookUp(host, port);
    numbers.lookup = this.#since();
    this.#verbose('*', `  Trying ${address}:${port}...`);
    const headers = this.#headers(url, method);
    const sent =
      this.#body !== undefined && !this.#options.dataInQuery && method !== 'HEAD' && method !== 'GET';
    const query =
      this.#options.dataInQuery && this.#body !== undefined
        ? `${url.search === '' ? '?' : '&'}${this.#body}`
        : '';
    const path = url.pathname + url.search + query;
    return await new Promise((done, refuse) => {
      const { clock } = this.#proc.ns.kernel;
      const tls = secure ? this.#tls(host) : undefined;
      let raw: TcpSocket | undefined;
      const wrap = (tcp: TcpSocket): Duplex => {
        raw = tcp;
        return secured(tcp, tls!);
      };
      const request = httpRequest(this.#stack, {
        host: address,
        port,
        path,
        method,
        setHost: false,
        ...this.#source(),
        ...(tls === undefined ? {} : { wrap }),
      });
      request.removeHeader('connection');
      for (const [name, value] of headers) request.setHeader(name, value);
      stops.push(() => request.destroy());
      const timer = clock.after(this.#options.connectTimeout, () => {
        if (numbers.connect > 0) return;
        request.destroy();
        refuse(
          new CurlError(
            28,
            `Failed to connect to ${host} port ${port} after ${Math.floor(this.#since())} ms: Timeout was reached`,
          ),
        );
      });
      stops.push(() => timer.cancel());
      request.on('socket', (outer) => {
        const socket = (raw as Socket | undefined) ?? outer;
        if (secure) (outer as TLSSocket).once('secureConnect', () => this.#secured(outer as TLSSocket));
        const connected = (): void =>
          this.#connected(socket, `${host} (${address}) port ${port}`, [
            `${method} ${path} HTTP/1.1`,
            ...headers.map(([n, v]) => `${n}: ${v}`),
          ]);
        // Nothing takes time on a cable without delay: it may stand already.
        if (socket.connecting) socket.once('connect', connected);
        else if (socket.remoteAddress !== undefined) connected();
      });
      request.on('error', (error) => refuse(this.#failure(error, host, address, port)));
      request.on('response', (response) => this.#response(response, done, refuse));
      if (sent) request.end(this.#body);
      else request.end();
    });
  }

  #connected(socket: Socket, where: string, request: readonly string[]): void {
    const numbers = this.#numbers;
    numbers.connect = Math.max(this.#since(), Number.MIN_VALUE);
    numbers.connects++;
    numbers.remoteIp = socket.remoteAddress ?? '';
    numbers.remotePort = socket.remotePort ?? 0;
    numbers.localIp = socket.localAddress ?? '';
    numbers.localPort = socket.localPort ?? 0;
    this.#verbose('*', `Connected to ${where} (#0)`);
    this.#verbose('>', [...request, ''].join('\n> '));
  }

  #response(
    response: IncomingMessage,
    done: (location: string | undefined) => void,
    refuse: (error: unknown) => void,
  ): void {
    const numbers = this.#numbers;
    const { include, follow, fail, output, remoteName } = this.#options;
    numbers.status = response.statusCode ?? 0;
    numbers.version = response.httpVersion;
    numbers.startTransfer = this.#since();
    numbers.contentType = response.headers['content-type'] ?? '';
    const length = response.headers['content-length'];
    numbers.length = length === undefined ? undefined : Number(length);
    const lines = [
      `HTTP/${response.httpVersion} ${response.statusCode} ${response.statusMessage ?? ''}`.trimEnd(),
    ];
    for (let i = 0; i < response.rawHeaders.length; i += 2)
      lines.push(`${response.rawHeaders[i]}: ${response.rawHeaders[i + 1]}`);
    this.#verbose('<', [...lines, ''].join('\n< '));
    const { location } = response.headers;
    numbers.redirectUrl = numbers.status >= 300 && numbers.status < 400 ? (location ?? '') : '';
    const redirected = numbers.redirectUrl !== '';
    const hidden = fail && numbers.status >= 400;
    const toFile = output !== undefined || remoteName;
    const write = (chunk: Uint8Array): void => {
      if (toFile) this.#kept.push(chunk);
      else this.#proc.out(chunk);
    };
    numbers.headerBytes = lines.reduce((sum, line) => sum + line.length + 2, 2);
    if (include && !hidden) write(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'));
    response.on('data', (chunk: Buffer) => {
      numbers.downloaded += chunk.length;
      if (!hidden && !(redirected && follow)) write(chunk);
    });
    response.on('error', () => {
      const missing = (numbers.length ?? numbers.downloaded) - numbers.downloaded;
      refuse(
        missing > 0
          ? new CurlError(18, `transfer closed with ${missing} bytes remaining to read`)
          : new CurlError(56, 'Recv failure: Connection reset by peer'),
      );
    });
    response.on('end', () => {
      this.#verbose('*', 'Connection #0 to host left intact');
      done(redirected ? location : undefined);
    });
  }

  /** Writes what was kept for a file. */
  #store(given: string): CurlError | undefined {
    const { output, remoteName } = this.#options;
    if (output === undefined && !remoteName) return undefined;
    const file = output ?? parseUrl(given).pathname.split('/').at(-1)!;
    if (file === '-') this.#proc.out(Buffer.concat(this.#kept));
    else if (file === '') return new CurlError(23, 'Remote file name has no length!');
    else if (file !== '/dev/null')
      try {
        this.#proc.fs.write(pathIn(this.#proc, file), Buffer.concat(this.#kept));
      } catch (error) {
        if (!(error instanceof FsError)) throw error;
        return new CurlError(23, 'Failure writing output to destination');
      }
    return undefined;
  }

  #headers(url: URL, method: string): [string, string][] {
    const headers = new Map<string, [string, string]>();
    const set = (name: string, value: string): void => void headers.set(name.toLowerCase(), [name, value]);
    set('Host', url.host);
    set('User-Agent', this.#options.userAgent);
    set('Accept', '*/*');
    for (const header of this.#options.headers) {
      const at = header.indexOf(':');
      const name = (at === -1 ? header.replace(/;$/, '') : header.slice(0, at)).trim();
      // "Name:" without a value takes the header away.
      if (at !== -1 && header.slice(at + 1).trim() === '') headers.delete(name.toLowerCase());
      else set(name, at === -1 ? '' : header.slice(at + 1).trim());
    }
    if (this.#body !== undefined && !this.#options.dataInQuery && method !== 'GET' && method !== 'HEAD') {
      if (!headers.has('content-length')) set('Content-Length', String(this.#body.length));
      if (!headers.has('content-type')) set('Content-Type', 'application/x-www-form-urlencoded');
    }
    return [...headers.values()];
  }

  /** --interface: an address, or a device's first. */
  #source(): { localAddress?: string; localPort?: number } {
    const { interface: from, localPort } = this.#options;
    const port = localPort === undefined ? {} : { localPort };
    if (from === undefined) return port;
    if (parseIpv4(from) !== undefined) return { localAddress: from, ...port };
    const addr = this.#proc.ns.device(from)?.addrs[0]?.addr;
    if (addr === undefined) throw new CurlError(45, `Couldn't bind to '${from}'`);
    return { localAddress: formatIpv4(addr), ...port };
  }

  async #lookUp(host: string, port: number): Promise<string> {
    for (const entry of this.#options.resolve)
      if ((entry.host === host || entry.host === '*') && entry.port === port) return entry.address;
    const found = await resolve(this.#proc, host);
    if ('error' in found) throw new CurlError(6, `Could not resolve host: ${host}`);
    return formatIpv4(found.addrs[0]!);
  }

  #failure(error: unknown, host: string, address: string, port: number): CurlError {
    const code = errnoOf(error);
    const { connect } = this.#numbers;
    const tls = connect === 0 ? undefined : tlsFailure(error, host);
    if (tls !== undefined) return new CurlError(tls.exit, tls.message);
    const ms = Math.floor(this.#since());
    if (connect === 0) {
      this.#verbose('*', `connect to ${address} port ${port} failed: ${describeError(code ?? '')}`);
      const [exit, why] =
        code === 'ETIMEDOUT' ? [28, "Couldn't connect to server"] : [7, "Couldn't connect to server"];
      return new CurlError(
        exit as number,
        `Failed to connect to ${host} port ${port} after ${ms} ms: ${why}`,
      );
    }
    if (code === 'ECONNRESET')
      return (error as Error).message === 'socket hang up'
        ? new CurlError(52, 'Empty reply from server')
        : new CurlError(56, 'Recv failure: Connection reset by peer');
    if (code?.startsWith('HPE_')) return new CurlError(1, 'Received HTTP/0.9 when not allowed');
    return new CurlError(56, `Recv failure: ${describeError(code ?? String(error))}`);
  }

  /** What --cacert, --cert, --key and --insecure say. */
  #tls(host: string): TlsOptions {
    const { insecure, cacert, cert, key } = this.#options;
    const read = (file: string, exit: number, words: string): string => {
      try {
        return this.#proc.fs.readText(pathIn(this.#proc, file));
      } catch (error) {
        if (!(error instanceof FsError)) throw error;
        throw new CurlError(exit, words);
      }
    };
    const certificate = cert?.replace(/(?<=.):[^:/]*$/, '');
    return {
      host,
      insecure,
      ca: cacert === undefined ? undefined : read(cacert, 77, `error setting certificate file: ${cacert}`),
      certificate:
        certificate === undefined
          ? undefined
          : read(certificate, 58, `could not load PEM client certificate, no such file: ${certificate}`),
      key:
        key !== undefined
          ? read(key, 58, `unable to set private key file: '${key}' type PEM`)
          : certificate === undefined
            ? undefined
            : read(certificate, 58, `unable to set private key file: '${certificate}' type PEM`),
    };
  }

  #secured(socket: TLSSocket): void {
    const { subject, issuer, valid_from, valid_to } = socket.getPeerCertificate();
    const named = (of: object): string =>
      Object.entries(of)
        .map(([name, value]) => `${name}=${value}`)
        .join('; ');
    this.#verbose('*', `SSL connection using ${socket.getProtocol()} / ${socket.getCipher().name}`);
    this.#verbose('*', 'Server certificate:');
    this.#verbose('*', ` subject: ${named(subject)}`);
    this.#verbose('*', ` start date: ${valid_from}`);
    this.#verbose('*', ` expire date: ${valid_to}`);
    this.#verbose('*', ` issuer: ${named(issuer)}`);
    this.#verbose(
      '*',
      socket.authorized
        ? ' SSL certificate verify ok.'
        : ' SSL certificate verify result: not verified, continuing anyway.',
    );
  }

  #verbose(mark: string, text: string): void {
    if (this.#options.verbose) this.#proc.err(`${mark} ${text}\n`);
  }
}

function parseUrl(text: string): URL {
  try {
    return new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  } catch {
    throw new CurlError(3, 'URL using bad/illegal format or missing URL');
  }
}

const fresh = (): Numbers => ({
  url: '',
  status: 0,
  version: '0',
  exitCode: 0,
  error: '',
  lookup: 0,
  connect: 0,
  startTransfer: 0,
  total: 0,
  downloaded: 0,
  length: undefined,
  headerBytes: 0,
  contentType: '',
  redirects: 0,
  redirectUrl: '',
  connects: 0,
  remoteIp: '',
  remotePort: 0,
  localIp: '',
  localPort: 0,
});
