import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../api/types/meta.ts';
import { MemoryStore } from './memory-store.ts';
import { Gone, type ObjectStore, type StoreEvent } from './store.ts';

const object = (name: string, value = 0): KubeObject =>
  ({ apiVersion: 'v1', kind: 'Thing', metadata: { name, namespace: 'ns' }, value }) as KubeObject;
const put = (store: ObjectStore, name: string, value = 0) =>
  store.write('things', `ns/${name}`, () => ({ put: object(name, value) }));
const remove = (store: ObjectStore, name: string) =>
  store.write('things', `ns/${name}`, (latest) =>
    latest === undefined ? { keep: true } : { remove: latest.object },
  );

/** A store whose commits end when told. */
function slow() {
  const waiting: { ok: () => void; fail: (error: Error) => void }[] = [];
  const store = new MemoryStore({
    commit: () => new Promise<void>((ok, fail) => waiting.push({ ok, fail })),
  });
  return { store, waiting };
}

describe('MemoryStore', () => {
  it('numbers writes in one sequence and puts the number in the object', async () => {
    const store = new MemoryStore();
    const a = await put(store, 'a');
    const b = await put(store, 'b');
    expect(b!.revision).toBe(a!.revision + 1);
    expect(b!.object.metadata.resourceVersion).toBe(String(b!.revision));
    expect(store.revision).toBe(b!.revision);
  });

  it('lists in key order, by namespace, and keeps what it handed out', async () => {
    const store = new MemoryStore();
    for (const name of ['b', 'a', 'c']) await put(store, name);
    await store.write('things', 'ns-2/x', () => ({ put: object('x') }));
    const before = store.list('things', 'ns').map((s) => s.object.metadata.name);
    await put(store, 'aa');
    await remove(store, 'b');
    expect(before).toEqual(['a', 'b', 'c']);
    expect(store.list('things', 'ns').map((s) => s.object.metadata.name)).toEqual(['a', 'aa', 'c']);
    expect(store.list('things').length).toBe(4);
    expect(store.list('other')).toEqual([]);
  });

  it('shows the last state of what was removed, with the number of the removal', async () => {
    const store = new MemoryStore();
    const events: StoreEvent[] = [];
    store.watch('things', store.revision, (event) => events.push(event));
    await put(store, 'a', 1);
    await put(store, 'a', 2);
    await remove(store, 'a');
    expect(events.map((e) => e.type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
    expect(events[2]!.stored.object).toMatchObject({
      value: 2,
      metadata: { resourceVersion: String(store.revision) },
    });
    expect(events[1]!.previous!.object).toMatchObject({ value: 1 });
  });

  it('a throwing decision writes nothing', async () => {
    const store = new MemoryStore();
    const before = store.revision;
    await expect(
      store.write('things', 'ns/a', () => {
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(store.revision).toBe(before);
  });

  it('forgets the past beyond its history', async () => {
    const store = new MemoryStore({ history: 2 });
    const start = store.revision;
    for (const name of ['a', 'b', 'c']) await put(store, name);
    expect(() => store.watch('things', start, () => {})).toThrow(Gone);
    const seen: string[] = [];
    store.watch('things', start + 1, (event) => seen.push(event.stored.key));
    expect(seen).toEqual(['ns/b', 'ns/c']);
  });

  it('one watcher that stops within an event does not silence the others', async () => {
    const store = new MemoryStore();
    const seen: string[] = [];
    const first = store.watch('things', store.revision, () => {
      seen.push('first');
      first.stop();
    });
    store.watch('things', store.revision, () => seen.push('second'));
    await put(store, 'a');
    await put(store, 'b');
    expect(seen).toEqual(['first', 'second', 'second']);
  });
});

describe('with a commit that takes time', () => {
  it('nobody sees a write before it is committed, and it is decided on the latest all the same', async () => {
    const { store, waiting } = slow();
    const events: number[] = [];
    store.watch('things', store.revision, (event) => events.push(event.stored.revision));
    const first = put(store, 'a', 1);
    const second = store.write('things', 'ns/a', (latest) => ({
      put: object('a', (latest!.object as KubeObject & { value: number }).value + 10),
    }));
    expect(store.get('things', 'ns/a')).toBeUndefined();
    // The later commit ends first; its effect waits for the earlier one's.
    waiting[1]!.ok();
    await Promise.resolve();
    expect(store.get('things', 'ns/a')).toBeUndefined();
    waiting[0]!.ok();
    await Promise.all([first, second]);
    expect(store.get('things', 'ns/a')!.object).toMatchObject({ value: 11 });
    expect(events).toEqual([...events].sort((x, y) => x - y));
    expect(events.length).toBe(2);
  });

  it('a commit that fails rejects its write and shows nothing of it', async () => {
    const { store, waiting } = slow();
    const write = put(store, 'a');
    waiting[0]!.fail(new Error('disk full'));
    await expect(write).rejects.toThrow('disk full');
    expect(store.get('things', 'ns/a')).toBeUndefined();
    const next = put(store, 'a');
    waiting[1]!.ok();
    await next;
    expect(store.get('things', 'ns/a')).toBeDefined();
    await store.close();
  });
});
