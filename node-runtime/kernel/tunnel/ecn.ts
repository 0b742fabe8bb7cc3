// Congestion marks across a tunnel: INET_ECN_encapsulate and INET_ECN_decapsulate (include/net/inet_ecn.h), RFC 6040.
import * as ip from '../wire/ipv4.ts';

const ECN_MASK = 3;
const NOT_ECT = 0;
const ECT_0 = 2;
const CE = 3;

/** TOS of the outer header, `tos` being the tunnel's own: the inner mark goes along, a CE as ECT(0). */
export function encapsulateTos(tos: number, inner: number): number {
  const mark = inner & ECN_MASK;
  return (tos & ~ECN_MASK & 0xff) | (mark === CE ? ECT_0 : mark);
}

/**
 * Carries the outer mark over to the inner header at `at`. False: the packet was marked on its way although its sender
 * does not understand marks, and must be dropped.
 */
export function decapsulateEcn(outer: number, b: Uint8Array, at: number): boolean {
  if ((outer & ECN_MASK) !== CE) return true;
  const tos = ip.tos(b, at);
  if ((tos & ECN_MASK) === NOT_ECT) return false;
  if ((tos & ECN_MASK) !== CE) {
    ip.setTos(b, at, tos | CE);
    ip.updateChecksum(b, at);
  }
  return true;
}
