// iperf3, for TCP and UDP: client and server that speak iperf3's own protocol to each other over the pod's stack, and report as 3.12 does.

import { formatIpv4, type Ipv4 } from '../../kernel/wire/addr.ts';
import { connect, type TcpSocket } from '../../sockets/net.ts';
import { createServer } from '../../sockets/net-server.ts';
import type { SocketStack } from '../../sockets/stack.ts';
import { describeError, errnoOf } from '../errors.ts';
import { getopt, numberOf, type Options } from '../getopt.ts';
import { withStack } from '../http-server.ts';
import { ExitError, Killed, type Process, type Program, waitFor } from '../process.ts';
import { resolve } from '../resolve.ts';
import { acceptUdp, connectUdp, DEFAULT_RATE, UdpFlow } from './iperf3-udp.ts';
import * as wire from './iperf3-wire.ts';

const PORT = 5201;
/** DEFAULT_TCP_BLKSIZE. */
const BLOCK = 128 * 1024;
/** DEFAULT_UDP_BLKSIZE, MIN_UDP_BLOCKSIZE and MAX_UDP_BLOCKSIZE. */
const DATAGRAM = 1460;
const MIN_DATAGRAM = 16;
const MAX_DATAGRAM = 65_507;
const RULE = '- - - - - - - - - - - - - - - - - - - - - - - - -\n';
const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

const fail = (message: string): never => {
  throw new ExitError(1, `iperf3: error - ${message}`);
};

export const iperf3: Program = (args, proc) =>
  withStack(proc, 'iperf3', (stack) => {
    const options = getopt(args, {
      short: 'sc:p:t:n:P:l:Ri:uJ1Df:4Zb:VB:w:M:NC:O:',
      long: [
        'server',
        'client:',
        'port:',
        'time:',
        'bytes:',
        'parallel:',
        'length:',
        'reverse',
        'interval:',
        'udp',
        'json',
        'one-off',
        'daemon',
        'format:',
        'forceflush',
        'bitrate:',
        'bind:',
        'no-delay',
      ],
    });
    return options.has('s', 'server') ? server(options, proc, stack) : client(options, proc, stack);
  });

const numeric = (text: string | undefined, otherwise: number): number =>
  text === undefined ? otherwise : (numberOf(text) ?? fail('invalid argument'));

/** -b: 10M is ten million bits a second; 0 is no limit. */
function rateOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, n, unit = ''] = /^([\d.]+)([KMG]?)(?:\/\d+)?$/i.exec(text) ?? fail('invalid argument');
  return Number(n) * 1000 ** ['', 'K', 'M', 'G'].indexOf(unit.toUpperCase());
}

function bytesOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, n, unit = ''] = /^([\d.]+)([KMG]?)$/i.exec(text) ?? fail('invalid argument');
  return Number(n) * UNITS[unit.toUpperCase()]!;
}

/** A TCP stream of a test: its bytes, counted as they come or go. */
class Flow implements wire.Stream {
  readonly id: number;
  readonly socket: TcpSocket;
  readonly packets = 0;
  readonly lost = 0;
  readonly jitter = 0;
  bytes = 0;
  #sending = false;

