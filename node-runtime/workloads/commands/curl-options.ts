// curl's command line (src/tool_getparam.c): the options that people test connectivity with. Those about proxies and encodings are
// taken and mean nothing here.
import { getopt, OptionError, type Options } from '../getopt.ts';
import { ExitError } from '../process.ts';

const TAKES_VALUE =
  'output request data data-raw data-binary data-urlencode json header max-time connect-timeout write-out user-agent referer resolve retry retry-delay retry-max-time interface local-port max-redirs user cookie cacert cert key proxy noproxy range limit-rate keepalive-time form ciphers tls-max url';
const FLAGS =
  'silent show-error verbose head insecure location fail fail-with-body include get remote-name http1.0 http1.1 http2 compressed no-buffer no-progress-meter progress-bar retry-connrefused retry-all-errors tcp-nodelay no-keepalive ipv4 ipv6 globoff path-as-is create-dirs next parallel disable no-alpn anyauth basic version help';
const SPEC = {
  short: 'sSo:vIX:d:H:km:w:LfiA:Ne:x:u:b:r:GO0#4q6gE:F:ZVh',
  long: [...TAKES_VALUE.split(' ').map((name) => `${name}:`), ...FLAGS.split(' ')],
};

const HINT = "curl: try 'curl --help' or 'curl --manual' for more information";

export interface CurlOptions {
  readonly urls: readonly string[];
  readonly silent: boolean;
  readonly showError: boolean;
  readonly verbose: boolean;
  readonly include: boolean;
  readonly fail: boolean;
  readonly failWithBody: boolean;
  readonly follow: boolean;
  readonly maxRedirects: number;
  readonly method: string;
  /** Undefined: no body. */
  readonly data: readonly DataOption[];
  readonly dataInQuery: boolean;
  readonly headers: readonly string[];
  readonly userAgent: string;
  readonly output: string | undefined;
  readonly remoteName: boolean;
  readonly writeOut: string | undefined;
  /** Milliseconds. */
  readonly maxTime: number;
  readonly connectTimeout: number;
  readonly resolve: readonly { readonly host: string; readonly port: number; readonly address: string }[];
  readonly retries: number;
  readonly retryDelay: number | undefined;
  readonly retryRefused: boolean;
  readonly interface: string | undefined;
  readonly localPort: number | undefined;
  readonly progress: boolean;
  readonly insecure: boolean;
  /** Files. */
  readonly cacert: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

export interface DataOption {
  readonly kind: 'data' | 'data-raw' | 'data-binary' | 'data-urlencode';
  readonly text: string;
}

/** Throws an ExitError with curl's own words and code 2. */
export function curlOptions(args: readonly string[]): CurlOptions {
  let options: Options;
  try {
    options = getopt(args, SPEC);
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    const { kind, option } = error.refusal;
    const name = option.length === 1 ? `-${option}` : `--${option}`;
    throw new ExitError(
      2,
      `curl: option ${name}: ${kind === 'unknown' ? 'is unknown' : 'requires parameter'}\n${HINT}`,
    );
  }
  const urls = [...options.all('url'), ...options.operands];
  if (urls.length === 0) throw new ExitError(2, HINT);
  const seconds = (name: string, ...others: string[]): number | undefined => {
    const text = options.last(name, ...others);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (!(value >= 0) || text === '')
      throw new ExitError(
        2,
        `curl: option ${others.length > 0 ? '-' : '--'}${others[0] ?? name}: expected a proper numerical parameter\n${HINT}`,
      );
    return value * 1000;
  };
  const data = dataOf(options);
  const json = options.has('json');
  const head = options.has('I', 'head');
  const get = options.has('G', 'get');
  const user = options.last('u', 'user');
  return {
    urls,
    silent: options.has('s', 'silent'),
    showError: options.has('S', 'show-error'),
    verbose: options.has('v', 'verbose'),
    include: head || options.has('i', 'include'),
    fail: options.has('f', 'fail'),
    failWithBody: options.has('fail-with-body'),
    follow: options.has('L', 'location'),
    maxRedirects: Number(options.last('max-redirs') ?? 50),
    method: options.last('X', 'request') ?? (head ? 'HEAD' : data.length > 0 && !get ? 'POST' : 'GET'),
    data,
    dataInQuery: get,
    headers: [
      ...(json ? ['Content-Type: application/json', 'Accept: application/json'] : []),
      ...(user === undefined ? [] : [`Authorization: Basic ${Buffer.from(user).toString('base64')}`]),
      ...options.all('b', 'cookie').map((cookie) => `Cookie: ${cookie}`),
      ...options.all('e', 'referer').map((from) => `Referer: ${from}`),
      ...options.all('H', 'header'),
    ],
    userAgent: options.last('A', 'user-agent') ?? 'curl/7.88.1',
    output: options.last('o', 'output'),
    remoteName: options.has('O', 'remote-name'),
    writeOut: options.last('w', 'write-out'),
    maxTime: seconds('max-time', 'm') ?? Number.POSITIVE_INFINITY,
    // CURL default: five minutes.
    connectTimeout: seconds('connect-timeout') ?? 300_000,
    resolve: options.all('resolve').map((entry) => {
      const [host = '', port = '', ...address] = entry.replace(/^\+/, '').split(':');
      return { host, port: Number(port), address: address.join(':') };
    }),
    retries: Number(options.last('retry') ?? 0),
    retryDelay: seconds('retry-delay'),
    retryRefused: options.has('retry-connrefused', 'retry-all-errors'),
    interface: options.last('interface'),
    localPort: options.has('local-port') ? Number.parseInt(options.last('local-port')!, 10) : undefined,
    progress: !options.has('s', 'silent', 'no-progress-meter'),
    insecure: options.has('k', 'insecure'),
    cacert: options.last('cacert'),
    cert: options.last('E', 'cert'),
    key: options.last('key'),
  };
}

function dataOf(options: Options): DataOption[] {
  const found: DataOption[] = [];
  for (const [name, text] of options.given) {
    if (name === 'd' || name === 'data') found.push({ kind: 'data', text });
    else if (name === 'data-raw' || name === 'data-binary' || name === 'data-urlencode')
      found.push({ kind: name, text });
    else if (name === 'json') found.push({ kind: 'data-binary', text });
  }
  return found;
}
