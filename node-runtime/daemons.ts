// The daemons of a node, in the order in which they are started, as systemd units with `After=` would be. Each can be
// stopped and started alone; one that fails to start is reported and leaves the others running.

import type { NodeSpec } from '../emulator/protocol/cluster.ts';
import { ProtocolError } from '../emulator/protocol/errors.ts';
import type { ApiAccess, NodeConfig } from '../emulator/protocol/records.ts';
import type { Kernel } from './kernel/netns/kernel.ts';
import type { Netns } from './kernel/netns/netns.ts';
import type { Log } from './log.ts';
import type { NodeFs } from './node-fs.ts';
import type { Places } from './supervision/places.ts';
import type { Supervision } from './supervision/supervision.ts';

export interface DaemonContext {
  readonly kernel: Kernel;
  /** The node's own namespace. */
  readonly ns: Netns;
  /** Where the API server is, as this node reaches it. */
  readonly api: ApiAccess;
  readonly config: NodeConfig;
  readonly node: NodeSpec;
  readonly files: NodeFs;
  readonly log: Log;
  readonly supervision: Supervision;
  /** Who runs pods or containers says here which namespace is whose. */
  readonly places: Places;
}
export interface Daemon {
  stop(): void | Promise<void>;
}
export interface DaemonStarter {
  readonly name: string;
  /** Whether a cluster of this kind has it at all. */
  readonly wanted: (config: NodeConfig) => boolean;
  readonly start: (context: DaemonContext) => Daemon | Promise<Daemon>;
}

export class Daemons {
  readonly #context: DaemonContext;
  readonly #starters = new Map<string, DaemonStarter>();
  readonly #running = new Map<string, Daemon>();

  constructor(context: DaemonContext, starters: readonly DaemonStarter[]) {
    this.#context = context;
    for (const starter of starters)
      if (starter.wanted(context.config)) this.#starters.set(starter.name, starter);
    context.supervision.on('daemon', async ({ name, action }) => {
      if (!this.#starters.has(name)) throw new ProtocolError('E_NOT_FOUND', `daemon ${name}`);
      if (action === 'stop' || action === 'restart') await this.stop(name);
      if (action === 'start' || action === 'restart') await this.start(name);
      return { state: this.#running.has(name) ? 'running' : 'stopped' };
    });
  }

  async startAll(): Promise<void> {
    for (const name of this.#starters.keys())
      if (!this.#context.node.without.includes(name)) await this.start(name).catch(() => {});
  }
  async stopAll(): Promise<void> {
    for (const name of [...this.#running.keys()].reverse()) await this.stop(name);
  }

  async start(name: string): Promise<void> {
    if (this.#running.has(name)) return;
    const { log, supervision } = this.#context;
    const say = (state: 'running' | 'failed', message: string): void => {
      supervision.send({ type: 'daemon.status', name, state, message: message.slice(0, 4096) });
    };
    try {
      const context = { ...this.#context, log: log.child({ daemon: name }) };
      this.#running.set(name, await this.#starters.get(name)!.start(context));
      log.info({ daemon: name }, 'started');
      say('running', 'started');
    } catch (error) {
      log.error({ daemon: name, error: String(error) }, 'could not be started');
      say('failed', String(error));
      throw error;
    }
  }
  async stop(name: string): Promise<void> {
    const daemon = this.#running.get(name);
    if (daemon === undefined) return;
    this.#running.delete(name);
    await daemon.stop();
    this.#context.log.info({ daemon: name }, 'stopped');
    this.#context.supervision.send({ type: 'daemon.status', name, state: 'stopped', message: 'stopped' });
  }
}
