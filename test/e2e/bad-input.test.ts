// Bad input: one clear message with file, line, column and mend, exit code 2, and nothing left running.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeProcesses, podwire, temporaryHome } from './podwire.ts';

let home: Awaited<ReturnType<typeof temporaryHome>>;
let before: number;
beforeAll(async () => {
  home = await temporaryHome();
  before = (await nodeProcesses()).size;
});
afterAll(async () => {
  expect((await nodeProcesses()).size).toBe(before);
  await home.remove();
});

const scenario = (cluster: string, steps = '[]') =>
  `apiVersion: podwire.dev/v1alpha1\nkind: Scenario\nmetadata: {name: x}\ncluster:\n${cluster
    .split('\n')
    .map((l) => `  ${l}`)
    .join('\n')}\nsteps: ${steps}\n`;

describe('a scenario file', () => {
  it.each([
    [
      'a wrong field',
      scenario('nodes: 2\nbackned: vxlan'),
      /bad\.yaml:6:3: cluster\.backned: unknown field "backned"; use one of name/,
    ],
    [
      'an overlapping range',
      scenario('podCIDR: 10.96.0.0/16'),
      /bad\.yaml:\d+:\d+: .*serviceCIDR overlaps podCIDR; choose ranges/,
    ],
    [
      'a node range exhausted',
      scenario('nodes: 5\npodCIDR: 10.244.0.0/22'),
      /bad\.yaml:6:12: cluster\.podCIDR: has room for 4 nodes/,
    ],
    [
      'an MTU that cannot hold the overhead',
      scenario('network: {mtu: 1500}'),
      /bad\.yaml:5:18: cluster\.network\.mtu: 1500 does not fit: vxlan adds 50 bytes.*use at most 1450/,
    ],
    [
      'an unknown back end',
      scenario('network: {backend: vxlam}'),
      /unknown value "vxlam"; did you mean "vxlan"\?/,
    ],
    ['an IPv6 range', scenario('podCIDR: fd00:10:244::/56'), /IPv4 only so far; write one IPv4 range/],
    ['a dual-stack range', scenario('podCIDR: "10.244.0.0/16,fd00::/48"'), /dual-stack/],
    [
      'an unknown verb',
      scenario('nodes: 1', '[{pign: {from: node/n1, to: node/n1}}]'),
      /bad\.yaml:\d+:\d+: .*unknown verb "pign"; did you mean "ping"\?/,
    ],
    [
      'a bad reference',
      scenario('nodes: 1', '[{ping: {from: web, to: node/n1}}]'),
      /"web" names nothing; write pod\/NAME/,
    ],
    [
      'a bad duration',
      scenario('nodes: 1', '[{sleep: soon}]'),
      /"soon" is no duration; write a number and a unit/,
    ],
    ['broken YAML', 'kind: [Scenario\n', /bad\.yaml:\d+:\d+: not valid YAML/],
    [
      'another kind',
      'apiVersion: podwire.dev/v1alpha1\nkind: Cluster\n',
      /kind: unknown kind "Cluster"; give a cluster file to "podwire up -f"/,
    ],
  ])('%s', async (_, text, message) => {
    const file = join(home.path, 'bad.yaml');
    await writeFile(file, text);
    const { code, stderr, stdout } = await podwire(['run', file], { env: home.env });
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it('that is not there', async () => {
    const { code, stderr } = await podwire(['run', join(home.path, 'nothing.yaml')]);
    expect(stderr).toMatch(/cannot read .*nothing\.yaml \(ENOENT\); give the path of a scenario file/);
    expect(code).toBe(2);
  });
});

describe('a command line', () => {
  it.each([
    [['frobnicate'], /unknown command 'frobnicate'/, 2],
    [['up', '--nodes', 'three'], /"three" is not a whole number/, 2],
    [['up', '--nodes', '0', '--name', 'x'], /out of range|at least/, 2],
    [['up', '--backend', 'vxlam'], /Allowed choices are vxlan, udp, host-gw, none/, 2],
    [['down', '--name', 'ghost'], /no cluster named "ghost"/, 1],
    [['status', '--name', 'ghost'], /no cluster named "ghost" is running; podwire list shows/, 1],
    [['trace', 'web', 'pod/b'], /"web" names nothing/, 2],
  ])('%j', async (args, message, exit) => {
    const { code, stderr } = await podwire(args, { env: home.env });
    expect(stderr).toMatch(message);
    expect(code).toBe(exit);
  });
});
