// The daemon: what it waits for, how often it writes, and that it puts back what somebody flushed.
import { expect, it } from 'vitest';
import type { EndpointSlice, Service } from '../../emulator/api/types/service.ts';
import type { ListWatchHandlers, ListWatchOptions } from '../api-client/list-watch.ts';
import { createKernel } from '../kernel/boot.ts';
import { VirtualClock } from '../kernel/clock/virtual-clock.ts';
import { iptables } from '../kernel/netfilter/iptables/iptables.ts';
import { iptablesSave } from '../kernel/netfilter/iptables/save.ts';
import { socketStack } from '../sockets/stack.ts';
import { KubeProxy, type KubeProxyOptions } from './kube-proxy.ts';
import { SPEC, service, slice } from './test-kit.ts';

type AnyOptions = ListWatchOptions<never, unknown>;
type AnyHandlers = ListWatchHandlers<unknown>;

function lab(spec: Partial<typeof SPEC> = {}) {
  const clock = new VirtualClock();
  const kernel = createKernel({ hostname: 'n1', clock, seed: 1 });
  const ns = kernel.host;
  const follows = new Map<string, { options: AnyOptions; handlers: AnyHandlers; synced: boolean }>();
  const api = {
    listWatch: (resource: { resource: string }, options: AnyOptions, handlers: AnyHandlers) => {
      const follow = { options, handlers, synced: false, stop: () => {} };
      follows.set(resource.resource, follow);
      return follow;
    },
  } as unknown as KubeProxyOptions['api'];
  const quiet = { info() {}, warn() {}, error() {} };
  const daemon = new KubeProxy({
    nodeName: 'n1',
    nodeIP: '192.168.100.11',
    ns,
    spec: { ...SPEC, ...spec },
    api,
    stack: socketStack(ns, { owner: 'kube-proxy' }),
    log: quiet,
  });
  const tell = (resource: string, object: object, how: 'onAdd' | 'onDelete' = 'onAdd'): void => {
    const { options, handlers } = follows.get(resource)!;
    const { namespace, name } = (object as Service).metadata;
    handlers[how]?.(options.keep!(object as never), namespace === undefined ? name : `${namespace}/${name}`);
  };
  const listed = (...resources: string[]): void => {
    for (const resource of resources) {
      const follow = follows.get(resource)!;
      follow.synced = true;
      follow.handlers.onSync?.();
    }
    clock.advance(0);
  };
  const endpoints = (): string[] =>
    [...iptablesSave(ns).matchAll(/--to-destination (\S+)/g)].map((m) => m[1]!).sort();
  return { clock, ns, daemon, tell, listed, endpoints, options: (r: string) => follows.get(r)!.options };
}
const web: Service = service('web', {});
const at = (...ips: string[]): EndpointSlice => slice('web', ips);

it('writes nothing before it has heard of Services, slices and its own node', () => {
  const l = lab();
  l.tell('services', web);
  l.tell('endpointslices', at('10.244.1.2@n1'));
  l.listed('services');
  l.listed('endpointslices');
  expect(iptablesSave(l.ns)).toBe('');
  expect(l.options('nodes').fieldSelector).toBe('metadata.name=n1');
  l.listed('nodes');
  expect(l.endpoints()).toEqual(['10.244.1.2:8080']);
  l.daemon.stop();
});

it('with NodeCIDR waits for the node’s podCIDR', () => {
  const l = lab({ detectLocalMode: 'NodeCIDR' });
  l.tell('services', web);
  l.tell('endpointslices', at('10.244.1.2@n1'));
  l.listed('services', 'endpointslices', 'nodes');
  expect(l.endpoints()).toEqual([]);
  l.tell('nodes', { metadata: { name: 'n1' }, spec: { podCIDR: '10.244.1.0/24' } });
  l.clock.advance(1000);
  expect(l.endpoints()).toEqual(['10.244.1.2:8080']);
  expect(iptablesSave(l.ns)).toContain('! -s 10.244.1.0/24');
  l.daemon.stop();
});

it('gathers changes: two syncs at once, then one per minSyncPeriod', () => {
  const l = lab();
  l.tell('services', web);
  l.listed('services', 'endpointslices', 'nodes');
  const seen: string[] = [];
  for (let i = 2; i < 30; i++) {
    l.tell('endpointslices', at(`10.244.1.${i}@n1`));
    l.clock.advance(100);
    seen.push(l.endpoints().join());
  }
  // 2.8 s of changes after the first sync: one more at once, then one a second.
  expect(new Set(seen).size).toBeLessThanOrEqual(5);
  l.clock.advance(1000);
  expect(l.endpoints()).toEqual(['10.244.1.29:8080']);
  l.daemon.stop();
});

it('puts everything back within syncPeriod when the tables were flushed', () => {
  const l = lab();
  l.tell('services', web);
  l.tell('endpointslices', at('10.244.1.2@n1'));
  l.listed('services', 'endpointslices', 'nodes');
  for (const table of ['nat', 'filter', 'mangle'])
    for (const flag of ['-F', '-X']) iptables(l.ns, ['-t', table, flag]);
  expect(l.endpoints()).toEqual([]);
  l.clock.advance(30_001);
  expect(l.endpoints()).toEqual(['10.244.1.2:8080']);
  expect(iptablesSave(l.ns)).toContain(
    '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
  );
  l.daemon.stop();
});

it('a node that moves to another zone looks at hints again', () => {
  const l = lab();
  l.tell('nodes', { metadata: { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'a' } } });
  l.tell('services', web);
  l.tell('endpointslices', at('10.244.1.2@n1 z=a', '10.244.2.2@n2 z=b'));
  l.listed('services', 'endpointslices', 'nodes');
  expect(l.endpoints()).toEqual(['10.244.1.2:8080']);
  l.tell('nodes', { metadata: { name: 'n1', labels: { 'topology.kubernetes.io/zone': 'b' } } });
  l.clock.advance(1000);
  expect(l.endpoints()).toEqual(['10.244.2.2:8080']);
  l.daemon.stop();
});

it('stopped, it leaves its rules where they are, as the real one does; or takes them along when asked', () => {
  for (const cleanup of [false, true]) {
    const l = lab();
    l.tell('services', web);
    l.tell('endpointslices', at('10.244.1.2@n1'));
    l.listed('services', 'endpointslices', 'nodes');
    l.daemon.stop(cleanup);
    expect(l.endpoints()).toEqual(cleanup ? [] : ['10.244.1.2:8080']);
    l.tell('endpointslices', at('10.244.1.3@n1'));
    l.clock.advance(5000);
    expect(l.endpoints()).toEqual(cleanup ? [] : ['10.244.1.2:8080']);
  }
});

it('sets the timeouts of connections that upstream sets', () => {
  const { ns, daemon } = lab();
  const read = (name: string) => ns.sysctl.read(`net/netfilter/nf_conntrack_tcp_timeout_${name}`);
  expect([read('established'), read('close_wait')]).toEqual(['86400', '3600']);
  daemon.stop();
});
