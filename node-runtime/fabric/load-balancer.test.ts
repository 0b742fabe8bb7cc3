import { expect, it } from 'vitest';
import { createKernel } from '../kernel/boot.ts';
import { VirtualClock } from '../kernel/clock/virtual-clock.ts';
import { rtnetlink } from '../kernel/rtnetlink/rtnetlink.ts';
import { formatIpv4, prefix } from '../kernel/wire/addr.ts';
import { electNode, Speaker, type SpeakerOptions } from './load-balancer.ts';
import { addRouter, addSwitch } from './wiring.ts';

const NODES = new Map([
  ['n1', '192.168.100.11'],
  ['n2', '192.168.100.12'],
]);

/** Objects by resource; `tell` has the speaker look again. */
function lab() {
  const kernel = createKernel({ hostname: 'fabric', clock: new VirtualClock(), seed: 1 });
  const lan = addSwitch(kernel, 'segment-lan', prefix('192.168.100.0/24'), 1500);
  const outside = addSwitch(kernel, 'outside', prefix('203.0.113.0/24'), 1500);
  const router = addRouter(kernel, [lan], outside);
  const objects: Record<string, object[]> = { services: [], endpointslices: [], nodes: [] };
  const listeners: (() => void)[] = [];
  const listWatch = (
    { resource }: { resource: string },
    { keep }: { keep: (o: object) => unknown },
    { onSync }: { onSync?: () => void },
  ) => {
    listeners.push(() => onSync?.());
    return { items: () => objects[resource]!.map(keep), stop: () => {} };
  };
  const log = { info: () => {} };
  new Speaker({ api: { listWatch } as unknown as SpeakerOptions['api'], router, nodes: NODES, log });
  const routes = (): string[] =>
    rtnetlink(router)
      .routeList()
      .map((r) => `${formatIpv4(r.dst)}/${r.len}`)
      .filter((text) => text.startsWith('198.51.'));
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  return { objects, routes, tell };
}
const node = (name: string, ready: boolean) => ({
  metadata: { name },
  status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
});
const web = (policy: string) => ({
  metadata: { namespace: 'default', name: 'web' },
  spec: { type: 'LoadBalancer', externalTrafficPolicy: policy },
  status: { loadBalancer: { ingress: [{ ip: '198.51.100.1' }] } },
});
const slice = (nodeName: string, ready = true) => ({
  metadata: { namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
  endpoints: [{ addresses: ['10.244.1.2'], nodeName, conditions: { ready } }],
});

it('an address is routed while a Ready node can take it', () => {
  const { objects, routes, tell } = lab();
  objects['services'] = [web('Cluster')];
  objects['nodes'] = [node('n1', true), node('n2', true)];
  tell();
  expect(routes()).toEqual([]);
  objects['endpointslices'] = [slice('n2')];
  tell();
  expect(routes()).toEqual(['198.51.100.1/32']);
  objects['services'] = [web('Local')];
  objects['nodes'] = [node('n1', true), node('n2', false)];
  tell();
  expect(routes()).toEqual([]);
});
it('a node keeps an address while others come and go', () => {
  const all = ['n1', 'n2', 'n3', 'n4'];
  for (const address of ['198.51.100.1', '198.51.100.2', '198.51.100.3']) {
    const chosen = electNode(address, all)!;
    expect(electNode(address, [...all].reverse())).toBe(chosen);
    for (const gone of all.filter((n) => n !== chosen))
      expect(
        electNode(
          address,
          all.filter((n) => n !== gone),
        ),
      ).toBe(chosen);
  }
  expect(electNode('198.51.100.1', [])).toBeUndefined();
});
