import { expect, it } from 'vitest';
import { formatIpv4 } from '../kernel/wire/addr.ts';
import { cleanStaleEntries } from './conntrack-cleanup.ts';
import { ProxyLab, service, slice } from './test-kit.ts';

const dns = (more = {}) =>
  service('dns', {
    type: 'NodePort',
    ports: [{ port: 53, nodePort: 30053, protocol: 'UDP' }],
    externalIPs: ['198.51.100.7'],
    ...more,
  });
const udpSlice = (...endpoints: string[]) => ({
  ...slice('dns', endpoints),
  ports: [{ name: '', port: 5353, protocol: 'UDP' as const }],
});

/** What is left of three UDP flows to `front` ends and one TCP flow, after the endpoints became `after`. */
function left(before: string[], after: string[]): string[] {
  const lab = new ProxyLab().put(dns(), udpSlice(...before));
  for (const to of ['10.96.0.10:53', '192.168.100.11:30053', '198.51.100.7:53'])
    lab.flow('10.244.1.50', to, 'udp');
  lab.flow('10.244.1.50', '10.244.2.9:53', 'udp');
  lab.put(udpSlice(...after));
  cleanStaleEntries(lab.nf.ct, lab.changes.units());
  return lab.nf.ct
    .list()
    .map((c) => formatIpv4(c.orig.dst))
    .sort();
}
const ALL = ['10.244.2.9', '10.96.0.10', '192.168.100.11', '198.51.100.7'];
const A = '10.244.1.2@n1';
const B = '10.244.2.2@n2';

it.each<[string, string[], string[], string[]]>([
  ['an endpoint that stays keeps its flows', [A], [A, B], ALL],
  ['one that is gone loses them, whichever front end they came by', [A], [B], ['10.244.2.9']],
  ['one that terminates and serves keeps them', [A], ['10.244.1.2@n1T', B], ALL],
  ['one that is unready loses them', [A], ['10.244.1.2@n1!', B], ['10.244.2.9']],
  ['with nobody serving nothing is cleaned: the flows go into a black hole', [A], [], ALL],
])('%s', (_, before, after, expected) => expect(left(before, after)).toEqual(expected));

it('TCP is never cleaned', () => {
  const lab = new ProxyLab().put(service('web', {}), slice('web', [A]));
  lab.flow('10.244.1.50', '10.96.0.10:80');
  lab.put(slice('web', [B]));
  expect(cleanStaleEntries(lab.nf.ct, lab.changes.units())).toBe(0);
});

it('a flow that began before the rules is removed when endpoints appear', () => {
  const lab = new ProxyLab().sync();
  lab.nf.forward(lab.nf.packet('udp', '10.244.1.50:4000', '10.96.0.10:53'))?.free();
  expect(lab.nf.ct.list()).toHaveLength(1);
  lab.put(dns(), udpSlice(A));
  expect(cleanStaleEntries(lab.nf.ct, lab.changes.units())).toBe(1);
  expect(lab.flow('10.244.1.50', '10.96.0.10:53', 'udp')).toBe('10.244.1.2:5353');
});
