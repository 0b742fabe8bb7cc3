// Questions over real sockets, and replies as text. Reading is dns-packet's, so that what the server's own codec gets wrong shows.
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { type Answer, decode } from 'dns-packet';

const TYPES: Readonly<Record<string, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  DS: 43,
  DNSKEY: 48,
  HTTPS: 65,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
};

/** "name TYPE rd do cd ad ch bufsize=1232" as a message. */
export function queryOf(line: string, id = 0x1234): Buffer {
  const [name = '', type = '', ...options] = line.split(' ');
  const has = (option: string): boolean => options.includes(option);
  const bufsize = options.find((o) => o.startsWith('bufsize='))?.slice(8);
  const edns = bufsize ?? (has('do') ? '1232' : undefined);
  const labels = name.split('.').filter((label) => label !== '');
  const head = Buffer.alloc(12);
  head.writeUInt16BE(id, 0);
  head.writeUInt16BE((has('rd') ? 0x100 : 0) | (has('cd') ? 0x10 : 0) | (has('ad') ? 0x20 : 0), 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(edns === undefined ? 0 : 1, 10);
  const tail = Buffer.alloc(5);
  tail.writeUInt16BE(TYPES[type]!, 1);
  tail.writeUInt16BE(has('ch') ? 3 : 1, 3);
  const parts = [
    head,
    ...labels.map((label) => Buffer.from(String.fromCharCode(label.length) + label)),
    tail,
  ];
  if (edns !== undefined) {
    const opt = Buffer.alloc(11);
    opt.writeUInt16BE(41, 1);
    opt.writeUInt16BE(Number(edns), 3);
    if (has('do')) opt.writeUInt16BE(0x8000, 7);
    parts.push(opt);
  }
  return Buffer.concat(parts);
}

/** Rejects after `ms` without an answer. */
export function askUdp(port: number, query: Buffer, ms = 5000): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const timer = setTimeout(() => finish(() => reject(new Error('no answer over UDP'))), ms);
    const finish = (act: () => void): void => {
      clearTimeout(timer);
      socket.close();
      act();
    };
    socket.on('message', (bytes) => finish(() => resolve(bytes)));
    socket.on('error', (error) => finish(() => reject(error)));
    socket.send(query, port, '127.0.0.1');
  });
}

/** All questions on one connection at once; the replies in the order they came. */
export function askTcp(port: number, queries: readonly Buffer[], ms = 20_000): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const replies: Buffer[] = [];
    let pending = Buffer.alloc(0);
    const socket = connect(port, '127.0.0.1');
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`${replies.length} of ${queries.length} answers over TCP`));
    }, ms);
    socket.on('error', reject);
    socket.on('connect', () => {
      for (const query of queries) {
        const length = Buffer.alloc(2);
        length.writeUInt16BE(query.length);
        socket.write(Buffer.concat([length, query]));
      }
    });
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const end = 2 + pending.readUInt16BE(0);
        replies.push(pending.subarray(2, end));
        pending = pending.subarray(end);
      }
      if (replies.length < queries.length) return;
      clearTimeout(timer);
      socket.destroy();
      resolve(replies);
    });
  });
}

/** A reply as lines: size, rcode and flags; then each section's records, sorted: upstream's order is not the same twice. */
export function render(bytes: Buffer): string {
  const m = decode(bytes);
  const flags = bytes.readUInt16BE(2);
  const named = [
    ['aa', 0x400],
    ['tc', 0x200],
    ['rd', 0x100],
    ['ra', 0x80],
    ['ad', 0x20],
    ['cd', 0x10],
  ] as const;
  const set = named.filter(([, bit]) => (flags & bit) !== 0).map(([name]) => ` ${name}`);
  const section = (name: string, records: readonly Answer[] = []): string[] =>
    records.map((rr) => `  ${name} ${record(rr)}`).sort();
  const { rcode } = m as unknown as { rcode: string };
  return [
    `${bytes.length} ${rcode}${set.join('')}`,
    ...section('answer', m.answers),
    ...section('authority', m.authorities),
    ...section('additional', m.additionals),
  ].join('\n');
}

function record(rr: Answer): string {
  if (rr.type === 'OPT')
    return `OPT size=${rr.udpPayloadSize} flags=${rr.flags} options=${rr.options.length}`;
  const {
    name,
    type,
    ttl,
    class: cls,
    data,
  } = rr as { name: string; type: string; ttl: number; class: string; data: unknown };
  return `${name} ${ttl} ${cls} ${type} ${dataText(data)}`;
}

function dataText(data: unknown): string {
  if (Array.isArray(data)) return data.map((part) => `"${String(part)}"`).join(' ');
  if (Buffer.isBuffer(data)) return data.toString('hex');
  if (typeof data !== 'object' || data === null) return String(data);
  // The serial is the time of the last change.
  return Object.entries(data)
    .map(([key, value]) => (key === 'serial' ? 'SERIAL' : String(value)))
    .join(' ');
}
