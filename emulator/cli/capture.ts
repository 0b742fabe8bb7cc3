// `podwire capture DEVICE… -w FILE`: pcapng of one or more devices until interrupted, to a file or straight into Wireshark.
import { createWriteStream } from 'node:fs';
import { Cluster } from '../cluster/cluster.ts';
import { EXIT, stopSignal, warn } from './exit.ts';

export interface CaptureFlags {
  readonly name: string;
  readonly write: string;
  readonly count?: number;
}

export async function capture(devices: readonly string[], flags: CaptureFlags): Promise<number> {
  const cluster = await Cluster.attach(flags.name);
  const out = flags.write === '-' ? process.stdout : createWriteStream(flags.write);
  let enough: () => void = () => {};
  const done = new Promise<void>((resolve) => {
    enough = resolve;
  });
  out.on('error', enough); // Wireshark was closed
  const running = await cluster.capture(devices, (blocks) => {
    out.write(blocks);
    if (flags.count !== undefined && running !== undefined && running.frames.length >= flags.count) enough();
  });
  warn(`capturing on ${devices.join(', ')}; interrupt to stop`);
  stopSignal.addEventListener('abort', enough, { once: true });
  await done;
  await running.stop();
  await cluster.stop();
  if (out !== process.stdout) await new Promise<void>((resolve) => out.end(() => resolve()));
  warn(`${running.frames.length} frames`);
  return EXIT.ok;
}
