// nc, OpenBSD's: connects or listens, TCP or UDP, and passes standard input and output through as they come.

import { formatIpv4 } from '../../kernel/wire/addr.ts';
import { createSocket, type RemoteInfo } from '../../sockets/dgram.ts';
import { connect, type TcpSocket } from '../../sockets/net.ts';
import { createServer } from '../../sockets/net-server.ts';
import type { SocketStack } from '../../sockets/stack.ts';
import { describeError, errnoOf } from '../errors.ts';
import { getopt, type Options } from '../getopt.ts';
import { withStack } from '../http-server.ts';
import { ExitError, nextInput, type Process, type Program, waitFor } from '../process.ts';
import { resolve } from '../resolve.ts';

export const nc: Program = (args, proc) =>
  withStack(proc, 'nc', async (stack) => {
    const options = getopt(args, { short: 'lup:zvw:nkNq:4', long: [] });
    if (options.has('l'))
      return options.has('u') ? listenUdp(options, proc, stack) : listenTcp(options, proc, stack);
    const [host, port] = options.operands;
    if (host === undefined || port === undefined)
      throw new ExitError(1, 'usage: nc [-klNnuvz] [-p source_port] [-w timeout] [destination] [port]');
    const found = await resolve(proc, host);
    if ('error' in found)
      throw new ExitError(1, `nc: getaddrinfo for host "${host}" port ${port}: Name or service not known`);
    const address = formatIpv4(found.addrs[0]!);
    return options.has('u')
      ? sendUdp(options, proc, stack, address, Number(port))
      : dialTcp(options, proc, stack, host, address, Number(port));
  });

const waitOf = (options: Options): number | undefined => {
  const seconds = options.last('w');
  return seconds === undefined ? undefined : Number(seconds) * 1000;
};

async function dialTcp(
  options: Options,
  proc: Process,
  stack: SocketStack,
  host: string,
  address: string,
  port: number,
): Promise<number> {
  const localPort = options.last('p');
  const socket = connect(stack, {
    host: address,
    port,
    allowHalfOpen: true,
    ...(localPort === undefined ? {} : { localPort: Number(localPort) }),
  });
  const limit = waitOf(options);
  const failed = await waitFor<string | undefined>(proc, (done) => {
    const timer =
      limit === undefined
        ? undefined
        : proc.ns.kernel.clock.after(limit, () => done('timed out: Operation now in progress'));
    socket.once('connect', () => done(undefined));
    socket.once('error', (error) => done(`failed: ${describeError(errnoOf(error) ?? String(error))}`));
    return () => timer?.cancel();
  });
  if (failed !== undefined) {
    socket.destroy();
    if (options.has('v')) proc.err(`nc: connect to ${host} (${address}) port ${port} (tcp) ${failed}\n`);
    return 1;
  }
  if (options.has('v')) proc.err(`Connection to ${host} (${address}) ${port} port [tcp/*] succeeded!\n`);
  if (options.has('z')) {
    socket.destroy();
    return 0;
  }
  return passThrough(socket, proc, limit);
}

/** Both ways until both have ended; an idle limit ends it too. */
async function passThrough(socket: TcpSocket, proc: Process, limit: number | undefined): Promise<number> {
  let idle: { cancel(): void } | undefined;
  const touch = (): void => {
    idle?.cancel();
    if (limit !== undefined) idle = proc.ns.kernel.clock.after(limit, () => socket.destroy());
  };
  touch();
  const closed = waitFor<number>(proc, (done) => {
    socket.on('data', (chunk: Buffer) => {
      touch();
      proc.out(chunk);
    });
    socket.on('end', () => {
      // The other side has said all: OpenBSD's nc ends with it.
      socket.destroy();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => done(0));
    return () => socket.destroy();
  });
  void (async () => {
    const input = proc.stdin?.[Symbol.asyncIterator]();
    for (;;) {
      const chunk = input === undefined ? undefined : await nextInput(proc, input);
      if (chunk === undefined) break;
      touch();
      socket.write(chunk);
    }
    socket.end();
  })().catch(() => socket.destroy());
  const code = await closed;
  idle?.cancel();
  return code;
}

async function listenTcp(options: Options, proc: Process, stack: SocketStack): Promise<number> {
  const port = Number(options.last('p') ?? options.operands.at(-1));
  const server = createServer(stack, () => {}, { allowHalfOpen: true });
  const failed = await new Promise<string | undefined>((done) => {
    server.once('error', (error) => done(describeError(errnoOf(error) ?? String(error))));
    server.listen({ port }, () => done(undefined));
  });
  if (failed !== undefined) throw new ExitError(1, `nc: ${failed}`);
  proc.ready();
  if (options.has('v')) proc.err(`Listening on 0.0.0.0 ${port}\n`);
  do {
    const socket = await waitFor<TcpSocket>(proc, (done) => {
      server.once('connection', done);
      return () => server.removeListener('connection', done);
    });
    if (options.has('v')) proc.err(`Connection received on ${socket.remoteAddress} ${socket.remotePort}\n`);
    await passThrough(socket, proc, waitOf(options));
  } while (options.has('k'));
  return 0;
}

async function sendUdp(
  options: Options,
  proc: Process,
  stack: SocketStack,
  address: string,
  port: number,
): Promise<number> {
  const socket = createSocket(stack);
  let refused = false;
  socket.on('error', () => {
    refused = true;
  });
  socket.on('message', (data: Buffer) => proc.out(data));
  await new Promise<void>((done) => socket.connect(port, address, done));
  const input = proc.stdin?.[Symbol.asyncIterator]();
  for (
    let chunk = input === undefined ? undefined : await nextInput(proc, input);
    chunk !== undefined;
    chunk = await nextInput(proc, input!)
  )
    socket.send(chunk);
  // Nobody says that an answer will not come: after the input's end it is waited for as long as -w says.
  await waitFor<void>(proc, (done) => {
    const timer = proc.ns.kernel.clock.after(waitOf(options) ?? 1000, done);
    socket.on('error', () => done());
    return () => timer.cancel();
  });
  return refused ? 1 : 0;
}

async function listenUdp(options: Options, proc: Process, stack: SocketStack): Promise<number> {
  const socket = createSocket(stack);
  let peer: RemoteInfo | undefined;
  socket.on('message', (data: Buffer, from: RemoteInfo) => {
    peer = from;
    proc.out(data);
  });
  await new Promise<void>((done, reject) => {
    socket.once('error', (error) =>
      reject(new ExitError(1, `nc: ${describeError(errnoOf(error) ?? String(error))}`)),
    );
    socket.bind({ port: Number(options.last('p') ?? options.operands.at(-1)) }, () => done());
  });
  proc.ready();
  const input = proc.stdin?.[Symbol.asyncIterator]();
  for (
    let chunk = input === undefined ? undefined : await nextInput(proc, input);
    chunk !== undefined;
    chunk = await nextInput(proc, input!)
  )
    if (peer !== undefined) socket.send(chunk, { port: peer.port, address: peer.address });
  return waitFor<number>(proc, () => () => {});
}
