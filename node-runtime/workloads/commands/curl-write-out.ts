// curl -w (src/tool_writeout.c) and the meter that curl draws on standard error while its output goes elsewhere.

/** What is known of a transfer. Times are milliseconds since its start. */
export interface Numbers {
  url: string;
  status: number;
  version: string;
  exitCode: number;
  error: string;
  lookup: number;
  connect: number;
  startTransfer: number;
  total: number;
  downloaded: number;
  length: number | undefined;
  headerBytes: number;
  contentType: string;
  redirects: number;
  redirectUrl: string;
  connects: number;
  remoteIp: string;
  remotePort: number;
  localIp: string;
  localPort: number;
}

const time = (ms: number): string => (ms / 1000).toFixed(6);
const code = (status: number): string => String(status).padStart(3, '0');

const VARIABLES: Readonly<Record<string, (n: Numbers) => string>> = {
  content_type: (n) => n.contentType,
  errormsg: (n) => n.error,
  exitcode: (n) => String(n.exitCode),
  http_code: (n) => code(n.status),
  http_version: (n) => n.version.replace(/\.0$/, n.version === '1.0' ? '.0' : ''),
  local_ip: (n) => n.localIp,
  local_port: (n) => String(n.localPort),
  num_connects: (n) => String(n.connects),
  num_redirects: (n) => String(n.redirects),
  redirect_url: (n) => n.redirectUrl,
  remote_ip: (n) => n.remoteIp,
  remote_port: (n) => String(n.remotePort),
  response_code: (n) => code(n.status),
  scheme: (n) => (n.connects > 0 ? 'HTTP' : ''),
  size_download: (n) => String(n.downloaded),
  size_header: (n) => String(n.headerBytes),
  speed_download: (n) => String(n.total === 0 ? 0 : Math.floor((n.downloaded * 1000) / n.total)),
  time_appconnect: () => time(0),
  time_connect: (n) => time(n.connect),
  time_namelookup: (n) => time(n.lookup),
  time_pretransfer: (n) => time(n.connect),
  time_redirect: () => time(0),
  time_starttransfer: (n) => time(n.startTransfer),
  time_total: (n) => time(n.total),
  url: (n) => n.url,
  url_effective: (n) => n.url,
};

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

export const writeOut = (format: string, numbers: Numbers): string =>
  format.replace(
    /%%|%\{(\w+)\}|\\([nrt])/g,
    (whole, name: string | undefined, special: string | undefined) => {
      if (whole === '%%') return '%';
      return special !== undefined ? ESCAPES[special]! : (VARIABLES[name!]?.(numbers) ?? '');
    },
  );

const HEAD =
  '  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n                                 Dload  Upload   Total   Spent    Left  Speed\n';

/** lib/progress.c: one line, as it stands at the end. */
export function progressMeter({ downloaded, length, total }: Numbers): string {
  const share = downloaded > 0 ? 100 : 0;
  const size = length ?? downloaded;
  const speed = total === 0 ? downloaded : Math.floor((downloaded * 1000) / total);
  const five = (n: number): string => amount(n).padStart(5);
  const seconds = Math.floor(total / 1000);
  const two = (n: number): string => String(n).padStart(2, '0');
  const spent =
    seconds === 0
      ? '--:--:--'
      : `${String(Math.floor(seconds / 3600)).padStart(2, '-')}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`.replace(
          /^-0/,
          '--',
        );
  return `${HEAD}\r${String(share).padStart(3)} ${five(size)}  ${String(share).padStart(3)} ${five(downloaded)}    0     0  ${five(speed)}      0 --:--:-- ${spent} --:--:-- ${five(speed)}\n`;
}

/** max5data: at most five characters. */
function amount(n: number): string {
  if (n < 100_000) return String(n);
  if (n < 10_000 * 1024) return `${Math.floor(n / 1024)}k`;
  return `${(n / 1024 / 1024).toFixed(1)}M`;
}
