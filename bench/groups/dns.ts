// coredns-lite alone, asked by dnsperf: queries per second and CPU per query beside a bare node:dgram server that answers every datagram
// with one fixed packet, and the time from fork to first answer beside a fork that opens such a socket.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dist } from '../baseline-process.ts';
import type { Bench, Group, Pair, Row } from '../row.ts';

const UDP: Row = {
  name: 'DNS over UDP, cluster names, one process',
  unit: 'queries/s',
  better: 'higher',
  must: 0.55,
  aim: 0.75,
  about: 'dnsperf, 8 sockets, 200 outstanding, the kubernetes plugin on 200 Services',
  against: 'a node:dgram server that answers with one fixed packet',
};
const CPU: Row = {
  name: 'DNS over UDP, CPU per query',
  unit: 'us',
  better: 'lower',
  must: 1.6,
  aim: 1.25,
  about: 'the same run',
  against: 'the same server',
};
const TCP: Row = {
  name: 'DNS over pipelined TCP',
  unit: 'queries/s',
  better: 'higher',
  must: 2,
  aim: 3.5,
  about: 'dnsperf, 8 connections, 400 outstanding',
  against: 'the same server over UDP',
};
const LARGE: Row = {
  name: 'DNS, CPU per query with 10,000 Services and 100,000 endpoints',
  unit: 'us',
  better: 'lower',
  must: 1.15,
  aim: 1.05,
  about: 'the kubernetes plugin on 10,000 Services of 10 endpoints',
  against: 'the same on 10 Services',
};
const START: Row = {
  name: 'DNS, start to first answer',
  unit: 'ms',
  better: 'lower',
  must: 2,
  aim: 1.4,
  about: 'fork of dist/coredns-lite.js to the first answer of a cluster name',
  against: 'fork of a script that opens a node:dgram socket, to its first answer',
};

const OURS = 18_471;
const OTHER = 18_472;
/** Seconds of one measurement. */
const LENGTH = 1;
/** A reply to any query: the header's id is the query's. */
const BARE = `const s=require('node:dgram').createSocket('udp4');
const fixed=Buffer.from('000084000001000100000000037765620764656661756c740373766307636c7573746572056c6f63616c0000010001037765620764656661756c740373766307636c7573746572056c6f63616c0000010001000000050004'+'0a600014','hex');
s.on('message',(m,f)=>{const b=Buffer.from(fixed);b[0]=m[0];b[1]=m[1];s.send(b,f.port,f.address)});
s.bind(Number(process.argv[1]),'127.0.0.1');`;

/** One JSON object a line. */
function objects(services: number, endpoints: number): string {
  const lines = ['{"kind":"Namespace","metadata":{"name":"default"}}'];
  for (let i = 0; i < services; i++) {
    const name = `svc-${i}`;
    const metadata = { name, namespace: 'default' };
    const spec = {
      clusterIP: `10.96.${i >> 8}.${i & 255}`,
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    };
    lines.push(JSON.stringify({ kind: 'Service', metadata, spec }));
    const addresses = Array.from({ length: endpoints }, (_, n) => i * endpoints + n);
    lines.push(
      JSON.stringify({
        kind: 'EndpointSlice',
        metadata: { ...metadata, labels: { 'kubernetes.io/service-name': name } },
        endpoints: addresses.map((a) => ({
          addresses: [`10.${128 + (a >> 16)}.${(a >> 8) & 255}.${a & 255}`],
        })),
        ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
      }),
    );
  }
  return `${lines.join('\n')}\n`;
}

/** Resolves at the first answer on this port, with the milliseconds since `began`. */
async function answered(port: number, began: number): Promise<number> {
  const query = Buffer.from(
    '123400000001000000000000057376632d300764656661756c740373766307636c7573746572056c6f63616c0000010001',
    'hex',
  );
  const socket = createSocket('udp4');
  try {
    return await new Promise<number>((resolve, reject) => {
      let tries = 0;
      const ask = (): void => {
        if (++tries > 4000) reject(new Error(`nobody answers on port ${port}`));
        socket.send(query, port, '127.0.0.1');
      };
      socket.on('message', () => {
        clearInterval(timer);
        resolve(performance.now() - began);
      });
      socket.on('error', () => {});
      const timer = setInterval(ask, 2);
      ask();
    });
  } finally {
    socket.close();
  }
}

class Server {
  readonly child: ChildProcess;
  readonly port: number;
  readonly ready: Promise<number>;

  constructor(port: number, args: readonly string[]) {
    const began = performance.now();
    this.port = port;
    this.child = spawn(process.execPath, args, { stdio: 'ignore' });
    this.ready = answered(port, began);
  }

