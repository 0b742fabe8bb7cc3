// The processes of a cluster: starts fabric and nodes in parallel, tells each where the others are, brings back what
// dies, and leaves nothing behind. It knows processes and the cabling between them, never a frame.
import type { BootRecord } from '../protocol/boot.ts';
import { newSecret } from '../protocol/challenge.ts';
import type { ClusterSpec, NodeSpec } from '../protocol/cluster.ts';
import { ProtocolError } from '../protocol/errors.ts';
import type { ApiAccess, Cabling, LogLevel } from '../protocol/records.ts';
import { Member, type MemberEvent } from './member.ts';
import type { Placement } from './placement.ts';
import type { ProcessState, RunDirectory } from './run-directory.ts';

export const FABRIC = 'fabric';
/** How long a process may take to end by itself once asked, in milliseconds. */
const PATIENCE = 2000;

export interface SupervisorOptions {
  readonly cluster: ClusterSpec;
  readonly placement: Placement;
  /** What a member is told of the API server; called for "fabric" too, which needs the host's address. */
  readonly api: (name: string) => ApiAccess;
  readonly lifetime: 'foreground' | 'background';
  /** Background only: where state is kept, and how long a node waits to be adopted, in milliseconds. */
  readonly run?: RunDirectory;
  readonly orphanTimeout?: number;
  readonly logLevel?: LogLevel;
  /** The log file of a member; undefined: its standard error. */
  readonly logFile?: (name: string) => string | undefined;
  readonly event?: (name: string, event: MemberEvent) => void;
}

export class Supervisor {
  readonly members = new Map<string, Member>();
  readonly #options: SupervisorOptions;
  readonly #nodes = new Map<string, NodeSpec>();
  #secret = '';
  #version = 0;
  #stopping: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    for (const node of options.cluster.nodes) this.#nodes.set(node.name, node);
  }

  /** Resolves when every process is configured and ready. When one cannot be, all are ended and this rejects. */
  async start(): Promise<void> {
    const { run, lifetime } = this.#options;
    this.#secret = lifetime === 'background' && run !== undefined ? await run.secret() : newSecret();
    const found = new Map((await run?.states())?.map((state) => [state.name, state]));
    const names = [FABRIC, ...this.#nodes.keys()];
    // What the last cluster file had and this one has not.
    for (const state of found.values()) if (!names.includes(state.name)) await this.#end(state);
    try {
      for (const name of names) this.#add(name);
      await Promise.all([...this.members.values()].map((member) => member.launch(found.get(member.name))));
      this.#bump();
      await Promise.all([...this.members.values()].map((member) => member.configure()));
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  member(name: string): Member {
    const member = this.members.get(name);
    if (member === undefined) throw new ProtocolError('E_NOT_FOUND', `node ${name}`);
    return member;
  }

  async addNode(node: NodeSpec): Promise<void> {
    if (this.members.has(node.name)) throw new ProtocolError('E_EXISTS', `node ${node.name}`);
    this.#nodes.set(node.name, node);
    const member = this.#add(node.name);
    try {
      await member.launch();
      await this.#tellAll();
      await member.configure();
    } catch (error) {
      await this.removeNode(node.name);
      throw error;
    }
  }
  async removeNode(name: string, grace = 0): Promise<void> {
    const member = this.member(name);
    await member.stop(grace, PATIENCE);
    this.members.delete(name);
    this.#nodes.delete(name);
    await this.#tellAll();
  }
  /** Ends a node in order and starts it again, as a reboot does. */
  async restart(name: string, grace = 0): Promise<void> {
    const member = this.member(name);
    await member.stop(grace, PATIENCE);
    await this.#tellAll();
    member.restarts++;
    await member.launch();
    await this.#tellAll();
    await member.configure();
  }

  /** Ends everything: nodes, then the fabric. When this resolves no process is left. */
  stop(grace = 0): Promise<void> {
    this.#stopping ??= (async () => {
      const all = [...this.members.values()];
      const nodes = all.filter((member) => member.name !== FABRIC);
      await Promise.all(nodes.map((member) => member.stop(grace, PATIENCE)));
      await Promise.all(
        all.filter((member) => member.name === FABRIC).map((member) => member.stop(0, PATIENCE)),
      );
      await this.#options.run?.remove();
    })();
    return this.#stopping;
  }
  /** Background: goes away and leaves the processes to the next emulator. */
  release(): void {
    for (const member of this.members.values()) member.release();
  }

  /** Where everybody is, as everybody is told. */
  cabling(): Cabling {
    const { cluster } = this.#options;
    return {
      version: this.#version,
      peers: [...this.members.values()].map((member) => ({ name: member.name, url: member.url })),
      plugs: [...this.#nodes.values()].map((node) => ({
        segment: node.segment || cluster.segments[0]!.name,
        mac: node.mac,
        peer: node.name,
      })),
    };
  }

  #add(name: string): Member {
    const { cluster, placement, lifetime, run } = this.#options;
    const logLevel = this.#options.logLevel ?? 'info';
    const boot: BootRecord = {
      role: name === FABRIC ? 'fabric' : 'node',
      name,
      secret: this.#secret,
      listen: { host: '127.0.0.1', port: 0 },
      dialable: true,
      lifetime,
      orphanTimeout: this.#options.orphanTimeout ?? 600_000,
      logFile: this.#options.logFile?.(name),
      logLevel,
    };
    const member = new Member({
      boot,
      placement,
      config: () => {
        const node = this.#nodes.get(name);
        const nodes = [...this.#nodes.values()];
        const config = { cluster: { ...cluster, nodes }, api: this.#options.api(name), logLevel };
        return node === undefined ? config : { ...config, node };
      },
      cabling: () => this.cabling(),
      moved: () => this.#tellAll(),
      remember: async (state) => {
        if (lifetime === 'foreground') return;
        if (state === undefined) await run?.forget(name);
        else await run?.write(state);
      },
      event: (event) => this.#options.event?.(name, event),
    });
    this.members.set(name, member);
    return member;
  }

  #bump(): void {
    // Time, so that the next emulator's cabling is newer than ours; and one more, should it stand still.
    this.#version = Math.max(this.#version + 1, Date.now());
  }
  async #tellAll(): Promise<void> {
    this.#bump();
    const cabling = this.cabling();
    await Promise.all([...this.members.values()].map((member) => member.recable(cabling)));
  }
  async #end(state: ProcessState): Promise<void> {
    await endProcess(state, this.#secret);
    await this.#options.run?.forget(state.name);
  }
}

/** Ends every process that a run directory speaks of, when the emulator that owned them is gone: `podwire down`. */
export async function endAll(run: RunDirectory): Promise<void> {
  const secret = await run.secret();
  await Promise.all((await run.states()).map((state) => endProcess(state, secret)));
  await run.remove();
}

async function endProcess(state: ProcessState, secret: string): Promise<void> {
  const { adopt, reap } = await import('./adopt.ts');
  const adopted = await adopt(state, secret);
  if (adopted === undefined) {
    await reap(state);
    return;
  }
  const forced = setTimeout(() => adopted.placed.kill(), PATIENCE);
  void adopted.connection.request('shutdown', { grace: 0 }).catch(() => {});
  await adopted.placed.exited;
  clearTimeout(forced);
  adopted.connection.close();
}
