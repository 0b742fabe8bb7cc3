// A connection as a plain record, for people, `conntrack -L`, events and deletion by filter. Made only when asked for.
import type { Ipv4 } from '../../wire/addr.ts';
import { ip4 } from '../../wire/addr.ts';
import * as ip from '../../wire/ipv4.ts';
import { DST, IPS_CONFIRMED, MARK, PORTS, PROTO, REPLY_TUPLE, SRC, STATUS, TIMEOUT } from './entry.ts';
import type { CtTable } from './table.ts';
import { TCP_STATES, tcpState } from './tcp.ts';
import { hasPorts } from './tuple.ts';

export interface TupleRecord {
  readonly src: Ipv4;
  readonly dst: Ipv4;
  /** Ports of TCP, UDP and SCTP; 0 otherwise. */
  readonly sport: number;
  readonly dport: number;
  /** ICMP's fields; 0 otherwise. */
  readonly type: number;
  readonly code: number;
  readonly id: number;
  /** Counted since nf_conntrack_acct was on, else 0. */
  readonly packets: number;
  readonly bytes: number;
}

export interface ConnRecord {
  readonly slot: number;
  readonly proto: number;
  readonly orig: TupleRecord;
  readonly reply: TupleRecord;
  /** Bits of enum ip_conntrack_status (entry.ts). */
  readonly status: number;
  /** Whole seconds until it expires. */
  readonly timeout: number;
  readonly mark: number;
  /** ESTABLISHED and the like; undefined for protocols without states. */
  readonly state: string | undefined;
  readonly acct: boolean;
}

function tupleRecord(table: CtTable, slot: number, dir: 0 | 1, acct: boolean): TupleRecord {
  const e = table.slots.chunk(slot);
  const at = table.slots.base(slot);
  const t = at + dir * REPLY_TUPLE;
  const proto = e[at + PROTO]! & 255;
  const ports = e[t + PORTS]!;
  const icmp = proto === ip.PROTO_ICMP;
  const counters = acct ? table.slots.counters(slot) : undefined;
  return {
    src: ip4(e[t + SRC]!),
    dst: ip4(e[t + DST]!),
    sport: hasPorts(proto) ? ports >>> 16 : 0,
    dport: hasPorts(proto) ? ports & 0xffff : 0,
    type: icmp ? (ports >>> 8) & 255 : 0,
    code: icmp ? ports & 255 : 0,
    id: icmp ? ports >>> 16 : 0,
    packets: counters?.words[counters.at + dir * 2] ?? 0,
    bytes: counters?.words[counters.at + dir * 2 + 1] ?? 0,
  };
}

export function connRecord(table: CtTable, slot: number, now: number, acct: boolean): ConnRecord {
  const e = table.slots.chunk(slot);
  const at = table.slots.base(slot);
  const proto = e[at + PROTO]! & 255;
  const status = e[at + STATUS]!;
  const left = (status & IPS_CONFIRMED) !== 0 ? table.left(slot, now) : e[at + TIMEOUT]!;
  return {
    slot,
    proto,
    orig: tupleRecord(table, slot, 0, acct),
    reply: tupleRecord(table, slot, 1, acct),
    status,
    timeout: Math.max(0, Math.floor(left / 1000)),
    mark: e[at + MARK]! >>> 0,
    state: proto === ip.PROTO_TCP ? TCP_STATES[tcpState(e, at)] : undefined,
    acct,
  };
}
