// Network address translation: net/netfilter/nf_nat_core.c. The first packet of a connection asks the nat table once per
// direction of change; what it decides is written into the connection's reply tuple, and every later packet, either way,
// is translated by comparing the two tuples. There is no other NAT in the kernel.
import type { HookNum, HookState, Verdict } from '../../netns/hooks.ts';
import { NF_ACCEPT, NF_INET_LOCAL_IN, NF_INET_POST_ROUTING, NF_STOLEN } from '../../netns/hooks.ts';
import type { Netns } from '../../netns/netns.ts';
import { perNet } from '../../netns/per-net.ts';
import type { Skb } from '../../skb/skb.ts';
import * as ip from '../../wire/ipv4.ts';
import { type Conntrack, conntrack } from '../conntrack/conntrack.ts';
import {
  DST,
  dirOf,
  IP_CT_NEW,
  IP_CT_RELATED,
  IP_CT_RELATED_REPLY,
  IP_CT_UNTRACKED,
  IPS_CONFIRMED,
  IPS_DST_NAT,
  IPS_DST_NAT_DONE,
  IPS_NAT_MASK,
  IPS_SRC_NAT,
  IPS_SRC_NAT_DONE,
  infoOf,
  MASQ_IFINDEX,
  PORTS,
  PROTO,
  REPLY_TUPLE,
  SRC,
  STATUS,
  slotOf,
} from '../conntrack/entry.ts';
import { invertPorts } from '../conntrack/tuple.ts';
import { translateIcmpError } from './icmp-translate.ts';
import { mangleSkb } from './mangle.ts';
import { type Manip, type NatRange, NF_NAT_MANIP_DST, NF_NAT_MANIP_SRC, NULL_RANGE } from './range.ts';
import { traceNat } from './trace.ts';
import { Candidate, uniqueTuple } from './unique-tuple.ts';

/** HOOK2MANIP. */
export const manipOf = (hook: HookNum): Manip =>
  hook === NF_INET_POST_ROUTING || hook === NF_INET_LOCAL_IN ? NF_NAT_MANIP_SRC : NF_NAT_MANIP_DST;

const doneBit = (manip: Manip): number => (manip === NF_NAT_MANIP_SRC ? IPS_SRC_NAT_DONE : IPS_DST_NAT_DONE);

/** Asked about a new connection; false when it disposed of the packet. */
export type NatLookup = (skb: Skb, state: HookState) => boolean;

export class Nat {
  readonly ct: Conntrack;
  /** Who is asked about new connections, by hook: the nat tables (nf_nat_lookup_hook_priv). */
  readonly lookups: NatLookup[][] = [[], [], [], [], []];
  readonly #candidate = new Candidate();

  constructor(ct: Conntrack) {
    this.ct = ct;
  }

  /** nf_nat_inet_fn with nf_nat_ipv4_fn around it, at each of the nat hooks. */
  hook(skb: Skb, state: HookState): Verdict {
    const ct = this.ct;
    if (skb.ct !== ct) return NF_ACCEPT;
    const info = infoOf(skb.ctinfo);
    if (info === IP_CT_UNTRACKED) return NF_ACCEPT;
    const manip = manipOf(state.hook);
    if (info === IP_CT_RELATED || info === IP_CT_RELATED_REPLY) {
      if (ip.proto(skb.bytes, skb.network) === ip.PROTO_ICMP) return this.#related(skb, state, manip);
    }
    const slot = slotOf(skb.ctinfo);
    const e = ct.table.slots.chunk(slot);
    const at = ct.table.slots.base(slot);
    if (info === IP_CT_NEW && (e[at + STATUS]! & doneBit(manip)) === 0) {
      for (const lookup of this.lookups[state.hook]!) {
        if (!lookup(skb, state)) return NF_STOLEN;
        if ((e[at + STATUS]! & doneBit(manip)) !== 0) break;
      }
      if ((e[at + STATUS]! & doneBit(manip)) === 0) this.setup(slot, NULL_RANGE, manip);
    } else if (this.#oifChanged(e, at, info, state)) {
      ct.tick();
      ct.kill(slot);
      ct.ns.kernel.drop(skb, 'NETFILTER_DROP', state.netns, 'masqueraded to another device than before');
      return NF_STOLEN;
    }
    this.#translate(skb, state, e, at, dirOf(info), manip);
    return NF_ACCEPT;
  }

