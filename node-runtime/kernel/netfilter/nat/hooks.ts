// The four nat hooks: nf_nat_ipv4_ops (net/netfilter/nf_nat_proto.c). Registered with the nat table's first chain of a
// namespace; destination before routing, source after.
import type { HookNum, HookState } from '../../netns/hooks.ts';
import {
  type HookFn,
  NF_ACCEPT,
  NF_INET_LOCAL_IN,
  NF_INET_LOCAL_OUT,
  NF_INET_POST_ROUTING,
  NF_INET_PRE_ROUTING,
  NF_IP_PRI_NAT_DST,
  NF_IP_PRI_NAT_SRC,
  NF_STOLEN,
} from '../../netns/hooks.ts';
import type { Netns } from '../../netns/netns.ts';
import { perNet } from '../../netns/per-net.ts';
import type { Skb } from '../../skb/skb.ts';
import * as ip from '../../wire/ipv4.ts';
import { DST, dirOf, IP_CT_UNTRACKED, infoOf, REPLY_TUPLE, SRC, slotOf } from '../conntrack/entry.ts';
import { type Nat, type NatLookup, nat } from './nat.ts';

const PRIORITY: Readonly<Partial<Record<HookNum, number>>> = {
  [NF_INET_PRE_ROUTING]: NF_IP_PRI_NAT_DST,
  [NF_INET_LOCAL_OUT]: NF_IP_PRI_NAT_DST,
  [NF_INET_LOCAL_IN]: NF_IP_PRI_NAT_SRC,
  [NF_INET_POST_ROUTING]: NF_IP_PRI_NAT_SRC,
};

/** nf_nat_ipv4_pre_routing: a route found early is of no use once the destination changed. */
function preRouting(n: Nat, skb: Skb, state: HookState): ReturnType<HookFn> {
  const before = ip.dst(skb.bytes, skb.network);
  const verdict = n.hook(skb, state);
  if (verdict === NF_ACCEPT && ip.dst(skb.bytes, skb.network) !== before) skb.dst = undefined;
  return verdict;
}

/** nf_nat_ipv4_local_fn: a local packet has its route already, so one whose destination changes is routed again. */
function localOut(n: Nat, skb: Skb, state: HookState): ReturnType<HookFn> {
  const verdict = n.hook(skb, state);
  if (verdict !== NF_ACCEPT || skb.ct !== n.ct || infoOf(skb.ctinfo) === IP_CT_UNTRACKED) return verdict;
  const slot = slotOf(skb.ctinfo);
  const e = n.ct.table.slots.chunk(slot);
  const at = n.ct.table.slots.base(slot);
  const dir = dirOf(skb.ctinfo);
  if (e[at + dir * REPLY_TUPLE + DST] === e[at + (1 - dir) * REPLY_TUPLE + SRC]) return NF_ACCEPT;
  if (state.netns.kernel.ipv4.reroute(skb, state.netns)) return NF_ACCEPT;
  n.ct.forget(skb);
  state.netns.kernel.drop(skb, 'IP_OUTNOROUTES', state.netns, 'after DNAT');
  return NF_STOLEN;
}

const registered = perNet('nat-hooks', (ns) => {
  const n = nat(ns);
  const fns: Readonly<Partial<Record<HookNum, HookFn>>> = {
    [NF_INET_PRE_ROUTING]: (skb, state) => preRouting(n, skb, state),
    [NF_INET_LOCAL_OUT]: (skb, state) => localOut(n, skb, state),
    [NF_INET_LOCAL_IN]: (skb, state) => n.hook(skb, state),
    [NF_INET_POST_ROUTING]: (skb, state) => n.hook(skb, state),
  };
  for (const hook of [0, 1, 3, 4] as const) ns.hooks.register(hook, PRIORITY[hook]!, fns[hook]!);
  return true;
});

/** nf_nat_register_fn: `lookup` is asked about new connections at `hook`. */
export function registerNatLookup(ns: Netns, hook: HookNum, lookup: NatLookup): void {
  registered(ns);
  nat(ns).lookups[hook]!.push(lookup);
}
