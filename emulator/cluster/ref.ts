// Names of things on a command line and in scenarios, as kubectl writes them: "pod/web", "pod/shop/web", "node/n1";
// and what Kubernetes has no name for: "container/n1/web" (a docker container of a host), "external/client",
// an address of the outside network for a host there that runs nothing, "router", "control-plane".
import { InputError } from '../input/error.ts';

export type Ref =
  | { readonly kind: 'pod'; readonly namespace: string; readonly name: string; readonly container?: string }
  | { readonly kind: 'service'; readonly namespace: string; readonly name: string }
  | { readonly kind: 'node'; readonly name: string }
  | { readonly kind: 'container'; readonly node: string; readonly name: string }
  | { readonly kind: 'external'; readonly name: string }
  | { readonly kind: 'router' }
  | { readonly kind: 'control-plane' };

/** Where a packet may go: a thing or an address, perhaps with a port. */
export interface Target {
  readonly ref?: Ref;
  /** Set when no thing was named: "10.244.1.3". */
  readonly address?: string;
  readonly port?: number;
}

const FORMS =
  'pod/NAME, pod/NAMESPACE/NAME, svc/NAME, node/NAME, container/NODE/NAME, external/NAME, an address outside, router or control-plane';
const ADDRESS = /^\d+\.\d+\.\d+\.\d+$/;
const DNS_NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

export function parseRef(text: string, namespace = 'default'): Ref {
  const bad = (why: string): never => {
    throw new InputError(`"${text}" ${why}`, { mend: `write ${FORMS}` });
  };
  if (ADDRESS.test(text)) return { kind: 'external', name: text };
  const [kind = '', ...names] = text.split('/');
  if (names.some((n) => !DNS_NAME.test(n))) return bad('holds no valid name');
  const [a, b] = names;
  if (names.length === 0 && (kind === 'router' || kind === 'control-plane')) return { kind };
  if (a === undefined) return bad('names nothing');
  switch (kind) {
    case 'pod':
    case 'pods':
    case 'po':
      if (names.length > 2) return bad('has too many parts');
      return b === undefined ? { kind: 'pod', namespace, name: a } : { kind: 'pod', namespace: a, name: b };
    case 'svc':
    case 'service':
    case 'services':
      if (names.length > 2) return bad('has too many parts');
      return b === undefined
        ? { kind: 'service', namespace, name: a }
        : { kind: 'service', namespace: a, name: b };
    case 'node':
    case 'nodes':
    case 'no':
      return names.length === 1 ? { kind: 'node', name: a } : bad('has too many parts');
    case 'container':
      return b !== undefined && names.length === 2
        ? { kind: 'container', node: a, name: b }
        : bad('lacks its node');
    case 'external':
      return names.length === 1 ? { kind: 'external', name: a } : bad('has too many parts');
    default:
      return bad('is of no kind that can be named here');
  }
}

export function formatRef(ref: Ref): string {
  switch (ref.kind) {
    case 'pod':
      return ref.namespace === 'default' ? `pod/${ref.name}` : `pod/${ref.namespace}/${ref.name}`;
    case 'service':
      return ref.namespace === 'default' ? `svc/${ref.name}` : `svc/${ref.namespace}/${ref.name}`;
    case 'node':
      return `node/${ref.name}`;
    case 'external':
      return ADDRESS.test(ref.name) ? ref.name : `external/${ref.name}`;
    case 'container':
      return `container/${ref.node}/${ref.name}`;
    default:
      return ref.kind;
  }
}

/** Where a packet comes from: a thing, or "node/n1/cni0" for one that leaves n1 by that device. */
export function parseSource(text: string): { readonly ref: Ref; readonly device?: string } {
  const [, node, device] = /^(node\/[^/]+)\/([^/]+)$/.exec(text) ?? [];
  return node === undefined ? { ref: parseRef(text) } : { ref: parseRef(node), device: device! };
}

/** "pod/web:80", "10.244.1.3", "10.244.1.3:53". */
export function parseTarget(text: string, namespace = 'default'): Target {
  const [, host = text, portText] = /^(.*?)(?::(\d+))?$/.exec(text) ?? [];
  const port = portText === undefined ? undefined : Number(portText);
  if (port !== undefined && port > 65_535)
    throw new InputError(`port ${port} is out of range`, { mend: 'use 0 to 65535' });
  const withPort = port === undefined ? {} : { port };
  if (ADDRESS.test(host)) return { address: host, ...withPort };
  return { ref: parseRef(host, namespace), ...withPort };
}
