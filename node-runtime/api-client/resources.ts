// The resources that a node's daemons use, by path, with the shape of their objects.
import type { ConfigMap, Event, Namespace, Secret, ServiceAccount } from '../../emulator/api/types/core.ts';
import type { KubeObject } from '../../emulator/api/types/meta.ts';
import type { NetworkPolicy } from '../../emulator/api/types/networking.ts';
import type { Lease, Node } from '../../emulator/api/types/node.ts';
import type { Pod } from '../../emulator/api/types/pod.ts';
import type { EndpointSlice, Endpoints, Service } from '../../emulator/api/types/service.ts';

export interface ApiResource<T extends KubeObject> {
  /** "/api/v1", "/apis/apps/v1". */
  readonly root: string;
  /** "pods". */
  readonly resource: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Never there: it ties T to the value. */
  readonly object?: T;
}

const core = <T extends KubeObject>(resource: string, kind: string, namespaced = true): ApiResource<T> => ({
  root: '/api/v1',
  resource,
  apiVersion: 'v1',
  kind,
  namespaced,
});

const grouped = <T extends KubeObject>(
  apiVersion: string,
  resource: string,
  kind: string,
): ApiResource<T> => ({
  root: `/apis/${apiVersion}`,
  resource,
  apiVersion,
  kind,
  namespaced: true,
});

export const NODES = core<Node>('nodes', 'Node', false);
export const PODS = core<Pod>('pods', 'Pod');
export const NAMESPACES = core<Namespace>('namespaces', 'Namespace', false);
export const CONFIG_MAPS = core<ConfigMap>('configmaps', 'ConfigMap');
export const SECRETS = core<Secret>('secrets', 'Secret');
export const SERVICE_ACCOUNTS = core<ServiceAccount>('serviceaccounts', 'ServiceAccount');
export const SERVICES = core<Service>('services', 'Service');
export const ENDPOINTS = core<Endpoints>('endpoints', 'Endpoints');
export const EVENTS = core<Event>('events', 'Event');
export const LEASES = grouped<Lease>('coordination.k8s.io/v1', 'leases', 'Lease');
export const ENDPOINT_SLICES = grouped<EndpointSlice>(
  'discovery.k8s.io/v1',
  'endpointslices',
  'EndpointSlice',
);
export const NETWORK_POLICIES = grouped<NetworkPolicy>(
  'networking.k8s.io/v1',
  'networkpolicies',
  'NetworkPolicy',
);
