// nf_ct_netns_get and nf_ct_netns_put (net/netfilter/nf_conntrack_proto.c): a namespace tracks connections while something
// in it asks for them (a rule that matches states, NAT, an explicit wish), so that a pod without rules pays nothing.
import {
  type HookFn,
  type HookState,
  NF_ACCEPT,
  NF_INET_LOCAL_IN,
  NF_INET_LOCAL_OUT,
  NF_INET_POST_ROUTING,
  NF_INET_PRE_ROUTING,
  NF_IP_PRI_CONNTRACK,
  NF_IP_PRI_CONNTRACK_CONFIRM,
  NF_IP_PRI_CONNTRACK_DEFRAG,
  NF_STOLEN,
} from '../../netns/hooks.ts';
import type { Netns } from '../../netns/netns.ts';
import { perNet } from '../../netns/per-net.ts';
import * as ip from '../../wire/ipv4.ts';
import { type Conntrack, conntrack } from './conntrack.ts';
import { ctAttach } from './of-skb.ts';

/** ipv4_conntrack_defrag: conntrack sees whole packets only. */
const defrag: HookFn = (skb, state: HookState) => {
  if (!ip.isFragment(skb.bytes, skb.network)) return NF_ACCEPT;
  const user = state.hook === NF_INET_PRE_ROUTING ? 'conntrack-in' : 'conntrack-out';
  return state.netns.kernel.ipv4.defrag(skb, state.netns, user) ?? NF_STOLEN;
};

class Users {
  count = 0;
  readonly in: HookFn;
  readonly confirm: HookFn;
  constructor(ct: Conntrack) {
    this.in = (skb, state) => ct.in(skb, state);
    this.confirm = (skb, state) => ct.confirm(skb, state);
  }
}
const users = perNet('conntrack-users', (ns) => new Users(conntrack(ns)));

/** Counts one more user; the first one registers the hooks. */
export function conntrackGet(ns: Netns): void {
  const u = users(ns);
  if (u.count++ > 0) return;
  ns.kernel.ctAttach = ctAttach;
  for (const hook of [NF_INET_PRE_ROUTING, NF_INET_LOCAL_OUT] as const) {
    ns.hooks.register(hook, NF_IP_PRI_CONNTRACK_DEFRAG, defrag);
    ns.hooks.register(hook, NF_IP_PRI_CONNTRACK, u.in);
  }
  for (const hook of [NF_INET_LOCAL_IN, NF_INET_POST_ROUTING] as const)
    ns.hooks.register(hook, NF_IP_PRI_CONNTRACK_CONFIRM, u.confirm);
}

/** One user less; after the last one packets are not tracked, and entries run out. */
export function conntrackPut(ns: Netns): void {
  const u = users(ns);
  if (u.count === 0 || --u.count > 0) return;
  for (const hook of [NF_INET_PRE_ROUTING, NF_INET_LOCAL_OUT] as const) {
    ns.hooks.unregister(hook, defrag);
    ns.hooks.unregister(hook, u.in);
  }
  for (const hook of [NF_INET_LOCAL_IN, NF_INET_POST_ROUTING] as const) ns.hooks.unregister(hook, u.confirm);
}

export const conntrackEnabled = (ns: Netns): boolean => users(ns).count > 0;
