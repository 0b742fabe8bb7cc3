// What a cluster has before anybody creates anything: kubeadm's and the API server's own objects. Running it again on a
// store that has them changes nothing.
import type { Fields } from './fields.ts';
import type { Registry } from './registry.ts';
import { StatusError } from './status-error.ts';

export interface BootstrapOptions {
  /** "10.96.0.0/12". */
  readonly serviceCIDR: string;
  /** Where the API server is reached from inside the cluster's network. */
  readonly controlPlane: { readonly address: string; readonly port: number };
}

const NAMESPACES = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];

export async function bootstrap(registry: Registry, _options: BootstrapOptions): Promise<void> {
  const ensure = async (
    group: string,
    version: string,
    resource: string,
    namespace: string | undefined,
    object: Fields,
  ): Promise<void> => {
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
  for (const name of NAMESPACES) await ensure('', 'v1', 'namespaces', undefined, { metadata: { name } });
}
