// redis-server, as far as demos use it: RESP2 (redis.io/docs/reference/protocol-spec) with PING, GET, SET, INCR, DEL, ECHO,
// KEYS, DBSIZE and INFO, on a table in memory.
import { createServer } from '../../sockets/net-server.ts';
import { getopt } from '../getopt.ts';
import { serve } from '../http-server.ts';
import type { Program } from '../process.ts';

const MAX_REQUEST = 1 << 20;

const bulk = (text: string | undefined): string =>
  text === undefined ? '$-1\r\n' : `$${Buffer.byteLength(text)}\r\n${text}\r\n`;

export const redis: Program = (args, proc) => {
  const options = getopt(args, { short: '', long: ['port:', 'replicaof:', 'slaveof:', 'appendonly:'] });
  const port = Number(options.last('port') ?? 6379);
  const table = new Map<string, string>();
  return serve(proc, 'redis-server', async (stack) => {
    const server = createServer(stack, (socket) => {
      let pending = Buffer.alloc(0);
      socket.on('error', () => socket.destroy());
      socket.on('data', (chunk: Buffer) => {
        pending = Buffer.concat([pending, chunk]);
        if (pending.length > MAX_REQUEST) return socket.destroy();
        for (let next = takeCommand(pending); next !== undefined; next = takeCommand(pending)) {
          pending = pending.subarray(next.length);
          if (next.words.length > 0) socket.write(execute(table, next.words));
        }
      });
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port }, () => resolve());
    });
    proc.out('* Ready to accept connections tcp\n');
  });
};

/** The first command in `bytes`, an array of bulk strings or one inline line; undefined while it is not whole. */
export function takeCommand(bytes: Buffer): { words: string[]; length: number } | undefined {
  const lineEnd = bytes.indexOf('\r\n');
  if (lineEnd === -1) {
    const newline = bytes.indexOf(10);
    return newline === -1
      ? undefined
      : { words: words(bytes.subarray(0, newline).toString()), length: newline + 1 };
  }
  const line = bytes.subarray(0, lineEnd).toString();
  if (!line.startsWith('*')) return { words: words(line), length: lineEnd + 2 };
  let at = lineEnd + 2;
  const found: string[] = [];
  for (let i = 0; i < Number(line.slice(1)); i++) {
    const end = bytes.indexOf('\r\n', at);
    if (end === -1) return undefined;
    const size = Number(bytes.subarray(at + 1, end).toString());
    if (bytes[at] !== 0x24 || !(size >= 0)) return { words: ['\0'], length: bytes.length };
    if (bytes.length < end + 2 + size + 2) return undefined;
    found.push(bytes.subarray(end + 2, end + 2 + size).toString());
    at = end + 2 + size + 2;
  }
  return { words: found, length: at };
}

const words = (line: string): string[] => line.split(/\s+/).filter((w) => w !== '');

function execute(
  table: Map<string, string>,
  [command = '', key = '', value = '']: readonly string[],
): string {
  switch (command.toUpperCase()) {
    case 'PING':
      return key === '' ? '+PONG\r\n' : bulk(key);
    case 'ECHO':
      return bulk(key);
    case 'GET':
      return bulk(table.get(key));
    case 'SET':
      table.set(key, value);
      return '+OK\r\n';
    case 'INCR': {
      const n = Number(table.get(key) ?? '0') + 1;
      if (!Number.isSafeInteger(n)) return '-ERR value is not an integer or out of range\r\n';
      table.set(key, String(n));
      return `:${n}\r\n`;
    }
    case 'DEL':
      return `:${table.delete(key) ? 1 : 0}\r\n`;
    case 'DBSIZE':
      return `:${table.size}\r\n`;
    case 'KEYS':
      return `*${table.size}\r\n${[...table.keys()].map(bulk).join('')}`;
    case 'INFO':
      return bulk('# Server\r\nredis_mode:standalone\r\n# Replication\r\nrole:master\r\n');
    default:
      return `-ERR unknown command '${command.replaceAll(/[\r\n\0]/g, '?')}'\r\n`;
  }
}
