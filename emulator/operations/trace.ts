// One packet followed through every process: all nodes tell what they know of its trace id, and the sender's node what
// became of it. A packet that died is not waited for.

import type { EndpointSlice, Service } from '../api/types/service.ts';
import type { Ref, Target } from '../cluster/ref.ts';
import { formatRef } from '../cluster/ref.ts';
import type { TraceOptions } from '../cluster/types.ts';
import type { Operations } from '../control/caller.ts';
import { refusalCause } from '../observe/service-cause.ts';
import { isOver, joinTrace, type NodeTraceRecord, TRACE_REPLY } from '../observe/trace-join.ts';
import type { TraceResult } from '../observe/trace-result.ts';
import { ProtocolError } from '../protocol/errors.ts';
import type { ProbeOutcome } from '../protocol/records.ts';
import { addressOf, locate, type OperationContext } from './context.ts';

interface TraceParams {
  readonly from: Ref;
  readonly to: Target;
  readonly options: TraceOptions;
}

/** Ids that are in use, and what was said of them. */
class Following {
  readonly #byId = new Map<number, { readonly records: NodeTraceRecord[]; onRecord: () => void }>();
  #next = 1;

  begin(): { readonly id: number; readonly records: NodeTraceRecord[]; onRecord: () => void; end(): void } {
    if (this.#byId.size >= TRACE_REPLY - 1) throw new ProtocolError('E_BUSY', 'traces');
    while (this.#byId.has(this.#next)) this.#next = (this.#next % (TRACE_REPLY - 1)) + 1;
    const id = this.#next;
    this.#next = (id % (TRACE_REPLY - 1)) + 1;
    const entry = {
      id,
      records: [] as NodeTraceRecord[],
      onRecord: () => {},
      end: () => this.#byId.delete(id),
    };
    this.#byId.set(id, entry);
    return entry;
  }
  add(record: NodeTraceRecord): void {
    const entry = this.#byId.get(record.trace & ~TRACE_REPLY);
    entry?.records.push(record);
    entry?.onRecord();
  }
}

/** Names the Service that refused the packet, by what the objects say. */
function withCause({ registry }: OperationContext, result: TraceResult): TraceResult {
  const step = result.services.findLast((s) => s.refused !== undefined);
  if (step === undefined) return result;
  const { store } = registry;
  const service = store.get('services', `${step.namespace}/${step.name}`)?.object as Service | undefined;
  const slices = store
    .list('endpointslices.discovery.k8s.io', step.namespace)
    .map((s) => s.object as EndpointSlice);
  const cause = refusalCause(step, service, slices, result.packet.src);
  return cause === undefined ? result : { ...result, outcome: { ...result.outcome, cause } };
}

export function traceOperations(context: OperationContext): Operations {
  const { supervisor } = context;
  const following = new Following();
  context.onEvent((name, event) => {
    if (event.type === 'message' && event.message.type === 'trace.events')
      for (const record of event.message.events) following.add({ ...record, node: name });
    // A node that came back follows nobody's packets until it is told.
    if (event.type === 'ready')
      void supervisor
        .member(name)
        .request('trace.follow', { on: true })
        .catch(() => {});
  });
  const live = () => [...supervisor.members.values()].filter((m) => m.state === 'ready');
  let everybody: Promise<unknown> | undefined;

  /** After this, whatever any node knew when it was called has been heard: events leave a node at its turn's end. */
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 2; i++) {
      // A node in this process has its turn's end when we have ours.
      await new Promise((resolve) => setImmediate(resolve));
      await Promise.all(live().map((m) => m.request('ping', {}).catch(() => {})));
    }
  };

  return {
    trace: async ({ from, to, options }: TraceParams) => {
      everybody ??= Promise.all(live().map((m) => m.request('trace.follow', { on: true })));
      await everybody;
      const { member, place } = locate(context, from);
      const dst = to.address ?? (await addressOf(context, to.ref!));
      const proto = options.proto ?? 'icmp';
      const size = options.size ?? (proto === 'icmp' ? 56 : proto === 'udp' ? 12 : 0);
      const packet = {
        proto,
        src: options.srcIp ?? (await addressOf(context, from).catch(() => '')),
        dst,
        ...(options.srcPort === undefined ? {} : { srcPort: options.srcPort }),
        ...(options.port === undefined ? {} : { dstPort: options.port }),
        size,
        df: options.df ?? false,
        ttl: options.ttl ?? 64,
      };
      const trace = following.begin();
      try {
        const gaveUp = new Promise<ProbeOutcome>((resolve) => {
          let looking = false;
          trace.onRecord = () => {
            if (looking || !isOver(trace.records)) return;
            looking = true;
            void settle().then(() => {
              looking = false;
              if (isOver(trace.records)) resolve({ result: 'timeout', text: 'the packet died' });
            });
          };
        });
        const probe = member.request('trace', {
          probe: {
            trace: trace.id,
            from: place,
            dst,
            proto,
            size,
            df: packet.df,
            timeout: options.timeout ?? 5000,
            ...(options.device === undefined ? {} : { dev: options.device }),
            ...(options.srcPort === undefined ? {} : { srcPort: options.srcPort }),
            ...(options.port === undefined ? {} : { dstPort: options.port }),
            ...(options.ttl === undefined ? {} : { ttl: options.ttl }),
            ...(options.srcIp === undefined ? {} : { srcIp: options.srcIp }),
          },
        });
        const outcome = await Promise.race([probe, gaveUp]);
        await settle();
        const result = joinTrace(
          { source: formatRef(from), destination: to.ref === undefined ? dst : formatRef(to.ref), packet },
          trace.records,
          outcome,
        );
        return withCause(context, result);
      } finally {
        trace.end();
      }
    },
  };
}
