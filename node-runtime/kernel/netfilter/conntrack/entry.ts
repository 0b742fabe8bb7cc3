// How a tracked connection lies in memory: struct nf_conn (include/net/netfilter/nf_conntrack.h) as 28 words of an
// Int32Array instead of an object. A million objects would be a million things for the garbage collector to visit and
// three times the size; 28 words are 112 bytes, of which a packet of an established flow touches two cache lines.

export const WORDS = 28;

/** Tuple of the original direction, then of the reply: source, destination, and source port << 16 | destination port. */
export const SRC = 0;
export const DST = 1;
export const PORTS = 2;
/** Words from a field of the original tuple to the same of the reply. */
export const REPLY_TUPLE = 3;
/** Hash chain links of the two directions; while unconfirmed NEXT holds the time of birth. */
export const NEXT = 6;
/** Protocol in the low byte, TCP state in the next. */
export const PROTO = 8;
export const STATUS = 9;
/** Millisecond of expiry, wrapping at 32 bits; while unconfirmed, milliseconds from confirmation to expiry. */
export const TIMEOUT = 10;
export const MARK = 11;
/** Link in the table of source addresses that NAT keeps. */
export const NEXT_SOURCE = 12;
/** ifindex of the device that MASQUERADE took its address from, else 0. */
export const MASQ_IFINDEX = 13;

/** UDP only: when the flow counts as a stream. */
export const UDP_STREAM_TS = 14;
/** struct ip_ct_tcp, from here on (tcp.ts). */
export const TCP = 14;

/** enum ip_conntrack_status (include/uapi/linux/netfilter/nf_conntrack_common.h). */
export const IPS_EXPECTED = 1 << 0;
export const IPS_SEEN_REPLY = 1 << 1;
export const IPS_ASSURED = 1 << 2;
export const IPS_CONFIRMED = 1 << 3;
export const IPS_SRC_NAT = 1 << 4;
export const IPS_DST_NAT = 1 << 5;
export const IPS_NAT_MASK = IPS_SRC_NAT | IPS_DST_NAT;
export const IPS_SRC_NAT_DONE = 1 << 7;
export const IPS_DST_NAT_DONE = 1 << 8;
export const IPS_NAT_DONE_MASK = IPS_SRC_NAT_DONE | IPS_DST_NAT_DONE;
export const IPS_DYING = 1 << 9;
export const IPS_FIXED_TIMEOUT = 1 << 10;
export const IPS_NAT_CLASH = 1 << 13;
/** Ours: the slot holds a connection. */
export const IPS_ALLOCATED = 1 << 30;
/** Ours: only the reply direction is in the hash (nf_ct_resolve_clash_harder). */
export const IPS_REPLY_ONLY = 1 << 29;

/** enum ip_conntrack_info: what a packet is to its connection. */
export const IP_CT_ESTABLISHED = 0;
export const IP_CT_RELATED = 1;
export const IP_CT_NEW = 2;
export const IP_CT_IS_REPLY = 3;
export const IP_CT_ESTABLISHED_REPLY = 3;
export const IP_CT_RELATED_REPLY = 4;
export const IP_CT_UNTRACKED = 7;

/**
 * skb.ctinfo carries the slot of the connection above the three bits of ip_conntrack_info, and skb.ct the namespace's
 * Conntrack: so that tracking a packet makes no object.
 */
export const INFO_BITS = 3;
export const infoOf = (ctinfo: number): number => ctinfo & 7;
export const slotOf = (ctinfo: number): number => ctinfo >>> INFO_BITS;
/** CTINFO2DIR: 0 original, 1 reply. */
export const dirOf = (ctinfo: number): 0 | 1 => ((ctinfo & 7) >= IP_CT_IS_REPLY ? 1 : 0);
