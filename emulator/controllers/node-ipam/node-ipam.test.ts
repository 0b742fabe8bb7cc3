import { describe, expect, it } from 'vitest';
import type { Node } from '../../api/types/node.ts';
import { node } from '../testing.ts';
import { allocate, subnet } from './node-ipam.ts';

const OPTIONS = { podCIDR: '10.244.0.0/22', nodeMaskSize: 24, order: ['n1', 'n2'] };
const given = (nodes: readonly Node[]): string[] =>
  allocate(nodes, OPTIONS).map((action) =>
    action.do === 'update'
      ? `${action.object.metadata.name} ${(action.object as Node).spec.podCIDR}`
      : action.do,
  );
const has = (name: string, podCIDR: string): Node => node(name, { spec: { podCIDR } });

describe('node IPAM', () => {
  it.each<[string, readonly Node[], string[]]>([
    [
      'in the order of the file, whoever comes first',
      [node('n2'), node('n1')],
      ['n2 10.244.1.0/24', 'n1 10.244.0.0/24'],
    ],
    ['others after those of the file', [node('x'), node('n1')], ['x 10.244.2.0/24', 'n1 10.244.0.0/24']],
    [
      'a share that is taken is not given twice',
      [has('x', '10.244.0.0/24'), node('n1')],
      ['n1 10.244.1.0/24'],
    ],
    [
      'the last one gets none',
      [
        has('a', '10.244.0.0/24'),
        has('b', '10.244.1.0/24'),
        has('c', '10.244.2.0/24'),
        has('d', '10.244.3.0/24'),
        node('e'),
      ],
      ['event'],
    ],
  ])('%s', (_case, nodes, expected) => expect(given(nodes)).toEqual(expected));

  it.each([
    ['10.244.0.0/16', 24, 255, '10.244.255.0/24'],
    ['10.0.0.0/8', 24, 256, '10.1.0.0/24'],
    ['172.16.0.0/12', 26, 3, '172.16.0.192/26'],
  ])('subnet %s /%i number %i', (cidr, length, i, expected) =>
    expect(subnet(cidr, length, i)).toBe(expected),
  );
});
