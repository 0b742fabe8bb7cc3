// What a name below the zone asks for (CoreDNS plugin/kubernetes/parse.go): labels read from the right.

export type Asked =
  /** The zone itself, svc, pod, or a namespace below them: a node that exists, or not by its namespace. */
  | { readonly what: 'node'; readonly namespace: string | undefined }
  | {
      readonly what: 'service';
      readonly namespace: string;
      readonly service: string;
      /** "" where the name has none. */
      readonly endpoint: string;
      readonly port: string;
      readonly protocol: string;
    }
  | { readonly what: 'pod'; readonly namespace: string; readonly pod: string }
  /** No name of a cluster. */
  | { readonly what: 'invalid' };

const INVALID: Asked = { what: 'invalid' };

const bare = (label: string): string => (label.startsWith('_') ? label.slice(1) : label);

/** `base` is in lower case, without the zone and the dot before it; "" at the apex. */
export function parseRequest(base: string): Asked {
  if (base === '') return { what: 'node', namespace: undefined };
  const labels = base.split('.');
  const kind = labels.pop();
  if (kind !== 'svc' && kind !== 'pod') return INVALID;
  const namespace = labels.pop();
  if (namespace === undefined) return { what: 'node', namespace: undefined };
  const name = labels.pop();
  if (labels.length > 2) return INVALID;
  if (name === undefined) {
    // A bare ns.pod is a pod's name without the pod: its mode decides.
    return kind === 'pod' ? { what: 'pod', namespace, pod: '' } : { what: 'node', namespace };
  }
  if (kind === 'pod') return { what: 'pod', namespace, pod: name };
  const [first = '', second] = labels;
  if (second === undefined)
    return { what: 'service', namespace, service: name, endpoint: first, port: '', protocol: '' };
  return {
    what: 'service',
    namespace,
    service: name,
    endpoint: '',
    port: bare(first),
    protocol: bare(second),
  };
}
