// What the lab asks of a network, each answer as one line of text, so that two kernels can be compared and a difference read.
import { formatIpv4 } from '../../node-runtime/kernel/wire/addr.ts';
import * as arp from '../../node-runtime/kernel/wire/arp.ts';
import * as ethernet from '../../node-runtime/kernel/wire/ethernet.ts';
import * as ip from '../../node-runtime/kernel/wire/ipv4.ts';
import { window as tcpWindow } from '../../node-runtime/kernel/wire/tcp.ts';
import type { Answer, ConnectRequest, EchoRequest, Frame, World } from './world.ts';

export interface Probe {
  readonly name: string;
  run(world: World): Promise<string>;
  /** What Linux 6.18 answered. */
  readonly fact: string;
}

type Echo = Partial<Omit<EchoRequest, 'op' | 'ns' | 'dst'>>;

/** Milliseconds after which a kernel that answers at once has had its time. */
const SOON = 1500;

/** "reply ttl 62", "11/0 from 10.244.1.1", "EMSGSIZE" or "nothing". */
export const ping =
  (ns: string, dst: string, options: Echo = {}) =>
  async (world: World): Promise<string> => {
    const { errno, answers } = await world.echo({ ns, dst, timeout: SOON, ...options });
    return errno ?? (answers[0] === undefined ? 'nothing' : brief(answers[0]));
  };

function brief(answer: Answer): string {
  if (answer.type === 0) return `reply ttl ${answer.ttl}`;
  const mtu = answer.mtu === undefined ? '' : ` mtu ${answer.mtu}`;
  return `${answer.type}/${answer.code} from ${answer.from}${mtu}`;
}

/** An error in full: its TTL, TOS, length, and the TTL and source of what it quotes; and after how many seconds. */
export const errorInFull =
  (ns: string, dst: string, options: Echo = {}) =>
  async (world: World): Promise<string> => {
    const { errno, answers } = await world.echo({ ns, dst, timeout: SOON, ...options });
    const a = answers[0];
    if (a === undefined) return errno ?? 'nothing';
    const quoted = a.quotedTtl === undefined ? '' : `, quotes ttl ${a.quotedTtl} src ${a.quotedSrc}`;
    return `${brief(a)}: ttl ${a.ttl} tos ${a.tos} len ${a.len}${quoted}, after ${Math.round(a.ms / 1000)} s`;
  };

/** The answer to a packet with IP options (hexadecimal), and the first `head` digits of those it carries. */
export const withOptions =
  (ns: string, dst: string, options: string, more: Echo & { readonly head?: number } = {}) =>
  async (world: World): Promise<string> => {
    const { head, ...request } = more;
    const { errno, answers } = await world.echo({ ns, dst, options, timeout: 500, ...request });
    const a = answers[0];
    if (a === undefined) return errno ?? 'nothing';
    const pointer = a.pointer === undefined ? '' : ` pointer ${a.pointer}`;
    return `${brief(a)}${pointer}${a.options === undefined ? '' : ` options ${a.options.slice(0, head)}`}`;
  };

/**
 * How much an error quotes and the quote's first 28 bytes, but for id, checksums and the ICMP id, which no two packets
 * have in common; and whether the rest is what was sent.
 */
export const quoted =
  (ns: string, dst: string, options: Echo = {}) =>
  async (world: World): Promise<string> => {
    const { answers } = await world.echo({ ns, dst, timeout: SOON, ...options });
    const a = answers[0];
    if (a?.quote === undefined) return 'nothing';
    const b = Buffer.from(a.quote, 'hex');
    const hlen = ip.ihl(b, 0);
    b.fill(0, 4, 6).fill(0, 10, 12);
    b.fill(0, hlen + 2, hlen + 6);
    const whole = b.subarray(hlen + 8).every((byte, i) => byte === (i & 255));
    return `${brief(a)}: ${b.length} bytes ${b.toString('hex', 0, 28)}${whole ? '' : ', not what was sent'}`;
  };

/** Sends packets of the lab's own making (packets.ts) and gives them `ms`; its answer is '' or the errno. */
export const raw =
  (ns: string, packets: readonly string[], ms = 250) =>
  async (world: World): Promise<string> => {
    const { errno } = await world.raw(ns, packets);
    if (errno !== undefined) return errno;
    await world.wait(ms);
    return 'sent';
  };

/** What the table of connections has after `probe` of those whose line contains `match`. */
export const connections =
  (ns: string, match: string, probe: (world: World) => Promise<string>) =>
  async (world: World): Promise<string> => {
    const said = await probe(world);
    const lines = (await world.conntrack(ns)).filter((line) => line.includes(match)).map(connection);
    return [said, ...lines.sort()].join(' | ');
  };

