// Our connection tracking and NAT against Linux's, packet by packet: the same packets go into two TUN devices of a network
// namespace and through the same hooks here, with the same rules. After each, what came out and the whole table of
// connections, with states, flags and timeouts, must be the same. Conversations are drawn from a seed.
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatConntrack } from '../../node-runtime/kernel/netfilter/conntrack/print.ts';
import { NfLab } from '../../node-runtime/kernel/netfilter/test-kit.ts';
import { Stream } from '../../node-runtime/kernel/netns/dice.ts';
import type { Skb } from '../../node-runtime/kernel/skb/skb.ts';
import * as ip from '../../node-runtime/kernel/wire/ipv4.ts';

const NS = 'pwf-conntrack';
const AGENT = new URL('./conntrack_agent.py', import.meta.url).pathname;

const exec = (...argv: string[]): boolean => spawnSync('ip', ['netns', 'exec', NS, ...argv]).status === 0;

function missing(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  for (const tool of ['iptables', 'conntrack', 'python3', 'ip'])
    if (spawnSync('which', [tool]).status !== 0) return `needs ${tool}`;
  if (spawnSync('test', ['-c', '/dev/net/tun']).status !== 0) return 'needs /dev/net/tun';
  if (spawnSync('test', ['-r', '/proc/net/nf_conntrack']).status !== 0) return 'needs /proc/net/nf_conntrack';
  return undefined;
}
const why = missing();
if (why !== undefined && process.env['PODWIRE_CI'] === '1') throw new Error(`conntrack: ${why}`);
if (why !== undefined) console.log(`skipped: test/kernel/conntrack.test.ts ${why}`);

const RULES = `*nat
-A PREROUTING -d 10.96.0.1 -p tcp --dport 80 -j DNAT --to-destination 203.0.113.9:8080
-A PREROUTING -d 10.96.0.1 -p udp --dport 53 -j DNAT --to-destination 203.0.113.9:5353
-A PREROUTING -i eth0 -d 192.168.100.11 -p tcp --dport 30080 -j DNAT --to-destination 10.244.1.2:80
-A POSTROUTING -s 10.244.1.0/25 -o eth0 -j MASQUERADE
COMMIT
*filter
:INPUT DROP
:OUTPUT DROP
-A FORWARD -m conntrack --ctstate INVALID -j DROP
COMMIT
`;

interface Answer {
  readonly out: readonly (readonly [string, string])[];
  readonly ct: readonly string[];
}

class Linux {
  readonly #agent: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  constructor() {
    this.#agent = spawn('ip', ['netns', 'exec', NS, 'python3', AGENT, 'cni0', 'eth0']);
    this.#lines = createInterface({ input: this.#agent.stdout })[Symbol.asyncIterator]();
  }
  async read(): Promise<Answer> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('the agent ended');
    return JSON.parse(value) as Answer;
  }
  ask(request: object): Promise<Answer> {
    this.#agent.stdin.write(`${JSON.stringify(request)}\n`);
    return this.read();
  }
  stop(): void {
    this.#agent.stdin.end();
  }
}

/** The packet as hex, its TTL back at 64: our hooks are passed without the forwarding in between. */
function hexOf(bytes: Uint8Array): string {
  const b = Uint8Array.from(bytes);
  ip.setTtl(b, 0, 64);
  ip.updateChecksum(b, 0);
  return Buffer.from(b).toString('hex');
}

/** Source port, or an echo's id. */
const portOf = (b: Uint8Array): number => (b[9] === 1 ? (b[24]! << 8) | b[25]! : (b[20]! << 8) | b[21]!);
class Parted extends Error {}

/** A line of the table without the timeout, and the timeout. */
function split(line: string): [string, number] {
  const words = line
    .replace(/^ipv4\s+2\s+/, '')
    .replace(/ (zone|use)=\d+/g, '')
    .split(/\s+/);
  const [timeout] = words.splice(2, 1);
  return [words.join(' '), Number(timeout)];
}

class Pair {
  readonly ours = new NfLab();
  readonly linux: Linux;
  readonly history: string[] = [];
  constructor(linux: Linux) {
    this.linux = linux;
    this.ours.rules(RULES);
  }

