// Text and bodies that people and programs hand in, bent: cluster files and scenarios, iptables and iptables-restore, and
// what clients send to the API. Wrong ones are refused in words that say what and where, change nothing, and are never
// answered with a server's own failure.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Harness } from '../../emulator/api/testing/harness.ts';
import { InputError } from '../../emulator/input/error.ts';
import { createKernel } from '../../node-runtime/kernel/boot.ts';
import { VirtualClock } from '../../node-runtime/kernel/clock/virtual-clock.ts';
import { iptables } from '../../node-runtime/kernel/netfilter/iptables/iptables.ts';
import { iptablesRestore } from '../../node-runtime/kernel/netfilter/iptables/restore.ts';
import { iptablesSave } from '../../node-runtime/kernel/netfilter/iptables/save.ts';
import type { Stream } from '../../node-runtime/kernel/netns/dice.ts';
import type { Netns } from '../../node-runtime/kernel/netns/netns.ts';
import { readScenarios } from '../../scenarios/read.ts';
import { RULES } from './frame-world.ts';
import { bend } from './mutate.ts';
import { dice, once, pick, share } from './scale.ts';

const DOCUMENTS = 5_000;
const RULE_SETS = 120_000;
const BODIES = 40_000;

/** Bent as text: words and lines swapped, doubled and left out, or bytes damaged. */
function bendText(dice: Stream, text: string, words: readonly string[]): string {
  for (let n = 1 + dice.below(3); n > 0; n--) {
    const lines = text.split('\n');
    const at = dice.below(lines.length);
    const parts = lines[at]!.split(' ');
    switch (dice.below(7)) {
      case 0:
        lines.splice(at, 1);
        break;
      case 1:
        lines.splice(at, 0, pick(dice, lines));
        break;
      case 2:
        parts[dice.below(parts.length)] = pick(dice, words);
        lines[at] = parts.join(' ');
        break;
      case 3:
        parts.splice(dice.below(parts.length), 1);
        lines[at] = parts.join(' ');
        break;
      case 4:
        parts.splice(dice.below(parts.length), 0, pick(dice, words));
        lines[at] = parts.join(' ');
        break;
      case 5:
        text = text.slice(0, dice.below(text.length + 1));
        continue;
      default:
        text = Buffer.from(bend(dice, Buffer.from(text), Buffer.from(text))).toString('utf8');
        continue;
    }
    text = lines.join('\n');
  }
  return text;
}

const SCENARIO = readFileSync(new URL('../../scenarios/library/quickstart.yaml', import.meta.url), 'utf8');
const YAML_WORDS = [
  '-',
  '{}',
  '[]',
  '""',
  'nodes:',
  '0',
  '-1',
  '1e99',
  'true',
  'null',
  '&a',
  '*a',
  '!!js',
  '10.0.0.0/8',
  '<<:',
  "'",
  '|',
  '>-',
  '10ms',
  '99999999999h',
];

describe('documents', () => {
  it('bent, are read or refused with place and mend', () => {
    const rounds = share(DOCUMENTS);
    const roll = dice('scenario files', rounds);
    let refused = 0;
    for (let i = 0; i < rounds; i++) {
      const text = bendText(roll, SCENARIO, YAML_WORDS);
      try {
        readScenarios(text, 'x.yaml');
      } catch (error) {
        if (!(error instanceof InputError))
          throw new Error(`not an InputError for:\n${text}`, { cause: error });
        refused++;
        expect(error.mend).not.toBe('');
      }
    }
    process.stdout.write(`scenario files: ${refused} of ${rounds} refused\n`);
  });
});

const XT_WORDS = [
  '!',
  '-m',
  '-j',
  '-A',
  '-I',
  '-D',
  '-N',
  '-X',
  '-F',
  '-p',
  '-s',
  '-d',
  '-g',
  '--dport',
  'tcp',
  'udp',
  'sctp',
  '0/0',
  '10.0.0.1/33',
  '65536',
  '-1',
  '0x',
  'SVC',
  'DNAT',
  '--to-destination',
  'MARK',
  'COMMIT',
  '*nat',
  ':X',
  '-',
  '"',
  "'",
  '[1:2]',
  'conntrack',
  '--ctstate',
  'set',
  '--match-set',
  'recent',
  '--name',
  'statistic',
];

