// Events as the kubelet records them (k8s.io/client-go/tools/record): the same event again raises its count instead of making another,
// and a source that repeats itself too often is silenced (25 at once, then one in five minutes, per object).
import type { Event, ObjectReference } from '../../emulator/api/types/core.ts';
import { EVENTS } from '../api-client/resources.ts';
import type { NodeApi } from '../flanneld/node-api.ts';
import type { Clock } from '../kernel/clock/clock.ts';
import { kubeTime } from './pod-status.ts';

const BURST = 25;
const REFILL_MS = 300_000;
const MAX_KNOWN = 4096;

export interface EventRecorder {
  event(about: ObjectReference, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

export interface RecorderOptions {
  readonly api: NodeApi;
  readonly clock: Clock;
  readonly component: string;
  readonly host: string;
  /** Sixteen hexadecimal digits for an event's name. */
  readonly randomHex: (n: number) => string;
}

interface Known {
  readonly name: string;
  readonly first: string;
  count: number;
}

export function eventRecorder({ api, clock, component, host, randomHex }: RecorderOptions): EventRecorder {
  const known = new Map<string, Known>();
  const tokens = new Map<string, { left: number; at: number }>();
  // One after the other, so that a count is not patched before its event is there.
  let queue: Promise<unknown> = Promise.resolve();

  const allowed = (key: string): boolean => {
    const now = clock.now();
    const bucket = tokens.get(key) ?? { left: BURST, at: now };
    bucket.left = Math.min(BURST, bucket.left + (now - bucket.at) / REFILL_MS);
    bucket.at = now;
    forgetOldest(tokens);
    tokens.set(key, bucket);
    if (bucket.left < 1) return false;
    bucket.left--;
    return true;
  };

  return {
    event(about, type, reason, message) {
      const object = `${about.kind}/${about.namespace ?? ''}/${about.name}/${about.uid ?? ''}`;
      if (!allowed(object)) return;
      const time = kubeTime(clock.epoch + clock.now());
      const namespace = about.namespace ?? 'default';
      const key = `${object} ${type} ${reason} ${about.fieldPath ?? ''} ${message}`;
      const old = known.get(key);
      if (old !== undefined) {
        old.count++;
        const patch = { count: old.count, lastTimestamp: time };
        queue = queue
          .then(() => api.patch(EVENTS, old.name, patch, { namespace }))
          .catch(() => known.delete(key));
        return;
      }
      const name = `${about.name}.${randomHex(16)}`;
      forgetOldest(known);
      known.set(key, { name, first: time, count: 1 });
      const body: Omit<Event, 'apiVersion' | 'kind'> = {
        metadata: { name, namespace },
        involvedObject: about,
        reason,
        message,
        type,
        source: { component, host },
        firstTimestamp: time,
        lastTimestamp: time,
        eventTime: null,
        count: 1,
        reportingComponent: component,
        reportingInstance: host,
      };
      queue = queue.then(() => api.create(EVENTS, body, namespace)).catch(() => known.delete(key));
    },
  };
}

function forgetOldest(map: Map<string, unknown>): void {
  if (map.size >= MAX_KNOWN) map.delete(map.keys().next().value!);
}