  /** nf_nat_setup_info: binds one side of an unconfirmed connection. False when it is too late or done already. */
  setup(slot: number, range: NatRange, manip: Manip): boolean {
    const ct = this.ct;
    const e = ct.table.slots.chunk(slot);
    const at = ct.table.slots.base(slot);
    const status = e[at + STATUS]!;
    if ((status & IPS_CONFIRMED) !== 0) return true;
    if ((status & doneBit(manip)) !== 0) return false;
    ct.tick();
    const c = this.#candidate;
    c.slot = slot;
    c.proto = e[at + PROTO]! & 255;
    c.src = e[at + REPLY_TUPLE + DST]!;
    c.dst = e[at + REPLY_TUPLE + SRC]!;
    c.ports = invertPorts(c.proto, e[at + REPLY_TUPLE + PORTS]!);
    const { src, dst, ports } = c;
    uniqueTuple(ct, c, range, manip);
    if (c.src !== src || c.dst !== dst || c.ports !== ports) {
      e[at + REPLY_TUPLE + SRC] = c.dst;
      e[at + REPLY_TUPLE + DST] = c.src;
      e[at + REPLY_TUPLE + PORTS] = invertPorts(c.proto, c.ports);
      e[at + STATUS]! |= manip === NF_NAT_MANIP_SRC ? IPS_SRC_NAT : IPS_DST_NAT;
    }
    e[at + STATUS]! |= doneBit(manip);
    if (manip === NF_NAT_MANIP_SRC) ct.table.sources.add(slot);
    return true;
  }

  /** nf_nat_packet and nf_nat_manip_pkt. */
  #translate(skb: Skb, state: HookState, e: Int32Array, at: number, dir: 0 | 1, manip: Manip): void {
    let bit = manip === NF_NAT_MANIP_SRC ? IPS_SRC_NAT : IPS_DST_NAT;
    if (dir === 1) bit ^= IPS_NAT_MASK;
    if ((e[at + STATUS]! & bit) === 0) return;
    const t = at + (1 - dir) * REPLY_TUPLE;
    const ports = e[t + PORTS]!;
    const source = manip === NF_NAT_MANIP_SRC;
    const addr = source ? e[t + DST]! : e[t + SRC]!;
    const icmp = (e[at + PROTO]! & 255) === ip.PROTO_ICMP;
    const port = source && !icmp ? ports & 0xffff : ports >>> 16;
    if (skb.trace !== 0) traceNat(skb, state, source, dir, addr, port);
    mangleSkb(skb, source, addr, port);
  }

  #related(skb: Skb, state: HookState, manip: Manip): Verdict {
    if (translateIcmpError(this.ct, skb, state, manip)) return NF_ACCEPT;
    this.ct.ns.kernel.drop(skb, 'NETFILTER_DROP', state.netns, 'an ICMP error that NAT cannot translate');
    return NF_STOLEN;
  }

  /** nf_nat_oif_changed: a masqueraded connection whose packets now leave by another device is over. */
  #oifChanged(e: Int32Array, at: number, info: number, state: HookState): boolean {
    const ifindex = e[at + MASQ_IFINDEX]!;
    return (
      ifindex !== 0 &&
      state.hook === NF_INET_POST_ROUTING &&
      dirOf(info) === 0 &&
      state.out !== undefined &&
      state.out.ifindex !== ifindex
    );
  }
}

export const nat = perNet('nat', (ns: Netns) => new Nat(conntrack(ns)));

export { NF_NAT_MANIP_DST, NF_NAT_MANIP_SRC };
