// Gives each node its share of the pods' range: kube-controller-manager's range allocator (pkg/controller/nodeipam/ipam).
// Ours knows the order of the nodes in the cluster's file, so that the same file gives the same addresses every time,
// whichever node comes up first.
import type { Node } from '../../api/types/node.ts';
import type { Action, Controller, Situation } from '../runtime/controller.ts';

export interface NodeIpamOptions {
  /** "10.244.0.0/16". */
  readonly podCIDR: string;
  /** 24. */
  readonly nodeMaskSize: number;
  /** Names of the nodes in the order of their shares; others take what is left over, first come first served. */
  readonly order: readonly string[];
}

export function nodeIpamController(options: NodeIpamOptions): Controller {
  return {
    name: 'cidrAllocator',
    // One key for all: two nodes must not be given the same share.
    follows: [{ resource: 'nodes', keys: () => ['nodes'] }],
    reconcile: (_key, { view }: Situation) => allocate(view.list<Node>('nodes'), options),
  };
}

export function allocate(nodes: readonly Node[], options: NodeIpamOptions): readonly Action[] {
  const used = new Set(nodes.flatMap((node) => (node.spec.podCIDR === undefined ? [] : [node.spec.podCIDR])));
  const place = new Map(options.order.map((name, i) => [name, i]));
  const total = 2 ** (options.nodeMaskSize - prefixLength(options.podCIDR));
  const share = (i: number): string => subnet(options.podCIDR, options.nodeMaskSize, i);
  const take = (node: Node): string | undefined => {
    const own = place.get(node.metadata.name);
    if (own !== undefined && own < total && !used.has(share(own))) return share(own);
    // Shares of nodes that are still to come are left to them.
    for (let i = own === undefined ? Math.min(place.size, total) : 0; i < total; i++)
      if (!used.has(share(i))) return share(i);
    for (let i = 0; i < total; i++) if (!used.has(share(i))) return share(i);
    return undefined;
  };
  return nodes
    .filter((node) => node.spec.podCIDR === undefined && node.metadata.deletionTimestamp === undefined)
    .map((node): Action => {
      const cidr = take(node);
      if (cidr === undefined)
        return {
          do: 'event',
          about: node,
          type: 'Normal',
          reason: 'CIDRNotAvailable',
          message: `Node ${node.metadata.name} status is now: CIDRNotAvailable`,
        };
      used.add(cidr);
      return {
        do: 'update',
        object: { ...node, spec: { ...node.spec, podCIDR: cidr, podCIDRs: [cidr] } } as Node,
      };
    });
}

const prefixLength = (cidr: string): number => Number(cidr.split('/')[1]);

/** The i-th subnet of a range, as text. */
export function subnet(cidr: string, length: number, i: number): string {
  const parts = cidr.split('/')[0]!.split('.').map(Number);
  const base = ((parts[0]! << 24) | (parts[1]! << 16) | (parts[2]! << 8) | parts[3]!) >>> 0;
  const address = base + i * 2 ** (32 - length);
  return `${[24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.')}/${length}`;
}
