// The real half of the lab: network namespaces of the machine that the test runs on, named pwk-*, made with iproute2 and
// asked through agent.py. Needs root; touches nothing outside its namespaces.
import {
  type ChildProcess,
  type ChildProcessWithoutNullStreams,
  execFile,
  spawn,
  spawnSync,
} from 'node:child_process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Answer, ConnectAnswer, ConnectRequest, EchoRequest, Frame, World } from './world.ts';

const run = promisify(execFile);
const RELAY = new URL('flannel_relay.py', import.meta.url).pathname;
const AGENT = new URL('agent.py', import.meta.url).pathname;

/** Why the real half can't be built here, or undefined. */
export function missing(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces need Linux';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  for (const tool of ['ip', 'bridge', 'sysctl', 'iptables', 'python3'])
    if (spawnSync('which', [tool]).status !== 0) return `${tool} is not installed`;
  const name = `pwk-try-${process.pid}`;
  const made = spawnSync('ip', ['netns', 'add', name]);
  if (made.status !== 0) return `ip netns add: ${made.stderr}`.trim();
  const kinds = ['veth peer name y', 'vxlan id 1 dstport 8472', 'bridge'].map((kind) =>
    spawnSync('ip', ['-n', name, 'link', 'add', `x${kind.length}`, 'type', ...kind.split(' ')]),
  );
  spawnSync('ip', ['netns', 'del', name]);
  return kinds.some((made) => made.status !== 0) ? 'no veth, bridge or vxlan devices here' : undefined;
}

export class Linux implements World {
  readonly kind = 'linux';
  readonly #prefix: string;
  readonly #names: string[] = [];
  readonly #agent: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;
  readonly #daemons: ChildProcess[] = [];
  #tap = 0;

  /** `lab` keeps namespaces of several test files apart. */
  constructor(lab: string) {
    this.#prefix = `pwk-${lab}-`;
    this.#agent = spawn('python3', [AGENT]);
    this.#answers = createInterface({ input: this.#agent.stdout })[Symbol.asyncIterator]();
  }

  async addNetns(name: string): Promise<void> {
    const full = this.#prefix + name;
    spawnSync('ip', ['netns', 'del', full]);
    await run('ip', ['netns', 'add', full]);
    this.#names.push(full);
    // Neighbour discovery would mix with what is counted.
    await this.sh(name, 'sysctl -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1');
  }

  async sh(ns: string, command: string): Promise<void> {
    const words = command.split(/\s+/);
    if (words[0] === 'flanneld-udp') {
      const daemon = spawn('ip', ['netns', 'exec', this.#prefix + ns, 'python3', RELAY, ...words.slice(1)], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      this.#daemons.push(daemon);
      await new Promise((ready) => daemon.stdout!.once('data', ready));
      return;
    }
    const at = words.indexOf('netns');
    if (at !== -1) words[at + 1] = this.#prefix + words[at + 1]!;
    await run('ip', ['netns', 'exec', this.#prefix + ns, ...words]);
  }

  async #ask<T>(request: object): Promise<T> {
    this.#agent.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error('the agent is gone');
    const answer = JSON.parse(value);
    if (answer.failed !== undefined) throw new Error(`agent: ${answer.failed}`);
    return answer;
  }

  echo(request: Omit<EchoRequest, 'op'>): Promise<{ errno?: string; answers: readonly Answer[] }> {
    return this.#ask({ ...request, op: 'echo', ns: this.#prefix + request.ns });
  }

  connect(request: ConnectRequest): Promise<ConnectAnswer> {
    const server = request.server === undefined ? {} : { server: this.#prefix + request.server };
    return this.#ask({ ...request, ns: this.#prefix + request.ns, ...server });
  }

  async capture(ns: string, dev: string, fn: () => Promise<void>): Promise<readonly Frame[]> {
    const id = this.#tap++;
    await this.#ask({ op: 'tap', id, ns: this.#prefix + ns, dev });
    await fn();
    const { frames } = await this.#ask<{ frames: { out: boolean; frame: string }[] }>({ op: 'untap', id });
    return frames.map(({ out, frame }) => ({ out, bytes: Buffer.from(frame, 'base64') }));
  }

  raw(ns: string, packets: readonly string[]): Promise<{ errno?: string }> {
    return this.#ask({ op: 'raw', ns: this.#prefix + ns, packets });
  }

  async conntrack(ns: string): Promise<readonly string[]> {
    return (await this.#ask<{ lines: string[] }>({ op: 'conntrack', ns: this.#prefix + ns })).lines;
  }

  async wait(ms: number): Promise<void> {
    await this.#ask({ op: 'wait', ms });
  }

  async stop(): Promise<void> {
    this.#agent.stdin.end();
    this.#agent.kill();
    for (const daemon of this.#daemons) daemon.kill();
    for (const name of this.#names) await run('ip', ['netns', 'del', name]).catch(() => {});
  }
}
