// First chaos: what a link, a pod's veth or the network between two groups does to frames.
import { formatRef, InputError, type LinkEffect, type Reader, type Ref } from '../../emulator/client.ts';
import type { Verb } from '../step.ts';
import { readRef } from './exec.ts';

type Link =
  | { readonly between: readonly [string, string]; readonly effect: LinkEffect | undefined }
  | { readonly of: Ref; readonly effect: LinkEffect | undefined };

const EFFECTS = [
  'delay',
  'jitter',
  'loss',
  'duplicate',
  'corrupt',
  'reorder',
  'gap',
  'rate',
  'partition',
  'clear',
] as const;
const RATE: Readonly<Record<string, number>> = { bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9 };

function readEffect(f: Record<(typeof EFFECTS)[number], Reader>, at: Reader): LinkEffect | undefined {
  if (!f.clear.absent && f.clear.boolean()) return undefined;
  if (!f.partition.absent && f.partition.boolean()) return { partition: true };
  const percent = (r: Reader): number => Number.parseFloat(String(r.number(0, 100)));
  const effect: {
    -readonly [K in keyof Exclude<LinkEffect, { partition: true }>]: Exclude<
      LinkEffect,
      { partition: true }
    >[K];
  } = {};
  if (!f.delay.absent) effect.delay = f.delay.duration();
  if (!f.jitter.absent) effect.jitter = f.jitter.duration();
  if (!f.loss.absent) effect.loss = percent(f.loss);
  if (!f.duplicate.absent) effect.duplicate = percent(f.duplicate);
  if (!f.corrupt.absent) effect.corrupt = percent(f.corrupt);
  if (!f.reorder.absent) effect.reorder = percent(f.reorder);
  if (!f.gap.absent) effect.gap = f.gap.integer(0, 65_535);
  if (!f.rate.absent) effect.rate = readRate(f.rate);
  if (Object.keys(effect).length === 0)
    at.fail('says nothing of what the link should do', `give one of ${EFFECTS.join(', ')}`);
  return effect;
}

function readRate(at: Reader): number {
  const text = at.text().toLowerCase();
  const [, number, unit] = /^([\d.]+)\s*(bit|kbit|mbit|gbit)$/.exec(text) ?? [];
  return number === undefined
    ? at.fail(`"${text}" is no rate`, 'write a number and bit, kbit, mbit or gbit, as 10mbit')
    : Number(number) * RATE[unit!]!;
}

export const link: Verb<Link> = {
  name: 'link',
  about:
    'delays, loses, duplicates, corrupts, reorders or limits frames between two nodes (each way) or on a pod’s veth',
  read(at) {
    const f = at.fields(['between', 'of', ...EFFECTS]);
    const effect = readEffect(f, at);
    if (f.between.absent === f.of.absent)
      return at.fail('needs either "between" or "of"', 'write between: [NODE, NODE] or of: pod/NAME');
    if (!f.of.absent) return { of: readRef(f.of), effect };
    const ends = f.between.list((n) => n.text());
    return ends.length === 2
      ? { between: [ends[0]!, ends[1]!], effect }
      : f.between.fail(`names ${ends.length} ends`, 'name two nodes');
  },
  async run(step, { cluster }) {
    if ('of' in step) await cluster.impairPod(step.of, step.effect);
    else await cluster.link(step.between[0], step.between[1], step.effect);
  },
};

export const partition: Verb<readonly (readonly string[])[]> = {
  name: 'partition',
  about: 'cuts the network between groups of nodes; control-plane may be named among them',
  read: (at) => {
    const groups = at.list((group) => group.list((n) => n.text()));
    return groups.length >= 2
      ? groups
      : at.fail('needs two groups or more', 'write [[n1, control-plane], [n2, n3]]');
  },
  run: (groups, { cluster }) => cluster.partition(groups),
};

export const heal: Verb<null> = {
  name: 'heal',
  about: 'takes away every link effect and partition',
  read: () => null,
  run: (_, { cluster }) => cluster.heal(),
};

/** Objects taken away as `kubectl delete` does. */
export const del: Verb<readonly Ref[]> = {
  name: 'delete',
  about: 'deletes objects, as kubectl delete',
  read: (at) => (at.isList ? at.list(readRef) : [readRef(at)]),
  async run(refs, { cluster }) {
    for (const ref of refs)
      if (!(await cluster.delete(ref)))
        throw new InputError(`there is no ${formatRef(ref)} to delete`, {
          mend: 'name one that was applied',
        });
  },
};
