// Rows of Services, their endpoints, Ingresses and policies: printers.go.
import type { Ingress, IngressClass, NetworkPolicy } from '../types/networking.ts';
import { formatLabelSelector } from '../types/selector.ts';
import type { EndpointSlice, Endpoints, IPAddress, Service, ServiceCIDR } from '../types/service.ts';
import { columns, type TableDef } from './columns.ts';
import { age } from './duration.ts';

const NONE = '<none>';
const LB_WIDTH = 16;
const MORE = 3;

const service: TableDef<Service> = {
  columns: columns('Name:name Type Cluster-IP External-IP Port(s) Age Selector?'),
  cells: (object, now) => [
    object.metadata.name,
    object.spec.type ?? 'ClusterIP',
    object.spec.clusterIP || NONE,
    externalIp(object),
    ports(object),
    age(object.metadata.creationTimestamp, now),
    selectorText(object.spec.selector),
  ],
};

const selectorText = (selector: Readonly<Record<string, string>> | undefined): string => {
  const pairs = Object.entries(selector ?? {}).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? NONE : pairs.sort().join(',');
};

function externalIp({ spec, status }: Service): string {
  const given = spec.externalIPs ?? [];
  switch (spec.type) {
    case 'ExternalName':
      return spec.externalName ?? '';
    case 'LoadBalancer': {
      const addresses = (status?.loadBalancer?.ingress ?? []).map((i) => i.ip || i.hostname || '').sort();
      const joined = addresses.join(',');
      const shown = joined.length > LB_WIDTH ? `${joined.slice(0, LB_WIDTH - 3)}...` : joined;
      const all = [...(shown === '' ? [] : [shown]), ...given];
      return all.length > 0 ? all.join(',') : '<pending>';
    }
    default:
      return given.length > 0 ? given.join(',') : NONE;
  }
}

function ports({ spec }: Service): string {
  const texts = (spec.ports ?? []).map((p) =>
    p.nodePort !== undefined && p.nodePort > 0
      ? `${p.port}:${p.nodePort}/${p.protocol ?? 'TCP'}`
      : `${p.port}/${p.protocol ?? 'TCP'}`,
  );
  return texts.length === 0 ? NONE : texts.join(',');
}

const limited = (items: readonly string[]): string =>
  items.length > MORE
    ? `${items.slice(0, MORE).join(',')} + ${items.length - MORE} more...`
    : items.join(',');

const endpoints: TableDef<Endpoints> = {
  columns: columns('Name:name Endpoints Age'),
  cells(object, now) {
    const all = (object.subsets ?? []).flatMap(({ addresses = [], ports: list = [] }) =>
      list.length === 0
        ? addresses.map((a) => a.ip)
        : list.flatMap((p) => addresses.map((a) => `${a.ip}:${p.port}`)),
    );
    return [
      object.metadata.name,
      all.length === 0 ? NONE : limited(all),
      age(object.metadata.creationTimestamp, now),
    ];
  },
};

const endpointSlice: TableDef<EndpointSlice> = {
  columns: columns('Name:name AddressType Ports Endpoints Age'),
  cells: (object, now) => [
    object.metadata.name,
    object.addressType,
    sliceText((object.ports ?? []).map((p) => (p.port === undefined ? '*' : String(p.port)))),
    sliceText((object.endpoints ?? []).flatMap((e) => e.addresses)),
    age(object.metadata.creationTimestamp, now),
  ],
};

const sliceText = (items: readonly string[]): string => (items.length === 0 ? '<unset>' : limited(items));

const ingress: TableDef<Ingress> = {
  columns: columns('Name:name Class Hosts Address Ports Age'),
  cells: (object, now) => [
    object.metadata.name,
    object.spec?.ingressClassName ?? NONE,
    hosts(object),
    (object.status?.loadBalancer?.ingress ?? []).map((i) => i.ip || i.hostname || '').join(','),
    (object.spec?.tls ?? []).length > 0 ? '80, 443' : '80',
    age(object.metadata.creationTimestamp, now),
  ],
};

function hosts({ spec }: Ingress): string {
  const list = (spec?.rules ?? []).map((rule) => rule.host ?? '').filter((host) => host !== '');
  return list.length === 0 ? '*' : limited(list);
}

const ingressClass: TableDef<IngressClass> = {
  columns: columns('Name:name Controller Parameters Age'),
  cells(object, now) {
    const p = object.spec?.parameters;
    const text =
      p === undefined ? NONE : `${p.kind}${p.apiGroup === undefined ? '' : `.${p.apiGroup}`}/${p.name}`;
    return [
      object.metadata.name,
      object.spec?.controller ?? '',
      text,
      age(object.metadata.creationTimestamp, now),
    ];
  },
};

const networkPolicy: TableDef<NetworkPolicy> = {
  columns: columns('Name:name Pod-Selector Age'),
  cells: (object, now) => [
    object.metadata.name,
    formatLabelSelector(object.spec?.podSelector ?? {}) || NONE,
    age(object.metadata.creationTimestamp, now),
  ],
};

const serviceCidr: TableDef<ServiceCIDR> = {
  columns: columns('Name:name CIDRs Age'),
  cells: (object, now) => [
    object.metadata.name,
    (object.spec?.cidrs ?? []).join(','),
    age(object.metadata.creationTimestamp, now),
  ],
};

const ipAddress: TableDef<IPAddress> = {
  columns: columns('Name:name ParentRef'),
  cells(object) {
    const { group, resource, namespace, name } = object.spec.parentRef;
    const kind = group === undefined || group === '' ? resource : `${resource}.${group}`;
    return [
      object.metadata.name,
      namespace === undefined ? `${kind}/${name}` : `${kind}/${namespace}/${name}`,
    ];
  },
};

export const networkTables: Readonly<Record<string, TableDef<never>>> = {
  Service: service,
  Endpoints: endpoints,
  EndpointSlice: endpointSlice,
  Ingress: ingress,
  IngressClass: ingressClass,
  NetworkPolicy: networkPolicy,
  ServiceCIDR: serviceCidr,
  IPAddress: ipAddress,
};