  constructor(id: number, socket: TcpSocket) {
    this.id = id;
    this.socket = socket;
    socket.on('error', () => socket.destroy());
  }
  receive(): void {
    this.socket.on('data', (chunk: Buffer) => {
      this.bytes += chunk.length;
    });
  }
  /** Writes as fast as the connection takes it. */
  send(block: Uint8Array, limit: number): void {
    this.#sending = true;
    const more = (): void => {
      while (this.#sending && this.bytes < limit && !this.socket.destroyed) {
        this.bytes += block.length;
        if (!this.socket.write(block)) return void this.socket.once('drain', more);
      }
    };
    more();
  }
  onMove(fn: () => void): void {
    for (const event of ['data', 'drain'])
      if (this.#sending === (event === 'drain')) this.socket.once(event, fn);
  }
  get drained(): boolean {
    return this.socket.writableLength === 0;
  }
  stop(): void {
    this.#sending = false;
  }
  close(): void {
    this.socket.destroy();
  }
}

const result = (flow: wire.Stream, seconds: number): wire.StreamResult => ({
  id: flow.id,
  bytes: flow.bytes,
  retransmits: -1,
  jitter: flow.jitter,
  errors: flow.lost,
  packets: flow.packets,
  start_time: 0,
  end_time: seconds,
});
const results = (
  flows: readonly wire.Stream[],
  seconds: number,
): { readonly streams: readonly wire.StreamResult[] } & Record<string, unknown> => ({
  cpu_util_total: 0,
  cpu_util_user: 0,
  cpu_util_system: 0,
  sender_has_retransmits: 0,
  streams: flows.map((flow) => result(flow, seconds)),
});

/** Prints an interval a second; says when the test is over and how much has passed. */
async function measure(
  proc: Process,
  flows: readonly wire.Stream[],
  {
    seconds,
    interval,
    quiet,
    over,
  }: { seconds: number; interval: number; quiet: boolean; over: (wake: () => void) => boolean },
): Promise<number> {
  const { clock } = proc.ns.kernel;
  const began = clock.now();
  const past = flows.map(() => 0);
  let from = 0;
  for (let finished = false; !finished; ) {
    const to = Math.min(from + interval, seconds);
    await waitFor<void>(proc, (done) => {
      const timer = Number.isFinite(to) ? clock.at(began + to * 1000, done) : undefined;
      if (over(done)) done();
      return () => timer?.cancel();
    });
    const now = (clock.now() - began) / 1000;
    finished = over(() => {}) || now >= seconds;
    if (!quiet && now > from) {
      flows.forEach((flow, i) => {
        proc.out(wire.reportLine(flow.id, from, now, flow.bytes - past[i]!));
        past[i] = flow.bytes;
      });
    }
    from = now;
  }
  return from;
}

async function client(options: Options, proc: Process, stack: SocketStack): Promise<number> {
  const target =
    options.last('c', 'client') ?? fail('parameter error - must either be a client (-c) or server (-s)\n');
  const port = numeric(options.last('p', 'port'), PORT);
  const json = options.has('J', 'json');
  const found = await resolve(proc, target);
  if ('error' in found) return fail(`unable to connect to server: ${describeError('EHOSTUNREACH')}`);
  const host = formatIpv4(found.addrs[0]!);
  const total = bytesOf(options.last('n', 'bytes'));
  const udp = options.has('u', 'udp');
  const params: wire.Params = {
    ...(udp ? { udp, bandwidth: rateOf(options.last('b', 'bitrate')) ?? DEFAULT_RATE } : { tcp: true }),
    time: total === undefined ? numeric(options.last('t', 'time'), 10) : 0,
    ...(total === undefined ? {} : { num: total }),
    parallel: numeric(options.last('P', 'parallel'), 1),
    len: bytesOf(options.last('l', 'length')) ?? (udp ? DATAGRAM : BLOCK),
    ...(options.has('R', 'reverse') ? { reverse: true } : {}),
  };
  if (udp && (params.len < MIN_DATAGRAM || params.len > MAX_DATAGRAM))
    fail(`invalid UDP block size (valid range ${MIN_DATAGRAM} to ${MAX_DATAGRAM} bytes)`);
  const control = await dial(proc, stack, host, port);
  const reader = new wire.Reader(control, proc);
  const cookie = Buffer.alloc(wire.COOKIE_SIZE);
  // Told apart from other tests by the node's dice, so that a run can be repeated.
  const dice = proc.ns.kernel.dice.stream(`iperf3|${proc.ns.name}|${control.localPort}`);
  for (let i = 0; i < wire.COOKIE_SIZE - 1; i++) cookie[i] = 0x61 + dice.below(26);
  control.write(cookie);
  if (!json) proc.out(`Connecting to host ${target}, port ${port}\n`);
  const flows: wire.Stream[] = [];
  let remote: readonly wire.StreamResult[] = [];
  let seconds = 0;
  for (;;) {
    const state = await reader
      .state()
      .catch((error: unknown) => (error instanceof Killed ? Promise.reject(error) : wire.SERVER_TERMINATE));
    if (state === wire.PARAM_EXCHANGE)
      reader.sendJson({ ...params, omit: 0, pacing_timer: 1000, client_version: '3.12' });
    else if (state === wire.CREATE_STREAMS)
      for (let i = 0; i < params.parallel; i++) {
        const id = 5 + 2 * i;
        const { flow, local } = udp
          ? await udpStream(proc, id, found.addrs[0]!, port, params.bandwidth ?? 0)
          : await tcpStream(proc, stack, id, host, port, cookie);
        flows.push(flow);
        if (!json) proc.out(`[${String(id).padStart(3)}] local ${local} connected to ${host} port ${port}\n`);
      }
    else if (state === wire.TEST_RUNNING) {
      seconds = await runClient(proc, options, params, flows, json);
      reader.sendState(wire.TEST_END);
    } else if (state === wire.EXCHANGE_RESULTS) {
      reader.sendJson(results(flows, seconds));
      remote = ((await reader.json()) as { readonly streams?: readonly wire.StreamResult[] }).streams ?? [];
    } else if (state === wire.DISPLAY_RESULTS) {
      reader.sendState(wire.IPERF_DONE);
      break;
    } else if (state === wire.ACCESS_DENIED) fail('the server is busy running a test. try again later');
    else if (state === wire.SERVER_TERMINATE) fail('the server has terminated');
  }
  for (const flow of flows) flow.close();
  control.end();
  const bytes = (rows: readonly { readonly bytes: number }[]): number =>
    rows.reduce((sum, row) => sum + row.bytes, 0);
  const [sent, received] = params.reverse === true ? [remote, flows] : [flows, remote];
  if (json) {
    const side = (n: number) => ({ seconds, bytes: n, bits_per_second: seconds > 0 ? (n * 8) / seconds : 0 });
    const end = udp
      ? udpSummary(results(flows, seconds), remote, params.reverse === true, side)
      : { sum_sent: side(bytes(sent)), sum_received: side(bytes(received)) };
    proc.out(`${JSON.stringify({ start: { connecting_to: { host: target, port } }, end }, null, '\t')}\n`);
    return 0;
  }
  const heads = udp ? '         Jitter    Lost/Total Datagrams' : '';
  proc.out(`${RULE}[ ID] Interval           Transfer     Bitrate${heads}\n`);
  const own = results(flows, seconds).streams;
  const theirs = params.reverse === true ? own : remote;
  flows.forEach((flow, i) => {
    const tails = udp
      ? [
          `${wire.lossTail({ jitter: 0, errors: 0, packets: (params.reverse === true ? remote : own)[i]?.packets ?? 0 })}  sender`,
          `${wire.lossTail(theirs[i] ?? { jitter: 0, errors: 0, packets: 0 })}  receiver`,
        ]
      : ['                  sender', '                  receiver'];
    proc.out(wire.reportLine(flow.id, 0, seconds, sent[i]?.bytes ?? 0, tails[0]));
    proc.out(wire.reportLine(flow.id, 0, seconds, received[i]?.bytes ?? 0, tails[1]));
  });
  if (flows.length > 1) {
    proc.out(wire.reportLine('SUM', 0, seconds, bytes(sent), '                  sender'));
    proc.out(wire.reportLine('SUM', 0, seconds, bytes(received), '                  receiver'));
  }
  proc.out('\niperf Done.\n');
  return 0;
}

async function runClient(
  proc: Process,
  options: Options,
  params: wire.Params,
  flows: readonly wire.Stream[],
  quiet: boolean,
): Promise<number> {
  const limit = (params.num ?? Number.POSITIVE_INFINITY) / flows.length;
  const block = new Uint8Array(params.len);
  // Bytes that no compression could shrink.
  for (let i = 0, x = 1; i < block.length; i++) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    block[i] = x >>> 24;
  }
  if (!quiet) proc.out('[ ID] Interval           Transfer     Bitrate\n');
  for (const flow of flows)
    if (params.reverse === true) flow.receive();
    else flow.send(block, limit);
  const seconds = await measure(proc, flows, {
    seconds: params.num === undefined ? params.time : Number.POSITIVE_INFINITY,
    interval: numeric(options.last('i', 'interval'), 1) || Number.POSITIVE_INFINITY,
    quiet,
    over(wake) {
      if (params.num === undefined) return false;
      for (const flow of flows) flow.onMove(wake);
      return flows.every((flow) => flow.bytes >= limit && flow.drained);
    },
  });
  for (const flow of flows) flow.stop();
  return seconds;
}

