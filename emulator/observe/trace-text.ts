// A trace for people: a line per decision, grouped by the namespace it was made in, with the time since the packet left.
import type { Hop, TraceResult } from './trace-result.ts';
import { serviceLine } from './trace-service.ts';

export const hopLine = (hop: Hop): string =>
  `${hop.time.toFixed(3).padStart(9)} ms ${hop.reply ? '<' : '>'} ${`${hop.node}/${hop.netns}`.padEnd(16)} ${(hop.device ?? '').padEnd(12)} ${hop.stage.padEnd(11)} ${hop.text}`;

export function traceLines(title: string, result: TraceResult): string[] {
  const { packet, outcome } = result;
  const ports = packet.proto === 'icmp' ? '' : ` port ${packet.dstPort}`;
  return [
    `trace ${title}: ${packet.proto}${ports}, ${packet.src} > ${packet.dst}, ${packet.size} bytes of payload, TTL ${packet.ttl}`,
    ...result.hops.map(hopLine),
    ...result.services.map((step) => `service: ${serviceLine(step)}`),
    `${outcome.result}: ${outcome.text}${outcome.cause === undefined ? '' : ` - ${outcome.cause}`}`,
    ...(result.rtt === undefined ? [] : [`answer after ${result.rtt.toFixed(3)} ms`]),
    `user/kernel crossings: ${result.crossings}`,
  ];
}
