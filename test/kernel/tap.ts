// A real Linux host behind an emulated NIC: a namespace pwt-* whose TAP device is the other end of the NIC's cable. What the
// emulator sends the kernel of this machine receives, and the reverse; its TCP is driven through tap_agent.py.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Cable } from '../../node-runtime/kernel/netns/cable.ts';
import type { NetDevice } from '../../node-runtime/kernel/netns/device.ts';
import { completeChecksum, gsoSegment } from '../../node-runtime/kernel/skb/gso.ts';
import type { Skb } from '../../node-runtime/kernel/skb/skb.ts';

const AGENT = new URL('tap_agent.py', import.meta.url).pathname;
/** Bytes that may wait for the relay: a card's ring. Beyond it frames are dropped, as by a card. */
const RING = 8 << 20;

/** Why there can be no such host here, or undefined. */
export function missing(): string | undefined {
  if (process.platform !== 'linux') return 'TAP devices need Linux';
  if (process.getuid?.() !== 0) return 'TAP devices need root';
  if (spawnSync('test', ['-c', '/dev/net/tun']).status !== 0) return 'no /dev/net/tun';
  for (const tool of ['ip', 'python3'])
    if (spawnSync('which', [tool]).status !== 0) return `${tool} is not installed`;
  return undefined;
}

export interface Reply {
  readonly fd: number;
  readonly n: number;
  readonly sha: string;
  readonly text: string;
  readonly eof: boolean;
  readonly errno?: string;
  readonly ms: number;
  readonly state: number;
  readonly probes: number;
  readonly total_retrans: number;
  readonly counters: Readonly<Record<string, number>>;
  readonly rows: readonly (readonly [number, number, number])[];
}

/** The cable between an emulated NIC and the relay: frames within the MTU, gathered per turn of the run queue. */
class TapCable implements Cable {
  readonly link: Socket;
  #dev: NetDevice | undefined;
  #out: Uint8Array[] = [];
  #held: Buffer = Buffer.alloc(0);
  dropped = 0;

  constructor(link: Socket) {
    this.link = link;
    // The relay is killed with frames in hand; that is no error.
    link.on('error', () => {});
  }

  plug(dev: NetDevice, receive: (skb: Skb) => void): void {
    this.#dev = dev;
    const { kernel } = dev;
    this.link.on('data', (chunk: Buffer) => {
      kernel.runQueue.push(() => this.#arrive(chunk, dev, receive));
    });
  }

  #arrive(chunk: Buffer, dev: NetDevice, receive: (skb: Skb) => void): void {
    const b = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    let at = 0;
    while (b.length - at >= 4) {
      const size = b.readUInt32BE(at);
      if (b.length - at - 4 < size) break;
      receive(dev.kernel.pool.copyOf(b.subarray(at + 4, at + 4 + size)));
      at += 4 + size;
    }
    this.#held = b.subarray(at);
  }

  send(skb: Skb): void {
    if (this.link.writableLength > RING) {
      this.dropped++;
      this.#dev!.kernel.drop(skb, 'LINK_QUEUE_FULL', this.#dev!);
      return;
    }
    if (skb.gsoSize > 0) {
      for (const segment of gsoSegment(skb, this.#dev!.kernel.pool)) this.#put(segment);
      skb.free();
    } else {
      completeChecksum(skb);
      this.#put(skb);
    }
  }

  #put(skb: Skb): void {
    const frame = Buffer.allocUnsafe(4 + skb.len);
    frame.writeUInt32BE(skb.len, 0);
    frame.set(skb.bytes.subarray(skb.data, skb.tail), 4);
    skb.free();
    // Frames that leave together are written together: a job behind those that run now, or that a timer is about to queue.
    if (this.#out.push(frame) === 1) this.#dev!.kernel.runQueue.push(this.#flush);
  }

  readonly #flush = (): void => {
    this.link.write(this.#out.length === 1 ? this.#out[0]! : Buffer.concat(this.#out));
    this.#out = [];
  };

  unplug(): void {
    this.link.destroy();
  }
}

export class TapHost {
  readonly ns: string;
  readonly cable: Cable;
  readonly #agent: ChildProcess;
  readonly #waiting = new Map<number, (reply: Reply & { failed?: string }) => void>();
  #ids = 0;

  private constructor(ns: string, agent: ChildProcess) {
    this.ns = ns;
    this.#agent = agent;
    this.cable = new TapCable(agent.stdio[3] as Socket);
    const lines = createInterface({ input: agent.stdout! });
    lines.on('line', (line) => {
      const reply = JSON.parse(line);
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
    // Whoever still waits when the agent dies is told.
    lines.on('close', () => {
      for (const done of this.#waiting.values()) done({ failed: 'the agent is gone' } as never);
    });
  }

  /** `name` becomes the namespace pwt-NAME; `address` is with its prefix length. */
  static async open(name: string, address: string, mac: string): Promise<TapHost> {
    const ns = `pwt-${name}`;
    spawnSync('ip', ['netns', 'del', ns]);
    execFileSync('ip', ['netns', 'add', ns]);
    for (const key of ['net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1'])
      execFileSync('ip', ['netns', 'exec', ns, 'sysctl', '-qw', key]);
    const agent = spawn('python3', [AGENT, ns, 'eth0', address, mac], {
      stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
    });
    const host = new TapHost(ns, agent);
    await new Promise<void>((ready, failed) => {
      host.#waiting.set(0, (reply) =>
        reply.failed === undefined ? ready() : failed(new Error(reply.failed)),
      );
    });
    return host;
  }

  /** A request of tap_agent.py. Errors of system calls come as `errno`. */
  async ask(op: string, request: object = {}): Promise<Reply> {
    const id = ++this.#ids;
    const reply = await new Promise<Reply & { failed?: string }>((done) => {
      this.#waiting.set(id, done);
      this.#agent.stdin!.write(`${JSON.stringify({ op, id, ...request })}\n`);
    });
    if (reply.failed !== undefined) throw new Error(`${op}: ${reply.failed}`);
    return reply;
  }

  sysctl(setting: string): void {
    execFileSync('ip', ['netns', 'exec', this.ns, 'sysctl', '-qw', setting]);
  }

  async stop(): Promise<void> {
    const gone = new Promise((done) => this.#agent.once('exit', done));
    this.#agent.stdin!.end();
    await gone;
    this.cable.unplug();
    spawnSync('ip', ['netns', 'del', this.ns]);
  }
}
