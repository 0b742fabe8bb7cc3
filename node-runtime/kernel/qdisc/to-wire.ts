// What would be on the wire: super-segments cut, checksums complete (validate_xmit_skb of net/core/dev.c for a device without
// offloads). An impaired link works on these.
import type { NetDevice } from '../netns/device.ts';
import { completeChecksum, gsoSegment } from '../skb/gso.ts';
import type { Skb } from '../skb/skb.ts';

/** Takes the skb (`data` at its outermost header) and calls `each` with every wire frame of it. */
export function toWire(skb: Skb, dev: NetDevice, each: (skb: Skb) => void): void {
  if (skb.gsoSize > 0) {
    const segments = gsoSegment(skb, dev.kernel.pool);
    if (segments.length === 0) dev.kernel.drop(skb, 'MALFORMED', dev, 'a super-segment that cannot be cut');
    else {
      skb.free();
      for (const segment of segments) each(segment);
    }
  } else if (completeChecksum(skb)) each(skb);
  else dev.kernel.drop(skb, 'MALFORMED', dev, 'a checksum that cannot be completed');
}
