// GRE over IPv4: net/ipv4/ip_gre.c, with optional checksum, key and sequence number, each for both directions alike.
import type { Kernel } from '../netns/kernel.ts';
import type { Netns } from '../netns/netns.ts';
import { completeChecksum } from '../skb/gso.ts';
import { ETH_P_IP, type Skb } from '../skb/skb.ts';
import * as gre from '../wire/gre.ts';
import * as ip from '../wire/ipv4.ts';
import { deliverToTunnel, IpTunnel, type IpTunnelOptions } from './ip-tunnel.ts';

export interface GreOptions extends IpTunnelOptions {
  /** Tells apart tunnels between the same addresses: `key N`. */
  readonly key?: number;
  /** Checksums over what is carried: `csum`. */
  readonly csum?: boolean;
  /** Numbers packets and drops those that come late: `seq`. */
  readonly seq?: boolean;
}

export class Gre extends IpTunnel {
  readonly #key: number | undefined;
  readonly #csum: boolean;
  readonly #seq: boolean;
  #sent = 0;
  /** The next number expected; 0 before the first. */
  #expected = 0;

  constructor(kernel: Kernel, options: GreOptions) {
    const { key, csum = false, seq = false } = options;
    super(kernel, 'gre', ip.PROTO_GRE, gre.hlenOf(csum, key !== undefined, seq), options, greRcv);
    this.#key = key;
    this.#csum = csum;
    this.#seq = seq;
  }

  override get key(): number | undefined {
    return this.#key;
  }
  protected get label(): string {
    return this.#key === undefined ? 'GRE' : `GRE key ${this.#key}`;
  }
  /** Checksum and number differ by packet, and a super-segment is many. */
  protected override get passesOffloads(): boolean {
    return !this.#csum && !this.#seq;
  }

  protected pushHeader(skb: Skb): void {
    if (this.#csum) {
      completeChecksum(skb);
      skb.encapsulation = false;
    }
    const at = skb.push(this.hlen);
    gre.put(skb.bytes, at, skb.tail, {
      protocol: ETH_P_IP,
      checksum: this.#csum,
      key: this.#key,
      seq: this.#seq ? this.#sent++ >>> 0 : undefined,
    });
  }

  /** The checks of ip_tunnel_rcv. */
  pullHeader(skb: Skb): string | undefined {
    const b = skb.bytes;
    const at = skb.data;
    if (gre.protocol(b, at) !== ETH_P_IP)
      return `gre: protocol 0x${gre.protocol(b, at).toString(16)} is not IPv4`;
    if (gre.hasChecksum(b, at) !== this.#csum) return 'gre: with a checksum on one side only';
    if (this.#seq) {
      if (!gre.hasSeq(b, at)) return 'gre: no sequence number';
      const seq = gre.seq(b, at);
      if (this.#expected !== 0 && ((seq - this.#expected) | 0) < 0)
        return `gre: number ${seq} comes too late`;
      this.#expected = (seq + 1) >>> 0;
    }
    skb.pull(gre.hlen(b, at));
    return undefined;
  }
}

/** gre_rcv: `skb.data` at the GRE header. */
function greRcv(skb: Skb, ns: Netns): void {
  const why = gre.check(skb.bytes, skb.data, skb.tail);
  if (why !== undefined) {
    ns.kernel.drop(skb, 'MALFORMED', ns, why);
    return;
  }
  const key = gre.hasKey(skb.bytes, skb.data) ? gre.key(skb.bytes, skb.data) : undefined;
  deliverToTunnel(ns, ip.PROTO_GRE, skb, key);
}

/** `ip link add NAME type gre local … remote … [key N] [csum] [seq]`. */
export const addGre = (ns: Netns, options: GreOptions): Gre => ns.register(new Gre(ns.kernel, options));
