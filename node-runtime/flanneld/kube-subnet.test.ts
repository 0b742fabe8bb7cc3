import { describe, expect, it } from 'vitest';
import type { Node } from '../../emulator/api/types/node.ts';
import { formatPrefix, ipv4, prefix } from '../kernel/wire/addr.ts';
import { annotationNames, leaseAnnotations, leaseChanged, leaseSubnet, nodeToLease } from './kube-subnet.ts';

const names = annotationNames();
const P = 'flannel.alpha.coreos.com';
const node = (annotations: Record<string, string>, podCIDR?: string): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n2', annotations },
  spec: podCIDR === undefined ? {} : { podCIDR },
});
const written = {
  [`${P}/backend-data`]: '{"VNI":1,"VtepMAC":"5e:11:22:33:44:55"}',
  [`${P}/backend-type`]: 'vxlan',
  [`${P}/kube-subnet-manager`]: 'true',
  [`${P}/public-ip`]: '192.168.100.12',
};
const attrs = {
  publicIP: ipv4('192.168.100.12'),
  backendType: 'vxlan',
  backendData: { VNI: 1, VtepMAC: '5e:11:22:33:44:55' },
};

describe('leases in Nodes', () => {
  it('a Node with annotations is a lease', () => {
    expect(nodeToLease(node(written, '10.244.2.0/24'), names)).toEqual({
      subnet: prefix('10.244.2.0/24'),
      attrs,
    });
  });
  it('a Node without is none', () => {
    expect(nodeToLease(node({}, '10.244.2.0/24'), names)).toBeUndefined();
  });
  it.each<[string, string | undefined, string]>([
    ['no podCIDR', undefined, 'node "n2" pod cidr not assigned'],
    [
      'a podCIDR outside the network',
      '10.99.2.0/24',
      `subnet "10.244.0.0/16" specified in the flannel net config doesn't contain "10.99.2.0/24" PodCIDR of the "n2" node`,
    ],
    [
      'a podCIDR wider than the network',
      '10.0.0.0/8',
      `subnet "10.244.0.0/16" specified in the flannel net config doesn't contain "10.0.0.0/8" PodCIDR of the "n2" node`,
    ],
  ])('%s is refused', (_, cidr, message) => {
    expect(() => leaseSubnet(node({}, cidr), prefix('10.244.0.0/16'))).toThrow(message);
  });
  it('the subnet is the podCIDR', () => {
    expect(formatPrefix(leaseSubnet(node({}, '10.244.2.0/24'), prefix('10.244.0.0/16')))).toBe(
      '10.244.2.0/24',
    );
  });
  it.each<[string, Record<string, string>, Record<string, string> | undefined]>([
    ['all four are written at first', {}, written],
    ['nothing to do when they are there', written, undefined],
    [
      'public-ip-overwrite wins',
      { [`${P}/public-ip-overwrite`]: '1.2.3.4' },
      { ...written, [`${P}/public-ip`]: '1.2.3.4' },
    ],
  ])('%s', (_, old, wanted) => {
    expect(leaseAnnotations(node(old), attrs, names)).toEqual(wanted);
  });
  it('a changed podCIDR alone is not news', () => {
    const before = node(written, '10.244.2.0/24');
    expect(leaseChanged(before, node(written, '10.244.9.0/24'), names)).toBe(false);
    expect(leaseChanged(before, node({ ...written, [`${P}/public-ip`]: '1.1.1.1' }), names)).toBe(true);
  });
});
