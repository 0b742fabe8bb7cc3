// What queue tests share: a device on a virtual clock that writes down when each frame left it.
import { frame, type Lab, lab, macOf, udpPacket, up } from '../netdev/test-kit.ts';
import { NetDevice } from '../netns/device.ts';
import type { Skb } from '../skb/skb.ts';

export const OWN = '02:00:00:00:00:01';
export const PEER = '02:00:00:00:00:02';

export interface Left {
  /** Milliseconds since the device was made. */
  readonly time: number;
  /** The UDP source port, which tests number packets by. */
  readonly port: number;
  readonly late: number;
  readonly bytes: Uint8Array;
  readonly skb: Skb;
}

export class RecordingDevice extends NetDevice {
  readonly left: Left[] = [];
  startXmit(skb: Skb): void {
    const { bytes, data, late } = skb;
    const port = (bytes[data + 34]! << 8) | bytes[data + 35]!;
    this.left.push({ time: this.kernel.clock.now(), port, late, bytes: bytes.slice(data, skb.tail), skb });
  }
}

export function link(seed = 1): Lab & { dev: RecordingDevice; packet: typeof packet } {
  const made = lab(seed);
  const dev = new RecordingDevice({
    kernel: made.kernel,
    name: 'eth0',
    kind: 'ether',
    mac: macOf(OWN),
    mtu: 1500,
  });
  up(made.ns, dev);
  const packet = (
    port: number,
    more: { bytes?: number; dst?: string; dport?: number; mac?: string } = {},
  ): Skb => {
    const dst = more.dst ?? '10.0.0.2';
    const payload = udpPacket({
      src: '10.0.0.1',
      dst,
      sport: port,
      dport: more.dport ?? 9,
      bytes: more.bytes ?? 100,
    });
    return frame(made.kernel, { dst: more.mac ?? PEER, src: OWN, payload });
  };
  return { ...made, dev, packet };
}
