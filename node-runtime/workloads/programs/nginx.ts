// nginx, as its image is: one server on port 80 that serves /usr/share/nginx/html, with an access log on standard output. A
// configuration in /etc/nginx is read only for the ports it listens on.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describeError, errnoOf } from '../errors.ts';
import { serveHttp, withStack } from '../http-server.ts';
import { Killed, type Process, type Program, sleep, waitFor, wallClock } from '../process.ts';
import { serveFile } from '../static-files.ts';
import { nginxError } from './pages.ts';

const ROOT = '/usr/share/nginx/html';
/** ngx_open_listening_sockets: five tries, half a second apart. */
const TRIES = 5;
const BETWEEN_TRIES = 500;
const CONF = ['/etc/nginx/conf.d', '/etc/nginx/http.d'];

export const nginx: Program = (_args, proc) =>
  withStack(proc, 'nginx', async (stack) => {
    for (const port of ports(proc)) {
      const taken = `nginx: [emerg] bind() to 0.0.0.0:${port} failed`;
      for (let tries = TRIES; ; tries--) {
        try {
          await serveHttp(stack, port, (request, response) => answer(proc, request, response));
          break;
        } catch (error) {
          const code = errnoOf(error) ?? '';
          if (code !== 'EADDRINUSE') throw error;
          proc.err(`${taken} (98: ${describeError(code)})\n`);
          if (tries > 1) {
            await sleep(proc, BETWEEN_TRIES);
            continue;
          }
          proc.err('nginx: [emerg] still could not bind()\n');
          return 1;
        }
      }
    }
    proc.ready();
    try {
      return await waitFor<number>(proc, () => () => {});
    } catch (error) {
      // SIGTERM is its fast shutdown.
      if (error instanceof Killed && error.signal === 'SIGTERM') return 0;
      throw error;
    }
  });

function ports(proc: Process): number[] {
  const found = new Set<number>();
  for (const dir of CONF) {
    if (!proc.fs.exists(dir)) continue;
    for (const name of proc.fs.list(dir).filter((n) => n.endsWith('.conf')))
      for (const [, port] of (proc.fs.tryRead(`${dir}/${name}`) ?? '').matchAll(
        /\blisten\s+(?:[\d.*]+:)?(\d+)\b/g,
      ))
        found.add(Number(port));
  }
  return found.size > 0 ? [...found] : [80];
}

function answer(proc: Process, request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('Server', 'nginx/1.27.4');
  const sent = serveFile(proc.fs, ROOT, request, response, nginxError);
  const { method, url, httpVersion, headers, socket } = request;
  proc.out(
    `${socket.remoteAddress} - - [${logTime(wallClock(proc))}] "${method} ${url} HTTP/${httpVersion}" ${sent.status} ${sent.bytes} "${headers.referer ?? '-'}" "${headers['user-agent'] ?? '-'}" "${headers['x-forwarded-for'] ?? '-'}"\n`,
  );
}

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** "23/Nov/2026:09:49:18 +0000": the common log format's time. */
export function logTime(ms: number): string {
  const d = new Date(ms);
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${two(d.getUTCDate())}/${MONTHS[d.getUTCMonth()]}/${d.getUTCFullYear()}:${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())} +0000`;
}
