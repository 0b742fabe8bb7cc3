import { describe, expect, it } from 'vitest';
import { InputError } from '../input/error.ts';
import { readDocuments } from '../input/reader.ts';
import { readCluster } from './read.ts';

const read = (text: string) => readCluster(readDocuments(text, 'c.yaml')[0]!);
const refusal = (text: string): string => {
  try {
    read(text);
  } catch (e) {
    if (e instanceof InputError) return e.message;
    throw e;
  }
  return 'accepted';
};

describe('a cluster file', () => {
  it('means a three-node vxlan cluster when it says nothing', () => {
    const spec = read('seed: 1');
    expect(spec.nodes.map((n) => [n.name, n.address, n.mac])).toEqual([
      ['n1', '192.168.100.11', '02:00:c0:a8:64:0b'],
      ['n2', '192.168.100.12', '02:00:c0:a8:64:0c'],
      ['n3', '192.168.100.13', '02:00:c0:a8:64:0d'],
    ]);
    expect(spec.network).toMatchObject({
      backend: 'vxlan',
      vni: 1,
      port: 8472,
      mtu: undefined,
      bridge: 'cni0',
    });
    expect(spec.placement).toBe('process');
  });
  it('places nodes on their segments', () => {
    const spec = read(
      'segments: [{name: a, cidr: 10.1.0.0/24}, {name: b, cidr: 10.2.0.0/24}]\nnodes: [x, {name: y, segment: b}, {name: z, segment: b, address: 10.2.0.99}]',
    );
    expect(spec.nodes.map((n) => n.address)).toEqual(['10.1.0.11', '10.2.0.11', '10.2.0.99']);
  });

  it.each([
    ['nodes: 3\nbackend: vxlan', /^c\.yaml:2:1: backend: unknown field "backend"/],
    [
      'network: {backend: vxlam}',
      /^c\.yaml:1:20: network\.backend: unknown value "vxlam"; did you mean "vxlan"/,
    ],
    ['podCIDR: fd00::/48', /c\.yaml:1:10: podCIDR: .*IPv6 or dual-stack.*write one IPv4 range/],
    ['podCIDR: 10.244.0.0/16,fd00::/48', /dual-stack/],
    ['podCIDR: 10.244.1.0/16', /host bits set; write 10\.244\.0\.0\/16/],
    ['podCIDR: banana', /no IPv4 range/],
    ['podCIDR: 10.96.0.0/16', /serviceCIDR overlaps podCIDR/],
    ['podCIDR: 192.168.0.0/16', /segment lan overlaps podCIDR/],
    ['serviceCIDR: 203.0.113.0/25', /the outside network overlaps serviceCIDR/],
    ['podCIDR: 10.244.0.0/23\nnodes: 3', /podCIDR: has room for 2 nodes of a \/24 each, and there are 3/],
    ['nodeCIDRMaskSize: 16', /does not fit into podCIDR/],
    ['network: {mtu: 1480}', /network\.mtu: 1480 does not fit: vxlan adds 50 bytes.*use at most 1450/],
    ['network: {backend: udp, mtu: 1473}', /use at most 1472/],
    ['segments: [{name: a, cidr: 10.1.0.0/24, mtu: 600}]', /cannot hold vxlan's 50 bytes/],
    ['nodes: [a, a]', /node "a" stands twice/],
    ['nodes: [A_b]', /no DNS label/],
    ['nodes: [{name: a, segment: dmz}]', /no segment "dmz"; use one of lan/],
    ['nodes: [{name: a, address: 192.168.100.1}]', /router/],
    ['nodes: [{name: a, address: 10.0.0.1}]', /not in segment lan/],
    ['nodes: 0', /out of range/],
    ['segments: [{name: a, cidr: 10.1.0.0/28}]\nnodes: 9', /has no address left/],
    ['virtualTime: true', /placement: inline/],
    ['timing: {nodeMonitorGrace: 1s}', /grace time/],
    ['nodes: [{name: a, network: {vni: 7}}]\nnetwork: {backend: host-gw}', /has no meaning with host-gw/],
  ])('%s is refused', (text, message) => expect(refusal(text)).toMatch(message));
});