  /** Sends the packet through both and compares all there is. Returns what came out here. */
  async send(from: 'cni0' | 'eth0', skb: Skb, what: string): Promise<Uint8Array | undefined> {
    this.history.push(`${from} ${what}`);
    const bytes = skb.bytes.slice(skb.network, skb.tail);
    const theirs = await this.linux.ask({ dev: from, packet: Buffer.from(bytes).toString('hex') });
    const l = this.ours;
    const out = from === 'cni0' ? l.route(skb, l.cni0, l.eth0) : l.route(skb, l.eth0, l.cni0);
    const outBytes = out?.bytes.slice(out.network, out.tail);
    if (out === undefined) this.history.push(`(not passed here: ${l.ct.why})`);
    const where = this.history.join('\n');
    if (
      outBytes !== undefined &&
      what.startsWith('tcp') &&
      from === 'cni0' &&
      portOf(outBytes) !== portOf(bytes)
    ) {
      // The far side has taken the tuple meanwhile: both choose another port, by chance, and part ways here.
      expect([where, theirs.out.length]).toEqual([where, 1]);
      expect(portOf(Buffer.from(theirs.out[0]![1], 'hex'))).not.toBe(portOf(bytes));
      throw new Parted();
    }
    expect([where, outBytes === undefined ? [] : [hexOf(outBytes)]]).toEqual([
      where,
      theirs.out.map(([, hex]) => hexOf(Buffer.from(hex, 'hex'))),
    ]);
    const mine = new Map(formatConntrack(l.ct.list()).map(split));
    const real = new Map(theirs.ct.map(split));
    expect([where, [...mine.keys()].sort()]).toEqual([where, [...real.keys()].sort()]);
    for (const [line, timeout] of mine)
      expect([where, line, Math.abs(timeout - real.get(line)!) <= 2]).toEqual([where, line, true]);
    return outBytes;
  }
  async flush(): Promise<void> {
    await this.linux.ask({ flush: true });
    this.ours.ct.delete(() => true);
    this.history.length = 0;
  }
}

const FLAGS = ['S', 'S.', '.', 'P.', 'F.', 'R', 'R.', 'F', '', 'SF', 'FP.', 'S.P'];
const OPTIONS: readonly Uint8Array[] = [
  new Uint8Array(0),
  Uint8Array.of(2, 4, 5, 180, 4, 2, 1, 1, 3, 3, 7, 0),
  Uint8Array.of(4, 2, 0, 0),
  Uint8Array.of(3, 3, 14, 0),
];

/** A TCP conversation that mostly goes as it should, and now and then does not. */
async function converse(p: Pair, dice: Stream, steps: number): Promise<void> {
  const pick = <T>(list: readonly T[]): T => list[dice.below(list.length)]!;
  const dnat = dice.below(2) === 0;
  const low = dice.below(2) === 0;
  const client = `10.244.1.${low ? 2 : 200}:${4000 + dice.below(3)}`;
  const server = dnat ? '10.96.0.1:80' : '203.0.113.9:8080';
  // As the far side sees them: masqueraded if the client is of the lower half.
  const near = low ? `192.168.100.11:${client.split(':')[1]}` : client;
  const far = '203.0.113.9:8080';
  let c = dice.u32();
  let s = dice.u32();
  const script = ['> S', '< S.', '> .', '> P.', '< .', '< P.', '> .', '> F.', '< .', '< F.', '> .'];
  let at = 0;
  for (let i = 0; i < steps; i++) {
    // The first packet opens: one from the far side would take the tuple, and chance the port.
    const wild = i > 0 && dice.below(6) === 0;
    const planned = script[at % script.length]!;
    const [dir, planFlags] = planned.split(' ') as [string, string];
    const flags = wild ? pick(FLAGS) : planFlags;
    const back = wild ? dice.below(2) === 0 : dir === '<';
    const off = wild ? pick([0, 0, 1, -1, 1000, -1000, 70_000, -70_000, 900_000]) : 0;
    const ackOff = wild ? pick([0, 0, 0, 1, -1, 2000, -66_500, 500_000]) : 0;
    const data = flags.includes('P') ? 1 + dice.below(200) : 0;
    const options = flags.startsWith('S') ? pick(OPTIONS) : OPTIONS[0]!;
    const spec = {
      flags,
      seq: ((back ? s : c) + off) >>> 0,
      ack: flags.includes('.') || wild ? ((back ? c : s) + ackOff) >>> 0 : 0,
      win: wild ? pick([0, 1, 500, 65_535]) : 30_000,
      data,
      options,
    };
    const skb = back ? p.ours.packet('tcp', far, near, spec) : p.ours.packet('tcp', client, server, spec);
    await p.send(back ? 'eth0' : 'cni0', skb, `tcp ${JSON.stringify({ ...spec, options: [...options] })}`);
    if (!wild) {
      const used = data + (flags.includes('S') || flags.includes('F') ? 1 : 0);
      if (back) s = (s + used) >>> 0;
      else c = (c + used) >>> 0;
      at++;
    }
  }
}