/** What is there can be said, and read again to the same. */
function roundTrip(ns: Netns, what: string): void {
  const saved = iptablesSave(ns);
  // Names of devices that the real tool warns of, takes, and then cannot read again either.
  if ([...saved.matchAll(/ -[io](?: ([^ \n]*))?/g)].some(([, dev]) => !/^[a-z][\w.+-]*$/.test(dev ?? '')))
    return;
  const { code, stderr } = iptablesRestore(ns, saved);
  const again = iptablesSave(ns);
  const plain = (text: string): string => text.replace(/^#.*$/gm, '').replace(/\[\d+:\d+\]/g, '');
  if (code !== 0 || plain(again) !== plain(saved))
    throw new Error(`after\n${what}\n${stderr}\nsaved:\n${saved}\nagain:\n${again}`);
}

describe('rules', () => {
  it('bent, are taken wholly or refused without a trace, in the tool’s words', () => {
    const rounds = share(RULE_SETS);
    const roll = dice('iptables', rounds);
    const kernel = createKernel({ hostname: 'n1', clock: new VirtualClock(), seed: 1 });
    const ns = kernel.host;
    const rules = RULES.split('\n').filter((line) => !line.includes('match-set'));
    let refused = 0;
    let taken = 0;
    for (let i = 0; i < rounds; i++) {
      if (i % 512 === 0) expect(iptablesRestore(ns, rules.join('\n')).code).toBe(0);
      const before = i % 64 === 0 ? iptablesSave(ns) : undefined;
      let result: { code: number; stderr: string };
      let what: string;
      if (once(roll, 3)) {
        // A few lines of one table: what a daemon would write.
        what = bendText(
          roll,
          `*${pick(roll, ['nat', 'filter', 'mangle', 'raw'])}\n${Array.from({ length: 4 }, () => pick(roll, rules)).join('\n')}\nCOMMIT\n`,
          XT_WORDS,
        );
        result = iptablesRestore(ns, what, {
          noflush: !once(roll, 8),
          counters: once(roll, 4),
          test: once(roll, 8),
        });
      } else {
        const line = pick(
          roll,
          rules.filter((r) => r.startsWith('-')),
        );
        what = bendText(roll, line, XT_WORDS).replaceAll('\n', ' ');
        result = iptables(ns, ['-t', pick(roll, ['nat', 'filter', 'mangle', 'raw']), ...what.split(' ')]);
      }
      if (result.code === 0) {
        if (taken++ % 8 === 0) roundTrip(ns, what);
        continue;
      }
      refused++;
      if (result.stderr.trim() === '') throw new Error(`refused without a word: ${what}`);
      if (before !== undefined && result.code !== 0 && !what.includes('COMMIT'))
        expect(iptablesSave(ns)).toBe(before);
    }
    process.stdout.write(`iptables: ${refused} of ${rounds} refused\n`);
  });
});

/** Protobuf: a field of bytes, and a varint below 128. */
const field = (n: number, value: Uint8Array | string): Buffer => {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([Buffer.from([(n << 3) | 2, bytes.length]), bytes]);
};
const varint = (n: number, value: number): Buffer => Buffer.from([n << 3, value]);
const typed = (apiVersion: string, kind: string, raw: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from('k8s\0'),
    field(1, Buffer.concat([field(1, apiVersion), field(2, kind)])),
    field(2, raw),
  ]);
const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', labels: { app: 'web' } },
  spec: {
    selector: { app: 'web' },
    ports: [{ name: 'http', port: 80, targetPort: 'http' }],
    type: 'NodePort',
  },
};
const BODY_SEEDS: readonly (readonly [type: string, body: Buffer])[] = [
  ['application/json', Buffer.from(JSON.stringify(SERVICE))],
  [
    'application/yaml',
    Buffer.from('apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  ports: [{port: 80}]\n'),
  ],
  [
    'application/vnd.kubernetes.protobuf',
    typed(
      'v1',
      'Service',
      Buffer.concat([
        field(1, field(1, 'web')),
        field(
          2,
          Buffer.concat([
            field(1, Buffer.concat([field(1, 'http'), field(2, 'TCP'), varint(3, 80)])),
            field(4, 'ClusterIP'),
          ]),
        ),
      ]),
    ),
  ],
  ['application/merge-patch+json', Buffer.from('{"metadata":{"labels":{"a":"b"}},"spec":{"ports":null}}')],
  ['application/json-patch+json', Buffer.from('[{"op":"replace","path":"/spec/ports/0/port","value":81}]')],
  [
    'application/strategic-merge-patch+json',
    Buffer.from('{"spec":{"ports":[{"port":80,"$patch":"delete"}]}}'),
  ],
  ['application/apply-patch+yaml', Buffer.from(JSON.stringify({ ...SERVICE, metadata: { name: 'web' } }))],
];
const PATHS = [
  '/api/v1/namespaces/default/services',
  '/api/v1/namespaces/default/services/web',
  '/api/v1/namespaces/default/services/web/status',
];

describe('bodies', () => {
  it('bent, are answered with an object or a Status, never with a failure of the server', async () => {
    const rounds = share(BODIES);
    const roll = dice('api bodies', rounds);
    const api = new Harness();
    await api.namespace();
    await api.call('POST', PATHS[0]!, SERVICE);
    const codes = new Map<number, number>();
    for (let i = 0; i < rounds; i++) {
      const [type, seed] = pick(roll, BODY_SEEDS);
      let body: Uint8Array = Buffer.from(seed);
      for (let n = roll.below(4); n > 0; n--) body = bend(roll, body, pick(roll, BODY_SEEDS)[1]);
      const patch = type.includes('patch');
      const method = patch ? 'PATCH' : pick(roll, ['POST', 'PUT', 'DELETE']);
      const path = method === 'POST' ? PATHS[0]! : pick(roll, PATHS.slice(1));
      const query = once(roll, 2)
        ? '?fieldManager=fuzz&force=true'
        : '?fieldManager=fuzz&fieldValidation=Strict';
      const answer = await api.call(method, path + query, Buffer.from(body), {
        // Node's client frames a DELETE's body no other way.
        'content-length': `${body.length}`,
        'content-type': once(roll, 20) ? pick(roll, BODY_SEEDS)[0] : type,
      });
      codes.set(answer.code, (codes.get(answer.code) ?? 0) + 1);
      const said = `${method} ${path} ${type} ${Buffer.from(body).toString('latin1')}: ${answer.text}`;
      if (answer.code >= 500) throw new Error(said);
      if (answer.code >= 400 && (answer.body as { kind?: string } | undefined)?.kind !== 'Status')
        throw new Error(said);
    }
    process.stdout.write(`api bodies: ${JSON.stringify(Object.fromEntries(codes))}\n`);
    api.close();
  });
});
