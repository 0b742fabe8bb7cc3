// Every message between the emulator and a process of the cluster (a node or the fabric), as one union per direction.
// A request has an `id`, answered by `ok` or `error` with the same `replyTo`; results are typed by `Results`. Bytes of
// commands, logs and forwarded ports go in streams that both sides name by a number the emulator chose. Pause is not a
// message: the supervisor stops the process itself (SIGSTOP).
import { ERROR_CODES, type ErrorCode } from './errors.ts';
import {
  type Cabling,
  type CaptureRecord,
  cabling,
  captureRecord,
  type DeviceRef,
  type DiskFile,
  type DropEntry,
  diskFile,
  type Impairment,
  impairment,
  type LinkType,
  type LogLevel,
  logLevel,
  type NodeConfig,
  nodeConfig,
  type Place,
  type ProbeOutcome,
  type ProbeRecord,
  place,
  probe,
  type StatsReport,
  type TraceRecord,
  traceRecord,
  type ViewResult,
} from './records.ts';
import {
  bool,
  bytes,
  type Check,
  dict,
  int,
  list,
  oneOf,
  optional,
  real,
  record,
  text,
  union,
} from './shape.ts';

/** Raised when either side would misunderstand the other; compared in hello and welcome. */
export const PROTOCOL_VERSION = 1;

/** What is asked of a node, by type: the fields of the question and what `ok` brings. */
export interface Results {
  readonly configure: { readonly ready: ReadyReport };
  readonly cables: null;
  readonly impair: null;
  readonly exec: null;
  readonly attach: null;
  readonly logs: null;
  readonly forward: null;
  readonly trace: ProbeOutcome;
  readonly 'trace.follow': null;
  readonly 'capture.start': { readonly linkType: LinkType };
  readonly 'capture.stop': { readonly frames: number; readonly dropped: number };
  readonly stats: StatsReport;
  readonly metrics: { readonly text: string };
  readonly drops: { readonly drops: readonly DropEntry[] };
  readonly view: ViewResult;
  readonly daemon: { readonly state: 'running' | 'stopped' };
  readonly docker: ViewResult;
  readonly log: null;
  readonly ping: { readonly time: number };
  readonly shutdown: null;
}
export interface ReadyReport {
  /** Milliseconds since the process began, and CPU it took until now. */
  readonly ms: number;
  readonly cpuMs: number;
}

interface Asked {
  readonly id: number;
}
/** First message on a connection: the node may go on, or must not (another version: it answers and closes). */
export interface Welcome {
  readonly type: 'welcome';
  readonly version: number;
}
/** Boots the node; for one that is running already (adopted), brings what may have changed: the API's address. */
export interface Configure extends Asked {
  readonly type: 'configure';
  readonly config: NodeConfig;
  readonly cabling: Cabling;
  /** What a process of this name had on its disk; a running node has its own and says it again. */
  readonly disk: readonly DiskFile[];
}
export interface Cables extends Asked {
  readonly type: 'cables';
  readonly cabling: Cabling;
}
/** The whole list: what is not in it any more is taken away. */
export interface Impair extends Asked {
  readonly type: 'impair';
  readonly impairments: readonly Impairment[];
}
export interface Exec extends Asked {
  readonly type: 'exec';
  readonly stream: number;
  readonly place: Place;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: boolean;
  readonly tty?: { readonly cols: number; readonly rows: number } | undefined;
}
export interface Attach extends Asked {
  readonly type: 'attach';
  readonly stream: number;
  readonly place: Place;
  readonly stdin: boolean;
}
export interface Logs extends Asked {
  readonly type: 'logs';
  readonly stream: number;
  readonly place: Place;
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly tailLines?: number | undefined;
  readonly sinceTime?: number | undefined;
  readonly limitBytes?: number | undefined;
}
/** A TCP connection from inside the place to itself, for port-forward, or to `host`. */
export interface Forward extends Asked {
  readonly type: 'forward';
  readonly stream: number;
  readonly place: Place;
  readonly host?: string | undefined;
  readonly port: number;
}
export interface Trace extends Asked {
  readonly type: 'trace';
  readonly probe: ProbeRecord;
}
/** Which events to send: of all traced packets, of none. */
export interface TraceFollow extends Asked {
  readonly type: 'trace.follow';
  readonly on: boolean;
}
export interface CaptureStart extends Asked {
  readonly type: 'capture.start';
  readonly capture: number;
  readonly at: DeviceRef;
  readonly snaplen: number;
  /** Also what died in this namespace, with the reason. */
  readonly drops: boolean;
}
export interface CaptureStop extends Asked {
  readonly type: 'capture.stop';
  readonly capture: number;
}
export interface Stats extends Asked {
  readonly type: 'stats';
}
export interface Metrics extends Asked {
  readonly type: 'metrics';
}
export interface Drops extends Asked {
  readonly type: 'drops';
}
/** A command that shows state: ["ip", "route"], ["brctl", "show"]. */
export interface View extends Asked {
  readonly type: 'view';
  readonly place: Place;
  readonly argv: readonly string[];
}
export interface Daemon extends Asked {
  readonly type: 'daemon';
  readonly name: string;
  readonly action: 'start' | 'stop' | 'restart' | 'status';
}
/** ["run", "-d", "--name", "web", "-p", "8080:80", "nginx"]: the docker client's own words. */
export interface Docker extends Asked {
  readonly type: 'docker';
  readonly argv: readonly string[];
}
export interface Log extends Asked {
  readonly type: 'log';
  readonly level: LogLevel;
}
export interface Ping extends Asked {
  readonly type: 'ping';
}
/** Stops daemons and pods in order, answers, exits. */
export interface Shutdown extends Asked {
  readonly type: 'shutdown';
  /** Milliseconds for pods to end by themselves. */
  readonly grace: number;
}

