// What counts as traffic of a pod on this node: the local traffic detectors of pkg/proxy/util/localdetector.go.
import type { ProxySpec } from '../../emulator/protocol/cluster.ts';

/** Undefined: no detector, so nothing is known to be a local pod's. */
export type LocalDetector =
  | { readonly by: 'source'; readonly cidr: string }
  /** A name, or with a trailing "+" the beginning of one. */
  | { readonly by: 'interface'; readonly name: string };

export function localDetector(
  { detectLocalMode, clusterCIDR, bridgeInterface, interfaceNamePrefix }: ProxySpec,
  podCIDR: string | undefined,
): LocalDetector | undefined {
  switch (detectLocalMode) {
    case 'ClusterCIDR':
      return clusterCIDR === '' ? undefined : { by: 'source', cidr: clusterCIDR };
    case 'NodeCIDR':
      return podCIDR === undefined ? undefined : { by: 'source', cidr: podCIDR };
    case 'BridgeInterface':
      return { by: 'interface', name: bridgeInterface };
    case 'InterfaceNamePrefix':
      return { by: 'interface', name: `${interfaceNamePrefix}+` };
  }
}
