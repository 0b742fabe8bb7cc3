// What the lab asks of a network, each answer as one line of text, so that two kernels can be compared and a difference read.
import { formatIpv4 } from '../../node-runtime/kernel/wire/addr.ts';
import * as arp from '../../node-runtime/kernel/wire/arp.ts';
import * as ethernet from '../../node-runtime/kernel/wire/ethernet.ts';
import * as ip from '../../node-runtime/kernel/wire/ipv4.ts';
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

async function each(world: World, commands: readonly string[]): Promise<void> {
  for (const line of commands) {
    const at = line.indexOf(': ');
    await world.sh(line.slice(0, at), line.slice(at + 2));
  }
}
