// A Service's EndpointSlices as endpoints by port: pkg/proxy/endpointslicecache.go. Slices overlap while endpoints move
// between them; the same address and port counts once, and a local one wins.
import type { EndpointSlice } from '../../emulator/api/types/service.ts';
import { parseIpv4 } from '../kernel/wire/addr.ts';
import { type Endpoint, unitKey } from './types.ts';

const SERVICE_NAME = 'kubernetes.io/service-name';
const HEADLESS = 'service.kubernetes.io/headless';

/** What is kept of a slice. */
export interface KeptSlice {
  /** "default/web"; undefined for a slice that is no business of a proxy. */
  readonly service: string | undefined;
  readonly slice: Pick<EndpointSlice, 'addressType' | 'endpoints' | 'ports'>;
}

export function keepSlice({ metadata, addressType, endpoints, ports }: EndpointSlice): KeptSlice {
  const labels = metadata.labels ?? {};
  const name = labels[SERVICE_NAME];
  const ours = name !== undefined && addressType === 'IPv4' && labels[HEADLESS] === undefined;
  return {
    service: ours ? `${metadata.namespace ?? 'default'}/${name}` : undefined,
    slice: ours
      ? { addressType, endpoints, ...(ports === undefined ? {} : { ports }) }
      : { addressType, endpoints: [] },
  };
}

/** Endpoints of one Service by unit, each list in the order of "ip:port". */
export function endpointsOf(
  service: string,
  slices: Iterable<KeptSlice['slice']>,
  nodeName: string,
): Map<string, readonly Endpoint[]> {
  const found = new Map<string, Map<string, Endpoint>>();
  for (const { endpoints, ports } of slices)
    for (const port of ports ?? []) {
      if (port.port === undefined || port.port === 0) continue;
      const key = unitKey(service, port.name ?? '', port.protocol ?? 'TCP');
      const set = found.get(key) ?? new Map<string, Endpoint>();
      found.set(key, set);
      for (const endpoint of endpoints) {
        const ip = endpoint.addresses[0];
        if (ip === undefined || parseIpv4(ip) === undefined) continue;
        const text = `${ip}:${port.port}`;
        const local = endpoint.nodeName === nodeName;
        if (set.has(text) && !local) continue;
        const { ready, serving, terminating } = endpoint.conditions ?? {};
        const zones = endpoint.hints?.forZones?.map((z) => z.name);
        const nodes = endpoint.hints?.forNodes?.map((n) => n.name);
        set.set(text, {
          ip,
          port: port.port,
          text,
          local,
          ready: ready ?? true,
          serving: serving ?? true,
          terminating: terminating ?? false,
          zones: zones === undefined || zones.length === 0 ? undefined : zones,
          nodes: nodes === undefined || nodes.length === 0 ? undefined : nodes,
        });
      }
    }
  const lists = new Map<string, readonly Endpoint[]>();
  for (const [key, set] of found)
    lists.set(
      key,
      [...set.values()].sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0)),
    );
  return lists;
}
