// npm run bench: measures every row beside its baseline and writes bench/results.json.
//
//   npm run bench                          all rows
//   npm run bench -- tcp ping              rows whose name, or whose group's, contains one of the words
//   npm run bench -- --pairs 9 tcp         more pairs
//   npm run bench -- --list                what there is
//
// Each group runs in a process of its own, in a process group of its own, under a time limit, and is killed with everything it
// started when that is over: a row that fails or hangs is a row skipped with its reason, never a run that does not end.
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { delayChild } from './delay-child.ts';
import { runGroup } from './group-child.ts';
import { superviseGroup } from './group-parent.ts';
import { GROUPS } from './groups/index.ts';
import { skippedRow } from './pairs.ts';
import type { Group, Result, Row } from './row.ts';
import { line } from './table.ts';

/** The whole run must be over by then, in seconds. */
const BUDGET = 570;
const USAGE = 'usage: npm run bench -- [--pairs N] [--budget SECONDS] [--out FILE] [--list] [WORD…]';

function chosen(words: readonly string[]): (group: Group, row: Row) => boolean {
  const wanted = words.map((w) => w.toLowerCase());
  return (group, row) =>
    wanted.length === 0 ||
    wanted.some((w) => row.name.toLowerCase().includes(w) || group.name.toLowerCase() === w);
}

/** Rows measured now take the place of those measured before; rows that no longer exist go. */
function write(file: string, results: ReadonlyMap<string, Result>): void {
  let old: readonly Result[] = [];
  try {
    old = JSON.parse(readFileSync(file, 'utf8')) as Result[];
  } catch {}
  const before = new Map(old.map((r) => [r.name, r]));
  const all = GROUPS.flatMap((g) => g.rows).flatMap(
    ({ name }) => results.get(name) ?? before.get(name) ?? [],
  );
  writeFileSync(file, `${JSON.stringify(all, null, 2)}\n`);
}

async function main(): Promise<number> {
  if (process.argv[2] === '--group') return await runGroup(GROUPS, process.argv.slice(3));
  if (process.argv[2] === '--delay') return await delayChild(process.argv[3] ?? '');
  let options: ReturnType<typeof parse>;
  try {
    options = parse();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`);
    return 2;
  }
  const { values, positionals } = options;
  const wanted = chosen(positionals);
  const plan = GROUPS.map((group) => ({
    group,
    rows: group.rows.filter((row) => wanted(group, row)),
  })).filter(({ rows }) => rows.length > 0);
  if (values.list) {
    for (const { group, rows } of plan) for (const row of rows) console.log(`${group.name}: ${row.name}`);
    return 0;
  }
  const pairs = Number(values.pairs ?? 5);
  const budget = Number(values.budget ?? BUDGET);
  if (!(pairs >= 1) || !(budget > 0) || plan.length === 0) {
    console.error(
      plan.length === 0 ? `no row is called ${positionals.join(' or ')}; --list shows them` : USAGE,
    );
    return 2;
  }
  const file = values.out ?? join('bench', 'results.json');
  const began = performance.now();
  const results = new Map<string, Result>();
  let stop: (why: string) => void = () => {};
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      interrupted = true;
      stop('interrupted');
    });
  console.log(
    `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
  );
  for (const { group, rows } of plan) {
    const left = budget - (performance.now() - began) / 1000;
    const take = (result: Result): void => {
      results.set(result.name, result);
      console.log(line(result));
    };
    if (interrupted || left < 5) {
      for (const row of rows) take(skippedRow(row, interrupted ? 'interrupted' : 'no time was left for it'));
      continue;
    }
    const limit = Math.min(group.limit, left);
    await superviseGroup({ group, rows, pairs, limit, take, stopper: (fn) => (stop = fn) });
    write(file, results);
  }
  write(file, results);
  const seconds = Math.round((performance.now() - began) / 1000);
  const all = [...results.values()];
  const missed = all.filter((r) => r.met === false);
  const skipped = all.filter((r) => r.skipped !== undefined);
  console.log(
    `${all.length} rows in ${seconds} s: ${all.filter((r) => r.met === true).length} met, ${missed.length} missed, ${skipped.length} skipped; see ${file}`,
  );
  return interrupted ? 130 : 0;
}

const parse = () =>
  parseArgs({
    args: process.argv.slice(2),
    allowPositionals: true,
    options: {
      list: { type: 'boolean', default: false },
      pairs: { type: 'string' },
      budget: { type: 'string' },
      out: { type: 'string' },
    },
  });

void main().then((code) => process.exit(code));
