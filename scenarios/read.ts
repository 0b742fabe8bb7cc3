// A scenario file: one or more documents of `kind: Scenario`, read whole before anything starts.
import {
  API_VERSION,
  type ClusterOverrides,
  type ClusterSpec,
  oneOf,
  type Reader,
  readCluster,
  readDocuments,
} from '../emulator/client.ts';
import type { Step } from './step.ts';
import { VERBS } from './verbs.ts';

export interface Scenario {
  readonly name: string;
  readonly about: string;
  readonly cluster: ClusterSpec;
  readonly steps: readonly Step[];
  /** Milliseconds of the host's time after which it is ended. */
  readonly timeout: number;
}

export function readScenarios(text: string, file: string, overrides: ClusterOverrides = {}): Scenario[] {
  const docs = readDocuments(text, file);
  return docs.map((doc) => readScenario(doc, overrides));
}

function readScenario(at: Reader, overrides: ClusterOverrides): Scenario {
  const f = at.fields([
    'apiVersion',
    'kind',
    'metadata',
    'about',
    'cluster',
    'steps',
    'timeout',
    'allowUnenforced',
  ]);
  const version = f.apiVersion.text();
  if (version !== API_VERSION) f.apiVersion.fail(`unknown version "${version}"`, `write ${API_VERSION}`);
  const kind = f.kind.text();
  if (kind !== 'Scenario')
    f.kind.fail(
      `unknown kind "${kind}"`,
      kind === 'Cluster'
        ? 'give a cluster file to "podwire up -f", or put it under cluster: of a Scenario'
        : 'write Scenario',
    );
  const metadata = f.metadata.fields(['name']);
  const cluster = f.cluster.absent
    ? f.cluster.fail('is missing', 'describe the cluster, at least nodes: 2')
    : readCluster(f.cluster, overrides);
  return {
    name: metadata.name.text(),
    about: f.about.or('', (r) => r.text()),
    cluster: f.allowUnenforced.absent
      ? cluster
      : { ...cluster, allowUnenforced: f.allowUnenforced.boolean() },
    steps: f.steps.list(readStep),
    timeout: f.timeout.or(120_000, (r) => r.duration()),
  };
}

/** A step is a mapping of one verb, with an optional name: {name: …, exec: {…}}. */
function readStep(at: Reader): Step {
  const entries = at.entries();
  const named = entries.find(([key]) => key === 'name');
  const [verb, ...others] = entries.filter(([key]) => key !== 'name');
  const names = VERBS.map((v) => v.name);
  if (verb === undefined) return at.fail('holds no verb', `write one of ${names.join(', ')}`);
  if (others.length > 0)
    return others[0]![1].fail(
      `a step has one verb, and this has ${verb[0]} and ${others[0]![0]}`,
      'make two steps of it',
    );
  const found = VERBS.find((v) => v.name === verb[0]);
  if (found === undefined) return verb[1].fail(`unknown verb "${verb[0]}"`, oneOf(verb[0], names));
  return {
    name: named?.[1].text(),
    verb: found.name,
    where: `${at.file}:${at.place.line}`,
    run: found.bind(verb[1], readStep),
  };
}
