// A packet's connection, for those who only have the skb: nf_ct_get.
import type { Skb } from '../../skb/skb.ts';
import { Conntrack } from './conntrack.ts';
import {
  dirOf,
  INFO_BITS,
  IP_CT_RELATED,
  IP_CT_RELATED_REPLY,
  IP_CT_UNTRACKED,
  infoOf,
  MARK,
  slotOf,
} from './entry.ts';

/** The table that tracks the packet; undefined for an untracked or invalid one. */
export function ctOf(skb: Skb): Conntrack | undefined {
  if (!(skb.ct instanceof Conntrack) || infoOf(skb.ctinfo) === IP_CT_UNTRACKED) return undefined;
  return skb.ct;
}

/** The mark of the packet's connection, as a signed word. */
export function connMark(skb: Skb): number | undefined {
  const ct = ctOf(skb);
  if (ct === undefined) return undefined;
  const slot = slotOf(skb.ctinfo);
  return ct.table.slots.chunk(slot)[ct.table.slots.base(slot) + MARK]!;
}

export function setConnMark(skb: Skb, mark: number): void {
  const ct = ctOf(skb);
  if (ct === undefined) return;
  const slot = slotOf(skb.ctinfo);
  const words = ct.table.slots.chunk(slot);
  const at = ct.table.slots.base(slot) + MARK;
  if (words[at] === (mark | 0)) return;
  words[at] = mark | 0;
  ct.event(slot, 'update');
}

/** nf_conntrack_attach: an answer belongs to the connection of what it is about, going the other way. */
export function ctAttach(skb: Skb, about: Skb): void {
  const ct = ctOf(about);
  if (ct === undefined) return;
  const info = dirOf(about.ctinfo) === 0 ? IP_CT_RELATED_REPLY : IP_CT_RELATED;
  skb.ct = ct;
  skb.ctinfo = (slotOf(about.ctinfo) << INFO_BITS) | info;
}
