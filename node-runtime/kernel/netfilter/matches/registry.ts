// Every match there is. A rule's matches are plain records, told apart by name.
import type { MatchExtension } from '../tables/extension.ts';
import { type AddrtypeMatch, addrtype } from './addrtype.ts';
import { type CommentMatch, comment } from './comment.ts';
import { type ConntrackMatch, conntrack, type StateMatch, state } from './conntrack.ts';
import { type IcmpMatch, icmp } from './icmp.ts';
import { type LimitMatch, limit } from './limit.ts';
import { type ConnmarkMatch, connmark, type MarkMatch, mark } from './mark.ts';
import { type MultiportMatch, multiport } from './multiport.ts';
import { type PhysdevMatch, physdev } from './physdev.ts';
import { type SctpMatch, sctp, type UdpMatch, udp } from './ports.ts';
import { type RecentMatch, recent } from './recent.ts';
import { type SetMatch, set } from './set.ts';
import {
  type LengthMatch,
  length,
  type MacMatch,
  mac,
  type PkttypeMatch,
  pkttype,
  type TcpmssMatch,
  type TtlMatch,
  tcpmss,
  ttl,
} from './small.ts';
import { type StatisticMatch, statistic } from './statistic.ts';
import { type TcpMatch, tcp } from './tcp.ts';

export type MatchSpec =
  | AddrtypeMatch
  | CommentMatch
  | ConnmarkMatch
  | ConntrackMatch
  | IcmpMatch
  | LengthMatch
  | LimitMatch
  | MacMatch
  | MarkMatch
  | MultiportMatch
  | PhysdevMatch
  | PkttypeMatch
  | RecentMatch
  | SctpMatch
  | SetMatch
  | StateMatch
  | StatisticMatch
  | TcpMatch
  | TcpmssMatch
  | TtlMatch
  | UdpMatch;

export type MatchName = MatchSpec['name'];

const EXTENSIONS: { readonly [N in MatchName]: MatchExtension<Extract<MatchSpec, { name: N }>> } = {
  addrtype,
  comment,
  connmark,
  conntrack,
  icmp,
  length,
  limit,
  mac,
  mark,
  multiport,
  physdev,
  pkttype,
  recent,
  sctp,
  set,
  state,
  statistic,
  tcp,
  tcpmss,
  ttl,
  udp,
};

export const isMatchName = (name: string): name is MatchName => Object.hasOwn(EXTENSIONS, name);

/** The extension of a name, to be used with specs of that name only. */
export const matchExtension = (name: MatchName): MatchExtension<MatchSpec> =>
  EXTENSIONS[name] as unknown as MatchExtension<MatchSpec>;
