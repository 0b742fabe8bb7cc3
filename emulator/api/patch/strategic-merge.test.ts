import { expect, it } from 'vitest';
import { kubernetes } from '../schema/definitions.ts';
import { applyStrategicPatch } from './strategic-merge.ts';

/** Of no type, but with the fields that the cases use, each as its own type has it. */
const field = (type: string, name: string) => kubernetes().get(type)!.fields.get(name)!;
const TYPE = {
  name: 'test',
  atomic: false,
  own: [],
  fields: new Map([
    ['conditions', field('core.v1.NodeStatus', 'conditions')],
    ['containers', field('core.v1.PodSpec', 'containers')],
    ['volumes', field('core.v1.PodSpec', 'volumes')],
    ['tolerations', field('core.v1.PodSpec', 'tolerations')],
    ['args', field('core.v1.Container', 'args')],
    ['ports', field('core.v1.ServiceSpec', 'ports')],
    ['finalizers', field('meta.v1.ObjectMeta', 'finalizers')],
    ['strategy', field('apps.v1.DeploymentSpec', 'strategy')],
  ]),
};

it.each<[string, object, object, object]>([
  [
    'maps merge, null deletes',
    { a: { b: 1, c: 2 }, d: 3 },
    { a: { b: null, e: 4 } },
    { a: { c: 2, e: 4 }, d: 3 },
  ],
  [
    'conditions merge by type',
    { conditions: [{ type: 'Ready', status: 'True' }] },
    { conditions: [{ type: 'NetworkUnavailable', status: 'False' }] },
    {
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'NetworkUnavailable', status: 'False' },
      ],
    },
  ],
  [
    'an item is changed in place',
    { containers: [{ name: 'a', image: 'x', args: ['1'] }, { name: 'b' }] },
    { containers: [{ name: 'a', image: 'y' }] },
    { containers: [{ name: 'a', image: 'y', args: ['1'] }, { name: 'b' }] },
  ],
  [
    'an item is deleted',
    { volumes: [{ name: 'a' }, { name: 'b' }] },
    { volumes: [{ name: 'a', $patch: 'delete' }] },
    { volumes: [{ name: 'b' }] },
  ],
  [
    'a list is replaced',
    { containers: [{ name: 'a' }] },
    { containers: [{ $patch: 'replace' }, { name: 'b' }] },
    { containers: [{ name: 'b' }] },
  ],
  ['a map is replaced', { spec: { a: 1 } }, { spec: { $patch: 'replace', b: 2 } }, { spec: { b: 2 } }],
  [
    'Service ports merge by port',
    { ports: [{ port: 80, targetPort: 8080 }] },
    { ports: [{ port: 80, targetPort: 9090 }, { port: 443 }] },
    { ports: [{ port: 80, targetPort: 9090 }, { port: 443 }] },
  ],
  [
    'lists without a key are atomic',
    { args: ['a', 'b'], tolerations: [{ key: 'x' }] },
    { args: ['c'], tolerations: [] },
    { args: ['c'], tolerations: [] },
  ],
  ['finalizers are a set', { finalizers: ['a'] }, { finalizers: ['b', 'a'] }, { finalizers: ['a', 'b'] }],
  [
    'values leave a set by name',
    { finalizers: ['a', 'b'] },
    { '$deleteFromPrimitiveList/finalizers': ['a'] },
    { finalizers: ['b'] },
  ],
  [
    'order is the client’s',
    { containers: [{ name: 'a' }, { name: 'b' }] },
    {
      '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }],
      containers: [{ name: 'b', image: 'z' }],
    },
    { containers: [{ name: 'b', image: 'z' }, { name: 'a' }] },
  ],
  [
    'retainKeys drops the others',
    { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } },
    { strategy: { $retainKeys: ['type'], type: 'Recreate' } },
    { strategy: { type: 'Recreate' } },
  ],
])('%s', (_, original, patch, expected) =>
  expect(applyStrategicPatch(original, patch as never, TYPE)).toEqual(expected),
);
