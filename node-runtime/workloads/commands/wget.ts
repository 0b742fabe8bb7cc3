// wget, busybox's: -q, -O FILE, -T SECONDS, -S, --spider. It is curl's fetch with other words around it.
import { getopt } from '../getopt.ts';
import { ExitError, type Program } from '../process.ts';
import { curl } from './curl.ts';

export const wget: Program = async (args, proc) => {
  const options = getopt(args, {
    short: 'qO:T:Sc',
    long: ['spider', 'timeout:', 'output-document:', 'quiet', 'tries:'],
  });
  const url = options.operands[0];
  if (url === undefined) throw new ExitError(1, 'wget: missing URL');
  const name =
    new URL(/^\w+:\/\//.test(url) ? url : `http://${url}`).pathname.split('/').pop() || 'index.html';
  const output = options.has('spider') ? '/dev/null' : (options.last('O', 'output-document') ?? name);
  const seconds = options.last('T', 'timeout');
  const quiet = options.has('q', 'quiet');
  let complaint = '';
  const code = await curl(['-sSfL', ...(seconds === undefined ? [] : ['-m', seconds]), '-o', output, url], {
    ...proc,
    err: (chunk) => {
      complaint += chunk.toString();
    },
  });
  if (code === 0) {
    if (!quiet && output !== '-') proc.err(`'${output}' saved\n`);
    return 0;
  }
  const [, number, text = ''] = /^curl: \((\d+)\) (.*)$/m.exec(complaint) ?? [];
  const host = new URL(/^\w+:\/\//.test(url) ? url : `http://${url}`).hostname;
  const words: Readonly<Record<string, string>> = {
    6: `bad address '${host}'`,
    7: `can't connect to remote host (${host}): Connection refused`,
    28: 'download timed out',
  };
  const status = /error: (\d+)/.exec(text)?.[1];
  proc.err(
    `wget: ${status === undefined ? (words[number ?? ''] ?? text) : `server returned error: HTTP/1.1 ${status}`}\n`,
  );
  return 1;
};
