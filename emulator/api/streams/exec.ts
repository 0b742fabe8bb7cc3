// exec and attach over WebSocket: sub-protocols v5.channel.k8s.io and v4.channel.k8s.io, whose messages begin with the number
// of their channel. k8s.io/apimachinery/pkg/util/remotecommand, k8s.io/kubelet/pkg/cri/streaming/remotecommand.
import type { WebSocket } from 'ws';
import type { Exchange } from '../http/exchange.ts';
import type { Registry, Target } from '../registry.ts';
import { badRequest } from '../status-error.ts';
import { locate, open, type PodRequest, type PodStream, type PodStreams } from './pod-streams.ts';
import { offered, upgrade } from './upgrade.ts';

const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const ERROR = 3;
const RESIZE = 4;
/** New in v5: the client has no more of a channel. */
const CLOSE = 255;

const BACKLOG = 1024 * 1024;

export async function handleExec(
  registry: Registry,
  streams: PodStreams | undefined,
  exchange: Exchange,
  target: Target,
  name: 'exec' | 'attach',
): Promise<void> {
  const { query, req } = exchange;
  const argv = query.getAll('command');
  if (name === 'exec' && argv.length === 0)
    throw badRequest('you must specify at least 1 command for the container');
  const { pod, container } = locate(registry, target, query.get('container'));
  const stdin = exchange.flag('stdin');
  const request: PodRequest =
    name === 'exec' ? { type: 'exec', argv, stdin, tty: exchange.flag('tty') } : { type: 'attach', stdin };
  const protocol = offered(req, PROTOCOLS);
  if (protocol === undefined)
    throw badRequest(`unable to upgrade: no sub-protocol of ${PROTOCOLS.join(', ')} is offered`);
  const stream = await open(streams, pod, container, request);
  const socket = await upgrade(req, protocol);
  const wanted = { stdout: exchange.flag('stdout'), stderr: exchange.flag('stderr') };
  join(socket, stream, wanted);
}

function join(socket: WebSocket, stream: PodStream, wanted: { stdout: boolean; stderr: boolean }): void {
  socket.on('message', (data) => input(stream, socket, data as Buffer));
  socket.on('error', () => stream.kill());
  socket.on('close', () => stream.kill());
  stream.onDrain = () => socket.resume();
  stream.onData = (channel, data) => {
    if (data === undefined) return;
    const used = (): void => stream.taken(data.length);
    if (!wanted[channel] || socket.readyState !== socket.OPEN) used();
    else socket.send(framed(channel === 'stdout' ? STDOUT : STDERR, data), used);
  };
  void stream.exit.then(({ code, reason }) => {
    if (socket.readyState !== socket.OPEN) return;
    socket.send(framed(ERROR, Buffer.from(JSON.stringify(exitStatus(code, reason)))));
    socket.close(1000);
  });
}

function input(stream: PodStream, socket: WebSocket, message: Buffer): void {
  const rest = message.subarray(1);
  switch (message[0]) {
    case STDIN:
      if (rest.length > 0 && !stream.write(rest) && rest.length < BACKLOG) socket.pause();
      return;
    case RESIZE:
      resize(stream, rest);
      return;
    case CLOSE:
      if (rest[0] === STDIN) stream.end();
      return;
    default:
      return;
  }
}

function resize(stream: PodStream, body: Buffer): void {
  try {
    const { Width, Height } = JSON.parse(body.toString()) as { Width?: number; Height?: number };
    if (Number.isInteger(Width) && Number.isInteger(Height)) stream.resize(Width!, Height!);
  } catch {
    // A size that cannot be read leaves the one there is.
  }
}

const framed = (channel: number, data: Uint8Array): Buffer => {
  const message = Buffer.allocUnsafe(data.length + 1);
  message[0] = channel;
  message.set(data, 1);
  return message;
};

/** How a command ended, as its client is told on channel 3. */
export function exitStatus(code: number, reason: string | undefined): object {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message:
      reason ?? `command terminated with non-zero exit code: error executing command: exit code ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}
