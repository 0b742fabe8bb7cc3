// Kubernetes objects as the plugin keeps them (CoreDNS plugin/kubernetes/object): only what names are made of.
import { addrBytes } from '../../dns/addr.ts';

/** What comes from an API server or a file: shapes are not trusted. */
export interface Raw {
  readonly apiVersion?: unknown;
  readonly kind?: unknown;
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly [field: string]: unknown;
}

export type Kind = 'services' | 'endpointslices' | 'namespaces' | 'pods';

export interface Port {
  readonly name: string;
  readonly protocol: string;
  /** -1: the object names no port. */
  readonly port: number;
}

export interface Service {
  /** "namespace/name". */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly clusterIPs: readonly string[];
  readonly headless: boolean;
  /** Undefined unless the type is ExternalName. */
  readonly externalName: string | undefined;
  readonly ports: readonly Port[];
}

export interface Endpoint {
  readonly address: string;
  readonly bytes: Uint8Array;
  readonly hostname: string;
  readonly podName: string;
}

export interface Slice {
  readonly key: string;
  /** The service it belongs to. */
  readonly service: string;
  /** The ready ones. */
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly Port[];
}

export interface Pod {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly address: string;
}

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

const NO_PORTS: readonly Port[] = [{ name: '', protocol: '', port: -1 }];

function portsOf(value: unknown): readonly Port[] {
  const ports = list(value).map((p) => {
    const { name, protocol, port } = record(p);
    return {
      name: text(name).toLowerCase(),
      protocol: (text(protocol) || 'TCP').toLowerCase(),
      port: typeof port === 'number' ? port : -1,
    };
  });
  return ports.length === 0 ? NO_PORTS : ports;
}

export const keyOf = (raw: Raw): string => {
  const { namespace = '', name = '' } = raw.metadata ?? {};
  return namespace === '' ? name : `${namespace}/${name}`;
};

export function toService(raw: Raw): Service {
  const spec = record(raw['spec']);
  const external = text(spec['type']) === 'ExternalName';
  const ips = list(spec['clusterIPs']).filter((ip) => typeof ip === 'string');
  const single = text(spec['clusterIP']);
  const clusterIPs = ips.length > 0 ? ips : single === '' ? [] : [single];
  const headless = clusterIPs[0] === 'None';
  return {
    key: keyOf(raw),
    namespace: raw.metadata?.namespace ?? '',
    name: raw.metadata?.name ?? '',
    clusterIPs: headless || external ? [] : clusterIPs,
    headless: headless && !external,
    externalName: external ? text(spec['externalName']) : undefined,
    ports: portsOf(spec['ports']),
  };
}

/** Ready: true, or not said. serving and terminating are not looked at. */
export function toSlice(raw: Raw): Slice {
  const endpoints: Endpoint[] = [];
  for (const item of list(raw['endpoints'])) {
    const { addresses, conditions, hostname, targetRef } = record(item);
    if (record(conditions)['ready'] === false) continue;
    for (const address of list(addresses)) {
      const bytes = addrBytes(text(address));
      if (bytes === undefined) continue;
      endpoints.push({
        address: text(address),
        bytes,
        hostname: text(hostname).toLowerCase(),
        podName: text(record(targetRef)['name']),
      });
    }
  }
  const service = raw.metadata?.labels?.['kubernetes.io/service-name'] ?? '';
  return {
    key: keyOf(raw),
    service: `${raw.metadata?.namespace ?? ''}/${service}`,
    endpoints,
    ports: portsOf(raw['ports']),
  };
}

const GONE = new Set(['Succeeded', 'Failed', 'Unknown']);

/** Undefined for pods that have no name in DNS: without an address, terminating, or ended. */
export function toPod(raw: Raw): Pod | undefined {
  const status = record(raw['status']);
  const address = text(status['podIP']);
  const deleted = raw.metadata?.deletionTimestamp;
  if (address === '' || (deleted !== undefined && deleted !== '') || GONE.has(text(status['phase'])))
    return undefined;
  return {
    key: keyOf(raw),
    namespace: raw.metadata?.namespace ?? '',
    name: raw.metadata?.name ?? '',
    address,
  };
}

/** The first label of an endpoint's name: its hostname, its pod's name if asked for, else its address with dashes. */
export function endpointName({ hostname, podName, address }: Endpoint, podNames: boolean): string {
  if (hostname !== '') return hostname;
  if (podNames && podName !== '' && podName.length < 64) return podName;
  if (address.includes('.')) return address.replaceAll('.', '-');
  const dashed = address.replaceAll(':', '-');
  return dashed.endsWith('-') ? `${dashed}0` : dashed;
}
