// portforward: connections from the client's machine into a pod. Three ways bring them: SPDY frames in WebSocket messages
// (SPDY/3.1+portforward.k8s.io, kubectl 1.31 and later), SPDY by an upgrade of its own (kubectl until 1.30), and plain WebSocket
// channels (client libraries). k8s.io/kubelet/pkg/cri/streaming/portforward; k8s.io/apimachinery/pkg/util/portforward.
import type { WebSocket } from 'ws';
import type { Exchange } from '../http/exchange.ts';
import type { Registry, Target } from '../registry.ts';
import { badRequest, methodNotAllowed } from '../status-error.ts';
import type { Pod } from '../types/pod.ts';
import { open, type PodStream, type PodStreams } from './pod-streams.ts';
import { SpdyConnection, type SpdyStream } from './spdy.ts';
import { offered, takeOver, upgrade } from './upgrade.ts';

const TUNNEL = 'SPDY/3.1+portforward.k8s.io';
const CHANNELS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const SPDY_PROTOCOL = 'portforward.k8s.io';

interface Door {
  readonly pod: Pod;
  connect(port: number): Promise<PodStream>;
}

export async function handlePortForward(
  registry: Registry,
  streams: PodStreams | undefined,
  exchange: Exchange,
  target: Target,
): Promise<void> {
  const { req, method } = exchange;
  if (method !== 'GET' && method !== 'POST') throw methodNotAllowed();
  const pod = registry.get(target).object as Pod;
  if (pod.spec.nodeName === undefined || pod.spec.nodeName === '')
    throw badRequest(`pod ${target.name} does not have a host assigned`);
  const phase = pod.status?.phase ?? 'Unknown';
  if (phase !== 'Running')
    throw badRequest(`unable to forward port because pod is not running. Current status=${phase}`);
  const container = pod.spec.containers[0]!.name;
  const door: Door = { pod, connect: (port) => open(streams, pod, container, { type: 'forward', port }) };
  if (/^spdy\/3\.1$/i.test(req.headers.upgrade ?? '')) {
    overSpdy(exchange, door);
    return;
  }
  const protocol = offered(req, [TUNNEL, ...CHANNELS]);
  if (protocol === undefined)
    throw badRequest(`unable to upgrade: no sub-protocol of ${[TUNNEL, ...CHANNELS].join(', ')} is offered`);
  if (protocol === TUNNEL) overTunnel(await upgrade(req, protocol), door);
  else {
    const ports = portsOf(exchange);
    overChannels(await upgrade(req, protocol), ports, door);
  }
}

/** SPDY in binary messages, cut anywhere. */
function overTunnel(socket: WebSocket, door: Door): void {
  const connection = new SpdyConnection({
    write: (data, sent) => {
      if (socket.readyState === socket.OPEN) socket.send(data, () => sent?.());
      else sent?.();
    },
    close: () => socket.close(1002),
  });
  serve(connection, door, { pause: () => socket.pause(), resume: () => socket.resume() });
  socket.on('message', (data) => connection.receive(data as Buffer));
  socket.on('error', () => connection.close());
  socket.on('close', () => connection.close());
}

