// The conditions of a Node or Pod that can be waited for, as `kubectl wait --for` has them, and what is there instead when they do not
// come.

import type { Node } from '../api/types/node.ts';
import type { Pod } from '../api/types/pod.ts';
import type { Cluster } from './cluster.ts';
import { eventually } from './eventually.ts';
import type { Ref } from './ref.ts';

export const CONDITIONS = [
  'Ready',
  'NotReady',
  'ContainersReady',
  'Deleted',
  'ContainerCreating',
  'Succeeded',
  'Failed',
  'Running',
  'Pending',
] as const;

export interface WaitOptions {
  /** Ready, unless said otherwise. */
  readonly condition?: (typeof CONDITIONS)[number];
  /** Milliseconds on the cluster's clock: 30,000. */
  readonly timeout?: number;
  /** Words that what is seen must hold besides. */
  readonly message?: string;
}

/** Waits for one object, or for every pod or node there is (and there must be one). Says what was seen last. */
export async function awaitCondition(
  cluster: Cluster,
  thing: Ref | 'pods' | 'nodes',
  { condition = 'Ready', timeout = 30_000, message }: WaitOptions = {},
): Promise<{ readonly met: boolean; readonly seen: string }> {
  let seen = 'nothing of that name';
  const all = async (kind: 'Pod' | 'Node'): Promise<boolean> => {
    const objects = await cluster.list(kind);
    const states = objects.map((o) => ({ name: o.metadata.name, state: stateOf(o as Pod | Node) }));
    const bad = states.filter((s) => !matches(s.state, condition));
    seen =
      bad.length === 0
        ? `${states.length} ${thing as string}`
        : bad.map((s) => `${s.name} ${s.state.words}`).join(', ');
    return bad.length === 0 && states.length > 0;
  };
  const one = async (ref: Ref): Promise<boolean> => {
    const object = await cluster.get(ref);
    if (object === undefined) {
      seen = 'it does not exist';
      return condition === 'Deleted';
    }
    const state = stateOf(object as Pod | Node);
    seen = state.words;
    return (message === undefined || seen.includes(message)) && matches(state, condition);
  };
  const holds = async (): Promise<true | undefined> => {
    const met =
      thing === 'pods' ? await all('Pod') : thing === 'nodes' ? await all('Node') : await one(thing);
    return met || undefined;
  };
  return { met: (await eventually(cluster, timeout, holds, 25)) === true, seen };
}

interface State {
  readonly ready: boolean;
  readonly phase: string;
  readonly reasons: readonly string[];
  readonly words: string;
}

function stateOf(object: Pod | Node): State {
  const conditions = object.status?.conditions ?? [];
  const readiness = conditions.find((c) => c.type === 'Ready');
  const ready = readiness?.status === 'True';
  if (object.kind === 'Node') {
    const words = ready
      ? 'Ready'
      : `NotReady${readiness?.message === undefined ? '' : ` (${readiness.message})`}`;
    return { ready, phase: '', reasons: [], words };
  }
  const pod = object as Pod;
  const reasons = (pod.status?.containerStatuses ?? []).flatMap((c) =>
    c.state?.waiting?.reason === undefined ? [] : [c.state.waiting.reason],
  );
  const why = [...reasons, ...(readiness?.message === undefined || ready ? [] : [readiness.message])];
  const phase = pod.status?.phase ?? 'Pending';
  return {
    ready,
    phase,
    reasons,
    words: ready ? 'Ready' : `${phase}${why.length === 0 ? '' : ` (${why.join('; ')})`}`,
  };
}

function matches(state: State, condition: string): boolean {
  if (condition === 'Ready' || condition === 'ContainersReady') return state.ready;
  if (condition === 'NotReady') return !state.ready;
  return state.phase === condition || state.reasons.includes(condition);
}
