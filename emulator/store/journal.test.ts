import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openJournal } from './journal.ts';
import { MemoryStore } from './memory-store.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podwire-journal-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const pod = (name: string, n = 0) =>
  ({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { n } }) as never;
const open = () => {
  const journal = openJournal(join(folder, 'store.jsonl'));
  return { journal, store: new MemoryStore(journal) };
};
const names = (store: MemoryStore): string[] => store.list('pods').map((s) => s.key);

it('what was acknowledged is there again, with its revision, and numbering goes on', async () => {
  const first = open();
  await first.store.write('pods', 'default/a', () => ({ put: pod('a') }));
  await first.store.write('pods', 'default/b', () => ({ put: pod('b') }));
  await first.store.write('pods', 'default/a', () => ({ put: pod('a', 2) }));
  await first.store.write('pods', 'default/b', (latest) => ({ remove: latest!.object }));
  const { revision } = first.store;
  const second = open();
  expect(names(second.store)).toEqual(['default/a']);
  expect(second.store.revision).toBe(revision);
  expect((await second.store.write('pods', 'default/c', () => ({ put: pod('c') })))!.revision).toBe(
    revision + 1,
  );
});

it('half a line at the end is no write', async () => {
  const first = open();
  await first.store.write('pods', 'default/a', () => ({ put: pod('a') }));
  appendFileSync(join(folder, 'store.jsonl'), '{"resource":"pods","key":"default/b","revis');
  expect(names(open().store)).toEqual(['default/a']);
});

it('does not grow with time', async () => {
  const { store } = open();
  for (let n = 0; n < 30_000; n++) await store.write('leases', 'x/n1', () => ({ put: pod('n1', n) }));
  expect(readFileSync(join(folder, 'store.jsonl'), 'utf8').split('\n').length).toBeLessThan(10_100);
  expect((open().store.get('leases', 'x/n1')!.object as { spec?: { n: number } }).spec!.n).toBe(29_999);
});