function overSpdy(exchange: Exchange, door: Door): void {
  const wanted = String(exchange.req.headers['x-stream-protocol-version'] ?? '');
  if (!wanted.split(',').some((p) => p.trim() === SPDY_PROTOCOL))
    throw badRequest(`unable to upgrade: X-Stream-Protocol-Version is not ${SPDY_PROTOCOL}`);
  const { socket, head } = takeOver(exchange.req);
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${SPDY_PROTOCOL}\r\n\r\n`,
  );
  const connection = new SpdyConnection({
    write: (data, sent) => {
      if (socket.writable) socket.write(data, () => sent?.());
      else sent?.();
    },
    close: () => socket.destroy(),
  });
  serve(connection, door, { pause: () => socket.pause(), resume: () => socket.resume() });
  if (head.length > 0) connection.receive(head);
  socket.on('data', (data: Buffer) => connection.receive(data));
  socket.on('end', () => socket.end());
  socket.on('error', () => connection.close());
  socket.on('close', () => connection.close());
}

/** What brings the client's bytes: stopped while a pod does not take them. */
interface Flow {
  pause(): void;
  resume(): void;
}

/** A connection is two streams of one requestID: "error", on which a failure is told, and "data". */
function serve(connection: SpdyConnection, door: Door, flow: Flow): void {
  const errors = new Map<string, SpdyStream>();
  connection.onStream = (stream) => {
    const type = stream.headers.get('streamtype');
    const request = stream.headers.get('requestid') ?? '';
    const port = Number(stream.headers.get('port'));
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      stream.reset();
      return;
    }
    if (type === 'error') errors.set(request, stream);
    else if (type === 'data') {
      const failures = errors.get(request);
      errors.delete(request);
      void forward(stream, failures, port, door, flow);
    } else stream.reset();
  };
}

async function forward(
  stream: SpdyStream,
  failures: SpdyStream | undefined,
  port: number,
  { connect, pod }: Door,
  flow: Flow,
): Promise<void> {
  const early: (Buffer | undefined)[] = [];
  let gone = false;
  stream.onData = (data) => early.push(data);
  stream.onReset = () => {
    gone = true;
  };
  const fail = (why: string): void => {
    const { namespace, name, uid } = pod.metadata;
    failures?.write(
      Buffer.from(
        `an error occurred forwarding ${port} -> ${port}: error forwarding port ${port} to pod ${uid}, uid : failed to execute portforward in network namespace of ${namespace}/${name}: ${why}`,
      ),
    );
  };
  let inside: PodStream;
  try {
    inside = await connect(port);
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
    failures?.end();
    stream.end();
    return;
  }
  if (gone) {
    inside.kill();
    return;
  }
  stream.onReset = () => inside.kill();
  stream.onData = (data) => {
    if (data === undefined) inside.end();
    else if (!inside.write(data)) flow.pause();
  };
  inside.onDrain = () => flow.resume();
  inside.onData = (_channel, data) => {
    if (data === undefined) stream.end();
    else stream.write(data.slice(), () => inside.taken(data.length));
  };
  for (const data of early.splice(0)) stream.onData(data);
  const { code, reason } = await inside.exit;
  flow.resume();
  if (code !== 0) fail(reason ?? 'connection lost');
  failures?.end();
  stream.end();
}

function portsOf({ query }: Exchange): number[] {
  const texts = query.getAll('ports').flatMap((text) => text.split(','));
  if (texts.length === 0) throw badRequest('query parameter "ports" is required');
  return texts.map((text) => {
    const port = Number(text);
    if (!Number.isInteger(port) || port < 1 || port > 65_535)
      throw badRequest(`query parameter "ports" cannot be parsed as a port: ${JSON.stringify(text)}`);
    return port;
  });
}

/** Each port has two channels, 2n for bytes and 2n + 1 for failures; on each its number comes first, in two bytes, low one first. */
function overChannels(socket: WebSocket, ports: readonly number[], door: Door): void {
  const inside = new Map<number, PodStream>();
  const send = (channel: number, data: Uint8Array, sent?: () => void): void => {
    if (socket.readyState !== socket.OPEN) {
      sent?.();
      return;
    }
    const message = Buffer.allocUnsafe(data.length + 1);
    message[0] = channel;
    message.set(data, 1);
    socket.send(message, () => sent?.());
  };
  const early: Buffer[] = [];
  const input = (message: Buffer): void => {
    const channel = message[0];
    const stream = channel === undefined ? undefined : inside.get(channel);
    if (channel === 255 && message[1] !== undefined) inside.get(message[1])?.end();
    else if (stream !== undefined && message.length > 1 && !stream.write(message.subarray(1))) socket.pause();
  };
  let opened = false;
  socket.on('message', (data) => {
    if (opened) input(data as Buffer);
    else early.push(data as Buffer);
  });
  const stop = (): void => {
    for (const stream of inside.values()) stream.kill();
    inside.clear();
  };
  socket.on('error', stop);
  socket.on('close', stop);
  const start = ports.map(async (port, i) => {
    const number = Buffer.from([port & 255, port >> 8]);
    send(2 * i, number);
    send(2 * i + 1, number);
    try {
      const stream = await door.connect(port);
      inside.set(2 * i, stream);
      stream.onDrain = () => socket.resume();
      stream.onData = (_channel, data) => {
        if (data !== undefined) send(2 * i, data.slice(), () => stream.taken(data.length));
      };
      void stream.exit.then(({ code, reason }) => {
        inside.delete(2 * i);
        if (code !== 0) send(2 * i + 1, Buffer.from(reason ?? 'connection lost'));
        if (inside.size === 0) socket.close(1000);
      });
    } catch (error) {
      send(2 * i + 1, Buffer.from(error instanceof Error ? error.message : String(error)));
    }
  });
  void Promise.all(start).then(() => {
    opened = true;
    if (socket.readyState !== socket.OPEN) stop();
    for (const message of early.splice(0)) input(message);
    if (inside.size === 0) socket.close(1000);
  });
}
