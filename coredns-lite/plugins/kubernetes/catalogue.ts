// What is known of the cluster (CoreDNS plugin/kubernetes/controller.go): services by their key, slices by their service, addresses
// back to both. Filled by a source; says when a service's names may have changed.
import {
  type Kind,
  keyOf,
  type Pod,
  type Raw,
  type Service,
  type Slice,
  toPod,
  toService,
  toSlice,
} from './objects.ts';
import type { Labels, Selector } from './selector.ts';

/** What a source is asked to list and watch. */
export interface Want {
  readonly kinds: readonly Kind[];
  /** Of services, slices and pods, in Kubernetes' notation; empty: all. */
  readonly labels: string;
  readonly namespaceLabels: string;
}

/** Where objects come from. */
export interface Source {
  /** Runs until the answer is called. */
  start(want: Want, sink: Sink): () => void;
}

/** Where a source puts them. */
export interface Sink {
  /** All objects of a kind: those that are not among them are gone. */
  replace(kind: Kind, objects: Iterable<Raw>): void;
  upsert(kind: Kind, object: Raw): void;
  remove(kind: Kind, object: Raw): void;
  /** Each kind was listed once. */
  synced(): void;
}

export interface CatalogueOptions {
  readonly selector: Selector | undefined;
  readonly namespaceSelector: Selector | undefined;
  /** Milliseconds since 1970. */
  wall(): number;
  /** The names of this service are no longer what they were. */
  onService(key: string): void;
}

const NONE: readonly never[] = [];

export class Catalogue implements Sink {
  readonly services = new Map<string, Service>();
  readonly pods = new Map<string, Pod>();
  /** Names of namespaces that exist and that the selector takes. */
  readonly namespaces = new Set<string>();
  /** Unix time of the last change, in seconds: the SOA's serial. */
  modified: number;
  isSynced = false;
  readonly #slices = new Map<string, Slice>();
  readonly #byService = new Map<string, Slice[]>();
  readonly #serviceIp = new Map<string, Service[]>();
  readonly #endpointIp = new Map<string, Slice[]>();
  readonly #podIp = new Map<string, Pod[]>();
  readonly #options: CatalogueOptions;
  #whenSynced: (() => void)[] = [];

  constructor(options: CatalogueOptions) {
    this.#options = options;
    this.modified = this.#unix();
  }

  #unix(): number {
    return Math.floor(this.#options.wall() / 1000);
  }

  slicesOf(service: string): readonly Slice[] {
    return this.#byService.get(service) ?? NONE;
  }
  servicesAt(ip: string): readonly Service[] {
    return this.#serviceIp.get(ip) ?? NONE;
  }
  slicesAt(ip: string): readonly Slice[] {
    return this.#endpointIp.get(ip) ?? NONE;
  }
  podsAt(ip: string): readonly Pod[] {
    return this.#podIp.get(ip) ?? NONE;
  }

  whenSynced(fn: () => void): void {
    if (this.isSynced) fn();
    else this.#whenSynced.push(fn);
  }

  synced(): void {
    this.isSynced = true;
    for (const fn of this.#whenSynced.splice(0)) fn();
  }

  replace(kind: Kind, objects: Iterable<Raw>): void {
    const seen = new Set<string>();
    for (const object of objects) {
      seen.add(keyOf(object));
      this.upsert(kind, object);
    }
    for (const key of [...this.#keys(kind)]) if (!seen.has(key)) this.#drop(kind, key);
  }

  #keys(kind: Kind): Iterable<string> {
    if (kind === 'services') return this.services.keys();
    if (kind === 'endpointslices') return this.#slices.keys();
    return kind === 'pods' ? this.pods.keys() : this.namespaces;
  }

  upsert(kind: Kind, object: Raw): void {
    const key = keyOf(object);
    const labels: Labels = object.metadata?.labels ?? {};
    const selector = kind === 'namespaces' ? this.#options.namespaceSelector : this.#options.selector;
    this.#drop(kind, key, true);
    if (selector !== undefined && !selector(labels)) return;
    if (kind === 'services') this.#addService(toService(object));
    else if (kind === 'endpointslices') this.#addSlice(toSlice(object));
    else if (kind === 'namespaces') this.namespaces.add(key);
    else {
      const pod = toPod(object);
      if (pod === undefined) return;
      this.pods.set(key, pod);
      push(this.#podIp, pod.address, pod);
    }
  }

  remove(kind: Kind, object: Raw): void {
    this.#drop(kind, keyOf(object));
  }

  #addService(service: Service): void {
    this.services.set(service.key, service);
    for (const ip of service.clusterIPs) push(this.#serviceIp, ip, service);
    this.#changed(service.key);
  }

  #addSlice(slice: Slice): void {
    this.#slices.set(slice.key, slice);
    push(this.#byService, slice.service, slice);
    for (const ip of addressesOf(slice)) push(this.#endpointIp, ip, slice);
    this.#changed(slice.service);
  }

  #drop(kind: Kind, key: string, quiet = false): void {
    if (kind === 'services') {
      const service = this.services.get(key);
      if (service === undefined) return;
      this.services.delete(key);
      for (const ip of service.clusterIPs) pull(this.#serviceIp, ip, service);
      if (!quiet) this.#changed(key);
    } else if (kind === 'endpointslices') {
      const slice = this.#slices.get(key);
      if (slice === undefined) return;
      this.#slices.delete(key);
      pull(this.#byService, slice.service, slice);
      for (const ip of addressesOf(slice)) pull(this.#endpointIp, ip, slice);
      this.#changed(slice.service);
    } else if (kind === 'namespaces') this.namespaces.delete(key);
    else {
      const pod = this.pods.get(key);
      if (pod === undefined) return;
      this.pods.delete(key);
      pull(this.#podIp, pod.address, pod);
    }
  }

  #changed(service: string): void {
    this.modified = this.#unix();
    this.#options.onService(service);
  }
}

const addressesOf = ({ endpoints }: Slice): Iterable<string> => new Set(endpoints.map((e) => e.address));

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function pull<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  const at = list?.indexOf(value) ?? -1;
  if (list === undefined || at === -1) return;
  if (list.length === 1) map.delete(key);
  else list.splice(at, 1);
}
