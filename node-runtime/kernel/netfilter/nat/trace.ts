// A translation in words: before and after.
import type { HookState } from '../../netns/hooks.ts';
import type { Skb } from '../../skb/skb.ts';
import { formatIpv4, ip4 } from '../../wire/addr.ts';
import { u16 } from '../../wire/bytes.ts';
import * as ip from '../../wire/ipv4.ts';
import { hasPorts } from '../conntrack/tuple.ts';

/** Call only under `skb.trace !== 0`, before the packet is changed. */
export function traceNat(
  skb: Skb,
  state: HookState,
  source: boolean,
  dir: 0 | 1,
  addr: number,
  port: number,
): void {
  const b = skb.bytes;
  const at = skb.network;
  const l4 = at + ip.ihl(b, at);
  const ports = hasPorts(ip.proto(b, at));
  const old = source ? ip.src(b, at) : ip.dst(b, at);
  const from = formatIpv4(old) + (ports ? `:${u16(b, source ? l4 : l4 + 2)}` : '');
  const to = formatIpv4(ip4(addr)) + (ports ? `:${port}` : '');
  const side = source ? 'source' : 'destination';
  const kind = dir === 1 ? 'translated back' : source ? 'SNAT' : 'DNAT';
  state.netns.kernel.traceEvent(skb, state.netns, 'nat', `${kind}: ${side} ${from} becomes ${to}`, {
    side,
    before: from,
    after: to,
    reply: dir === 1,
  });
}
