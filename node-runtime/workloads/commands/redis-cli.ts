// redis-cli: one command to a Redis server, its answer printed raw, as redis-cli prints it where it does not write to a terminal.
import { formatIpv4 } from '../../kernel/wire/addr.ts';
import { connect } from '../../sockets/net.ts';
import { describeError, errnoOf } from '../errors.ts';
import { getopt } from '../getopt.ts';
import { withStack } from '../http-server.ts';
import { ExitError, type Program, waitFor } from '../process.ts';
import { EAI_TEXT, resolve } from '../resolve.ts';

export const redisCli: Program = (args, proc) =>
  withStack(proc, 'redis-cli', async (stack) => {
    const options = getopt(args, { short: 'h:p:a:n:t:', long: ['raw', 'no-raw'], stopAtOperand: true });
    const host = options.last('h') ?? '127.0.0.1';
    const port = Number(options.last('p') ?? 6379);
    const found = await resolve(proc, host);
    const refused = (why: string): never => {
      throw new ExitError(1, `Could not connect to Redis at ${host}:${port}: ${why}`);
    };
    if ('error' in found) return refused(EAI_TEXT[found.error]);
    if (options.operands.length === 0)
      throw new ExitError(1, 'redis-cli: give a command; there is no prompt here');
    const socket = connect(stack, { host: formatIpv4(found.addrs[0]!), port, noDelay: true });
    return waitFor<number>(proc, (done, fail) => {
      let held = Buffer.alloc(0) as Buffer;
      socket.on('error', (error) =>
        fail(
          new ExitError(
            1,
            `Could not connect to Redis at ${host}:${port}: ${describeError(errnoOf(error) ?? String(error))}`,
          ),
        ),
      );
      socket.on('data', (chunk: Buffer) => {
        held = Buffer.concat([held, chunk]);
        const reply = parseReply(held, 0);
        if (reply === undefined) return;
        proc.out(`${reply.text}\n`);
        done(reply.failed ? 1 : 0);
      });
      socket.on('end', () => fail(new ExitError(1, 'Error: Server closed the connection')));
      const words = options.operands.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
      socket.write(`*${words.length}\r\n${words.join('')}`);
      return () => socket.destroy();
    });
  });

interface Reply {
  readonly text: string;
  readonly next: number;
  readonly failed: boolean;
}

/** A RESP2 value at `at`; undefined while it is not whole. */
export function parseReply(b: Buffer, at: number): Reply | undefined {
  const end = b.indexOf('\r\n', at);
  if (end === -1) return undefined;
  const line = b.toString('utf8', at + 1, end);
  const next = end + 2;
  switch (b[at]) {
    case 0x2d: // -
      return { text: line, next, failed: true };
    case 0x24: {
      // $
      const length = Number(line);
      if (length < 0) return { text: '', next, failed: false };
      if (b.length < next + length + 2) return undefined;
      return { text: b.toString('utf8', next, next + length), next: next + length + 2, failed: false };
    }
    case 0x2a: {
      // *
      const items: string[] = [];
      let from = next;
      for (let i = 0; i < Number(line); i++) {
        const item = parseReply(b, from);
        if (item === undefined) return undefined;
        items.push(item.text);
        from = item.next;
      }
      return { text: items.join('\n'), next: from, failed: false };
    }
    default:
      return { text: line, next, failed: false };
  }
}
