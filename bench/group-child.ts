// The process that measures one group: says each result on its IPC channel as soon as there is one, and ends with what it
// started. When the channel closes, its parent is gone and so is the reason to go on.
import { conclude, skippedRow } from './pairs.ts';
import type { Bench, Group, Result } from './row.ts';

export type FromChild = { readonly result: Result } | { readonly said: string };

/** `args`: the group's name, the pairs, the seconds it has, then the rows. Resolves to the exit code. */
export async function runGroup(groups: readonly Group[], args: readonly string[]): Promise<number> {
  const [name, pairs, seconds, ...wanted] = args;
  const group = groups.find((g) => g.name === name);
  if (group === undefined || process.send === undefined) return 2;
  const send = (message: FromChild): void => void process.send!(message);
  process.on('disconnect', () => process.exit(1));
  const open = new Map(group.rows.filter((r) => wanted.includes(r.name)).map((r) => [r.name, r]));
  const ends: (() => void | Promise<void>)[] = [];
  const settle = (row: string, result: (r: Group['rows'][number]) => Result): void => {
    const found = open.get(row);
    if (found === undefined) return;
    open.delete(row);
    send({ result: result(found) });
  };
  const bench: Bench = {
    pairs: Number(pairs),
    wanted: (row) => open.has(row),
    left: () => Number(seconds) - performance.now() / 1000,
    report: (row, measured) => settle(row, (r) => conclude(r, measured)),
    skip: (row, why) => settle(row, (r) => skippedRow(r, why)),
    defer: (fn) => void ends.push(fn),
    say: (said) => send({ said }),
  };
  let failed: unknown;
  try {
    await group.run(bench);
  } catch (error) {
    failed = error;
  }
  const why = failed === undefined ? 'its group did not measure it' : reason(failed);
  for (const row of [...open.keys()]) bench.skip(row, why);
  for (const end of ends.reverse())
    try {
      await end();
    } catch (error) {
      bench.say(`cleaning up: ${reason(error)}`);
    }
  await new Promise<void>((resolve) => process.send!({ said: '' }, () => resolve()));
  return 0;
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));
