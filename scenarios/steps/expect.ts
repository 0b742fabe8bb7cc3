// One packet sent and followed to its end: delivered or not, how the receiver saw it, and if it died, where and why.
// Nothing is timed out for a denied packet: the drop is known.
import {
  eventually,
  formatRef,
  hopLine,
  parseTarget,
  type Reader,
  type Ref,
  type Target,
  type TraceOptions,
  type TraceResult,
} from '../../emulator/client.ts';
import type { Verb } from '../step.ts';
import { readMatches, type TextMatch } from '../text-match.ts';
import { readRef } from './exec.ts';

/** What a probe is and where it goes: shared with the trace verb. */
export interface Probe {
  readonly from: Ref;
  readonly to: Target;
  readonly toText: string;
  readonly options: TraceOptions;
}

export const PROBE_FIELDS = [
  'from',
  'to',
  'proto',
  'srcPort',
  'size',
  'df',
  'ttl',
  'srcIp',
  'device',
  'timeout',
] as const;

export function readProbe(f: Record<(typeof PROBE_FIELDS)[number], Reader>): Probe {
  const toText = f.to.text();
  let to: Target;
  try {
    to = parseTarget(toText);
  } catch (error) {
    return f.to.fail(
      (error as Error).message.split(';')[0]!,
      (error as { mend?: string }).mend ?? 'name a thing of the cluster',
    );
  }
  const proto = f.proto.or(to.port === undefined ? ('icmp' as const) : ('tcp' as const), (r) =>
    r.choice(['icmp', 'udp', 'tcp']),
  );
  if (proto !== 'icmp' && to.port === undefined) f.to.fail(`${proto} needs a port`, `write ${toText}:PORT`);
  const options: { -readonly [K in keyof TraceOptions]: TraceOptions[K] } = { proto };
  if (to.port !== undefined) options.port = to.port;
  if (!f.srcPort.absent) options.srcPort = f.srcPort.integer(1, 65_535);
  if (!f.size.absent) options.size = f.size.integer(0, 65_507);
  if (!f.df.absent) options.df = f.df.boolean();
  if (!f.ttl.absent) options.ttl = f.ttl.integer(1, 255);
  if (!f.srcIp.absent) options.srcIp = f.srcIp.text();
  if (!f.device.absent) options.device = f.device.text();
  if (!f.timeout.absent) options.timeout = f.timeout.duration();
  return { from: readRef(f.from), to, toText, options };
}

interface Expect extends Probe {
  readonly result: TraceResult['outcome']['result'];
  readonly reason: string | undefined;
  readonly at: string | undefined;
  readonly receivedTtl: number | undefined;
  readonly source: Ref | string | undefined;
  readonly icmp: string | undefined;
  readonly crossings: number | undefined;
  readonly via: readonly string[];
  readonly cause: readonly TextMatch[];
  readonly retry: number;
}

export const expect: Verb<Expect> = {
  name: 'expect',
  about:
    'sends one packet and checks its fate: delivered, rejected, dropped; TTL and source as received; where and why it died',
  read(at) {
    const f = at.fields([
      ...PROBE_FIELDS,
      'result',
      'reason',
      'at',
      'received',
      'icmp',
      'crossings',
      'via',
      'cause',
      'retry',
    ]);
    const received = f.received.optional((r) => r.fields(['ttl', 'source']));
    return {
      ...readProbe(f),
      result: f.result.or('delivered', (r) => r.choice(['delivered', 'rejected', 'dropped', 'not-sent'])),
      reason: f.reason.optional((r) => r.text()),
      at: f.at.optional((r) => r.text()),
      receivedTtl: received?.ttl.optional((r) => r.integer(1, 255)),
      source: received?.source.optional((r) => (/^\d/.test(r.text()) ? r.text() : readRef(r))),
      icmp: f.icmp.optional((r) => r.text()),
      crossings: f.crossings.optional((r) => r.integer(0, 1000)),
      via: f.via.or([], (r) => r.list((v) => v.text())),
      cause: readMatches(f.cause),
      retry: f.retry.or(0, (r) => r.duration()),
    };
  },
  async run(step, { cluster, report }) {
    let source: string | undefined;
    let trace!: TraceResult;
    let wrong: string[] = [];
    const attempt = async () => {
      source = typeof step.source === 'object' ? await cluster.address(step.source) : step.source;
      trace = await cluster.trace(step.from, step.to, step.options);
      wrong = differences(step, source, trace);
      return wrong.length === 0 ? true : undefined;
    };
    const ok = (await eventually(cluster, step.retry, attempt)) === true;
    const { proto, size } = step.options;
    report.check({
      name: `${formatRef(step.from)} → ${step.toText} ${proto}${size === undefined ? '' : ` ${size} bytes`}`,
      expected: wants(step, source),
      seen: saw(trace),
      ok,
      ...(ok ? {} : { detail: [...wrong, ...trace.hops.slice(-6).map(hopLine)] }),
    });
  },
};

function differences(step: Expect, source: string | undefined, trace: TraceResult): string[] {
  const { outcome } = trace;
  const wrong: string[] = [];
  const differ = (what: string, want: unknown, is: unknown) => {
    if (want !== undefined && want !== is) wrong.push(`${what}: wanted ${want}, saw ${is ?? 'nothing'}`);
  };
  differ('result', step.result, outcome.result);
  differ('reason', step.reason, outcome.reason);
  differ('place', step.at, step.at === undefined ? undefined : placeOf(step.at, outcome));
  differ('TTL as received', step.receivedTtl, outcome.received?.ttl);
  differ('source as received', source, outcome.received?.src);
  differ('ICMP', step.icmp, outcome.icmp && `${outcome.icmp.type}/${outcome.icmp.code}`);
  differ('crossings', step.crossings, trace.crossings);
  for (const match of step.cause)
    if (!match.test(outcome.cause ?? ''))
      wrong.push(`cause: wanted ${match.want}, saw ${outcome.cause ?? 'nothing'}`);
  for (const via of step.via)
    if (!trace.hops.some((h) => `${h.node}/${h.device}` === via || h.device === via || h.node === via))
      wrong.push(`never passed ${via}`);
  return wrong;
}

/** The outcome's place in as much detail as was asked: "n1", "n1/host" or "n1/host/cni0". */
function placeOf(asked: string, { node, netns, device }: TraceResult['outcome']): string {
  return [node, netns, device].slice(0, asked.split('/').length).join('/');
}

function wants(step: Expect, source: string | undefined): string {
  return [
    step.result,
    ...(step.reason === undefined ? [] : [step.reason]),
    ...(step.at === undefined ? [] : [`at ${step.at}`]),
    ...(step.receivedTtl === undefined ? [] : [`TTL ${step.receivedTtl}`]),
    ...(source === undefined ? [] : [`from ${source}`]),
    ...(step.icmp === undefined ? [] : [`ICMP ${step.icmp}`]),
    ...(step.crossings === undefined ? [] : [`${step.crossings} crossings`]),
    ...step.via.map((v) => `via ${v}`),
    ...step.cause.map((c) => `because ${c.want}`),
  ].join(', ');
}

function saw(trace: TraceResult): string {
  const { outcome } = trace;
  const where =
    outcome.node === undefined
      ? ''
      : ` at ${[outcome.node, outcome.netns, outcome.device].filter((p) => p !== undefined).join('/')}`;
  if (outcome.result === 'delivered')
    return `delivered${where}, TTL ${outcome.received?.ttl}, from ${outcome.received?.src}`;
  return `${outcome.result}${where}: ${outcome.cause ?? outcome.text}`;
}
