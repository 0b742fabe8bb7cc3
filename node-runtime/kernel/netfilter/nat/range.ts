// What a NAT target asks for: struct nf_nat_range2 (include/uapi/linux/netfilter/nf_nat.h).

export const NF_NAT_MANIP_SRC = 0;
export const NF_NAT_MANIP_DST = 1;
export type Manip = typeof NF_NAT_MANIP_SRC | typeof NF_NAT_MANIP_DST;

export interface NatRange {
  /** Addresses, inclusive; undefined keeps the packet's own (NF_NAT_RANGE_MAP_IPS is unset). */
  readonly ips: { readonly min: number; readonly max: number } | undefined;
  /** Ports or ICMP ids, inclusive; undefined keeps the port when it can (NF_NAT_RANGE_PROTO_SPECIFIED is unset). */
  readonly ports: { readonly min: number; readonly max: number } | undefined;
  /** First port of the shifted mapping that `--to-destination a:p-q/base` asks for (NF_NAT_RANGE_PROTO_OFFSET). */
  readonly basePort?: number | undefined;
  /** --random: start at a random port. */
  readonly random: boolean;
  /** --random-fully: do not even try the original port. */
  readonly randomFully: boolean;
  /** --persistent: the address depends on the source alone. */
  readonly persistent: boolean;
}

/** A null binding: the addresses stay, the port too unless another connection has it. */
export const NULL_RANGE: NatRange = {
  ips: undefined,
  ports: undefined,
  random: false,
  randomFully: false,
  persistent: false,
};
