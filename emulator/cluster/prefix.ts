// IPv4 ranges as cluster files write them. The emulator knows ranges, never packets, so it has its own few lines for them.

export interface Range {
  readonly first: number;
  readonly last: number;
  readonly bits: number;
}

export function parseAddress(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (parts === null) return undefined;
  const octets = parts.slice(1).map(Number);
  if (octets.some((o, i) => o > 255 || String(o) !== parts[i + 1])) return undefined;
  return octets.reduce((n, o) => n * 256 + o, 0);
}

export const formatAddress = (n: number): string =>
  [24, 16, 8, 0].map((s) => Math.floor(n / 2 ** s) % 256).join('.');

/** "10.244.0.0/16"; undefined when it is no prefix or has host bits set. */
export function parseRange(text: string): Range | undefined {
  const [address, bits, ...rest] = text.split('/');
  const first = parseAddress(address ?? '');
  if (first === undefined || rest.length > 0 || !/^\d{1,2}$/.test(bits ?? '') || Number(bits) > 32)
    return undefined;
  const size = 2 ** (32 - Number(bits));
  return first % size === 0 ? { first, last: first + size - 1, bits: Number(bits) } : undefined;
}

export const overlap = (a: Range, b: Range): boolean => a.first <= b.last && b.first <= a.last;
export const contains = (range: Range, address: number): boolean =>
  range.first <= address && address <= range.last;
