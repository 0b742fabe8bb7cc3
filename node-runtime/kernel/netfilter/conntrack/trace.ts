// What a traced packet's connection is, in words.
import type { HookState } from '../../netns/hooks.ts';
import type { Skb } from '../../skb/skb.ts';
import { formatIpv4 } from '../../wire/addr.ts';
import * as ip from '../../wire/ipv4.ts';
import type { Conntrack } from './conntrack.ts';
import { infoOf, slotOf } from './entry.ts';
import type { TupleRecord } from './record.ts';

const INFO = ['ESTABLISHED', 'RELATED', 'NEW', 'ESTABLISHED', 'RELATED', '', '', 'UNTRACKED'] as const;

export function tupleText(proto: number, t: TupleRecord): string {
  const [src, dst] = [formatIpv4(t.src), formatIpv4(t.dst)];
  if (proto === ip.PROTO_ICMP) return `icmp ${src} > ${dst} type ${t.type} id ${t.id}`;
  const name = { 6: 'tcp', 17: 'udp', 132: 'sctp' }[proto];
  return name === undefined
    ? `protocol ${proto} ${src} > ${dst}`
    : `${name} ${src}:${t.sport} > ${dst}:${t.dport}`;
}

/** Call only under `skb.trace !== 0`. */
export function traceConn(ct: Conntrack, skb: Skb, state: HookState): void {
  const info = infoOf(skb.ctinfo);
  const conn = ct.record(slotOf(skb.ctinfo));
  const dir = info >= 3 ? 'reply' : 'original';
  const original = tupleText(conn.proto, conn.orig);
  const reply = tupleText(conn.proto, conn.reply);
  ct.ns.kernel.traceEvent(
    skb,
    state.netns,
    'conntrack',
    `${INFO[info]}, ${dir} direction of ${original}, reply ${reply}`,
    {
      state: INFO[info]!,
      direction: dir,
      original,
      reply,
      ...(conn.state === undefined ? {} : { tcp: conn.state }),
    },
  );
}