interface Made {
  readonly flow: wire.Stream;
  /** "10.0.0.1 port 40000" */
  readonly local: string;
}
async function tcpStream(
  proc: Process,
  stack: SocketStack,
  id: number,
  host: string,
  port: number,
  cookie: Uint8Array,
): Promise<Made> {
  const socket = await dial(proc, stack, host, port);
  socket.write(cookie);
  return { flow: new Flow(id, socket), local: `${socket.localAddress} port ${socket.localPort}` };
}
async function udpStream(proc: Process, id: number, host: Ipv4, port: number, rate: number): Promise<Made> {
  const sk = await connectUdp(proc, host, port);
  if (sk === undefined) return fail('unable to read from stream socket: Resource temporarily unavailable');
  return { flow: new UdpFlow(id, sk, rate, proc), local: `${formatIpv4(sk.saddr)} port ${sk.sport}` };
}

/** end.sum of a UDP test: what was sent, and what its receiver says of it. */
function udpSummary(
  { streams }: { readonly streams: readonly wire.StreamResult[] },
  remote: readonly wire.StreamResult[],
  reverse: boolean,
  side: (bytes: number) => object,
): object {
  const [sent, received] = reverse ? [remote, streams] : [streams, remote];
  const sum = (
    rows: readonly wire.StreamResult[],
    field: 'bytes' | 'packets' | 'errors' | 'jitter',
  ): number => rows.reduce((total, row) => total + row[field], 0);
  const packets = sum(received, 'packets');
  const lost = sum(received, 'errors');
  return {
    sum: {
      ...side(sum(sent, 'bytes')),
      jitter_ms: (sum(received, 'jitter') * 1000) / Math.max(received.length, 1),
      lost_packets: lost,
      packets,
      lost_percent: packets > 0 ? (100 * lost) / packets : 0,
    },
    sum_sent: { ...side(sum(sent, 'bytes')), packets: sum(sent, 'packets') },
    sum_received: { ...side(sum(received, 'bytes')), packets: packets - lost, lost_packets: lost },
  };
}