/** The ports that probes name; besides them 5000 to 5099. */
const NAMED = [53, 54, 80, 5353, 8080, 30_053, 30_080];

/** Without timeout, mark, zone and use; ports and ids that a kernel chose become *. */
function connection(line: string): string {
  const [, , proto, , , ...rest] = line.split(/\s+/);
  return [proto, ...rest]
    .filter((word) => !/^(mark=0|zone|use)/.test(word!))
    .join(' ')
    .replace(/(port|id)=(\d+)/g, (all, what, n) =>
      what === 'port' && (NAMED.includes(Number(n)) || /^50\d\d$/.test(n)) ? all : `${what}=*`,
    );
}

/** Whether the kernel takes a command: "done" (which `undo` takes back) or "refused". */
export const takes =
  (command: string, undo: string) =>
  async (world: World): Promise<string> => {
    try {
      await each(world, [command]);
    } catch {
      return 'refused';
    }
    await each(world, [undo]);
    return 'done';
  };

/** How many of `count` packets sent at once are answered. */
export const flood =
  (ns: string, dst: string, count: number, options: Echo = {}) =>
  async (world: World): Promise<string> => {
    const { answers } = await world.echo({ ns, dst, count, answers: count, timeout: SOON, ...options });
    return `${answers.length} of ${count}`;
  };

/** The hops to `dst`, "*" where nobody answers. */
export const traceroute =
  (ns: string, dst: string, options: Echo = {}) =>
  async (world: World): Promise<string> => {
    const hops: string[] = [];
    for (let ttl = 1; ttl <= 8; ttl++) {
      const { answers } = await world.echo({ ns, dst, ttl, timeout: 700, ...options });
      hops.push(answers[0]?.from ?? '*');
      if (answers[0]?.type === 0 || answers[0]?.type === 3) break;
      if (hops.slice(-3).join('') === '***') break;
    }
    return hops.join(' ');
  };

type Peer = Partial<Omit<ConnectRequest, 'op' | 'ns' | 'dst' | 'port'>>;

/** "seen from 10.244.1.2 ttl 62, answered", or the errno that the sender gets. */
export const udp =
  (ns: string, dst: string, port: number, options: Peer = {}) =>
  async (world: World): Promise<string> => {
    const got = await world.connect({ op: 'udp', ns, dst, port, listen: port, timeout: SOON, ...options });
    const seen =
      got.seen === undefined ? '' : `seen from ${got.seen.src} ttl ${got.seen.ttl} len ${got.seen.len}`;
    const end = got.errno ?? (got.reply ? 'answered' : got.seen === undefined ? 'nothing' : 'not answered');
    return [seen, end, later(got.ms)].filter((w) => w !== '').join(', ');
  };

/** "seen from 10.244.1.2, connected", or the errno of connect(2). */
export const tcp =
  (ns: string, dst: string, port: number, options: Peer = {}) =>
  async (world: World): Promise<string> => {
    const got = await world.connect({ op: 'tcp', ns, dst, port, listen: port, timeout: SOON, ...options });
    const seen = got.seen === undefined ? '' : `seen from ${got.seen.src}`;
    const end = got.errno ?? (got.connected ? 'connected' : 'nothing');
    return [seen, end, later(got.ms)].filter((w) => w !== '').join(', ');
  };

const later = (ms: number | undefined): string =>
  ms === undefined || ms < 500 ? '' : `after ${Math.round(ms / 1000)} s`;

/** Changes that hold while `probe` runs; each is "ns: command". */
export const during =
  (before: readonly string[], after: readonly string[], probe: (world: World) => Promise<string>) =>
  async (world: World): Promise<string> => {
    await each(world, before);
    try {
      return await probe(world);
    } finally {
      await each(world, after);
    }
  };

/** Several probes, one after the other. */
export const inTurn =
  (...probes: readonly ((world: World) => Promise<string>)[]) =>
  async (world: World): Promise<string> => {
    const said: string[] = [];
    for (const probe of probes) said.push(await probe(world));
    return said.join(' | ');
  };

/** Lets time pass: what is limited to so many a second begins afresh. */
export const rest =
  (ms: number, probe: (world: World) => Promise<string>) =>
  async (world: World): Promise<string> => {
    await world.wait(ms);
    return probe(world);
  };

/** What passes a device while `probe` runs; `keep` chooses and words it. Its own answer comes first. */
export const watching =
  (
    ns: string,
    dev: string,
    keep: (frame: Frame) => string | undefined,
    probe: (world: World) => Promise<string>,
  ) =>
  async (world: World): Promise<string> => {
    let said = '';
    const frames = await world.capture(ns, dev, async () => {
      said = await probe(world);
    });
    return [said, ...frames.map(keep).filter((line) => line !== undefined)].join(' | ');
  };

