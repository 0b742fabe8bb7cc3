// `agnhost connect HOST:PORT` (test/images/agnhost/connect): tries once and says in one word why not, for network policy tests.
import { formatIpv4 } from '../../kernel/wire/addr.ts';
import { createSocket } from '../../sockets/dgram.ts';
import { connect } from '../../sockets/net.ts';
import type { SocketStack } from '../../sockets/stack.ts';
import { errnoOf, goError } from '../errors.ts';
import { getopt } from '../getopt.ts';
import { withStack } from '../http-server.ts';
import { type Process, waitFor } from '../process.ts';
import { resolve } from '../resolve.ts';
import { seconds } from './simple.ts';

export function resolveServer(args: readonly string[], proc: Process): Promise<number> {
  const options = getopt(args, { short: '', long: ['timeout:', 'protocol:', 'udp-data:'] });
  const target = options.operands[0] ?? '';
  const at = target.lastIndexOf(':');
  const [host, port] = [target.slice(0, at), Number(target.slice(at + 1))];
  const limit = (seconds(options.last('timeout') ?? '0') ?? 0) * 1000;
  return withStack(proc, 'agnhost', async (stack) => {
    const found = await resolve(proc, host);
    const outcome =
      'error' in found
        ? `DNS: lookup ${host}: no such host`
        : await attempt(
            proc,
            stack,
            options.last('protocol') ?? 'tcp',
            formatIpv4(found.addrs[0]!),
            port,
            limit,
          );
    if (outcome === undefined) return 0;
    proc.err(`${outcome}\n`);
    return 1;
  });
}

/** Undefined when it went well. */
function attempt(
  proc: Process,
  stack: SocketStack,
  protocol: string,
  host: string,
  port: number,
  limit: number,
): Promise<string | undefined> {
  return waitFor<string | undefined>(proc, (done) => {
    const timer = limit > 0 ? proc.ns.kernel.clock.after(limit, () => done('TIMEOUT')) : undefined;
    const failed = (error: Error): void => {
      const code = errnoOf(error) ?? '';
      if (code === 'ECONNREFUSED') done('REFUSED');
      else if (code === 'ETIMEDOUT') done('TIMEOUT');
      else done(`OTHER: dial ${protocol} ${host}:${port}: connect: ${goError(code)}`);
    };
    if (protocol === 'udp') {
      const socket = createSocket(stack);
      socket.on('error', failed);
      socket.on('message', () => done(undefined));
      socket.send(Buffer.from('hostname\n'), { port, address: host });
      return () => {
        timer?.cancel();
        socket.close();
      };
    }
    const socket = connect(stack, { host, port });
    socket.on('connect', () => done(undefined));
    socket.on('error', failed);
    return () => {
      timer?.cancel();
      socket.destroy();
    };
  });
}