describe.skipIf(why !== undefined)('conntrack and NAT', () => {
  let linux: Linux;
  beforeAll(async () => {
    spawnSync('ip', ['netns', 'del', NS]);
    spawnSync('ip', ['netns', 'add', NS]);
    linux = new Linux();
    await linux.read();
    for (const line of [
      'ip addr add 10.244.1.1/24 dev cni0',
      'ip addr add 192.168.100.11/24 dev eth0',
      'ip link set cni0 up',
      'ip link set eth0 up',
      'ip link set lo up',
      'ip route add default dev eth0',
      'sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0 net.ipv4.conf.cni0.rp_filter=0 net.ipv4.conf.all.send_redirects=0 net.netfilter.nf_conntrack_acct=0',
    ])
      if (!exec(...line.split(' '))) throw new Error(line);
    const loaded = spawnSync('ip', ['netns', 'exec', NS, 'iptables-restore'], { input: RULES });
    if (loaded.status !== 0) throw new Error(String(loaded.stderr));
  });
  afterAll(() => {
    linux?.stop();
    spawnSync('ip', ['netns', 'del', NS]);
  });

  it.each(Array.from({ length: 120 }, (_, i) => i))('TCP conversation %i', async (seed) => {
    const p = new Pair(linux);
    await p.flush();
    await converse(p, new Stream(seed, 'tcp'), 40).catch((error: unknown) => {
      if (!(error instanceof Parted)) throw error;
    });
  });

  it('datagrams, echoes and the errors about them', async () => {
    const p = new Pair(linux);
    await p.flush();
    const { ours } = p;
    const dice = new Stream(7, 'udp');
    for (let i = 0; i < 120; i++) {
      const kind = dice.below(4);
      // Ports of their own for each way to the server: where two flows clash, chance picks the port on both sides.
      const port = 4000 + 10 * kind + dice.below(6);
      const host = dice.below(2) === 0 ? 2 : 200;
      const client = `10.244.1.${host}:${port}`;
      const near = host === 2 ? `192.168.100.11:${port}` : client;
      if (kind === 3) {
        const out = await p.send('cni0', ours.packet('echo', client, '203.0.113.9'), `echo ${client}`);
        expect(out).toBeDefined();
        await p.send('eth0', ours.packet('reply', '203.0.113.9', near), `reply to ${near}`);
        continue;
      }
      const server = kind === 0 ? '10.96.0.1:53' : '203.0.113.9:5353';
      const data = dice.below(40);
      const out = await p.send(
        'cni0',
        ours.packet('udp', client, server, { data }),
        `udp ${client} ${server}`,
      );
      if (out === undefined) continue;
      const what = dice.below(4);
      if (what === 0)
        await p.send('eth0', ours.packet('udp', '203.0.113.9:5353', near, { data }), `answer to ${near}`);
      else if (what < 3) {
        // An error from the server, or from a router on the way, quoting more or less of it.
        const offender = ours.kernel.pool.copyOf(out);
        offender.network = offender.data;
        const router = what === 1 ? '203.0.113.9' : '192.168.100.1';
        const [type, code] = [
          [3, 3],
          [3, 1],
          [11, 0],
          [3, 4],
        ][dice.below(4)] as [number, number];
        const error = ours.icmpError(router, type, code, offender, 8 + dice.below(data + 1));
        await p.send('eth0', error, `icmp ${type}/${code} from ${router} to ${near}`);
      }
    }
  });

  it('a published port: the source stays, the answer comes from the node', async () => {
    const p = new Pair(linux);
    await p.flush();
    const { ours } = p;
    await p.send(
      'eth0',
      ours.packet('tcp', '203.0.113.9:777', '192.168.100.11:30080', { flags: 'S', seq: 5 }),
      'SYN',
    );
    await p.send(
      'cni0',
      ours.packet('tcp', '10.244.1.2:80', '203.0.113.9:777', { flags: 'S.', seq: 9, ack: 6 }),
      'SYN/ACK',
    );
    await p.send(
      'eth0',
      ours.packet('tcp', '203.0.113.9:777', '192.168.100.11:30080', { seq: 6, ack: 10 }),
      'ACK',
    );
  });
});
