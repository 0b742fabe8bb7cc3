// What the emulator may do in a node besides looking: run commands in pods, containers and on the node itself, read logs, forward
// ports, drive docker. Each answer goes to the stream that the request named.
import { ProtocolError } from '../emulator/protocol/errors.ts';
import type { ViewResult, Place as Where } from '../emulator/protocol/records.ts';
import { dockerCli } from './docker/cli.ts';
import type { Dockerd } from './docker/dockerd.ts';
import type { Kernel } from './kernel/netns/kernel.ts';
import type { ContainerLog, LogLine } from './kubelet/container-log.ts';
import type { Kubelet } from './kubelet/kubelet.ts';
import type { ContainerHandle, ExecIo } from './kubelet/runtime.ts';
import { connect } from './sockets/net.ts';
import { socketStack } from './sockets/stack.ts';
import type { Places } from './supervision/places.ts';
import type { NodeStream } from './supervision/stream.ts';
import type { Supervision } from './supervision/supervision.ts';
import type { Place } from './workloads/process.ts';
import { execIn, signalOf } from './workloads/runtime.ts';
import type { Shell } from './workloads/shell/shell.ts';

export interface ConsoleOptions {
  readonly kernel: Kernel;
  readonly supervision: Supervision;
  readonly places: Places;
  readonly shell: Shell;
  readonly node: { readonly place: Place; readonly env: Readonly<Record<string, string>> };
}

interface Running {
  readonly exited: Promise<{ readonly exitCode: number }>;
  kill(signal: string): void;
}

export class Console {
  kubelet: Kubelet | undefined;
  docker: Dockerd | undefined;
  readonly #options: ConsoleOptions;

  constructor(options: ConsoleOptions) {
    this.#options = options;
    const { supervision, places } = options;
    places.docker = ({ container }) => this.docker?.find(container).netns;
    supervision.on('exec', ({ stream, place, argv, stdin, tty }, session) => {
      const io = new StreamIo(
        session.stream(stream),
        stdin,
        tty === undefined ? undefined : { columns: tty.cols, rows: tty.rows },
      );
      io.follow(this.#exec(place, argv, io));
      return null;
    });
    supervision.on('attach', ({ stream, place, stdin }, session) => {
      const handle = this.#handle(place);
      if (handle.attach === undefined)
        throw new ProtocolError('E_UNSUPPORTED', 'the container has no terminal to attach to');
      const io = new StreamIo(session.stream(stream), stdin, undefined);
      const attached = handle.attach(io);
      io.follow({ exited: attached.exited, kill: () => attached.kill() });
      return null;
    });
    supervision.on('logs', (request, session) => {
      const log = this.#log(request.place, request.previous);
      sendLog(log, session.stream(request.stream), request);
      return null;
    });
    supervision.on('forward', ({ stream, place, host, port }, session) => {
      this.#forward(session.stream(stream), place, host ?? '127.0.0.1', port);
      return null;
    });
    supervision.on('view', async ({ place, argv }) => this.#view(place, argv));
    supervision.on('docker', async ({ argv }): Promise<ViewResult> => {
      if (this.docker === undefined) throw new ProtocolError('E_UNSUPPORTED', 'no dockerd runs on this node');
      return dockerCli(this.docker, argv);
    });
  }

  stop(): void {
    this.#options.shell.stop();
  }

  #exec(place: Where, argv: readonly string[], io: ExecIo): Running {
    if (place.kind === 'node' || place.kind === 'netns') {
      const { shell, node } = this.#options;
      const ns = this.#options.places.netns(place);
      const aborter = new AbortController();
      const exited = execIn({
        shell,
        place: { ...node.place, ns, isNode: place.kind === 'node' },
        env: node.env,
        argv,
        io,
        signal: aborter.signal,
      });
      return {
        exited: exited.then((exitCode) => ({ exitCode })),
        kill: (signal) => aborter.abort(signalOf(signal)),
      };
    }
    const running = this.#handle(place).exec(argv, io);
    return { exited: running.exited, kill: () => running.kill() };
  }

  async #view(place: Where, argv: readonly string[]): Promise<ViewResult> {
    const out: Uint8Array[] = [];
    const err: Uint8Array[] = [];
    const { exited } = this.#exec(place, argv, {
      stdin: undefined,
      stdout: (c) => out.push(c),
      stderr: (c) => err.push(c),
    });
    const { exitCode } = await exited;
    return {
      stdout: Buffer.concat(out).toString('utf8'),
      stderr: Buffer.concat(err).toString('utf8'),
      code: exitCode,
    };
  }

  #handle(place: Where): ContainerHandle {
    const handle =
      place.kind === 'docker'
        ? this.docker?.find(place.container).handle
        : place.kind === 'pod'
          ? this.#podHandle(place)
          : undefined;
    if (handle === undefined)
      throw new ProtocolError('E_NOT_FOUND', `no running container: ${nameOf(place)}`);
    return handle;
  }

  #podHandle(place: Extract<Where, { kind: 'pod' }>): ContainerHandle | undefined {
    const worker = this.kubelet?.worker(place.namespace, place.pod);
    const container = place.container ?? worker?.pod.spec.containers[0]?.name;
    return container === undefined ? undefined : worker?.handle(container);
  }

  #log(place: Where, previous: boolean): ContainerLog {
    let log: ContainerLog | undefined;
    if (place.kind === 'docker') log = this.docker?.find(place.container).log;
    else if (place.kind === 'pod') {
      const worker = this.kubelet?.worker(place.namespace, place.pod);
      const container = place.container ?? worker?.pod.spec.containers[0]?.name;
      log = container === undefined ? undefined : worker?.log(container, previous);
    }
    if (log === undefined) throw new ProtocolError('E_NOT_FOUND', `no log of ${nameOf(place)}`);
    return log;
  }

  #forward(stream: NodeStream, place: Where, host: string, port: number): void {
    const ns = this.#options.places.netns(place);
    const stack = socketStack(ns, { owner: 'port-forward' });
    const socket = connect(stack, { host, port, allowHalfOpen: true });
    stream.onInput = (data) => {
      if (data === undefined) {
        socket.end();
        return;
      }
      socket.write(data, () => stream.taken(data.length));
    };
    stream.onKill = () => socket.destroy();
    stream.onDrain = () => socket.resume();
    socket.on('data', (data: Buffer) => {
      if (!stream.write('stdout', data)) socket.pause();
    });
    socket.on('end', () => stream.end('stdout'));
    let reason: string | undefined;
    socket.on('error', (error) => {
      reason = error.message;
    });
    socket.on('close', () => {
      stack.stop();
      stream.exit(reason === undefined ? 0 : 1, reason);
    });
  }
}

