// A root queue with bands, and rules that say which frames go to which: as `tc qdisc … prio` with filters, so that the
// link to one peer can be impaired while others are not. The first rule that matches decides; a frame that matches none
// goes to the default band or straight out.
import type { NetDevice, Qdisc } from '../netns/device.ts';
import { ETH_P_ARP, ETH_P_IP, type Skb } from '../skb/skb.ts';
import { type Ipv4, inPrefix, type Mac, type Prefix } from '../wire/addr.ts';
import * as arp from '../wire/arp.ts';
import { u16, u48 } from '../wire/bytes.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ip from '../wire/ipv4.ts';
import { buildQdisc, type Impairment } from './impairment.ts';
import { sendOn } from './qdisc.ts';

/** All that is given must hold. Addresses are the IPv4 header's or, in ARP, the sender's and the target's. */
export interface Match {
  readonly dstMac?: Mac;
  readonly dst?: readonly Prefix[];
  readonly src?: readonly Prefix[];
  /** IP protocol number. */
  readonly proto?: number;
  /** Source or destination port of TCP, UDP or SCTP; a later fragment has none. */
  readonly port?: number;
  /** True: only ARP. */
  readonly arp?: boolean;
}

export interface MatchRule {
  /** Names the band, in traces and as the key of its chance. */
  readonly name: string;
  /** Any of them. */
  readonly match: readonly Match[];
  readonly impairment: Impairment;
}

/** Everything that goes to one peer: frames to its MAC, packets to its address by a router, and ARP that asks for it. */
export const linkTo = (mac: Mac, addr: Ipv4): readonly Match[] => [
  { dstMac: mac },
  { dst: [{ addr, len: 32 }] },
];

interface Band {
  readonly name: string;
  readonly match: readonly Match[];
  readonly impairment: Impairment;
  qdisc: Qdisc | undefined;
}

export class MatchQdisc implements Qdisc {
  readonly bands: readonly Band[];
  readonly #default: Band;

  constructor(dev: NetDevice, rules: readonly MatchRule[], rest: Impairment = {}) {
    const band = (rule: MatchRule): Band => ({
      ...rule,
      qdisc: buildQdisc(dev, rule.impairment, `${dev.ns.name}/${dev.name}/${rule.name}`),
    });
    this.bands = rules.map(band);
    this.#default = band({ name: 'default', match: [{}], impairment: rest });
  }

  get text(): string {
    return `prio bands ${this.bands.length + 1} priomap ${new Array(16).fill(this.bands.length).join(' ')}`;
  }
  /** The texts of the bands' own queues, as `tc qdisc show` prints each with its parent. */
  get children(): readonly string[] {
    return this.#all.map((band) => band.qdisc?.text ?? 'pfifo');
  }

  enqueue(skb: Skb, dev: NetDevice): void {
    for (const band of this.bands) {
      if (!band.match.some((match) => matches(match, skb, dev.ethernet))) continue;
      if (skb.trace !== 0)
        dev.kernel.traceEvent(skb, dev, 'qdisc', `matches rule ${band.name}`, { rule: band.name });
      sendOn(skb, dev, band.qdisc);
      return;
    }
    sendOn(skb, dev, this.#default.qdisc);
  }

  /** A link's queue, chance and state go on when another link's impairment comes or goes. */
  takeOver(old: Qdisc): void {
    if (!(old instanceof MatchQdisc)) return;
    for (const band of this.#all) {
      const same = old.#all.find((o) => o.name === band.name && equal(o.impairment, band.impairment));
      if (same?.qdisc === undefined) continue;
      band.qdisc?.stop();
      band.qdisc = same.qdisc;
      same.qdisc = undefined;
    }
  }

  stop(): void {
    for (const band of this.#all) band.qdisc?.stop();
  }

  get #all(): readonly Band[] {
    return [...this.bands, this.#default];
  }
}

/** Whether two plain records say the same. */
function equal(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((k) => equal((a as Record<string, unknown>)[k], (b as Record<string, unknown>)[k]))
  );
}

/** Whether a frame, or with `hasEthernet` false an IP packet, at `skb.data` is meant. */
export function matches(match: Match, skb: Skb, hasEthernet: boolean): boolean {
  const b = skb.bytes;
  let at = skb.data;
  let type = ETH_P_IP;
  if (hasEthernet) {
    if (skb.len < ethernet.HLEN) return false;
    if (match.dstMac !== undefined && u48(b, at) !== match.dstMac) return false;
    type = ethernet.type(b, at);
    at += ethernet.HLEN;
  } else if (match.dstMac !== undefined) return false;
  if (match.arp === true && type !== ETH_P_ARP) return false;
  if (
    match.dst === undefined &&
    match.src === undefined &&
    match.proto === undefined &&
    match.port === undefined
  )
    return true;
  if (type === ETH_P_ARP && skb.tail - at >= arp.HLEN)
    return (
      match.proto === undefined &&
      match.port === undefined &&
      within(match.dst, arp.tpa(b, at)) &&
      within(match.src, arp.spa(b, at))
    );
  if (type !== ETH_P_IP || skb.tail - at < ip.MIN_HLEN) return false;
  return (
    within(match.dst, ip.dst(b, at)) &&
    within(match.src, ip.src(b, at)) &&
    (match.proto === undefined || ip.proto(b, at) === match.proto) &&
    (match.port === undefined || hasPort(b, at, skb.tail, match.port))
  );
}

function within(prefixes: readonly Prefix[] | undefined, addr: Ipv4): boolean {
  if (prefixes === undefined) return true;
  for (const prefix of prefixes) if (inPrefix(addr, prefix)) return true;
  return false;
}

function hasPort(b: Uint8Array, at: number, end: number, port: number): boolean {
  const proto = ip.proto(b, at);
  if (proto !== ip.PROTO_TCP && proto !== ip.PROTO_UDP && proto !== ip.PROTO_SCTP) return false;
  const l4 = at + ip.ihl(b, at);
  if (ip.fragOffset(b, at) !== 0 || end - l4 < 4) return false;
  return u16(b, l4) === port || u16(b, l4 + 2) === port;
}
