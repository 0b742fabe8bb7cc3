import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createLog } from './log.ts';

const folder = mkdtempSync(join(tmpdir(), 'podwire-log-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const lines = (file: string) =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('createLog', () => {
  it('writes JSON lines, those from before it was opened too, each with its daemon', async () => {
    const file = join(folder, 'a.log');
    const log = createLog({ name: 'n1', level: 'info', file, now: () => 42 });
    log.info({ ms: 3 }, 'early');
    log.child({ daemon: 'flanneld' }).warn({ peer: 'n2' }, 'no lease');
    await log.open();
    log.debug({}, 'too fine');
    log.error({ error: 'x' }, 'late');
    await turn();
    expect(lines(file)).toEqual([
      { level: 30, node: 'n1', pid: process.pid, time: 42, ms: 3, msg: 'early' },
      { level: 40, node: 'n1', pid: process.pid, time: 42, daemon: 'flanneld', peer: 'n2', msg: 'no lease' },
      { level: 50, node: 'n1', pid: process.pid, time: 42, error: 'x', msg: 'late' },
    ]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });
  it('writes what it held when it is closed before it was opened', () => {
    const file = join(folder, 'd.log');
    const log = createLog({ name: 'n1', level: 'info', file, now: () => 7 });
    log.error({ error: 'why' }, 'could not be set up');
    log.close();
    log.close();
    expect(lines(file)).toEqual([
      { level: 50, node: 'n1', pid: process.pid, time: 7, error: 'why', msg: 'could not be set up' },
    ]);
  });
  it('changes its level for all that were made from it', async () => {
    const file = join(folder, 'b.log');
    const log = createLog({ name: 'n1', level: 'error', file });
    const child = log.child({ daemon: 'kubelet' });
    await log.open();
    child.debug({}, 'no');
    log.setLevel('debug');
    child.debug({}, 'yes');
    await log.open();
    log.setLevel('silent');
    child.error({}, 'no');
    log.close();
    expect(lines(file).map((line) => line['msg'])).toEqual(['yes']);
  });
  it('begins a new file when the old one is long, and keeps one of those', async () => {
    const file = join(folder, 'c.log');
    writeFileSync(file, `${'x'.repeat(8 << 20)}\n`);
    const log = createLog({ name: 'n1', level: 'info', file });
    log.info({}, 'the last');
    await log.open();
    await turn();
    log.info({}, 'the first');
    log.close();
    log.info({}, 'too late');
    expect(lines(file).map((line) => line['msg'])).toEqual(['the first']);
    expect(readFileSync(`${file}.1`, 'utf8').endsWith('"msg":"the last"}\n')).toBe(true);
  });
});
