// TCPMSS: lowers the maximum segment size that a SYN offers: net/netfilter/xt_TCPMSS.c. Ours never adds the option to a SYN
// that lacks it, as every stack here sends one.
import { NF_INET_FORWARD, NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING } from '../../netns/hooks.ts';
import { CHECKSUM_PARTIAL } from '../../skb/skb.ts';
import { put16, u16 } from '../../wire/bytes.ts';
import { update16 } from '../../wire/checksum.ts';
import * as ip from '../../wire/ipv4.ts';
import * as tcp from '../../wire/tcp.ts';
import { parseUint } from '../matches/values.ts';
import { type TargetExtension, XT_CONTINUE, XtError } from '../tables/extension.ts';
import { findMss } from '../tables/mss.ts';
import type { Packet } from '../tables/packet.ts';

export interface TcpmssTarget {
  readonly name: 'TCPMSS';
  /** Undefined: as the path's MTU allows. */
  readonly mss: number | undefined;
}

const HEADERS = 40;

/** The smaller MTU of the way out and the way back; the route back is asked of the address it came from. */
function pathMtu(p: Packet): number {
  const { netns, out } = p.state;
  const back = netns.kernel.ipv4.routeOutput(netns, ip.src(p.b, p.at), ip.dst(p.b, p.at), 0, 0);
  const there = out?.mtu ?? 65_535;
  return typeof back === 'string' ? there : Math.min(there, back.mtu);
}

export const tcpmss: TargetExtension<TcpmssTarget> = {
  name: 'TCPMSS',
  options: [{ name: 'set-mss', args: 1 }, { name: 'clamp-mss-to-pmtu' }],
  parse(given) {
    const set = given.find((g) => g.name === 'set-mss');
    if (set === undefined && given.length === 0)
      throw new XtError('TCPMSS target: At least one parameter is required');
    const mss = set && parseUint(set.value, 65_535 - HEADERS);
    if (set !== undefined && mss === undefined)
      throw new XtError('TCPMSS: bad value for option "--set-mss", or out of range (0-65495).\n');
    return { name: 'TCPMSS', mss };
  },
  save: (t) => (t.mss === undefined ? '--clamp-mss-to-pmtu' : `--set-mss ${t.mss}`),
  list: (t) => (t.mss === undefined ? 'TCPMSS clamp to PMTU' : `TCPMSS set ${t.mss}`),
  check(t, _env, rule, hooks) {
    const late: readonly number[] = [NF_INET_FORWARD, NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING];
    if (t.mss === undefined && hooks.some((h) => !late.includes(h))) return 'Invalid argument';
    const syn = rule.proto?.num === ip.PROTO_TCP && !rule.proto.invert;
    return syn ? undefined : 'Invalid argument';
  },
  compile: (t) => (p) => {
    if (!p.has(tcp.MIN_HLEN) || (tcp.flags(p.b, p.l4) & tcp.SYN) === 0) return XT_CONTINUE;
    const at = findMss(p.b, p.l4, p.end);
    if (at === -1) return XT_CONTINUE;
    const want = t.mss ?? pathMtu(p) - HEADERS;
    const old = u16(p.b, at);
    if (old <= want || want <= 0) return XT_CONTINUE;
    put16(p.b, at, want);
    if (p.skb.ipSummed !== CHECKSUM_PARTIAL) {
      const check = tcp.checksum(p.b, p.l4);
      // At an odd distance from the header the value straddles two words of the sum: both change.
      if (((at - p.l4) & 1) === 0) tcp.setChecksum(p.b, p.l4, update16(check, old, want));
      else tcp.setChecksum(p.b, p.l4, update16(check, swap(old), swap(want)));
    }
    return XT_CONTINUE;
  },
};

const swap = (n: number): number => ((n & 255) << 8) | (n >>> 8);
