import { expect, it } from 'vitest';
import type { Service } from '../../api/types/service.ts';
import { parseRange } from '../../cluster/prefix.ts';
import { reconcile } from './service-lb.ts';

const POOL = parseRange('198.51.100.0/30')!;
const service = (name: string, spec: Partial<Service['spec']>, ip?: string): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec,
  ...(ip === undefined ? {} : { status: { loadBalancer: { ingress: [{ ip }] } } }),
});
const lb = { type: 'LoadBalancer' } as const;
/** "status IP", "status", "event TEXT", "again". */
const actions = (one: Service, ...others: Service[]): string[] =>
  reconcile(one, [one, ...others], POOL).map((action) => {
    if (action.do === 'status') {
      const ip = (action.object as Service).status?.loadBalancer?.ingress?.[0]?.ip;
      return ip === undefined ? 'status' : `status ${ip}`;
    }
    return action.do === 'event' ? `${action.type}: ${action.message}` : action.do;
  });

it.each<[string, string[], string[]]>([
  [
    'the first free one',
    actions(service('a', lb)),
    ['status 198.51.100.1', 'Normal: Ensured load balancer: 198.51.100.1 for default/a'],
  ],
  [
    'others’ are left',
    actions(service('a', lb), service('b', lb, '198.51.100.1')),
    ['status 198.51.100.2', 'Normal: Ensured load balancer: 198.51.100.2 for default/a'],
  ],
  ['what it has it keeps', actions(service('a', lb, '198.51.100.2')), []],
  [
    'the one it asks for',
    actions(service('a', { ...lb, loadBalancerIP: '198.51.100.2' })),
    ['status 198.51.100.2', 'Normal: Ensured load balancer: 198.51.100.2 for default/a'],
  ],
  [
    'taken',
    actions(service('a', { ...lb, loadBalancerIP: '198.51.100.2' }), service('b', lb, '198.51.100.2')),
    ["Warning: Error syncing load balancer: 198.51.100.2 is another Service's", 'again'],
  ],
  [
    'not of the pool',
    actions(service('a', { ...lb, loadBalancerIP: '192.0.2.1' })),
    ['Warning: Error syncing load balancer: 192.0.2.1 is not in 198.51.100.0/30', 'again'],
  ],
  [
    'none left',
    actions(service('a', lb), service('b', lb, '198.51.100.1'), service('c', lb, '198.51.100.2')),
    ['Warning: Error syncing load balancer: no address is left in 198.51.100.0/30', 'again'],
  ],
  ['another type gives it back', actions(service('a', { type: 'ClusterIP' }, '198.51.100.1')), ['status']],
  ['another type has none', actions(service('a', { type: 'NodePort' })), []],
  ['a class is somebody else’s', actions(service('a', { ...lb, loadBalancerClass: 'example.org/x' })), []],
])('%s', (_, got, expected) => expect(got).toEqual(expected));
