// The quickstart holds wherever its nodes run; and its answers are computed: break one thing, and it says where the packet died.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeProcesses, podwire, ROOT, temporaryHome } from './podwire.ts';

const FILE = join(ROOT, 'scenarios/library/quickstart.yaml');
let home: Awaited<ReturnType<typeof temporaryHome>>;
beforeAll(async () => {
  home = await temporaryHome();
});
afterAll(() => home.remove());

it.each(['process', 'thread', 'inline'])(
  'holds with placement %s, and leaves nothing behind',
  async (placement) => {
    const before = new Set((await nodeProcesses()).keys());
    const { code, stdout } = await podwire(['run', FILE, '--placement', placement], { env: home.env });
    expect(stdout.split('\n').filter((l) => l.startsWith('FAIL'))).toEqual([]);
    expect(code).toBe(0);
    expect([...(await nodeProcesses()).keys()].filter((pid) => !before.has(pid))).toEqual([]);
  },
  120_000,
);

describe('the same file with one thing broken exits 1 and names the hop and the reason', () => {
  const broken = async (
    name: string,
    edit: (text: string) => string,
  ): Promise<{ code: number | null; stdout: string }> => {
    const documents = (await readFile(FILE, 'utf8')).split('\n---\n');
    const text = documents.find((d) => /name: kubernetes-vxlan\b/.test(d))!;
    const changed = edit(text);
    expect(changed).not.toBe(text);
    const file = join(home.path, `${name}.yaml`);
    await writeFile(file, changed);
    return podwire(['run', file, '--fail-fast'], { env: home.env });
  };
  const afterReady = (text: string, step: string): string =>
    text.replace(/(\n {2}- wait: .*for: pods,.*\n)/, `$1  - ${step}\n`);

  it.each<[string, (text: string) => string, RegExp]>([
    [
      'an FDB entry deleted',
      (t) =>
        afterReady(
          t,
          `exec: {in: node/n1, run: "for mac in $(bridge fdb show dev flannel.1 | grep 192.168.100.12 | cut -d' ' -f1); do bridge fdb del $mac dev flannel.1 dst 192.168.100.12; done"}`,
        ),
      /dropped at n1.host.flannel.1: no FDB entry names a remote VTEP/,
    ],
    [
      'the wrong VNI on one node',
      (t) => t.replace('name: n2, segment: east', 'name: n2, segment: east, network: {vni: 7}'),
      /pod.a → pod.b icmp[\s\S]*dropped at n[12].host.*(VXLAN|FDB|VNI)/,
    ],
    [
      'ip_forward off on one node',
      (t) => afterReady(t, 'exec: {in: node/n2, run: sysctl -w net.ipv4.ip_forward=0}'),
      /pod.a → pod.b icmp[\s\S]*dropped at n2.host.*forwarding is off/,
    ],
    [
      'flanneld stopped before its first lease',
      (t) => t.replace('name: n2, segment: east', 'name: n2, segment: east, without: [flanneld]'),
      /FAIL all pods\n.*b Pending \(/,
    ],
  ])(
    '%s',
    async (name, edit, message) => {
      const { code, stdout } = await broken(name.replaceAll(' ', '-'), edit);
      expect(stdout).toMatch(message);
      expect(code).toBe(1);
    },
    60_000,
  );
});
