// Captures of any devices of the cluster as one pcapng stream, device names kept, drop reasons and trace ids as comments.

import { parseRef } from '../cluster/ref.ts';
import type { CapturedFrame } from '../cluster/types.ts';
import type { Operations } from '../control/caller.ts';
import { enhancedPacket, interfaceDescription, sectionHeader } from '../observe/pcapng.ts';
import { ProtocolError } from '../protocol/errors.ts';
import type { CaptureRecord } from '../protocol/records.ts';
import type { Member } from '../supervisor/member.ts';
import { locate, type OperationContext } from './context.ts';

interface Device {
  readonly name: string;
  readonly member: Member;
  readonly netns: string;
  readonly dev: string;
}

const SNAPLEN = 262_144;

/** "pod/a", "pod/shop/a/eth0", "node/n1/cni0", "container/n1/web", "router/eth0": the last part is a device where one is given. */
export function parseDevice(context: OperationContext, text: string): Device {
  const parts = text.split('/');
  const names =
    { pod: 1, container: 2, node: 1, external: 1, router: 0, 'control-plane': 0 }[parts[0] ?? ''] ?? 1;
  const attempts = [parts.length, parts.length - 1].filter((n) => n >= names + 1 && n <= names + 2);
  for (const n of attempts) {
    const dev = parts[n] ?? 'eth0';
    try {
      const ref = parseRef(parts.slice(0, n).join('/'));
      const { member, netns } = locate(context, ref);
      return { name: `${parts.slice(0, n).join('/')}/${dev}`, member, netns, dev };
    } catch (error) {
      if (n === attempts.at(-1)) throw error;
    }
  }
  throw new ProtocolError(
    'E_INVALID',
    `"${text}" names no device; write pod/NAME, node/NAME/DEVICE or container/NODE/NAME`,
  );
}

export function captureOperations(context: OperationContext): Operations {
  let nextCapture = 1;
  return {
    capture: async ({ devices: texts }: { devices: readonly string[] }, stream, signal) => {
      const devices = texts.map((text) => parseDevice(context, text));
      const byCapture = new Map<number, number>();
      const running: { capture: number; member: Member }[] = [];
      const { epoch } = context.clock;
      /** Frames that came before the last device was attached; the file's header goes before them. */
      let early: object[] | undefined = [];
      const stopListening = context.onEvent((name, event) => {
        if (event.type !== 'message' || event.message.type !== 'capture.frames') return;
        const index = byCapture.get(event.message.capture);
        if (index === undefined || devices[index]!.member.name !== name) return;
        const frames = framesOf(devices[index]!, index, event.message.frames, epoch);
        if (early === undefined) stream.send(frames);
        else early.push(frames);
      });
      try {
        const header = [sectionHeader({ application: 'podwire' })];
        for (const [index, device] of devices.entries()) {
          const capture = nextCapture++ >>> 0;
          byCapture.set(capture, index);
          const { linkType } = await device.member.request('capture.start', {
            capture,
            at: { netns: device.netns, dev: device.dev },
            snaplen: SNAPLEN,
            drops: false,
          });
          running.push({ capture, member: device.member });
          header.push(interfaceDescription({ name: device.name, linkType, snapLen: SNAPLEN }));
        }
        stream.send({ frames: [], blocks: Buffer.concat(header) });
        for (const frames of early) stream.send(frames);
        early = undefined;
        await new Promise<void>((resolve) => {
          stream.onMessage(() => resolve());
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      } finally {
        // The answer comes behind the last frames.
        for (const { capture, member } of running)
          await member.request('capture.stop', { capture }).catch(() => {});
        stopListening();
      }
      return null;
    },
  };
}

function framesOf(
  device: Device,
  interfaceId: number,
  records: readonly CaptureRecord[],
  epoch: number,
): { frames: CapturedFrame[]; blocks: Uint8Array } {
  const frames = records.map((r): CapturedFrame => ({ ...r, device: device.name, bytes: r.bytes.slice() }));
  const blocks = frames.map((f) =>
    enhancedPacket({
      interfaceId,
      time: epoch + f.time,
      bytes: f.bytes,
      originalLength: f.length,
      direction: f.outgoing ? 'out' : 'in',
      comments: [
        ...(f.drop === undefined ? [] : [`dropped: ${f.drop}`]),
        ...(f.trace === 0 ? [] : [`trace ${f.trace & 0x7fff}${f.trace > 0x7fff ? ', reply' : ''}`]),
      ],
      ...(f.trace === 0 ? {} : { packetId: f.trace }),
    }),
  );
  return { frames, blocks: Buffer.concat(blocks) };
}