const nameOf = (place: Where): string =>
  place.kind === 'pod'
    ? `pod ${place.namespace}/${place.pod}`
    : place.kind === 'docker'
      ? `container ${place.container}`
      : place.kind;

/** A command's input and output over a stream. */
class StreamIo implements ExecIo {
  readonly stdin: AsyncIterable<Uint8Array> | undefined;
  readonly tty?: { readonly columns: number; readonly rows: number };
  readonly #stream: NodeStream;

  constructor(
    stream: NodeStream,
    hasStdin: boolean,
    tty: { readonly columns: number; readonly rows: number } | undefined,
  ) {
    this.#stream = stream;
    this.stdin = hasStdin ? inputOf(stream) : undefined;
    if (tty !== undefined) this.tty = tty;
  }

  stdout(chunk: Uint8Array): void {
    this.#stream.write('stdout', chunk);
  }
  stderr(chunk: Uint8Array): void {
    this.#stream.write('stderr', chunk);
  }

  follow(running: Running): void {
    this.#stream.onKill = (signal) => running.kill(signal);
    running.exited.then(
      ({ exitCode }) => this.#stream.exit(exitCode),
      (error: Error) => this.#stream.exit(126, error.message),
    );
  }
}

/** What the emulator sends, as it comes, from now on; credit goes back as it is used. */
function inputOf(stream: NodeStream): AsyncIterable<Uint8Array> {
  const queue: (Uint8Array | undefined)[] = [];
  let wake = (): void => {};
  stream.onInput = (data) => {
    queue.push(data?.slice());
    wake();
  };
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (queue.length === 0)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      const data = queue.shift();
      if (data === undefined) return;
      stream.taken(data.length);
      yield data;
    }
  }
  return pieces();
}

interface LogRequest {
  readonly follow: boolean;
  readonly timestamps: boolean;
  readonly tailLines?: number | undefined;
  readonly sinceTime?: number | undefined;
  readonly limitBytes?: number | undefined;
}

/** kubelet's ReadLogs: the last lines, those since a time, at most so many bytes; and what follows. */
function sendLog(log: ContainerLog, stream: NodeStream, request: LogRequest): void {
  let left = request.limitBytes ?? Number.POSITIVE_INFINITY;
  const send = (line: LogLine): void => {
    const text = `${request.timestamps ? `${new Date(line.time).toISOString()} ` : ''}${line.text}\n`;
    const bytes = Buffer.from(text).subarray(0, left);
    left -= bytes.length;
    if (bytes.length > 0) stream.write('stdout', bytes);
    if (left <= 0) finish();
  };
  let unfollow: (() => void) | undefined;
  const finish = (): void => {
    unfollow?.();
    stream.exit(0);
  };
  const since = request.sinceTime ?? 0;
  const lines = log.lines.filter((l) => l.time >= since);
  for (const line of request.tailLines === undefined
    ? lines
    : lines.slice(Math.max(0, lines.length - request.tailLines)))
    send(line);
  if (!request.follow || left <= 0) {
    finish();
    return;
  }
  unfollow = log.follow(send);
  stream.onKill = finish;
}
