// What a cluster has before anybody creates anything: kubeadm's and the API server's own objects. Running it again on a
// store that has them changes nothing.
import type { Fields } from './fields.ts';
import type { Registry } from './registry.ts';
import { serviceRange } from './resources/service-addresses.ts';
import { StatusError } from './status-error.ts';

export interface BootstrapOptions {
  /** "10.96.0.0/12". */
  readonly serviceCIDR: string;
  /** Where the API server is reached from inside the cluster's network. */
  readonly controlPlane: { readonly address: string; readonly port: number };
}

const NAMESPACES = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];

/** Creates an object unless it is there. */
export const ensurer =
  (registry: Registry): Ensure =>
  async (group, version, resource, namespace, object) => {
    const info = registry.catalogue.find(group, version, resource)!;
    try {
      await registry.create(
        info,
        namespace,
        { apiVersion: group === '' ? version : `${group}/${version}`, kind: info.kind, ...object },
        { fieldManager: 'kube-apiserver' },
      );
    } catch (error) {
      if (!(error instanceof StatusError) || error.status.reason !== 'AlreadyExists') throw error;
    }
  };

export async function bootstrap(registry: Registry, options: BootstrapOptions): Promise<void> {
  const ensure = ensurer(registry);
  for (const name of NAMESPACES) await ensure('', 'v1', 'namespaces', undefined, { metadata: { name } });
  await kubernetesService(ensure, options);
  for (const [name, value, description] of PRIORITY_CLASSES)
    await ensure('scheduling.k8s.io', 'v1', 'priorityclasses', undefined, {
      metadata: { name },
      value,
      description,
      preemptionPolicy: 'PreemptLowerPriority',
    });
}

const PRIORITY_CLASSES = [
  [
    'system-cluster-critical',
    2_000_000_000,
    'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  ],
  [
    'system-node-critical',
    2_000_001_000,
    'Used for system critical pods that must not be moved from their current node.',
  ],
] as const;

export type Ensure = (
  group: string,
  version: string,
  resource: string,
  namespace: string | undefined,
  object: Fields,
) => Promise<void>;

/** default/kubernetes, and where it leads: pkg/controlplane/controller/kubernetesservice. */
async function kubernetesService(
  ensure: Ensure,
  { serviceCIDR, controlPlane }: BootstrapOptions,
): Promise<void> {
  const { address, port } = controlPlane;
  await ensure('', 'v1', 'services', 'default', {
    metadata: { name: 'kubernetes', labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      clusterIP: firstAddress(serviceCIDR),
      ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: port }],
      type: 'ClusterIP',
    },
  });
  const skip = { 'endpointslice.kubernetes.io/skip-mirror': 'true' };
  await ensure('', 'v1', 'endpoints', 'default', {
    metadata: { name: 'kubernetes', labels: skip },
    subsets: [{ addresses: [{ ip: address }], ports: [{ name: 'https', port, protocol: 'TCP' }] }],
  });
  await ensure('discovery.k8s.io', 'v1', 'endpointslices', 'default', {
    metadata: { name: 'kubernetes', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  });
}

const firstAddress = (cidr: string): string => {
  const { first } = serviceRange(cidr);
  return [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join('.');
};
