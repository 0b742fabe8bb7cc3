// A request's path read as the API server reads it: k8s.io/apiserver/pkg/endpoints/request/requestinfo.go. Pure.

export interface ResourcePath {
  readonly group: string;
  readonly version: string;
  readonly namespace: string | undefined;
  readonly resource: string;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  /** What follows the subresource: proxy paths. */
  readonly rest: string;
}

/** undefined: not the path of a resource. */
export function parseResourcePath(path: string): ResourcePath | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  const root = parts.shift();
  if (root !== 'api' && root !== 'apis') return undefined;
  const group = root === 'api' ? '' : parts.shift();
  const version = parts.shift();
  if (group === undefined || version === undefined || parts.length === 0) return undefined;
  const decoded = decodeAll(parts);
  if (decoded === undefined) return undefined;
  let namespace: string | undefined;
  if (decoded[0] === 'namespaces' && decoded.length > 2 && !NAMESPACE_SUBRESOURCES.has(decoded[2]!)) {
    namespace = decoded[1];
    decoded.splice(0, 2);
  }
  const [resource, name, subresource, ...rest] = decoded;
  return { group, version, namespace, resource: resource!, name, subresource, rest: rest.join('/') };
}

const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);

function decodeAll(parts: readonly string[]): string[] | undefined {
  try {
    return parts.map(decodeURIComponent);
  } catch {
    return undefined;
  }
}
