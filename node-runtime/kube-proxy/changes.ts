// What kube-proxy knows of Services and EndpointSlices, and which Services changed since it last wrote rules: the trackers of
// pkg/proxy/servicechangetracker.go and endpointschangetracker.go.
import { endpointsOf, type KeptSlice } from './endpoint-slices.ts';
import { type Endpoint, type ServicePort, unitKey } from './types.ts';

export interface TrackedUnit {
  readonly port: ServicePort;
  readonly endpoints: readonly Endpoint[];
}

const NONE: readonly Endpoint[] = [];

export class Changes {
  readonly #nodeName: string;
  readonly #services = new Map<string, readonly ServicePort[]>();
  readonly #slices = new Map<string, Map<string, KeptSlice['slice']>>();
  readonly #endpoints = new Map<string, ReadonlyMap<string, readonly Endpoint[]>>();
  readonly #changed = new Set<string>();
  #staleSlices = new Set<string>();
  #udp = false;
  #sorted: string[] | undefined;
  /** Endpoints of each Service's units, and their sum. */
  readonly #counts = new Map<string, number>();
  #total = 0;
  readonly #healthChecked = new Set<string>();

  constructor(nodeName: string) {
    this.#nodeName = nodeName;
  }

  /** `key` is "namespace/name"; false when nothing of it matters to a proxy. */
  service(key: string, ports: readonly ServicePort[]): boolean {
    const before = this.#services.get(key);
    if (ports.length === 0) {
      if (!this.#services.delete(key)) return false;
      this.#sorted = undefined;
    } else {
      if (before === undefined) this.#sorted = undefined;
      else if (JSON.stringify(before) === JSON.stringify(ports)) return false;
      this.#services.set(key, ports);
    }
    if ([...ports, ...(before ?? [])].some((p) => p.protocol === 'UDP')) this.#udp = true;
    this.#changed.add(key);
    return true;
  }

  /** `slice` undefined: it is gone. */
  slice(key: string, { service }: KeptSlice, slice: KeptSlice['slice'] | undefined): boolean {
    if (service === undefined) return false;
    const slices = this.#slices.get(service) ?? new Map<string, KeptSlice['slice']>();
    this.#slices.set(service, slices);
    if (slice === undefined) slices.delete(key);
    else slices.set(key, slice);
    if (slices.size === 0) this.#slices.delete(service);
    this.#staleSlices.add(service);
    this.#changed.add(service);
    return true;
  }

  /** Whether connections of UDP units may have to be looked through; asking forgets it. */
  takeUdp(): boolean {
    const udp = this.#udp;
    this.#udp = false;
    return udp;
  }
  /** Services that changed since this was last asked. */
  takeChanged(): ReadonlySet<string> {
    this.#refresh();
    const changed = new Set(this.#changed);
    this.#changed.clear();
    for (const key of changed) {
      let count = 0;
      for (const { endpoints } of this.unitsOf(key)) count += endpoints.length;
      this.#total += count - (this.#counts.get(key) ?? 0);
      if (count === 0) this.#counts.delete(key);
      else this.#counts.set(key, count);
      if (this.#services.get(key)?.some((p) => p.healthCheckNodePort !== 0) === true)
        this.#healthChecked.add(key);
      else this.#healthChecked.delete(key);
    }
    return changed;
  }
  /** Endpoints of all units, as of the last takeChanged. */
  get endpointTotal(): number {
    return this.#total;
  }

  /** Every unit there is, in the order of the Services' names. */
  *units(): Generator<TrackedUnit> {
    this.#refresh();
    this.#sorted ??= [...this.#services.keys()].sort();
    for (const key of this.#sorted) yield* this.unitsOf(key);
  }
  /** Those of one Service; none when it is gone. */
  *unitsOf(key: string): Generator<TrackedUnit> {
    const endpoints = this.#endpoints.get(key);
    for (const port of this.#services.get(key) ?? [])
      yield { port, endpoints: endpoints?.get(unitKey(key, port.portName, port.protocol)) ?? NONE };
  }
  /** Units of Services with a health check port. */
  *healthChecked(): Generator<TrackedUnit> {
    for (const key of this.#healthChecked) yield* this.unitsOf(key);
  }

  #refresh(): void {
    for (const service of this.#staleSlices) {
      const slices = this.#slices.get(service);
      const before = this.#endpoints.get(service);
      if (slices === undefined) this.#endpoints.delete(service);
      else this.#endpoints.set(service, endpointsOf(service, slices.values(), this.#nodeName));
      const after = this.#endpoints.get(service);
      for (const map of [before, after])
        for (const key of map?.keys() ?? []) if (key.endsWith('/UDP')) this.#udp = true;
    }
    this.#staleSlices = new Set();
  }
}
