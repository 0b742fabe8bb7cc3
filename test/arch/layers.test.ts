// Holds the directions in which rooms may import one another (docs/architecture.md). A file that needs to break one is
// in the wrong room.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const ROOTS = ['emulator', 'node-runtime', 'coredns-lite', 'scenarios'];

/** Kernel rooms, lowest first: each may import the rooms before it. Rooms in one row know nothing of each other. */
const KERNEL = [
  ['wire'],
  ['clock'],
  ['skb'],
  ['trace'],
  ['netns'],
  ['netdev', 'qdisc'],
  ['netfilter'],
  ['ipv4'],
  ['transport'],
  ['tunnel'],
  ['rtnetlink'],
  ['procfs'],
];
/** The rest of node-runtime, lowest first. */
const NODE = [
  ['kernel'],
  ['sockets', 'log.ts', 'node-fs.ts'],
  ['underlay', 'api-client', 'supervision'],
  ['cni'],
  ['flanneld', 'kube-proxy', 'network-policy'],
  ['kubelet'],
  ['docker'],
  ['workloads'],
  ['fabric', 'node.ts', 'daemons.ts', 'console.ts', 'starters.ts', 'machine.ts', 'main.ts', 'inline.ts'],
];

function* sources(dir: string): Generator<string> {
  for (const entry of readdirSync(join(root, dir), { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) yield* sources(path);
    else if (/\.tsx?$/.test(entry.name)) yield path;
  }
}

const imports = (file: string): string[] =>
  [
    ...readFileSync(join(root, file), 'utf8').matchAll(
      /(?:^|\n)\s*(?:import|export)[^'"`;]*?from\s+'(\.[^']+)'|import\('(\.[^']+)'\)/g,
    ),
  ].map((m) => relative(root, resolve(root, dirname(file), (m[1] ?? m[2])!)).replaceAll('\\', '/'));

const level = (rows: readonly (readonly string[])[], room: string): number =>
  rows.findIndex((row) => row.includes(room));

/** Why `from` may not import `to`, or undefined when it may. */
function fault(from: string, to: string): string | undefined {
  const [a, aRoom = '', aSub = ''] = from.split('/');
  const [b, bRoom = '', bSub = ''] = to.split('/');
  if (a === 'coredns-lite') return b === a ? undefined : 'coredns-lite imports nothing of ours';
  if (b === 'coredns-lite')
    return from.startsWith('node-runtime/workloads/dns/')
      ? undefined
      : 'only workloads/dns imports coredns-lite';
  if (a === 'scenarios')
    return b === a || to === 'emulator/client.ts' || to.startsWith('emulator/api/types/')
      ? undefined
      : 'scenarios imports emulator/client and api/types only';
  if (a === 'emulator') {
    if (b === 'node-runtime') return 'emulator imports nothing of node-runtime';
    if (b === 'scenarios') return aRoom === 'cli' ? undefined : 'only the CLI imports scenarios';
    if (aRoom === 'protocol' || (aRoom === 'api' && aSub === 'types'))
      return b === 'emulator' && bRoom === aRoom ? undefined : `${aRoom} is a leaf`;
    return undefined;
  }
  // a is node-runtime
  if (b === 'emulator')
    return bRoom === 'protocol' || (bRoom === 'api' && bSub === 'types')
      ? undefined
      : 'node-runtime imports of emulator only protocol and api/types';
  if (b !== 'node-runtime') return `node-runtime does not import ${b}`;
  if (aRoom === 'kernel' && bRoom === 'kernel') {
    if (aSub === bSub || !from.split('/')[3]) return undefined; // within a room; boot.ts installs them all
    const up = level(KERNEL, aSub);
    const down = level(KERNEL, bSub);
    if (up === -1 || down === -1) return `${up === -1 ? aSub : bSub} is not a room of the kernel`;
    return down < up ? undefined : `kernel/${aSub} is not above kernel/${bSub}`;
  }
  if (aRoom === bRoom) return undefined;
  const up = level(NODE, aRoom);
  const down = level(NODE, bRoom);
  if (up === -1 || down === -1) return `${up === -1 ? aRoom : bRoom} is not a room of node-runtime`;
  if (down === up && up === NODE.length - 1) return undefined; // the top row composes itself
  return down < up ? undefined : `${aRoom} is not above ${bRoom}`;
}

it('imports point down', () => {
  const faults: string[] = [];
  for (const dir of ROOTS.filter((d) => existsSync(join(root, d))))
    for (const file of sources(dir)) {
      if (/\.test\.tsx?$/.test(file) || /\/testing\/|test-kit\.ts$/.test(file)) continue;
      for (const to of imports(file)) {
        const why = fault(file.replaceAll('\\', '/'), to);
        if (why !== undefined) faults.push(`${file} → ${to}: ${why}`);
      }
    }
  expect(faults).toEqual([]);
});

it('knows a wrong direction when it sees one', () => {
  expect(fault('node-runtime/kernel/wire/ipv4.ts', 'node-runtime/kernel/skb/skb.ts')).toMatch(/not above/);
  expect(fault('emulator/store/memory.ts', 'node-runtime/kernel/wire/addr.ts')).toMatch(
    /nothing of node-runtime/,
  );
  expect(fault('node-runtime/cni/bridge.ts', 'node-runtime/kubelet/pod.ts')).toMatch(/not above/);
  expect(fault('coredns-lite/server.ts', 'emulator/api/types/meta.ts')).toBeDefined();
  expect(fault('node-runtime/cni/bridge.ts', 'node-runtime/kernel/wire/addr.ts')).toBeUndefined();
});
