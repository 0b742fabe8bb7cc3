// Discovery, in both of its forms: aggregated (apidiscovery.k8s.io/v2, two requests) and legacy (one per group version).
// k8s.io/apiserver/pkg/endpoints/discovery.
import type { Catalogue } from '../catalogue.ts';
import { apiVersionOf, type ResourceInfo } from '../resources/resource.ts';
import type { Exchange } from './exchange.ts';

const AGGREGATED = /^application\/json;g=apidiscovery\.k8s\.io;v=(v2|v2beta1);as=APIGroupDiscoveryList$/;

export class Discovery {
  #catalogue: Catalogue;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  /** False: not a discovery path. */
  handle(exchange: Exchange): boolean {
    const path = exchange.path.replace(/\/$/, '');
    if (path === '/api' || path === '/apis') {
      const version = wantsAggregated(exchange.req.headers.accept);
      if (version !== undefined) this.#aggregated(exchange, path === '/api', version);
      else if (path === '/api') exchange.json(200, API_VERSIONS);
      else exchange.json(200, this.#groupList());
      return true;
    }
    const parts = path.split('/').slice(1);
    if (parts[0] === 'api' && parts.length === 2 && this.#catalogue.hasVersion('', parts[1]!)) {
      exchange.json(200, this.#resourceList('', parts[1]!));
      return true;
    }
    if (parts[0] !== 'apis') return false;
    if (parts.length === 2) {
      const group = this.#groupList().groups.find((g) => g.name === parts[1]);
      if (group === undefined) return false;
      exchange.json(200, { kind: 'APIGroup', apiVersion: 'v1', ...group });
      return true;
    }
    if (parts.length !== 3 || !this.#catalogue.hasVersion(parts[1]!, parts[2]!)) return false;
    exchange.json(200, this.#resourceList(parts[1]!, parts[2]!));
    return true;
  }

  #byGroup(): Map<string, Map<string, ResourceInfo[]>> {
    const groups = new Map<string, Map<string, ResourceInfo[]>>();
    for (const info of this.#catalogue.all()) {
      const versions = getOrMake(groups, info.group, () => new Map<string, ResourceInfo[]>());
      getOrMake(versions, info.version, () => []).push(info);
    }
    return groups;
  }

  #aggregated(exchange: Exchange, core: boolean, version: string): void {
    const items = [...this.#byGroup()]
      .filter(([group]) => (group === '') === core)
      .map(([group, versions]) => ({
        metadata: { name: group, creationTimestamp: null },
        versions: sortVersions([...versions.keys()]).map((name) => ({
          version: name,
          resources: versions.get(name)!.map(aggregatedResource),
          freshness: 'Current',
        })),
      }));
    const body = {
      kind: 'APIGroupDiscoveryList',
      apiVersion: `apidiscovery.k8s.io/${version}`,
      metadata: {},
      items,
    };
    exchange.send(
      200,
      JSON.stringify(body),
      `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
      { vary: 'Accept' },
    );
  }

  #groupList() {
    const groups = [...this.#byGroup()]
      .filter(([group]) => group !== '')
      .map(([name, found]) => {
        const versions = sortVersions([...found.keys()]).map((version) => ({
          groupVersion: `${name}/${version}`,
          version,
        }));
        return { name, versions, preferredVersion: versions[0]! };
      });
    return { kind: 'APIGroupList', apiVersion: 'v1', groups } as const;
  }

  #resourceList(group: string, version: string): object {
    const resources = [...this.#catalogue.all()]
      .filter((info) => info.group === group && info.version === version)
      .flatMap((info) => legacyResources(info));
    return {
      kind: 'APIResourceList',
      ...(group === '' ? {} : { apiVersion: 'v1' }),
      groupVersion: apiVersionOf({ group, version }),
      resources,
    };
  }
}

const API_VERSIONS = {
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '' }],
};

function wantsAggregated(accept: string | undefined): string | undefined {
  for (const range of (accept ?? '').split(',')) {
    const m = AGGREGATED.exec(range.replaceAll(' ', ''));
    if (m !== null) return m[1];
  }
  return undefined;
}

function aggregatedResource(info: ResourceInfo): object {
  return {
    resource: info.resource,
    responseKind: { group: info.group, version: info.version, kind: info.kind },
    scope: info.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: info.singular,
    verbs: info.verbs,
    ...(info.shortNames.length > 0 ? { shortNames: info.shortNames } : {}),
    ...(info.categories.length > 0 ? { categories: info.categories } : {}),
    ...(info.subresources.length > 0
      ? {
          subresources: info.subresources.map((sub) => ({
            subresource: sub.name,
            responseKind: {
              group: sub.group ?? info.group,
              version: sub.version ?? info.version,
              kind: sub.kind,
            },
            verbs: sub.verbs,
          })),
        }
      : {}),
  };
}

function legacyResources(info: ResourceInfo): object[] {
  const base = {
    name: info.resource,
    singularName: info.singular,
    namespaced: info.namespaced,
    kind: info.kind,
    verbs: info.verbs,
    ...(info.shortNames.length > 0 ? { shortNames: info.shortNames } : {}),
    ...(info.categories.length > 0 ? { categories: info.categories } : {}),
  };
  const subs = info.subresources.map((sub) => ({
    name: `${info.resource}/${sub.name}`,
    singularName: '',
    namespaced: info.namespaced,
    ...(sub.group === undefined ? {} : { group: sub.group, version: sub.version }),
    kind: sub.kind,
    verbs: sub.verbs,
  }));
  return [base, ...subs];
}

/** v1 before v2beta1 before v1alpha1; the newest of a kind first: apimachinery/pkg/version.CompareKubeAwareVersionStrings. */
function sortVersions(versions: string[]): string[] {
  const rank = (version: string): number[] => {
    const m = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
    if (m === null) return [-1, 0, 0];
    return [m[2] === undefined ? 2 : m[2] === 'beta' ? 1 : 0, Number(m[1]), Number(m[3] ?? 0)];
  };
  return versions.sort((a, b) => {
    const x = rank(a);
    const y = rank(b);
    for (let i = 0; i < 3; i++) if (x[i] !== y[i]) return y[i]! - x[i]!;
    return a < b ? -1 : 1;
  });
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
