// What kind of reply a message is, for the cache (CoreDNS plugin/pkg/response/typify.go, plugin/cache/cache.go; RFC 2308).
import type { Message, Rr } from '../../dns/message.ts';
import { lower } from '../../dns/name.ts';
import { CLASS, OPCODE, RCODE, TYPE } from '../../dns/types.ts';

export type ReplyKind = 'positive' | 'delegation' | 'nxdomain' | 'nodata' | 'failure' | 'never';

export const hasSoa = (m: Message): boolean => m.authority.some((rr) => rr.type === TYPE.SOA);

export function replyKind(m: Message): ReplyKind {
  if (m.opcode === OPCODE.UPDATE || m.opcode === OPCODE.NOTIFY) return 'never';
  const type = m.question?.type;
  if (type === TYPE.AXFR || type === TYPE.IXFR) return 'never';
  if (m.answer.length > 0) {
    if (m.rcode !== RCODE.NOERROR) return 'never';
    // A chain that does not get to the type is no data, if somebody says for how long.
    return hasSoa(m) && !answers(m) ? 'nodata' : 'positive';
  }
  if (m.rcode === RCODE.NXDOMAIN) return 'nxdomain';
  if (m.rcode === RCODE.SERVFAIL || m.rcode === RCODE.NOTIMP) return 'failure';
  if (m.rcode !== RCODE.NOERROR) return 'never';
  if (hasSoa(m)) return 'nodata';
  return m.authority.some((rr) => rr.type === TYPE.NS) ? 'delegation' : 'positive';
}

/** Not kept: what was cut, denials that do not say for how long, and chains that lead nowhere. */
export function mayKeep(m: Message, kind: ReplyKind): boolean {
  if (m.truncated || kind === 'never') return false;
  if (kind === 'nxdomain') return hasSoa(m);
  return kind !== 'positive' || m.answer.length === 0 || answers(m);
}

/** Whether the answer holds a record of the type that was asked for, at the end of its CNAME chain. */
function answers({ question, answer }: Message): boolean {
  if (question === undefined) return false;
  const { type, class: cls } = question;
  const sameClass = (rr: Rr): boolean => cls === CLASS.ANY || rr.class === cls;
  let name = lower(question.name);
  if (answer[0]!.type === type && answer[0]!.name === question.name && sameClass(answer[0]!)) return true;
  if (type === TYPE.ANY) return answer.some((rr) => sameClass(rr) && lower(rr.name) === name);
  const seen = new Set<string>();
  for (;;) {
    if (seen.has(name)) return false;
    seen.add(name);
    const targets = new Set(
      answer.flatMap((rr) =>
        rr.type === TYPE.CNAME && sameClass(rr) && lower(rr.name) === name && rr.data.kind === 'name'
          ? [lower(rr.data.target)]
          : [],
      ),
    );
    if (targets.size > 1) return false;
    const [target] = targets;
    if (type === TYPE.CNAME) return target !== undefined;
    if (target === undefined) break;
    name = target;
  }
  return answer.some((rr) => rr.type === type && sameClass(rr) && lower(rr.name) === name);
}

/** The smallest TTL in the message, at most `max` seconds; 5 where nothing says one. */
export function minimalTtl(m: Message, kind: ReplyKind, max: number): number {
  if (kind === 'delegation' || kind === 'failure' || kind === 'never') return 5;
  if (m.answer.length + m.authority.length + m.additional.length === 0) return 5;
  let ttl = max;
  for (const section of [m.answer, m.authority, m.additional])
    for (let i = 0; i < section.length; i++) if (section[i]!.ttl < ttl) ttl = section[i]!.ttl;
  return ttl;
}

/** The records with this TTL, the same array where they all have it. */
export function levelled(records: readonly Rr[], ttl: number): readonly Rr[] {
  for (let i = 0; i < records.length; i++)
    if (records[i]!.ttl !== ttl) return records.map((rr) => (rr.ttl === ttl ? rr : { ...rr, ttl }));
  return records;
}
