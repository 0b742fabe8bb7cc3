// Addresses as iptables reads them: xtables_ipparse_any and xtables_numeric_to_ipaddr (libxtables/xtables.c). "10/8" and
// "10.1" are networks to it, as they are to inet_network.
import { XtError } from './extension.ts';

function parseHost(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length > 4) return undefined;
  let n = 0;
  for (const part of parts) {
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return undefined;
    n = n * 256 + Number(part);
  }
  return n * 256 ** (4 - parts.length);
}

/** One address with an optional prefix length or mask. */
export function parseAddr(text: string): { readonly addr: number; readonly mask: number } {
  const slash = text.indexOf('/');
  const host = slash === -1 ? text : text.slice(0, slash);
  const mask = slash === -1 ? 0xffff_ffff : parseMask(text.slice(slash + 1));
  const addr = parseHost(host);
  if (addr === undefined) throw new XtError(`host/network \`${host}' not found`);
  return { addr: (addr & mask) >>> 0, mask };
}

function parseMask(text: string): number {
  if (/^\d{1,2}$/.test(text) && Number(text) <= 32) {
    const len = Number(text);
    return len === 0 ? 0 : (0xffff_ffff << (32 - len)) >>> 0;
  }
  const quad = text.includes('.') ? parseHost(text) : undefined;
  if (quad === undefined || text.split('.').length !== 4)
    throw new XtError(`invalid mask \`${text}' specified`);
  return quad;
}

/** One plain address, as NAT targets take it. */
export function parseHostAddr(text: string): number | undefined {
  return text.split('.').length === 4 ? parseHost(text) : undefined;
}

/** Length of the prefix that a mask is, or −1. */
export function prefixLength(mask: number): number {
  const host = ~mask >>> 0;
  if ((host & (host + 1)) !== 0) return -1;
  return 32 - Math.round(Math.log2(host + 1));
}
