import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPrefix, ipv4, prefix } from '../kernel/wire/addr.ts';
import { type Lease, LeaseTable } from './lease.ts';

const lease = (n: number, publicIP = `192.168.100.${10 + n}`, mac = '02:00:00:00:00:01'): Lease => ({
  subnet: prefix(`10.244.${n}.0/24`),
  attrs: { publicIP: ipv4(publicIP), backendType: 'vxlan', backendData: { VNI: 1, VtepMAC: mac } },
});
const text = (events: readonly { type: string; lease: Lease }[]) =>
  events.map(({ type, lease: l }) => `${type} ${formatPrefix(l.subnet)}`);

describe('LeaseTable', () => {
  it('turns snapshots into what came and what went, without its own lease', () => {
    const table = new LeaseTable(prefix('10.244.1.0/24'));
    expect(text(table.reset([lease(1), lease(2), lease(3)]))).toEqual([
      'added 10.244.2.0/24',
      'added 10.244.3.0/24',
    ]);
    expect(text(table.reset([lease(1), lease(3), lease(4)]))).toEqual([
      'removed 10.244.2.0/24',
      'added 10.244.4.0/24',
    ]);
  });
  it('an update that changes nothing is no event; a new MAC is one', () => {
    const table = new LeaseTable(prefix('10.244.1.0/24'));
    table.update({ type: 'added', lease: lease(2) });
    expect(table.update({ type: 'added', lease: lease(2) })).toEqual([]);
    expect(text(table.update({ type: 'added', lease: lease(2, undefined, '02:00:00:00:00:02') }))).toEqual([
      'added 10.244.2.0/24',
    ]);
    expect(table.update({ type: 'removed', lease: lease(9) })).toEqual([]);
  });
  it('a removal carries the lease as it was known, whatever the event says', () => {
    const table = new LeaseTable(prefix('10.244.1.0/24'));
    table.update({ type: 'added', lease: lease(2) });
    const [event] = table.update({ type: 'removed', lease: lease(2, '1.2.3.4') });
    expect(event!.lease.attrs.publicIP).toBe(ipv4('192.168.100.12'));
  });
  it('applied to a set, its events always give the last snapshot', () => {
    fc.assert(
      fc.property(fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 9 }))), (snapshots) => {
        const table = new LeaseTable(prefix('10.244.0.0/24'));
        const known = new Set<string>();
        for (const snapshot of snapshots) {
          for (const event of table.reset(snapshot.map((n) => lease(n))))
            if (event.type === 'added') known.add(formatPrefix(event.lease.subnet));
            else known.delete(formatPrefix(event.lease.subnet));
          expect([...known].sort()).toEqual(
            snapshot
              .filter((n) => n !== 0)
              .map((n) => `10.244.${n}.0/24`)
              .sort(),
          );
        }
      }),
    );
  });
});