/** Bytes of a stream, either way; `end`: no more will follow on this channel. */
export interface StreamData {
  readonly type: 'stream.data';
  readonly stream: number;
  readonly channel: 'stdin' | 'stdout' | 'stderr';
  readonly data: Uint8Array;
  readonly end: boolean;
}
/** The receiver has taken this many bytes more: at most STREAM_WINDOW are under way per direction. */
export interface StreamCredit {
  readonly type: 'stream.credit';
  readonly stream: number;
  readonly bytes: number;
}
export interface StreamResize {
  readonly type: 'stream.resize';
  readonly stream: number;
  readonly cols: number;
  readonly rows: number;
}
/** A signal for the command; for other streams, their end. */
export interface StreamKill {
  readonly type: 'stream.kill';
  readonly stream: number;
  readonly signal: string;
}
/** The last message of a stream. */
export interface StreamExit {
  readonly type: 'stream.exit';
  readonly stream: number;
  readonly code: number;
  readonly reason?: string | undefined;
}
export const STREAM_WINDOW = 1 << 20;

export type Request =
  | Configure
  | Cables
  | Impair
  | Exec
  | Attach
  | Logs
  | Forward
  | Trace
  | TraceFollow
  | CaptureStart
  | CaptureStop
  | Stats
  | Metrics
  | Drops
  | View
  | Daemon
  | Docker
  | Log
  | Ping
  | Shutdown;
export type ToNode = Welcome | Request | StreamData | StreamCredit | StreamResize | StreamKill;

export type RequestType = Request['type'];
export type RequestOf<T extends RequestType> = Extract<Request, { readonly type: T }>;
/** A request without its id, which the connection gives it. */
export type Question<T extends RequestType> = Omit<RequestOf<T>, 'id' | 'type'>;

/** First message of a node on a supervision connection. */
export interface Hello {
  readonly type: 'hello';
  readonly version: number;
  readonly role: 'node' | 'fabric';
  readonly name: string;
  readonly pid: number;
  /** Milliseconds since 1970 at which the process (or worker) began. */
  readonly startTime: number;
  /** Where peers dial it: "ws://127.0.0.1:40211". */
  readonly url: string;
  /** False until it was configured. */
  readonly running: boolean;
}
export interface Ok {
  readonly type: 'ok';
  readonly replyTo: number;
  readonly result: unknown;
}
export interface Failed {
  readonly type: 'error';
  /** 0: not in answer to a request that could be read. */
  readonly replyTo: number;
  readonly code: ErrorCode;
  readonly message: string;
}
export interface TraceEvents {
  readonly type: 'trace.events';
  readonly events: readonly TraceRecord[];
  /** Events left out since the last message because the emulator did not keep up. */
  readonly dropped: number;
}
export interface CaptureFrames {
  readonly type: 'capture.frames';
  readonly capture: number;
  readonly frames: readonly CaptureRecord[];
  readonly dropped: number;
}
/** A daemon started, stopped or failed by itself. */
export interface DaemonStatus {
  readonly type: 'daemon.status';
  readonly name: string;
  readonly state: 'running' | 'stopped' | 'failed';
  readonly message: string;
}
/** A file was written, or with `file` left out, removed. */
export interface DiskChange {
  readonly type: 'disk';
  readonly path: string;
  readonly file?: DiskFile | undefined;
}
export type FromNode =
  | Hello
  | DiskChange
  | Ok
  | Failed
  | TraceEvents
  | CaptureFrames
  | DaemonStatus
  | StreamData
  | StreamCredit
  | StreamExit;

// --- checks ---

const id = int(0, 0xffff_ffff);
const stream = id;
const argv = list(text(131_072), 4096);
const chunk = bytes(1 << 20);
const streamData = record<StreamData>({
  type: oneOf('stream.data'),
  stream,
  channel: oneOf('stdin', 'stdout', 'stderr'),
  data: chunk,
  end: bool,
});
const streamCredit = record<StreamCredit>({ type: oneOf('stream.credit'), stream, bytes: int(0, 1 << 30) });
const at = record<DeviceRef>({ netns: text(253), dev: text(64) });

