// One process under supervision, from its start to its end: what state it is in, the connection to it, and its coming
// back when it died of something other than our wish.
import type { BootRecord } from '../protocol/boot.ts';
import { ProtocolError } from '../protocol/errors.ts';
import type { Question, ReadyReport, RequestType, Results } from '../protocol/messages.ts';
import type { Cabling, DiskFile, NodeConfig } from '../protocol/records.ts';
import { adopt, reap } from './adopt.ts';
import { Connection, type NodeEvent } from './connection.ts';
import type { Exit, Placed, Placement } from './placement.ts';
import type { ProcessState } from './run-directory.ts';
import type { EmulatorStream } from './stream.ts';

/** Milliseconds before a process that died is started again: at first, at most, and how long it must live to begin anew. */
const RESTART_MIN = 100;
const RESTART_MAX = 10_000;
const LIVED_WELL = 30_000;
/** A process may be this long in answering before it is said to be unresponsive; and how often it is asked. */
const PING_EVERY = 5000;
const PING_PATIENCE = 15_000;

export type MemberState = 'down' | 'starting' | 'ready' | 'paused' | 'stopping' | 'stopped';

export type MemberEvent =
  | { readonly type: 'ready'; readonly report: ReadyReport; readonly restarts: number }
  | { readonly type: 'adopted' }
  | { readonly type: 'exited'; readonly exit: Exit; readonly restartIn: number | undefined }
  | { readonly type: 'unresponsive' | 'responsive' | 'paused' | 'resumed' }
  | { readonly type: 'message'; readonly message: NodeEvent };

export interface MemberOptions {
  readonly boot: BootRecord;
  readonly placement: Placement;
  readonly config: () => NodeConfig;
  readonly cabling: () => Cabling;
  /** Its address changed, or it is gone: the others must be told. */
  readonly moved: () => Promise<void>;
  readonly remember: (state: ProcessState | undefined) => Promise<void>;
  readonly event: (event: MemberEvent) => void;
}

export class Member {
  readonly name: string;
  state: MemberState = 'down';
  /** How often it came back. */
  restarts = 0;
  report: ReadyReport | undefined;
  readonly #options: MemberOptions;
  readonly #disk = new Map<string, DiskFile>();
  #placed: Placed | undefined;
  #connection: Connection | undefined;
  #backoff = RESTART_MIN;
  #readyAt = 0;
  #restartTimer: NodeJS.Timeout | undefined;
  #pingTimer: NodeJS.Timeout | undefined;
  #unresponsive = false;

  constructor(options: MemberOptions) {
    this.name = options.boot.name;
    this.#options = options;
  }

  /** Where its peers dial it; "" while it is not there. */
  get url(): string {
    return this.#placed?.url ?? '';
  }
  get pid(): number | undefined {
    return this.#placed?.pid;
  }

  /** Starts it, or takes over the one that `found` speaks of; when this resolves it can be configured. */
  async launch(found?: ProcessState): Promise<void> {
    this.state = 'starting';
    const { boot, placement } = this.#options;
    if (found !== undefined) {
      const adopted = await adopt(found, boot.secret);
      if (adopted !== undefined) {
        this.#options.event({ type: 'adopted' });
        this.#watch(adopted.placed);
        this.#use(adopted.connection);
        return;
      }
      await reap(found);
      await this.#options.remember(undefined);
    }
    const placed = await placement.start(boot);
    try {
      const connection = await Connection.open(await placed.connect());
      const { hello } = connection;
      if (hello.name !== boot.name || hello.role !== boot.role)
        throw new ProtocolError(
          'E_START',
          `${hello.role} ${hello.name} answers for ${boot.role} ${boot.name}`,
        );
      this.#watch(placed);
      this.#use(connection);
      const { pid, startTime, url } = hello;
      await this.#options.remember({ name: boot.name, role: boot.role, pid, startTime, url });
    } catch (error) {
      placed.kill();
      throw error;
    }
  }

