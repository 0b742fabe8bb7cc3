// registry.k8s.io/e2e-test-images/agnhost: the image of Kubernetes' own network tests (test/images/agnhost). One program with
// many subcommands, of which those that listen, ask and wait are here.

import { createSocket, type RemoteInfo } from '../../sockets/dgram.ts';
import { createServer } from '../../sockets/net-server.ts';
import type { SocketStack } from '../../sockets/stack.ts';
import { getopt } from '../getopt.ts';
import { serve, serveHttp } from '../http-server.ts';
import { forever, type Process, type Program } from '../process.ts';
import { bindUdp } from '../udp-server.ts';
import { resolveServer } from './agnhost-connect.ts';
import { netexec } from './agnhost-netexec.ts';

const SUBCOMMANDS: Readonly<Record<string, Program>> = {
  connect: resolveServer,
  'dns-server-list': (_, proc) => printMatches(proc, /^nameserver (.*)$/gm, ','),
  'dns-suffix': (_, proc) => printMatches(proc, /^search (.*)$/gm, ','),
  'entrypoint-tester': (args, proc) => {
    proc.out(`[${['/agnhost', 'entrypoint-tester', ...args].join(' ')}]\n`);
    return 0;
  },
  'etc-hosts': (_, proc) => {
    proc.out(proc.fs.tryRead('/etc/hosts') ?? '');
    return 0;
  },
  help: (_, proc) => {
    proc.out(
      `Usage:\n  app [command]\n\nAvailable Commands:\n${Object.keys(SUBCOMMANDS)
        .map((name) => `  ${name}\n`)
        .join('')}`,
    );
    return 0;
  },
  netexec,
  pause: (_, proc) => {
    proc.out('Paused\n');
    proc.ready();
    return forever(proc);
  },
  porter,
  'serve-hostname': serveHostname,
};

export const agnhost: Program = (args, proc) => {
  const [name = 'help', ...rest] = args;
  const run = SUBCOMMANDS[name];
  if (run !== undefined) return run(rest, proc);
  proc.err(
    `Error: unknown command "${name}" for "app"\nRun 'app --help' for usage.\nunknown command "${name}" for "app"\n`,
  );
  return 1;
};

function printMatches(proc: Process, pattern: RegExp, separator: string): number {
  const found = [...(proc.fs.tryRead('/etc/resolv.conf') ?? '').matchAll(pattern)].flatMap(([, words]) =>
    words!.trim().split(/\s+/),
  );
  proc.out(`${found.join(separator)}\n`);
  return 0;
}

const isOn = (text: string | undefined, otherwise: boolean): boolean =>
  text === undefined ? otherwise : text !== 'false';

/** serve-hostname: over HTTP, TCP (a line, then the end) or UDP (to whoever sends something). */
function serveHostname(args: readonly string[], proc: Process): Promise<number> {
  const options = getopt(args.map(bare), {
    short: '',
    long: ['port:', 'http:', 'tcp:', 'udp:', 'close:'],
  });
  const port = Number(options.last('port') ?? 9376);
  const tcp = isOn(options.last('tcp'), false);
  const udp = isOn(options.last('udp'), false);
  return serve(proc, 'agnhost', async (stack) => {
    if (udp) {
      const socket = createSocket(stack);
      socket.on('message', (_data: Buffer, from: RemoteInfo) =>
        socket.send(Buffer.from(proc.hostname), { port: from.port, address: from.address }),
      );
      await bindUdp(socket, port);
    }
    if (tcp) await serveTcp(stack, port, proc.hostname);
    else if (isOn(options.last('http'), !udp))
      await serveHttp(stack, port, (_, response) => {
        response.end(proc.hostname);
      });
  });
}

/** Go's flag package takes a boolean flag without a value for true. */
const bare = (arg: string): string =>
  /^--?(http|tcp|udp|close)$/.test(arg) ? `--${arg.replace(/^-+/, '')}=true` : arg;

function serveTcp(stack: SocketStack, port: number, text: string): Promise<void> {
  const server = createServer(stack, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(text);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port }, () => resolve());
  });
}

/** porter: each SERVE_PORT_<port> in the environment is a port that answers with the variable's value. */
function porter(_: readonly string[], proc: Process): Promise<number> {
  return serve(proc, 'agnhost', async (stack) => {
    for (const [name, value] of Object.entries(proc.env)) {
      const port = /^SERVE_PORT_(\d+)$/.exec(name)?.[1];
      if (port === undefined) continue;
      await serveHttp(stack, Number(port), (_request, response) => {
        response.end(value);
      });
    }
  });
}