async function dial(proc: Process, stack: SocketStack, host: string, port: number): Promise<TcpSocket> {
  const socket = connect(stack, { host, port, noDelay: true });
  await waitFor<void>(proc, (done, refuse) => {
    socket.once('connect', done);
    socket.once('error', (error) => {
      refuse(
        new ExitError(
          1,
          `iperf3: error - unable to connect to server: ${describeError(errnoOf(error) ?? String(error))}`,
        ),
      );
    });
    return () => {};
  });
  socket.on('error', () => {});
  return socket;
}

async function server(options: Options, proc: Process, stack: SocketStack): Promise<number> {
  const port = numeric(options.last('p', 'port'), PORT);
  const waiting: TcpSocket[] = [];
  let wake: () => void = () => {};
  const listener = createServer(stack, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.pause();
    waiting.push(socket);
    wake();
  });
  await new Promise<void>((done, refuse) => {
    listener.once('error', (error) => {
      const why = describeError(errnoOf(error) ?? String(error));
      refuse(
        new ExitError(1, `iperf3: error - unable to start listener for connections: ${why}\niperf3: exiting`),
      );
    });
    listener.listen({ port }, () => done());
  });
  proc.ready();
  const accept = async (): Promise<TcpSocket> => {
    while (waiting.length === 0)
      await waitFor<void>(proc, (done) => {
        wake = done;
        return () => {};
      });
    return waiting.shift()!;
  };
  for (let test = 1; ; test++) {
    const line = '-----------------------------------------------------------\n';
    proc.out(`${line}Server listening on ${port} (test #${test})\n${line}`);
    try {
      await serveTest(proc, accept, port);
    } catch (error) {
      if (error instanceof Killed) return error.signal === 'SIGTERM' || error.signal === 'SIGINT' ? 1 : 137;
      proc.err(`iperf3: error - ${error instanceof Error ? error.message : error}\n`);
    }
    for (const socket of waiting.splice(0)) socket.destroy();
    if (options.has('1', 'one-off')) return 0;
  }
}

