// Leases as Kubernetes keeps them (flannel pkg/subnet/kube/kube.go): the subnet is the node's podCIDR, the rest are annotations
// of its Node. Pure: what a Node says, and what flanneld would write into it.
import type { Node } from '../../emulator/api/types/node.ts';
import {
  formatIpv4,
  formatPrefix,
  type Ipv4,
  ip4,
  netmask,
  type Prefix,
  parseIpv4,
  parsePrefix,
} from '../kernel/wire/addr.ts';
import type { Lease, LeaseAttrs } from './lease.ts';

export const ANNOTATION_PREFIX = 'flannel.alpha.coreos.com';

export interface AnnotationNames {
  readonly kubeSubnetManager: string;
  readonly backendData: string;
  readonly backendType: string;
  readonly publicIP: string;
  readonly publicIPOverwrite: string;
  readonly nodePublicIP: string;
}

export const annotationNames = (prefix = ANNOTATION_PREFIX): AnnotationNames => ({
  kubeSubnetManager: `${prefix}/kube-subnet-manager`,
  backendData: `${prefix}/backend-data`,
  backendType: `${prefix}/backend-type`,
  publicIP: `${prefix}/public-ip`,
  publicIPOverwrite: `${prefix}/public-ip-overwrite`,
  nodePublicIP: `${prefix}/node-public-ip`,
});

/** The lease a Node stands for; undefined unless its flanneld has written its annotations. Throws when they are broken. */
export function nodeToLease(node: Node, names: AnnotationNames): Lease | undefined {
  const notes = node.metadata.annotations ?? {};
  if (notes[names.kubeSubnetManager] !== 'true') return undefined;
  const subnet = podCidr(node);
  const publicIP = parseIpv4(notes[names.publicIP] ?? '');
  if (subnet === undefined)
    throw new Error(`node ${JSON.stringify(node.metadata.name)} pod cidr not assigned`);
  if (publicIP === undefined)
    throw new Error(`${node.metadata.name}: invalid public IP ${notes[names.publicIP]}`);
  return {
    subnet,
    attrs: {
      publicIP,
      backendType: notes[names.backendType] ?? '',
      backendData: JSON.parse(notes[names.backendData] ?? 'null') as unknown,
    },
  };
}

/** Masked: the API keeps it that way, a hand-written Node may not. */
export function podCidr(node: Node): Prefix | undefined {
  const text = node.spec.podCIDR ?? node.spec.podCIDRs?.[0];
  const cidr = text === undefined || text === '' ? undefined : parsePrefix(text);
  return cidr === undefined ? undefined : { addr: ip4(cidr.addr & netmask(cidr.len)), len: cidr.len };
}

/** AcquireLease's checks. Throws with upstream's sentences. */
export function leaseSubnet(node: Node, network: Prefix): Prefix {
  const name = JSON.stringify(node.metadata.name);
  const subnet = podCidr(node);
  if (subnet === undefined) throw new Error(`node ${name} pod cidr not assigned`);
  if (subnet.len < network.len || ip4(subnet.addr & netmask(network.len)) !== network.addr)
    throw new Error(
      `subnet ${JSON.stringify(formatPrefix(network))} specified in the flannel net config doesn't contain ${JSON.stringify(formatPrefix(subnet))} PodCIDR of the ${name} node`,
    );
  return subnet;
}

/** The annotations flanneld must add or change in its Node; undefined when they are as they should be. */
export function leaseAnnotations(
  node: Node,
  attrs: LeaseAttrs,
  names: AnnotationNames,
): Readonly<Record<string, string>> | undefined {
  const old = node.metadata.annotations ?? {};
  const overwrite = old[names.publicIPOverwrite];
  const wanted = {
    [names.backendData]: JSON.stringify(attrs.backendData),
    [names.backendType]: attrs.backendType,
    [names.publicIP]: overwrite ?? formatIpv4(attrs.publicIP),
    [names.kubeSubnetManager]: 'true',
  };
  return Object.entries(wanted).some(([key, value]) => old[key] !== value) ? wanted : undefined;
}

/** A node's update is news only when these three changed; a changed podCIDR alone is not seen. */
export function leaseChanged(before: Node, after: Node, names: AnnotationNames): boolean {
  const a = before.metadata.annotations ?? {};
  const b = after.metadata.annotations ?? {};
  return [names.backendData, names.backendType, names.publicIP].some((key) => a[key] !== b[key]);
}

/** The address a user asked this node to advertise, if any. */
export const publicIpOf = (node: Node, names: AnnotationNames): Ipv4 | undefined =>
  parseIpv4(node.metadata.annotations?.[names.nodePublicIP] ?? '');
