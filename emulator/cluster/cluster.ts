// A running cluster, as scripts, tests and the command line drive it. Started here, it lives in this process and ends
// with `stop`; attached to, it is one that `podwire up` left running.
import { readFile } from 'node:fs/promises';
import type { KubeObject } from '../api/types/meta.ts';
import { type Caller, streamPair } from '../control/caller.ts';
import { InputError } from '../input/error.ts';
import { readDocuments } from '../input/reader.ts';
import type { TraceResult } from '../observe/trace-result.ts';
import type { Exposed } from '../operations/expose.ts';
import type { ClusterSpec } from '../protocol/cluster.ts';
import { ProtocolError } from '../protocol/errors.ts';
import type { StatsReport, ViewResult } from '../protocol/records.ts';
import { awaitCondition, type WaitOptions } from './condition.ts';
import { readManifests } from './manifests.ts';
import { API_VERSION, readCluster } from './read.ts';
import { formatRef, parseRef, parseTarget, type Ref, type Target } from './ref.ts';
import type {
  Capture,
  CapturedFrame,
  ExecOptions,
  ExecProcess,
  ExecResult,
  LinkEffect,
  NodeStatus,
  TraceOptions,
} from './types.ts';

/** Where a cluster comes from: a checked spec, a cluster file, or the fields of one. */
export interface ClusterOptions {
  readonly spec?: ClusterSpec;
  readonly file?: string;
  /** Fields of a cluster file: {nodes: 2, network: {backend: 'udp'}}. */
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal;
}

/** What `now` and `sleep` of a cluster go by. */
interface Time {
  now(): number;
  sleep(ms: number): Promise<void>;
}

