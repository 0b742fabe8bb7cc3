// Makes one story of what the processes said about a traced packet. Their clocks are one (CLOCK_MONOTONIC of the host, or
// the virtual one), so the order is that of the times; within a kernel, that of its own counting.
import type { ProbeOutcome, TraceRecord } from '../protocol/records.ts';
import type { Hop, Outcome, TraceResult } from './trace-result.ts';
import { serviceSteps } from './trace-service.ts';

/** Set in the trace id of answers and ICMP errors (node-runtime/kernel/trace/event.ts). */
export const TRACE_REPLY = 0x8000;

export interface NodeTraceRecord extends TraceRecord {
  readonly node: string;
}

/** A copy of a flooded frame dies at every port it was not meant for: that is no fate of the packet. */
const BYSTANDERS: ReadonlySet<string> = new Set(['OTHERHOST', 'ARP_INVALID']);

const isDrop = (e: NodeTraceRecord): boolean =>
  e.stage === 'drop' && !BYSTANDERS.has(String(e.facts['reason']));
const isReply = (e: NodeTraceRecord): boolean => (e.trace & TRACE_REPLY) !== 0;

/** True when the packet, or the answer to it, has died: nothing more can come of the probe. */
export const isOver = (events: readonly NodeTraceRecord[]): boolean =>
  events.some(isDrop) && !events.some((e) => e.stage === 'icmp' && isReply(e));

export function joinTrace(
  question: Pick<TraceResult, 'source' | 'destination' | 'packet'>,
  records: readonly NodeTraceRecord[],
  probe: ProbeOutcome,
): TraceResult {
  const events = [...records].sort((a, b) => a.time - b.time || (a.node === b.node ? a.seq - b.seq : 0));
  const start = events[0]?.time ?? 0;
  const hops = events.map((e) => toHop(e, start));
  return {
    schemaVersion: 1,
    ...question,
    hops,
    services: serviceSteps(hops),
    outcome: outcomeOf(events, probe),
    crossings: events.filter(crosses).length,
    ...(probe.rtt === undefined ? {} : { rtt: probe.rtt }),
  };
}

/** Between a kernel and a daemon: by the daemon's TUN device, and by the socket that it sends and receives on. */
const crosses = ({ stage, facts }: NodeTraceRecord): boolean =>
  (stage === 'tun' && facts['direction'] !== undefined) ||
  ((stage === 'send' || stage === 'socket') && facts['owner'] === 'flanneld');

function toHop(e: NodeTraceRecord, start: number): Hop {
  return {
    node: e.node,
    netns: e.netns,
    ...(e.dev === undefined ? {} : { device: e.dev }),
    stage: e.stage,
    text: e.text,
    facts: e.facts,
    packet: e.packet,
    time: e.time - start,
    reply: isReply(e),
  };
}

function outcomeOf(events: readonly NodeTraceRecord[], probe: ProbeOutcome): Outcome {
  if (probe.result === 'not-sent' && !events.some((e) => e.stage === 'xmit'))
    return {
      result: 'not-sent',
      text: `the sender's own kernel refuses it: ${probe.text}`,
      answered: false,
      ...(probe.error === undefined ? {} : { reason: probe.error }),
    };
  const there = events.filter((e) => !isReply(e));
  const back = events.filter(isReply);
  const taken = there.findLast(
    (e) =>
      (e.stage === 'socket' && e.facts['owner'] !== 'flanneld') ||
      (e.stage === 'icmp' && e.text.startsWith('echo request')),
  );
  const input =
    taken === undefined
      ? undefined
      : there.findLast((e) => e.stage === 'input' && e.node === taken.node && e.netns === taken.netns);
  const fragments = there
    .filter((e) => e.stage === 'reassemble' && e.facts['parts'] !== undefined)
    .map((e) => Number(e.facts['parts']))
    .at(-1);
  const more = fragments === undefined ? {} : { fragments };

  if (probe.result === 'icmp-error' || probe.result === 'refused') {
    const where = there.findLast(isDrop) ?? there.at(-1);
    const reason = where?.stage === 'drop' ? { reason: String(where.facts['reason']) } : {};
    return {
      result: 'rejected',
      text: probe.text,
      ...placeOf(where),
      ...reason,
      ...(probe.icmp === undefined ? {} : { icmp: probe.icmp }),
      answered: true,
      ...more,
    };
  }
  if (taken !== undefined) {
    const answered = probe.result === 'reply' || probe.result === 'connected';
    const lost = back.findLast(isDrop);
    const words = answered
      ? `delivered to ${taken.node}/${taken.netns}; ${probe.text}`
      : `delivered to ${taken.node}/${taken.netns}, no answer came back${lost === undefined ? '' : `: it died at ${lost.node}/${lost.netns}, ${lost.text}`}`;
    return {
      result: 'delivered',
      text: words,
      ...placeOf(taken),
      ...(input === undefined ? {} : { received: received(input) }),
      ...(lost === undefined || answered ? {} : { reason: String(lost.facts['reason']) }),
      answered,
      ...more,
    };
  }
  const died = there.findLast(isDrop);
  if (died !== undefined)
    return {
      result: 'dropped',
      text: `${died.text} (at ${[died.node, died.netns, died.dev].filter((p) => p !== undefined).join('/')})`,
      ...placeOf(died),
      reason: String(died.facts['reason']),
      answered: false,
      ...more,
    };
  const last = there.at(-1);
  return {
    result: 'dropped',
    text:
      last === undefined
        ? 'nothing was seen of it'
        : `last seen at ${[last.node, last.netns, last.dev].filter((p) => p !== undefined).join('/')}: ${last.text}`,
    ...placeOf(last),
    answered: false,
    ...more,
  };
}

function placeOf(e: NodeTraceRecord | undefined): Pick<Outcome, 'node' | 'netns' | 'device'> {
  if (e === undefined) return {};
  return { node: e.node, netns: e.netns, ...(e.dev === undefined ? {} : { device: e.dev }) };
}

const received = (input: NodeTraceRecord): NonNullable<Outcome['received']> => ({
  src: String(input.facts['src']),
  dst: String(input.facts['dst']),
  ttl: Number(input.facts['ttl']),
});