async function serveTest(proc: Process, accept: () => Promise<TcpSocket>, port: number): Promise<void> {
  const control = await accept();
  const reader = new wire.Reader(control, proc);
  const cookie = await reader.take(wire.COOKIE_SIZE);
  proc.out(`Accepted connection from ${control.remoteAddress}, port ${control.remotePort}\n`);
  reader.sendState(wire.PARAM_EXCHANGE);
  const params = (await reader.json()) as Partial<wire.Params>;
  const parallel = Math.min(Math.max(Number(params.parallel ?? 1), 1), 128);
  const reverse = params.reverse === true;
  const udp = params.udp === true;
  // The listener stands before the client is told to come.
  const first = udp ? acceptUdp(proc, port) : undefined;
  first?.catch(() => {});
  reader.sendState(wire.CREATE_STREAMS);
  const flows: wire.Stream[] = [];
  for (let next = first; udp && flows.length < parallel; next = undefined) {
    const sk = await (next ?? acceptUdp(proc, port));
    const id = 5 + 2 * flows.length;
    const flow = new UdpFlow(id, sk, Number(params.bandwidth ?? 0), proc);
    if (!reverse) flow.receive();
    flows.push(flow);
    proc.out(
      `[${String(id).padStart(3)}] local ${formatIpv4(sk.saddr)} port ${port} connected to ${formatIpv4(sk.daddr)} port ${sk.dport}\n`,
    );
  }
  while (!udp && flows.length < parallel) {
    const socket = await accept();
    const said = new wire.Reader(socket, proc);
    if (!(await said.take(wire.COOKIE_SIZE)).equals(cookie)) {
      socket.write(Buffer.of(wire.ACCESS_DENIED));
      socket.end();
      continue;
    }
    const flow = new Flow(5 + 2 * flows.length, socket);
    socket.removeAllListeners('data');
    if (!reverse) flow.receive();
    flows.push(flow);
    proc.out(
      `[${String(flow.id).padStart(3)}] local ${socket.localAddress} port ${port} connected to ${socket.remoteAddress} port ${socket.remotePort}\n`,
    );
  }
  reader.sendState(wire.TEST_START);
  reader.sendState(wire.TEST_RUNNING);
  proc.out('[ ID] Interval           Transfer     Bitrate\n');
  if (reverse) {
    const block = new Uint8Array(Math.min(Math.max(Number(params.len ?? BLOCK), 1), 1 << 20));
    const limit = Number(params.num ?? Number.POSITIVE_INFINITY) / parallel;
    for (const flow of flows) flow.send(block, limit);
  }
  let ended = false;
  let changed: () => void = () => {};
  const awaited = reader.state().then(
    (state) => {
      ended = true;
      changed();
      return state;
    },
    (error: unknown) => {
      ended = true;
      changed();
      throw error;
    },
  );
  const seconds = await measure(proc, flows, {
    seconds: Number.POSITIVE_INFINITY,
    interval: 1,
    quiet: false,
    over(done) {
      changed = done;
      return ended;
    },
  });
  for (const flow of flows) flow.stop();
  if ((await awaited) !== wire.TEST_END) throw new Error('the client has terminated');
  reader.sendState(wire.EXCHANGE_RESULTS);
  await reader.json();
  reader.sendJson(results(flows, seconds));
  reader.sendState(wire.DISPLAY_RESULTS);
  proc.out(`${RULE}[ ID] Interval           Transfer     Bitrate\n`);
  for (const flow of flows)
    proc.out(
      wire.reportLine(
        flow.id,
        0,
        seconds,
        flow.bytes,
        `${udp ? wire.lossTail({ jitter: flow.jitter, errors: flow.lost, packets: flow.packets }) : '                '}  ${reverse ? 'sender' : 'receiver'}`,
      ),
    );
  await reader.state().catch(() => wire.IPERF_DONE);
  for (const flow of flows) flow.close();
  control.destroy();
}
