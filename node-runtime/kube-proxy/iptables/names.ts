// Names of kube-proxy's chains: pkg/proxy/iptables/proxier.go. A unit's chains share sixteen characters of a hash, since a
// chain's name may have no more than 28.
import { createHash } from 'node:crypto';

export const SERVICES = 'KUBE-SERVICES';
export const EXTERNAL_SERVICES = 'KUBE-EXTERNAL-SERVICES';
export const NODEPORTS = 'KUBE-NODEPORTS';
export const POSTROUTING = 'KUBE-POSTROUTING';
export const MARK_MASQ = 'KUBE-MARK-MASQ';
export const FORWARD = 'KUBE-FORWARD';
export const PROXY_FIREWALL = 'KUBE-PROXY-FIREWALL';
export const KUBELET_FIREWALL = 'KUBE-FIREWALL';
export const CANARY = 'KUBE-PROXY-CANARY';

const PREFIXES = ['KUBE-SVC-', 'KUBE-SVL-', 'KUBE-SEP-', 'KUBE-FW-', 'KUBE-EXT-'] as const;
export const isServiceChain = (name: string): boolean => PREFIXES.some((prefix) => name.startsWith(prefix));

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** The first sixteen characters of base32(SHA-256(text)). */
export function hash16(text: string): string {
  const bytes = createHash('sha256').update(text).digest();
  let out = '';
  for (let bit = 0; bit < 80; bit += 5) {
    const word = (bytes[bit >> 3]! << 8) | bytes[(bit >> 3) + 1]!;
    out += ALPHABET[(word >> (11 - (bit & 7))) & 31];
  }
  return out;
}

export interface UnitChains {
  readonly cluster: string;
  readonly local: string;
  readonly external: string;
  readonly firewall: string;
}

/** `name` is the unit's ("ns/svc:port"), `protocol` in lower case. */
export function unitChains(name: string, protocol: string): UnitChains {
  const hash = hash16(name + protocol);
  return {
    cluster: `KUBE-SVC-${hash}`,
    local: `KUBE-SVL-${hash}`,
    external: `KUBE-EXT-${hash}`,
    firewall: `KUBE-FW-${hash}`,
  };
}

export const endpointChain = (name: string, protocol: string, endpoint: string): string =>
  `KUBE-SEP-${hash16(name + protocol + endpoint)}`;
