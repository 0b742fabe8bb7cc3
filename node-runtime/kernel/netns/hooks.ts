// The five places where netfilter sees an IPv4 packet (include/uapi/linux/netfilter.h), and the registry by which the
// netfilter room reaches them. One namespace; a pod has its own, so traffic to a local pod is *forwarded* on the node.
//
//   in ─> PRE_ROUTING ─> route ─┬─> FORWARD ─────────────────────┬─> POST_ROUTING ─> out
//                               └─> LOCAL_IN ─> socket ─> LOCAL_OUT ─┘
import type { Skb } from '../skb/skb.ts';
import type { NetDevice } from './device.ts';
import type { Netns } from './netns.ts';

export const NF_INET_PRE_ROUTING = 0;
export const NF_INET_LOCAL_IN = 1;
export const NF_INET_FORWARD = 2;
export const NF_INET_LOCAL_OUT = 3;
export const NF_INET_POST_ROUTING = 4;
export type HookNum = 0 | 1 | 2 | 3 | 4;
export const HOOK_NAMES = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] as const;

/** Order within a hook: include/uapi/linux/netfilter_ipv4.h. */
export const NF_IP_PRI_CONNTRACK_DEFRAG = -400;
export const NF_IP_PRI_RAW = -300;
export const NF_IP_PRI_CONNTRACK = -200;
export const NF_IP_PRI_MANGLE = -150;
export const NF_IP_PRI_NAT_DST = -100;
export const NF_IP_PRI_FILTER = 0;
export const NF_IP_PRI_NAT_SRC = 100;
export const NF_IP_PRI_CONNTRACK_HELPER = 300;
export const NF_IP_PRI_CONNTRACK_CONFIRM = 0x7fffffff;

export const NF_ACCEPT = 1;
/** The hook has disposed of the skb: dropped it with a reason, answered it, or kept it for later. */
export const NF_STOLEN = 2;
/** Accepted, and the functions behind this one are not asked (ip_sabotage_in: the bridge has asked them already). */
export const NF_STOP = 5;
export type Verdict = typeof NF_ACCEPT | typeof NF_STOLEN | typeof NF_STOP;

/** Before everything else: include/uapi/linux/netfilter_ipv4.h. */
export const NF_IP_PRI_FIRST = -0x80000000;

/** What a hook function is told. `skb.data` is at the IP header; `skb.network` too. */
export interface HookState {
  readonly hook: HookNum;
  readonly netns: Netns;
  /** Device it came in by; undefined for LOCAL_OUT, POST_ROUTING of local packets. */
  readonly in: NetDevice | undefined;
  /** Device it leaves by; undefined for PRE_ROUTING and LOCAL_IN. */
  readonly out: NetDevice | undefined;
}

/** A hook that swaps the packet (defragmentation) returns the new skb; it then goes on with that. */
export type HookFn = (skb: Skb, state: HookState) => Verdict | Skb;

export class HookTable {
  readonly #fns: { readonly priority: number; readonly fn: HookFn }[][] = [[], [], [], [], []];

  register(hook: HookNum, priority: number, fn: HookFn): void {
    const list = this.#fns[hook]!;
    const at = list.findIndex((entry) => entry.priority > priority);
    list.splice(at === -1 ? list.length : at, 0, { priority, fn });
  }
  unregister(hook: HookNum, fn: HookFn): void {
    const list = this.#fns[hook]!;
    const at = list.findIndex((entry) => entry.fn === fn);
    if (at !== -1) list.splice(at, 1);
  }
  isEmpty(hook: HookNum): boolean {
    return this.#fns[hook]!.length === 0;
  }

  /**
   * NF_HOOK: runs the hook's functions in order. Returns the skb to go on with, or undefined when one of them disposed
   * of it. `after` bounds the walk to priorities above it: a packet that a hook kept and gives back re-enters behind it.
   */
  run(skb: Skb, state: HookState, after = Number.NEGATIVE_INFINITY): Skb | undefined {
    for (const { priority, fn } of this.#fns[state.hook]!) {
      if (priority <= after) continue;
      const verdict = fn(skb, state);
      if (verdict === NF_ACCEPT) continue;
      if (verdict === NF_STOLEN) return undefined;
      if (verdict === NF_STOP) return skb;
      skb = verdict;
    }
    return skb;
  }
}
