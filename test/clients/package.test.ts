// The packed tarball, installed by npm in an empty folder: its command runs a scenario, and its library is typed.
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canRun, missing } from './support.ts';

const ROOT = resolve(import.meta.dirname, '../..');

const PROGRAM = `import { Cluster } from 'podwire';

const cluster = await Cluster.start({ cluster: { nodes: 2 } });
await cluster.apply(\`
apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {nodeName: n1, containers: [{name: c, image: busybox, command: [sleep, infinity]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b}
spec: {nodeName: n2, containers: [{name: c, image: nginx}]}
\`);
await cluster.wait('pods');
const { code } = await cluster.exec('pod/a', ['ping', '-c', '1', await cluster.address('pod/b')]);
const trace = await cluster.trace('pod/a', 'pod/b:80');
console.log(code, trace.outcome.result);
await cluster.stop();
`;

describe.runIf(canRun('the packed tarball', missing('npm')))('npm pack', () => {
  let folder: string;
  const run = (command: string, args: string[], cwd = folder) => {
    const done = spawnSync(command, args, {
      cwd,
      encoding: 'utf8',
      env: { ...process.env, PODWIRE_HOME: folder },
    });
    return { code: done.status, stdout: done.stdout, all: done.stdout + done.stderr };
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'podwire-package-'));
    expect(run('npm', ['pack', '--pack-destination', folder], ROOT).code).toBe(0);
    await writeFile(join(folder, 'package.json'), '{"type": "module", "private": true}\n');
    const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'))!;
    const installed = run('npm', ['install', `./${tarball}`, '--no-audit', '--no-fund', '--prefer-offline']);
    expect(installed.code, installed.all).toBe(0);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('gives a command that runs a scenario', () => {
    const { code, stdout } = run('npx', [
      'podwire',
      'run',
      'node_modules/podwire/scenarios/library/quickstart.yaml',
    ]);
    expect(stdout).toMatch(/checks, 0 failed/);
    expect(code).toBe(0);
  });

  it('gives a typed library', async () => {
    await writeFile(join(folder, 'sound.ts'), PROGRAM);
    await writeFile(join(folder, 'wrong.ts'), PROGRAM.replace("'pods'", '3'));
    const tsc = (file: string) =>
      run(process.execPath, [
        join(ROOT, 'node_modules/typescript/bin/tsc'),
        ...['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022'],
        ...['--types', 'node', '--typeRoots', join(ROOT, 'node_modules/@types'), file],
      ]);
    expect(tsc('sound.ts').all).toBe('');
    expect(tsc('wrong.ts').all).toMatch(/wrong\.ts\(15,20\): error TS2345/);
    await writeFile(join(folder, 'sound.js'), PROGRAM);
    expect(run(process.execPath, ['sound.js']).all).toBe('0 delivered\n');
  });
});