/** Broadcast ARP requests that leave by the device: how often somebody was asked for. */
export const arpAsks = ({ out, bytes: b }: Frame): string | undefined =>
  out && ethernet.type(b, 0) === ethernet.TYPE_ARP && ethernet.dst(b, 0) === 0xffffffffffff
    ? arpText(b)
    : undefined;
/** ARP packets in either direction. */
export const arpBoth = ({ bytes: b }: Frame): string | undefined =>
  ethernet.type(b, 0) === ethernet.TYPE_ARP ? arpText(b) : undefined;

function arpText(b: Uint8Array): string {
  const op = arp.op(b, 14) === arp.REQUEST ? 'who-has' : 'is-at';
  const cast = (b[0]! & 1) === 1 ? '' : ' unicast';
  return `${op} ${formatIpv4(op === 'is-at' ? arp.spa(b, 14) : arp.tpa(b, 14))}${cast}`;
}

/**
 * IPv4 packets that leave by the device: total length, DF, more-fragments and offset, TTL. Not the TTL of later fragments:
 * on a veth Linux shows a tap the very bytes that the next hops then change.
 */
export function ipOut({ out, bytes: b }: Frame): string | undefined {
  if (!out || ethernet.type(b, 0) !== ethernet.TYPE_IPV4) return undefined;
  const df = ip.df(b, 14) ? ' df' : '';
  const fragment = ip.isFragment(b, 14) ? ` frag ${ip.fragOffset(b, 14)}${ip.mf(b, 14) ? '+' : ''}` : '';
  const ttl = ip.fragOffset(b, 14) === 0 ? ` ttl ${ip.ttl(b, 14)}` : '';
  return `${ip.totalLen(b, 14)}${df}${fragment}${ttl}`;
}

/** The same with addresses and protocol: what an underlay device shows of a tunnel or of NAT. */
export function ipOutWithEnds(frame: Frame): string | undefined {
  const text = ipOut(frame);
  if (text === undefined) return undefined;
  const b = frame.bytes;
  return `${formatIpv4(ip.src(b, 14))} > ${formatIpv4(ip.dst(b, 14))} proto ${ip.proto(b, 14)} ${text}`;
}

/** ICMP either way: "> 10.1.0.2 10.2.0.2 8/0 64" out of the device, "<" into it; type, code and length of the IP packet. */
export function icmpBoth({ out, bytes: b }: Frame): string | undefined {
  if (ethernet.type(b, 0) !== ethernet.TYPE_IPV4 || ip.proto(b, 14) !== ip.PROTO_ICMP) return undefined;
  const at = 14 + ip.ihl(b, 14);
  const what = ip.fragOffset(b, 14) === 0 ? `${b[at]}/${b[at + 1]}` : `frag ${ip.fragOffset(b, 14)}`;
  return `${out ? '>' : '<'} ${formatIpv4(ip.src(b, 14))} ${formatIpv4(ip.dst(b, 14))} ${what} ${ip.totalLen(b, 14)}`;
}

/** ARP requests that leave, with who asks: "10.1.0.1 asks for 10.1.0.80". */
export const arpFrom = ({ out, bytes: b }: Frame): string | undefined =>
  out && ethernet.type(b, 0) === ethernet.TYPE_ARP && arp.op(b, 14) === arp.REQUEST
    ? `${formatIpv4(arp.spa(b, 14))} asks for ${formatIpv4(arp.tpa(b, 14))}`
    : undefined;

/** TCP either way: flags, whether it acknowledges, window, TTL, DF; not the numbers, which are the kernel's own. */
export function tcpBoth({ out, bytes: b }: Frame): string | undefined {
  if (ethernet.type(b, 0) !== ethernet.TYPE_IPV4 || ip.proto(b, 14) !== ip.PROTO_TCP) return undefined;
  const at = 14 + ip.ihl(b, 14);
  const flags = ['F', 'S', 'R', 'P', '.'].filter((_, i) => (b[at + 13]! & (1 << i)) !== 0).join('');
  return `${out ? '>' : '<'} ${flags} win ${tcpWindow(b, at)} ttl ${ip.ttl(b, 14)}${ip.df(b, 14) ? ' df' : ''} len ${ip.totalLen(b, 14)}`;
}

async function each(world: World, commands: readonly string[]): Promise<void> {
  for (const line of commands) {
    const at = line.indexOf(': ');
    await world.sh(line.slice(0, at), line.slice(at + 2));
  }
}
