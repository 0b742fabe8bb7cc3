// kubernetes [zones] { … } in a Corefile (CoreDNS plugin/kubernetes/setup.go). `objects FILE` is ours: a file in the place of an
// API server.
import {
  duration,
  expectArgs,
  fault,
  integer,
  type Line,
  unknownProperty,
  words,
} from '../../corefile/dispenser.ts';
import type { Token } from '../../corefile/lexer.ts';
import { type Controller, type Fall, fallOf, onlyLine, origins } from '../../server/config.ts';
import { type Access, fromKubeconfig, inCluster, withTls } from './access.ts';
import { ApiServer } from './api-server.ts';
import { Catalogue, type Source } from './catalogue.ts';
import { isReverse, Kubernetes, type KubernetesOptions } from './handler.ts';
import type { Kind } from './objects.ts';
import { ObjectsFile } from './objects-file.ts';
import { parseSelector, type Selector } from './selector.ts';

const DEFAULT_TTL = 5;
const KNOWN = [
  'endpoint',
  'tls',
  'kubeconfig',
  'objects',
  'namespaces',
  'namespace_labels',
  'labels',
  'pods',
  'endpoint_pod_names',
  'ttl',
  'noendpoints',
  'fallthrough',
  'ignore',
  'startup_timeout',
  'apiserver_qps',
  'apiserver_burst',
  'apiserver_max_inflight',
];

interface Draft {
  ttl: number;
  pods: KubernetesOptions['pods'];
  endpointPodNames: boolean;
  ignoreEmptyService: boolean;
  endpoints: boolean;
  fall: Fall | undefined;
  namespaces: Set<string> | undefined;
  namespaceLabels: string;
  labels: string;
  startupTimeout: number;
  endpoint: string | undefined;
  tls: readonly string[];
  kubeconfig: readonly string[] | undefined;
  objects: string | undefined;
}

export function setup(c: Controller): void {
  const line = onlyLine(c);
  const draft: Draft = {
    ttl: DEFAULT_TTL,
    pods: 'disabled',
    endpointPodNames: false,
    ignoreEmptyService: false,
    endpoints: true,
    fall: undefined,
    namespaces: undefined,
    namespaceLabels: '',
    labels: '',
    startupTimeout: 5000,
    endpoint: undefined,
    tls: [],
    kubeconfig: undefined,
    objects: undefined,
  };
  for (const property of line.block ?? []) readProperty(property, draft);
  const zones = origins(c, line.args);
  if (zones.every(isReverse))
    throw fault(line, 'kubernetes has only reverse zones', 'add the cluster domain, e.g. cluster.local');
  if (draft.namespaces !== undefined && draft.namespaceLabels !== '')
    throw fault(line, 'namespaces and namespace_labels exclude each other', 'remove one of them');
  const { host, log } = c;
  const handlers: Kubernetes[] = [];
  const catalogue = new Catalogue({
    selector: selectorOf(line, draft.labels),
    namespaceSelector: selectorOf(line, draft.namespaceLabels),
    wall: () => host.clock.wall(),
    onService: (key) => {
      for (const handler of handlers) handler.forget(key);
    },
  });
  const kinds: Kind[] = ['services', 'namespaces'];
  if (draft.endpoints) kinds.push('endpointslices');
  if (draft.pods === 'verified') kinds.push('pods');
  let stop: (() => void) | undefined;
  c.onStartup(async () => {
    const source = await sourceOf(c, line, draft);
    stop = source.start({ kinds, labels: draft.labels, namespaceLabels: draft.namespaceLabels }, catalogue);
    await new Promise<void>((resolve) => {
      const late = host.clock.after(draft.startupTimeout, () => {
        log.warning('starting server with unsynced Kubernetes API');
        resolve();
      });
      catalogue.whenSynced(() => {
        late.cancel();
        resolve();
      });
    });
  });
  c.onShutdown(() => stop?.());
  const { ttl, pods, endpointPodNames, ignoreEmptyService, namespaces, fall } = draft;
  c.add((next) => {
    const handler = new Kubernetes(
      { zones, ttl, pods, endpointPodNames, ignoreEmptyService, namespaces, fall },
      catalogue,
      next,
    );
    const loopback = /^(127\.|::1$|fe80:)/;
    handler.localAddresses = () =>
      c.shared.boundAddresses(c.block).filter((address) => !loopback.test(address));
    handler.hostSearch = () => searchOf(c);
    handlers.push(handler);
    return handler;
  });
}

