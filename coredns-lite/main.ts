// The command coredns-lite (coredns/coremain/run.go): -conf, -dns.port, -plugins, -version, -quiet; and -check, which only reads
// the Corefile.
import { argv, exit, stdout } from 'node:process';
import { CorefileError } from './corefile/error.ts';
import { nodeHost } from './host-node.ts';
import { CHAIN } from './plugins/chain.ts';
import { Instance } from './server/instance.ts';

const USAGE = `usage: coredns-lite [-conf FILE] [-dns.port PORT] [-quiet] [-plugins] [-version]
  -conf FILE      the Corefile (./Corefile when it is there; without one: whoami and log on every name)
  -dns.port PORT  the port of server blocks that name none (53)
  -quiet          no line per server block at the start
  -plugins        the plugins that there are
  -version        the version
`;

interface Flags {
  conf: string | undefined;
  port: number;
  quiet: boolean;
}

function usage(message: string): never {
  process.stderr.write(`coredns-lite: ${message}\n${USAGE}`);
  exit(2);
}

function readFlags(args: readonly string[]): Flags {
  const flags: Flags = { conf: undefined, port: 53, quiet: false };
  const rest = [...args];
  while (rest.length > 0) {
    const arg = rest.shift()!;
    const [name, inline] = arg.replace(/^--?/, '').split(/=(.*)/s);
    const value = (): string => inline ?? rest.shift() ?? usage(`${arg} needs a value`);
    if (!arg.startsWith('-')) usage(`what is '${arg}'?`);
    if (name === 'conf') flags.conf = value();
    else if (name === 'dns.port' || name === 'p') {
      const text = value();
      flags.port =
        /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : usage(`${text} is no port`);
    } else if (name === 'quiet') flags.quiet = true;
    else if (name === 'plugins') {
      stdout.write(
        `Server types:\n  dns\n\nOther plugins:\n${CHAIN.map(([directive]) => `  dns.${directive}\n`).join('')}`,
      );
      exit(0);
    } else if (name === 'version') {
      stdout.write('CoreDNS-lite (podwire)\n');
      exit(0);
    } else if (name === 'help' || name === 'h') {
      stdout.write(USAGE);
      exit(0);
    } else usage(`unknown flag ${arg}`);
  }
  return flags;
}

const flags = readFlags(argv.slice(2));
const host = nodeHost({
  log: (line) => void stdout.write(`${line}\n`),
  fatal: (message) => {
    process.stderr.write(`${message}\n`);
    exit(1);
  },
});
const instance = new Instance({
  host,
  corefile: flags.conf ?? 'Corefile',
  ...(flags.conf === undefined ? { defaultCorefile: `.:${flags.port} {\n  whoami\n}\n` } : {}),
  port: flags.port,
});

const stop = (signal: NodeJS.Signals): void => {
  host.log(`[INFO] ${signal}: Shutting down servers then terminating`);
  instance.stop().then(() => exit(0));
};
process.once('SIGTERM', () => stop('SIGTERM'));
process.once('SIGINT', () => stop('SIGINT'));
if (process.platform !== 'win32') process.on('SIGUSR1', () => void instance.reload());

instance.start().then(
  () => {
    if (!flags.quiet) for (const line of instance.listing) host.log(line);
    host.log('CoreDNS-lite');
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    exit(error instanceof CorefileError ? 2 : 1);
  },
);