  /** Boots it, or tells one that was adopted what has changed. */
  async configure(): Promise<void> {
    const connection = this.#connected();
    const config = this.#options.config();
    const cabling = this.#options.cabling();
    const disk = [...this.#disk.values()];
    const { ready } = await connection.request('configure', { config, cabling, disk });
    this.state = 'ready';
    this.#readyAt = performance.now();
    this.report = ready;
    this.#ping();
    this.#options.event({ type: 'ready', report: ready, restarts: this.restarts });
  }

  async recable(cabling: Cabling): Promise<void> {
    // A paused node hears of it when it goes on; nobody waits for that. One that is gone is told when it is back.
    if (this.state !== 'ready' && this.state !== 'paused') return;
    const told = this.#connected().request('cables', { cabling });
    if (this.state === 'paused') void told.catch(() => {});
    else await told.catch(() => {});
  }

  request<T extends RequestType>(type: T, question: Question<T>, signal?: AbortSignal): Promise<Results[T]> {
    try {
      return this.#connected().request(type, question, signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }
  async stream<T extends 'exec' | 'attach' | 'logs' | 'forward'>(
    type: T,
    question: Omit<Question<T>, 'stream'>,
  ): Promise<EmulatorStream> {
    return await this.#connected().stream(type, question);
  }

  kill(): void {
    this.#placed?.kill();
  }
  pause(): void {
    if (this.state !== 'ready') throw new ProtocolError('E_NOT_READY', `${this.name} is ${this.state}`);
    this.#placed!.pause();
    this.state = 'paused';
    this.#options.event({ type: 'paused' });
  }
  resume(): void {
    if (this.state !== 'paused') throw new ProtocolError('E_INVALID', `${this.name} is ${this.state}`);
    this.#placed!.resume();
    this.state = 'ready';
    this.#options.event({ type: 'resumed' });
  }

  /** Asks, waits, forces. Rejects never; afterwards it is gone. */
  async stop(grace: number, patience: number): Promise<void> {
    clearTimeout(this.#restartTimer);
    clearTimeout(this.#pingTimer);
    const placed = this.#placed;
    const paused = this.state === 'paused';
    this.state = 'stopping';
    if (placed !== undefined) {
      const forced = setTimeout(() => placed.kill(), paused ? 0 : grace + patience);
      if (this.#connection !== undefined && !paused)
        void this.#connection.request('shutdown', { grace }).catch(() => {});
      else placed.kill();
      await placed.exited;
      clearTimeout(forced);
    }
    this.state = 'stopped';
    this.#connection?.close();
    await this.#options.remember(undefined);
  }
  /** Lets go of it without ending it. */
  release(): void {
    clearTimeout(this.#restartTimer);
    clearTimeout(this.#pingTimer);
    this.state = 'stopped';
    this.#placed?.release();
    this.#connection?.close();
  }

  #connected(): Connection {
    if (this.#connection === undefined || this.#connection.closed)
      throw new ProtocolError(
        this.state === 'ready' ? 'E_CLOSED' : 'E_NOT_READY',
        `${this.name} is ${this.state}`,
      );
    return this.#connection;
  }

  #use(connection: Connection): void {
    this.#connection = connection;
    connection.onEvent = (message) => {
      if (message.type === 'disk') {
        if (message.file === undefined) this.#disk.delete(message.path);
        // A copy: what was decoded lies in the buffer of a whole message.
        else this.#disk.set(message.path, { ...message.file, bytes: message.file.bytes.slice() });
      } else this.#options.event({ type: 'message', message });
    };
    connection.onClose = () => {
      if (this.#connection === connection) void this.#reconnect();
    };
  }

  /** The connection broke: either the process is gone, which we shall hear, or it can be dialled again. */
  async #reconnect(): Promise<void> {
    const placed = this.#placed;
    if (placed === undefined || this.state === 'stopping' || this.state === 'stopped') return;
    for (let wait = 20; this.#placed === placed && wait < 2000; wait *= 2) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      if (this.#placed !== placed || this.state === 'paused') return;
      try {
        this.#use(await Connection.open(await placed.connect()));
        return;
      } catch {
        // Again, until it is known to be gone.
      }
    }
    if (this.#placed === placed) placed.kill();
  }

  #watch(placed: Placed): void {
    this.#placed = placed;
    void placed.exited.then((exit) => {
      if (this.#placed === placed) this.#exited(exit);
    });
  }
  #exited(exit: Exit): void {
    clearTimeout(this.#pingTimer);
    this.#placed = undefined;
    this.#connection?.close();
    this.#connection = undefined;
    if (this.state === 'stopping' || this.state === 'stopped' || this.state === 'starting') {
      this.#options.event({ type: 'exited', exit, restartIn: undefined });
      return;
    }
    this.state = 'down';
    if (performance.now() - this.#readyAt > LIVED_WELL) this.#backoff = RESTART_MIN;
    const restartIn = this.#backoff;
    this.#backoff = Math.min(this.#backoff * 2, RESTART_MAX);
    this.#options.event({ type: 'exited', exit, restartIn });
    void this.#options.moved();
    this.#comeBack(restartIn);
  }
  #comeBack(after: number): void {
    this.#restartTimer = setTimeout(async () => {
      this.restarts++;
      try {
        await this.launch();
        await this.#options.moved();
        await this.configure();
      } catch {
        // It died on the way, or would not be configured: the next attempt comes later.
        if (this.state === 'stopping' || this.state === 'stopped') return;
        this.#placed?.kill();
        this.#placed = undefined;
        this.state = 'down';
        this.#comeBack(this.#backoff);
        this.#backoff = Math.min(this.#backoff * 2, RESTART_MAX);
      }
    }, after);
  }

  #ping(): void {
    clearTimeout(this.#pingTimer);
    this.#pingTimer = setTimeout(async () => {
      if (this.state === 'ready') {
        const late = setTimeout(() => this.#responds(false), PING_PATIENCE);
        await this.#connection?.request('ping', {}).catch(() => {});
        clearTimeout(late);
        this.#responds(true);
      }
      if (this.#placed !== undefined) this.#ping();
    }, PING_EVERY);
    this.#pingTimer.unref();
  }
  #responds(well: boolean): void {
    if (this.#unresponsive !== well) return;
    this.#unresponsive = !well;
    this.#options.event({ type: well ? 'responsive' : 'unresponsive' });
  }
}