  /** User and system, in microseconds: /proc/PID/stat counts in hundredths of a second. */
  cpu(): number {
    const fields = readFileSync(`/proc/${this.child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.child.once('exit', () => resolve());
      this.child.kill('SIGKILL');
    });
  }
}

function dnsperf(server: Server, file: string, mode: 'udp' | 'tcp'): { qps: number; cpu: number } {
  const before = server.cpu();
  const args = [
    '-s',
    '127.0.0.1',
    '-p',
    `${server.port}`,
    '-m',
    mode,
    '-d',
    file,
    '-l',
    `${LENGTH}`,
    '-c',
    '8',
  ];
  const { stdout } = spawnSync('dnsperf', [...args, '-q', mode === 'udp' ? '200' : '400'], {
    encoding: 'utf8',
  });
  const completed = Number(/Queries completed:\s+(\d+)/.exec(stdout)?.[1]);
  const qps = Number(/Queries per second:\s+([\d.]+)/.exec(stdout)?.[1]);
  return { qps, cpu: (server.cpu() - before) / completed };
}

async function run(bench: Bench): Promise<void> {
  const rows = [UDP, CPU, TCP, LARGE, START];
  if (spawnSync('dnsperf', ['-h']).error !== undefined || process.platform !== 'linux') {
    for (const row of rows) bench.skip(row.name, 'dnsperf is not installed, or this is not Linux');
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'podwire-dns-'));
  bench.defer(() => rmSync(folder, { recursive: true, force: true }));
  const queries = join(folder, 'queries');
  writeFileSync(
    queries,
    Array.from({ length: 10 }, (_, i) => `svc-${i}.default.svc.cluster.local A\n`).join(''),
  );
  const corefile = (name: string, port: number, services: number, endpoints: number): string => {
    writeFileSync(join(folder, `${name}.json`), objects(services, endpoints));
    const path = join(folder, name);
    writeFileSync(
      path,
      `cluster.local:${port} {\n  kubernetes {\n    objects ${path}.json\n    startup_timeout 60s\n  }\n}\n`,
    );
    return path;
  };
  const lite = (name: string, port: number, services: number, endpoints: number): Server =>
    new Server(port, [dist('coredns-lite.js'), '-conf', corefile(name, port, services, endpoints)]);
  const bare = (port: number): Server => new Server(port, ['-e', BARE, `${port}`]);
  const live: Server[] = [];
  bench.defer(async () => {
    for (const server of live) await server.stop();
  });
  const open = async (...servers: Server[]): Promise<void> => {
    live.push(...servers);
    await Promise.all(servers.map((server) => server.ready));
  };
  const close = async (): Promise<void> => {
    for (const server of live.splice(0)) await server.stop();
  };

  const starts: Pair[] = [];
  for (let i = 0; i < Math.max(5, bench.pairs); i++) {
    const baseline = bare(OTHER);
    const baselineMs = await baseline.ready;
    await baseline.stop();
    const ours = lite('small', OURS, 10, 2);
    starts.push({ value: await ours.ready, baseline: baselineMs });
    await ours.stop();
  }
  bench.report(START.name, { pairs: starts });

  const ours = lite('middle', OURS, 200, 5);
  const other = bare(OTHER);
  await open(ours, other);
  const perSecond: Pair[] = [];
  const perQuery: Pair[] = [];
  const overTcp: Pair[] = [];
  for (let i = 0; i < Math.max(5, bench.pairs); i++) {
    const baseline = dnsperf(other, queries, 'udp');
    const own = dnsperf(ours, queries, 'udp');
    const tcp = dnsperf(ours, queries, 'tcp');
    perSecond.push({
      value: own.qps,
      baseline: baseline.qps,
      cpu: { value: own.cpu, baseline: baseline.cpu },
    });
    perQuery.push({ value: own.cpu, baseline: baseline.cpu });
    overTcp.push({ value: tcp.qps, baseline: own.qps, cpu: { value: tcp.cpu, baseline: own.cpu } });
  }
  await close();
  bench.report(UDP.name, { pairs: perSecond, cpuUnit: 'us/query' });
  bench.report(CPU.name, { pairs: perQuery });
  bench.report(TCP.name, { pairs: overTcp, cpuUnit: 'us/query' });

  const large = lite('large', OURS, 10_000, 10);
  const small = lite('few', OTHER, 10, 10);
  await open(large, small);
  const scaled: Pair[] = [];
  for (let i = 0; i < Math.max(5, bench.pairs); i++)
    scaled.push({ baseline: dnsperf(small, queries, 'udp').cpu, value: dnsperf(large, queries, 'udp').cpu });
  await close();
  bench.report(LARGE.name, { pairs: scaled });
}

export const dns: Group = { name: 'dns', rows: [UDP, CPU, TCP, LARGE, START], limit: 90, run };
