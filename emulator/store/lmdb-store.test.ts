import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '../api/types/meta.ts';
import { openStore } from './lmdb-store.ts';
import type { ObjectStore } from './store.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'podwire-store-'));
});
afterEach(() => rm(folder, { recursive: true }));

const open = (): Promise<ObjectStore> =>
  openStore({
    folder,
    warn: (text) => {
      throw new Error(text);
    },
  });
const put = (store: ObjectStore, name: string, value = 0) =>
  store.write('things.example.com', `ns/${name}`, () => ({
    put: { apiVersion: 'v1', kind: 'Thing', metadata: { name, namespace: 'ns' }, value } as KubeObject,
  }));

describe('the durable store', () => {
  it('has after a restart what it had, and goes on numbering', async () => {
    const first = await open();
    await Promise.all(['a', 'b', 'c'].map((name) => put(first, name)));
    await put(first, 'b', 2);
    await first.write('things.example.com', 'ns/c', (latest) => ({ remove: latest!.object }));
    const { revision } = first;
    await first.close();
    const second = await open();
    expect(second.revision).toBe(revision);
    expect(second.list('things.example.com', 'ns').map((s) => s.object)).toMatchObject([
      { metadata: { name: 'a' } },
      { metadata: { name: 'b' }, value: 2 },
    ]);
    const next = await put(second, 'd');
    expect(next!.revision).toBe(revision + 1);
    expect(() => second.watch('things.example.com', revision - 2, () => {})).toThrow(
      'too old resource version',
    );
    await second.close();
  });

  it('many writes share a commit and take effect in order', async () => {
    const store = await open();
    const seen: number[] = [];
    store.watch('things.example.com', store.revision, (event) => seen.push(event.stored.revision));
    await Promise.all(Array.from({ length: 200 }, (_, i) => put(store, `n${i}`)));
    expect(seen.length).toBe(200);
    expect(seen).toEqual([...seen].sort((x, y) => x - y));
    await store.close();
  });

  it('keeps all that it acknowledged when its process is killed', async () => {
    // Another process writes with lmdb as the store does, says what was acknowledged, and is killed on the way.
    const script = `
      const { open } = require('lmdb');
      const db = open({ path: ${JSON.stringify(folder)}, encoding: 'binary', overlappingSync: false });
      let rv = 2;
      const next = (i) => {
        const key = 'things.example.com\\u0000ns/n' + i;
        const object = { metadata: { name: 'n' + i, namespace: 'ns', resourceVersion: String(rv++) } };
        db.put(key, Buffer.from(JSON.stringify(object))).then(() => { process.stdout.write(i + '\\n'); next(i + 16); });
      };
      for (let i = 0; i < 16; i++) next(i);`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let acknowledged = '';
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (text: Buffer) => {
        acknowledged += text.toString();
        if (acknowledged.split('\n').length > 300) child.kill('SIGKILL');
      });
      child.on('close', () => resolve());
    });
    const names = acknowledged
      .split('\n')
      .slice(0, -1)
      .map((n) => `ns/n${n}`);
    expect(names.length).toBeGreaterThan(250);
    const store = await open();
    const kept = new Set(store.list('things.example.com').map((s) => s.key));
    expect(names.filter((name) => !kept.has(name))).toEqual([]);
    await store.close();
  });
});