export const toNode: Check<ToNode> = union<ToNode, 'type'>('type', {
  welcome: record<Welcome>({ type: oneOf('welcome'), version: int() }),
  configure: record<Configure>({
    type: oneOf('configure'),
    id,
    config: nodeConfig,
    cabling,
    disk: list(diskFile),
  }),
  cables: record<Cables>({ type: oneOf('cables'), id, cabling }),
  impair: record<Impair>({ type: oneOf('impair'), id, impairments: list(impairment, 4096) }),
  exec: record<Exec>({
    type: oneOf('exec'),
    id,
    stream,
    place,
    argv,
    env: dict(text(131_072)),
    stdin: bool,
    tty: optional(record<{ cols: number; rows: number }>({ cols: int(1, 10_000), rows: int(1, 10_000) })),
  }),
  attach: record<Attach>({ type: oneOf('attach'), id, stream, place, stdin: bool }),
  logs: record<Logs>({
    type: oneOf('logs'),
    id,
    stream,
    place,
    follow: bool,
    previous: bool,
    timestamps: bool,
    tailLines: optional(int()),
    sinceTime: optional(real()),
    limitBytes: optional(int()),
  }),
  forward: record<Forward>({
    type: oneOf('forward'),
    id,
    stream,
    place,
    host: optional(text(64)),
    port: int(1, 65_535),
  }),
  trace: record<Trace>({ type: oneOf('trace'), id, probe }),
  'trace.follow': record<TraceFollow>({ type: oneOf('trace.follow'), id, on: bool }),
  'capture.start': record<CaptureStart>({
    type: oneOf('capture.start'),
    id,
    capture: id,
    at,
    snaplen: int(1, 262_144),
    drops: bool,
  }),
  'capture.stop': record<CaptureStop>({ type: oneOf('capture.stop'), id, capture: id }),
  stats: record<Stats>({ type: oneOf('stats'), id }),
  metrics: record<Metrics>({ type: oneOf('metrics'), id }),
  drops: record<Drops>({ type: oneOf('drops'), id }),
  view: record<View>({ type: oneOf('view'), id, place, argv }),
  daemon: record<Daemon>({
    type: oneOf('daemon'),
    id,
    name: text(64),
    action: oneOf('start', 'stop', 'restart', 'status'),
  }),
  docker: record<Docker>({ type: oneOf('docker'), id, argv }),
  log: record<Log>({ type: oneOf('log'), id, level: logLevel }),
  ping: record<Ping>({ type: oneOf('ping'), id }),
  shutdown: record<Shutdown>({ type: oneOf('shutdown'), id, grace: real(0, 3_600_000) }),
  'stream.data': streamData,
  'stream.credit': streamCredit,
  'stream.resize': record<StreamResize>({
    type: oneOf('stream.resize'),
    stream,
    cols: int(1, 10_000),
    rows: int(1, 10_000),
  }),
  'stream.kill': record<StreamKill>({ type: oneOf('stream.kill'), stream, signal: text(16) }),
});

export const fromNode: Check<FromNode> = union<FromNode, 'type'>('type', {
  hello: record<Hello>({
    type: oneOf('hello'),
    version: int(),
    role: oneOf('node', 'fabric'),
    name: text(253),
    pid: int(),
    startTime: real(),
    url: text(512),
    running: bool,
  }),
  // The result's shape is known only with the question; both ends are built from one Results.
  ok: record<Ok>({ type: oneOf('ok'), replyTo: id, result: () => undefined }),
  error: record<Failed>({
    type: oneOf('error'),
    replyTo: id,
    code: oneOf(...(Object.keys(ERROR_CODES) as ErrorCode[])),
    message: text(65_536),
  }),
  'trace.events': record<TraceEvents>({
    type: oneOf('trace.events'),
    events: list(traceRecord, 4096),
    dropped: int(),
  }),
  'capture.frames': record<CaptureFrames>({
    type: oneOf('capture.frames'),
    capture: id,
    frames: list(captureRecord, 4096),
    dropped: int(),
  }),
  disk: record<DiskChange>({ type: oneOf('disk'), path: text(4096), file: optional(diskFile) }),
  'daemon.status': record<DaemonStatus>({
    type: oneOf('daemon.status'),
    name: text(64),
    state: oneOf('running', 'stopped', 'failed'),
    message: text(),
  }),
  'stream.data': streamData,
  'stream.credit': streamCredit,
  'stream.exit': record<StreamExit>({
    type: oneOf('stream.exit'),
    stream,
    code: int(0, 255),
    reason: optional(text()),
  }),
});
