// MASQUERADE: net/netfilter/nf_nat_masquerade.c. Source NAT to whatever address the outgoing device has, forgotten with
// that address or when the device goes down.
import type { NetDevice } from '../../netns/device.ts';
import type { Netns, NetnsEvent } from '../../netns/netns.ts';
import { perNet } from '../../netns/per-net.ts';
import type { Skb } from '../../skb/skb.ts';
import * as ip from '../../wire/ipv4.ts';
import { conntrack } from '../conntrack/conntrack.ts';
import { DST, MASQ_IFINDEX, REPLY_TUPLE, SRC, slotOf } from '../conntrack/entry.ts';
import { nat } from './nat.ts';
import { type NatRange, NF_NAT_MANIP_SRC } from './range.ts';

/** Registers, once, for the events that end masqueraded connections. */
const watch = perNet('masquerade', (ns) => {
  const ct = conntrack(ns);
  return ns.listen((event: NetnsEvent) => {
    const { ifindex } = event.dev;
    if (event.type === 'down' || event.type === 'unregister')
      ct.killWhere((e, at) => e[at + MASQ_IFINDEX] === ifindex);
    else if (event.type === 'addr-del') {
      const addr = event.addr.addr | 0;
      ct.killWhere((e, at) => e[at + MASQ_IFINDEX] === ifindex && e[at + REPLY_TUPLE + DST] === addr);
    }
  });
});

/** masquerade_inetaddr_init: called when the first such rule is loaded. */
export function watchAddresses(ns: Netns): void {
  watch(ns);
}

/** nf_nat_masquerade_ipv4. False: the device has no address to lend, and the packet must be dropped. */
export function masquerade(ns: Netns, skb: Skb, out: NetDevice, range: NatRange): boolean {
  const n = nat(ns);
  const slot = slotOf(skb.ctinfo);
  const e = n.ct.table.slots.chunk(slot);
  const at = n.ct.table.slots.base(slot);
  if (e[at + SRC] === 0) return true; // a DHCP client has no address to hide
  const addr = ns.kernel.ipv4.selectAddr(ns, out, ip.dst(skb.bytes, skb.network));
  if (addr === undefined) return false;
  e[at + MASQ_IFINDEX] = out.ifindex;
  n.setup(slot, { ...range, ips: { min: addr, max: addr } }, NF_NAT_MANIP_SRC);
  return true;
}