/** The search list of the server's own resolv.conf, for plugin/autopath. */
function searchOf(c: Controller): readonly string[] {
  try {
    const lines = c.host.files.read('/etc/resolv.conf').split('\n');
    const last = lines.findLast((text) => /^(search|domain)\s/.test(text));
    return last?.trim().split(/\s+/).slice(1) ?? [];
  } catch {
    return [];
  }
}

function selectorOf(line: Line, text: string): Selector | undefined {
  if (text === '') return undefined;
  const selector = parseSelector(text);
  if (selector === undefined)
    throw fault(line, `'${text}' is no label selector`, 'write one as app=web or env in (a,b)');
  return selector;
}

function readProperty(line: Line, draft: Draft): void {
  const arg = line.args[0];
  const flag = (usage: string): true => {
    expectArgs(line, 0, 0, usage);
    return true;
  };
  const one = (usage: string): Token => {
    expectArgs(line, 1, 1, usage);
    return arg!;
  };
  switch (line.name) {
    case 'endpoint_pod_names':
      draft.endpointPodNames = flag('endpoint_pod_names');
      return;
    case 'noendpoints':
      draft.endpoints = !flag('noendpoints');
      return;
    case 'pods': {
      const mode = one('pods disabled, pods insecure or pods verified').text;
      if (mode !== 'disabled' && mode !== 'insecure' && mode !== 'verified')
        throw fault(arg!, `'${mode}' is no pods mode`, 'write disabled, insecure or verified');
      draft.pods = mode;
      return;
    }
    case 'namespaces':
      expectArgs(line, 1, 1000, 'namespaces NAME…');
      draft.namespaces = new Set(words(line));
      return;
    case 'namespace_labels':
      expectArgs(line, 1, 1000, 'namespace_labels SELECTOR');
      draft.namespaceLabels = words(line).join(' ');
      return;
    case 'labels':
      expectArgs(line, 1, 1000, 'labels SELECTOR');
      draft.labels = words(line).join(' ');
      return;
    case 'ttl':
      draft.ttl = integer(one('ttl SECONDS'), line, 0, 3600);
      return;
    case 'fallthrough':
      draft.fall = fallOf(line);
      return;
    case 'ignore':
      if (one('ignore empty_service').text !== 'empty_service')
        throw fault(arg!, `cannot ignore '${arg!.text}'`, 'write: ignore empty_service');
      draft.ignoreEmptyService = true;
      return;
    case 'startup_timeout':
      draft.startupTimeout = duration(one('startup_timeout DURATION'), line);
      return;
    case 'endpoint':
      expectArgs(line, 1, 100, 'endpoint URL');
      draft.endpoint = arg!.text;
      return;
    case 'tls':
      expectArgs(line, 3, 3, 'tls CERT KEY CA');
      draft.tls = words(line);
      return;
    case 'kubeconfig':
      expectArgs(line, 1, 2, 'kubeconfig FILE [CONTEXT]');
      draft.kubeconfig = words(line);
      return;
    case 'objects':
      draft.objects = one('objects FILE').text;
      return;
    case 'apiserver_qps':
    case 'apiserver_burst':
    case 'apiserver_max_inflight':
      // Four lists and four watches are all there is: far below any of these limits.
      integer(one(`${line.name} NUMBER`), line, 0, 1_000_000);
      return;
    default:
      throw unknownProperty(line, KNOWN);
  }
}

/** What whoever runs the server says about its API server. */
function given(c: Controller): Access | undefined {
  const { api } = c.shared.extras;
  return api === undefined
    ? undefined
    : { endpoint: api.endpoint, token: api.token, tls: api.ca === undefined ? {} : { ca: api.ca } };
}

async function sourceOf(c: Controller, line: Line, draft: Draft): Promise<Source> {
  const { host, log } = c;
  const { clock, files } = host;
  if (draft.objects !== undefined) {
    const path = draft.objects;
    if (files.stamp(path) === undefined)
      throw fault(line, `objects ${path}: there is no such file`, 'correct the path');
    return new ObjectsFile({ path, files, clock, log });
  }
  const [kubeconfig, context] = draft.kubeconfig ?? [];
  const access =
    draft.endpoint !== undefined
      ? withTls(host, draft.endpoint, draft.tls)
      : kubeconfig !== undefined
        ? await fromKubeconfig(host, kubeconfig, context)
        : (given(c) ?? inCluster(host));
  if (access === undefined)
    throw fault(
      line,
      'kubernetes knows no API server: this is no pod of a cluster',
      'add endpoint URL, kubeconfig FILE or objects FILE',
    );
  return new ApiServer({
    ...access,
    connect: (address, port) => host.network.connectTcp({ address, port }),
    clock,
    log,
    random: () => host.random(),
  });
}
