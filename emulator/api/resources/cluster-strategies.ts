// Namespace and Node: pkg/registry/core/namespace/strategy.go and node/strategy.go.
import { child, type Fields } from '../fields.ts';
import type { Strategy } from './resource.ts';

export const namespaceStrategy: Strategy = {
  status: true,
  names: 'dns-label',
  selectable: ['status.phase'],
  defaults(object) {
    const metadata = child(object, 'metadata');
    // Since 1.21 each namespace carries its own name as a label, so that policies can select it.
    if (typeof metadata['name'] === 'string')
      child(metadata, 'labels')['kubernetes.io/metadata.name'] = metadata['name'];
  },
  prepareCreate(object) {
    object['spec'] = { finalizers: ['kubernetes'] };
    object['status'] = { phase: 'Active' };
  },
  prepareUpdate(next, old) {
    // Only /finalize changes the finalizers of the spec.
    if (old['spec'] !== undefined) next['spec'] = old['spec'];
  },
};

export const nodeStrategy: Strategy = {
  status: true,
  selectable: ['spec.unschedulable'],
  defaults(object) {
    const spec = child(object, 'spec') as Fields & { podCIDR?: string; podCIDRs?: string[] };
    if (spec.podCIDR !== undefined && spec.podCIDRs === undefined) spec.podCIDRs = [spec.podCIDR];
  },
};
