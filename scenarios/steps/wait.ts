// Waiting for a condition of a Node or Pod, as `kubectl wait` does, with what was seen instead when it does not come.

import type { Node } from '../../emulator/api/types/node.ts';
import type { Pod } from '../../emulator/api/types/pod.ts';
import { formatRef, type Ref } from '../../emulator/client.ts';
import { eventually } from '../eventually.ts';
import type { Verb } from '../step.ts';
import { readRef } from './exec.ts';

interface Wait {
  readonly things: readonly (Ref | 'pods' | 'nodes')[];
  readonly condition: string;
  readonly timeout: number;
  readonly message: string | undefined;
}

const CONDITIONS = [
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

export const wait: Verb<Wait> = {
  name: 'wait',
  about: 'waits until nodes or pods are Ready, NotReady, Deleted, Running, ContainerCreating …',
  read(at) {
    const f = at.fields(['for', 'condition', 'timeout', 'message']);
    const one = (r: typeof at): Ref | 'pods' | 'nodes' => {
      const text = r.text();
      return text === 'pods' || text === 'nodes' ? text : readRef(r);
    };
    return {
      things: f.for.isList ? f.for.list(one) : [one(f.for)],
      condition: f.condition.or('Ready', (r) => r.choice(CONDITIONS)),
      timeout: f.timeout.or(30_000, (r) => r.duration()),
      message: f.message.optional((r) => r.text()),
    };
  },
  async run(step, { cluster, report }) {
    for (const thing of step.things) {
      let seen = 'nothing of that name';
      const holds = async (): Promise<true | undefined> => {
        if (thing === 'pods' || thing === 'nodes') {
          const all = await cluster.list(thing === 'pods' ? 'Pod' : 'Node');
          const states = all.map((o) => ({ name: o.metadata.name, state: stateOf(o as Pod | Node) }));
          const bad = states.filter((s) => !matches(s.state, step.condition));
          seen =
            bad.length === 0
              ? `${states.length} ${thing}`
              : bad.map((s) => `${s.name} ${s.state.words}`).join(', ');
          return bad.length === 0 && states.length > 0 ? true : undefined;
        }
        const object = await cluster.get(thing);
        if (object === undefined) {
          seen = 'it does not exist';
          return step.condition === 'Deleted' ? true : undefined;
        }
        const state = stateOf(object as Pod | Node);
        seen = state.words;
        if (step.message !== undefined && !state.words.includes(step.message)) return undefined;
        return matches(state, step.condition) ? true : undefined;
      };
      const ok = (await eventually(cluster, step.timeout, holds, 25)) === true;
      report.check({
        name: typeof thing === 'string' ? `all ${thing}` : formatRef(thing),
        expected: `${step.condition}${step.message === undefined ? '' : ` ("${step.message}")`}`,
        seen,
        ok,
      });
    }
  },
};

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
