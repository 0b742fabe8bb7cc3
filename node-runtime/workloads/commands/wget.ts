// wget, busybox's (networking/wget.c): its words and exit codes around the same transfer that curl makes.
import { getopt, OptionError } from '../getopt.ts';
import { ExitError, type Program } from '../process.ts';
import { curl } from './curl.ts';

const LONG = [
  'spider',
  'timeout:',
  'output-document:',
  'quiet',
  'tries:',
  'header:',
  'post-data:',
  'user-agent:',
  'no-check-certificate',
  'server-response',
  'no-verbose',
];

/** Busybox's default is 900 s. */
const TIMEOUT = '900';

export const wget: Program = async (args, proc) => {
  let options: ReturnType<typeof getopt>;
  try {
    options = getopt(args, { short: 'qO:T:ScU:P:Y:t:n:', long: LONG });
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    throw new ExitError(1, `wget: unrecognized option: ${error.refusal.option}`);
  }
  const url = options.operands[0];
  if (url === undefined)
    throw new ExitError(1, 'BusyBox v1.37.0 multi-call binary.\n\nUsage: wget [OPTION]... URL...');
  const whole = /^\w+:\/\//.test(url) ? url : `http://${url}`;
  const target = URL.canParse(whole) ? new URL(whole) : undefined;
  if (target === undefined) throw new ExitError(1, `wget: bad address '${url}'`);
  const name = target.pathname.split('/').pop() || 'index.html';
  const spider = options.has('spider');
  const output = spider ? '/dev/null' : (options.last('O', 'output-document') ?? name);
  const quiet = options.has('q', 'quiet');
  const agent = options.last('U', 'user-agent') ?? 'Wget';
  const post = options.last('post-data');
  let said = '';
  const code = await curl(
    [
      '-sSfLv',
      ...['-m', options.last('T', 'timeout') ?? TIMEOUT],
      ...(output === '-' ? [] : ['-o', output]),
      ...['-A', agent],
      ...options.all('header').flatMap((header) => ['-H', header]),
      ...(post === undefined ? [] : ['-d', post]),
      whole,
    ],
    {
      ...proc,
      err: (chunk) => {
        said += chunk.toString();
      },
    },
  );
  const address = /^\* +Trying (\S+)\.\.\.$/m.exec(said)?.[1];
  if (!quiet && address !== undefined) proc.err(`Connecting to ${target.host} (${address})\n`);
  if (options.has('S', 'server-response'))
    for (const [, line] of said.matchAll(/^< (.+)$/gm)) proc.err(`  ${line}\n`);
  if (code === 0) {
    if (quiet) return 0;
    if (spider) proc.err('remote file exists\n');
    else if (output === '-') proc.err('writing to stdout\nwritten to stdout\n');
    else proc.err(`saving to '${output}'\n'${output}' saved\n`);
    return 0;
  }
  proc.err(`wget: ${words(said, target.hostname, address)}\n`);
  return 1;
};

/** What went wrong, from what curl said of it. */
function words(said: string, host: string, address: string | undefined): string {
  const [, code, text = ''] = /^curl: \((\d+)\) (.*)$/m.exec(said) ?? [];
  const status = /^< (HTTP\/.*)$/gm.exec(said)?.[1];
  switch (code) {
    case '6':
      return `bad address '${host}'`;
    case '7': {
      const why = /^\* connect to \S+ port \d+ failed: (.*)$/m.exec(said)?.[1] ?? 'Connection refused';
      return `can't connect to remote host (${address?.split(':')[0] ?? host}): ${why}`;
    }
    case '22':
      return `server returned error: ${status ?? text}`;
    case '28':
      return 'download timed out';
    case '52':
      return 'error getting response';
    default:
      return text;
  }
}