const hostTime: Time = {
  now: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

/** Output of a command, as the operation streams it. */
interface ExecMessage {
  readonly channel: 'stdout' | 'stderr';
  readonly data: Uint8Array;
}
interface CaptureMessage {
  readonly frames: readonly CapturedFrame[];
  /** The same as pcapng blocks, to be written one after the other. */
  readonly blocks: Uint8Array;
}

export class Cluster {
  readonly spec: ClusterSpec;
  readonly #caller: Caller;
  readonly #time: Time;

  private constructor(spec: ClusterSpec, caller: Caller, time: Time) {
    this.spec = spec;
    this.#caller = caller;
    this.#time = time;
  }

  /** Boots a cluster in this process; resolves when every node is Ready (or, without a network, has joined). */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const spec = options.spec ?? (await readSpec(options));
    const { startEmulator } = await import('../emulator.ts');
    const { caller, time } = await startEmulator(spec, options.signal);
    return new Cluster(spec, caller, time ?? hostTime);
  }

  /** One that runs in the background. Rejects with E_NOT_FOUND when there is none of that name. */
  static async attach(name = 'podwire'): Promise<Cluster> {
    const { attachCaller } = await import('../background.ts');
    const caller = await attachCaller(name);
    return new Cluster((await caller.call('spec', {})) as ClusterSpec, caller, hostTime);
  }

  /** Milliseconds on the cluster's clock. */
  now(): number {
    return this.#time.now();
  }
  sleep(ms: number): Promise<void> {
    return this.#time.sleep(ms);
  }

  /** Server-side effect of `kubectl apply`: objects are made or changed. Returns them as they are now. */
  async apply(manifests: string | readonly KubeObject[], source = 'manifests'): Promise<KubeObject[]> {
    const objects = typeof manifests === 'string' ? readManifests(manifests, source) : manifests;
    return (await this.#caller.call('apply', { objects })) as KubeObject[];
  }
  /** Undefined when there is none. */
  async get(ref: string | Ref): Promise<KubeObject | undefined> {
    return ((await this.#caller.call('get', { ref: asRef(ref) })) as KubeObject | null) ?? undefined;
  }
  async list(kind: string, namespace?: string): Promise<KubeObject[]> {
    return (await this.#caller.call('list', {
      kind,
      ...(namespace === undefined ? {} : { namespace }),
    })) as KubeObject[];
  }
  /** False when there was none. */
  async delete(ref: string | Ref): Promise<boolean> {
    return (await this.#caller.call('delete', { ref: asRef(ref) })) as boolean;
  }

  /**
   * Resolves when one pod or node ("pod/a"), or every one there is ("pods", "nodes"), has the condition; otherwise rejects with
   * E_TIMEOUT and what was seen last.
   */
  async wait(thing: string | Ref, options: WaitOptions = {}): Promise<void> {
    const all = thing === 'pods' || thing === 'nodes';
    const { met, seen } = await awaitCondition(this, all ? thing : asRef(thing), options);
    if (met) return;
    const name = typeof thing === 'string' ? thing : formatRef(thing);
    throw new ProtocolError('E_TIMEOUT', `${name} is not ${options.condition ?? 'Ready'}: ${seen}`);
  }

  /** The IPv4 address of a pod, node, docker container, external host, the router or the control plane. */
  async address(ref: string | Ref): Promise<string> {
    return (await this.#caller.call('address', { ref: asRef(ref) })) as string;
  }

  async exec(place: string | Ref, argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    const { stdin, ...rest } = options;
    const process = await this.spawn(place, argv, rest);
    const out: Record<'stdout' | 'stderr', Uint8Array[]> = { stdout: [], stderr: [] };
    process.onOutput((chunk, channel) => out[channel].push(chunk));
    if (stdin !== undefined) process.write(stdin);
    process.end();
    const { code } = await process.exited;
    const text = (chunks: Uint8Array[]): string => Buffer.concat(chunks).toString('utf8');
    return { code, stdout: text(out.stdout), stderr: text(out.stderr) };
  }

  /** Starts a command whose input and output go on while it runs. */
  async spawn(
    place: string | Ref,
    argv: readonly string[],
    options: Omit<ExecOptions, 'stdin'> & { tty?: { columns: number; rows: number } } = {},
  ): Promise<ExecProcess> {
    const { signal, ...rest } = options;
    const [mine, theirs] = streamPair();
    let listener: ((chunk: Uint8Array, channel: 'stdout' | 'stderr') => void) | undefined;
    const early: ExecMessage[] = [];
    mine.onMessage((message) => {
      const { data, channel } = message as ExecMessage;
      if (listener === undefined) early.push({ data, channel });
      else listener(data, channel);
    });
    const exited = this.#caller.call(
      'exec',
      { place: asRef(place), argv, ...rest },
      theirs,
      signal,
    ) as Promise<{ code: number; reason?: string }>;
    exited.catch(() => {}); // whoever awaits it hears of it
    return {
      write: (data) => mine.send({ stdin: typeof data === 'string' ? Buffer.from(data) : data }),
      end: () => mine.send({ end: true }),
      resize: (columns, rows) => mine.send({ resize: { columns, rows } }),
      kill: (name = 'SIGTERM') => mine.send({ kill: name }),
      onOutput(fn) {
        listener = fn;
        for (const { data, channel } of early.splice(0)) fn(data, channel);
      },
      exited,
    };
  }

  /** A container's log, as it comes; resolves at its end, or at once without `follow`. */
  async logs(
    ref: string | Ref,
    options: { readonly follow?: boolean; readonly container?: string; readonly signal?: AbortSignal },
    onChunk: (chunk: Uint8Array) => void,
  ): Promise<void> {
    const { signal, ...rest } = options;
    const [mine, theirs] = streamPair();
    mine.onMessage((message) => onChunk((message as ExecMessage).data));
    await this.#caller.call('logs', { ref: asRef(ref), ...rest }, theirs, signal);
  }

  /** Sends one packet and follows it to its end and back. */
  async trace(from: string | Ref, to: string | Target, options: TraceOptions = {}): Promise<TraceResult> {
    return (await this.#caller.call('trace', {
      from: asRef(from),
      to: typeof to === 'string' ? parseTarget(to) : to,
      options,
    })) as TraceResult;
  }

  /** Captures on devices ("pod/a", "node/n1/cni0", "container/n1/web") until `stop`; `onBlocks` gets pcapng as it comes. */
  async capture(devices: readonly string[], onBlocks?: (blocks: Uint8Array) => void): Promise<Capture> {
    const [mine, theirs] = streamPair();
    const frames: CapturedFrame[] = [];
    const blocks: Uint8Array[] = [];
    const started = new Promise<void>((resolve) => {
      mine.onMessage((message) => {
        const part = message as CaptureMessage;
        frames.push(...part.frames);
        if (onBlocks === undefined) blocks.push(part.blocks);
        else onBlocks(part.blocks);
        resolve(); // the first message is the file's header: every tap is in place by then
      });
    });
    const ended = this.#caller.call('capture', { devices }, theirs);
    await Promise.race([started, ended]);
    return {
      frames,
      async stop() {
        mine.send({ stop: true });
        await ended;
        return Buffer.concat(blocks);
      },
    };
  }

  /** Opens a Service on the host until `stop`; each connection goes on from the router to the Service's way in from outside. */
  async expose(
    ref: string | Ref,
    options: { readonly port?: number; readonly address?: string; readonly listen?: number } = {},
  ): Promise<Exposed & { readonly ended: Promise<unknown>; stop(): Promise<void> }> {
    const [mine, theirs] = streamPair();
    const first = new Promise<Exposed>((resolve) => mine.onMessage((m) => resolve(m as Exposed)));
    const params = { ref: asRef(ref), address: '127.0.0.1', listen: 0, ...options };
    const ended = this.#caller.call('expose', params, theirs);
    const exposed = (await Promise.race([first, ended])) as Exposed;
    return {
      ...exposed,
      ended,
      async stop() {
        mine.send({ stop: true });
        await ended;
      },
    };
  }

  /** What frames between two nodes meet, each way; undefined takes it away. */
  async link(a: string, b: string, effect: LinkEffect | undefined): Promise<void> {
    await this.#caller.call('link', { a, b, effect: effect ?? null });
  }
  /** The same on a pod's (or docker container's) veth, both ways. */
  async impairPod(ref: string | Ref, effect: LinkEffect | undefined): Promise<void> {
    await this.#caller.call('impairPod', { ref: asRef(ref), effect: effect ?? null });
  }
  /** Nothing passes between the groups; "control-plane" and "router" may stand among the nodes. */
  async partition(groups: readonly (readonly string[])[]): Promise<void> {
    await this.#caller.call('partition', { groups });
  }
  /** Takes every link effect and partition away. */
  async heal(): Promise<void> {
    await this.#caller.call('heal', {});
  }

  node(name: string): NodeHandle {
    const call = (action: string, more: object = {}) =>
      this.#caller.call('node', { node: name, action, ...more });
    const act = (action: string) => async (): Promise<void> => {
      await call(action);
    };
    return {
      kill: act('kill'),
      pause: act('pause'),
      resume: act('resume'),
      restart: act('restart'),
      daemon: async (daemon, action) =>
        ((await call('daemon', { daemon, daemonAction: action })) as { state: string }).state,
      docker: async (argv) => (await call('docker', { argv })) as ViewResult,
      stats: async () => (await call('stats')) as StatsReport,
    };
  }

  async status(): Promise<NodeStatus[]> {
    return (await this.#caller.call('status', {})) as NodeStatus[];
  }

  /** A started cluster ends with its processes; an attached one is only let go of. */
  async stop(): Promise<void> {
    await this.#caller.close();
  }
}

export interface NodeHandle {
  /** SIGKILL; the supervisor starts it again after a back-off. */
  kill(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Shut down and started again, as a reboot. */
  restart(): Promise<void>;
  /** Resolves to the daemon's state afterwards. */
  daemon(name: string, action: 'start' | 'stop' | 'restart' | 'status'): Promise<string>;
  /** A command of the docker client on this host. */
  docker(argv: readonly string[]): Promise<ViewResult>;
  stats(): Promise<StatsReport>;
}

const asRef = (ref: string | Ref): Ref => (typeof ref === 'string' ? parseRef(ref) : ref);

async function readSpec(options: ClusterOptions): Promise<ClusterSpec> {
  if (options.file === undefined) {
    const [doc] = readDocuments(JSON.stringify(options.cluster ?? {}), 'options');
    return readCluster(doc!);
  }
  return readClusterFile(options.file);
}

/** Reads a file of `kind: Cluster`. */
export async function readClusterFile(file: string, overrides = {}): Promise<ClusterSpec> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new InputError(`cannot read ${file} (${(error as NodeJS.ErrnoException).code})`, {
      mend: 'give the path of a cluster file',
    });
  }
  const docs = readDocuments(text, file);
  const [doc, second] = docs;
  if (doc === undefined)
    throw new InputError(`${file} is empty`, { mend: `write apiVersion: ${API_VERSION}, kind: Cluster` });
  if (second !== undefined)
    second.fail('a cluster file holds one document', 'put the others into files of their own');
  const entries = new Map(doc.entries());
  const version = entries.get('apiVersion')?.text();
  const kind = entries.get('kind')?.text();
  if (version !== API_VERSION)
    (entries.get('apiVersion') ?? doc).fail(
      `apiVersion is ${version ?? 'missing'}`,
      `write apiVersion: ${API_VERSION}`,
    );
  if (kind !== 'Cluster')
    (entries.get('kind') ?? doc).fail(`kind is ${kind ?? 'missing'}`, 'write kind: Cluster');
  return readCluster(doc, overrides, ['apiVersion', 'kind']);
}
