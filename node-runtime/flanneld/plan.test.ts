import { describe, expect, it } from 'vitest';
import { ipv4, prefix } from '../kernel/wire/addr.ts';
import { applyChanges, type Change, changeText, inverse } from './change.ts';
import { plan as hostGw } from './host-gw/plan.ts';
import type { LeaseEvent } from './lease.ts';
import { plan as udp } from './udp/plan.ts';
import { plan as vxlan } from './vxlan/plan.ts';

const event = (type: LeaseEvent['type'], backendType: string, backendData: unknown = null): LeaseEvent => ({
  type,
  lease: {
    subnet: prefix('10.244.2.0/24'),
    attrs: { publicIP: ipv4('192.168.100.12'), backendType, backendData },
  },
});
const VTEP = { VNI: 1, VtepMAC: '5e:11:22:33:44:55' };
const tunnel = { device: 'flannel.1', vni: 1, directDevice: () => undefined };

describe('plan', () => {
  it.each<[string, Change[], string[]]>([
    [
      'vxlan, a lease comes: neighbour, FDB, onlink route, in this order',
      vxlan(event('added', 'vxlan', VTEP), tunnel),
      [
        'ip neigh replace 10.244.2.0 lladdr 5e:11:22:33:44:55 dev flannel.1 nud permanent',
        'bridge fdb replace 5e:11:22:33:44:55 dev flannel.1 dst 192.168.100.12 self permanent',
        'ip route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink',
      ],
    ],
    [
      'vxlan, it goes',
      vxlan(event('removed', 'vxlan', VTEP), tunnel),
      [
        'ip neigh del 10.244.2.0 lladdr 5e:11:22:33:44:55 dev flannel.1 nud permanent',
        'bridge fdb del 5e:11:22:33:44:55 dev flannel.1 dst 192.168.100.12 self permanent',
        'ip route del 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink',
      ],
    ],
    [
      'vxlan with DirectRouting on one segment: no ARP, no FDB',
      vxlan(event('added', 'vxlan', VTEP), { ...tunnel, directDevice: () => 'eth0' }),
      ['ip route replace 10.244.2.0/24 via 192.168.100.12 dev eth0'],
    ],
    ['vxlan passes over other back ends', vxlan(event('added', 'host-gw'), tunnel), []],
    [
      'host-gw',
      hostGw(event('added', 'host-gw'), { device: 'eth0' }),
      ['ip route replace 10.244.2.0/24 via 192.168.100.12 dev eth0'],
    ],
    ['host-gw passes over other back ends', hostGw(event('added', 'vxlan', VTEP), { device: 'eth0' }), []],
    ['udp', udp(event('added', 'udp'), { port: 8285 }), ['peer set 10.244.2.0/24 192.168.100.12:8285']],
    [
      'udp, gone',
      udp(event('removed', 'udp'), { port: 8285 }),
      ['peer del 10.244.2.0/24 192.168.100.12:8285'],
    ],
  ])('%s', (_, changes, text) => {
    expect(changes.map(changeText)).toEqual(text);
  });

  it('a broken annotation is an error, not a wrong entry', () => {
    expect(() => vxlan(event('added', 'vxlan', null), tunnel)).toThrow('bad VtepMAC');
  });
});

describe('applyChanges', () => {
  const changes = vxlan(event('added', 'vxlan', VTEP), tunnel);
  it('a failed step of an added lease undoes those before it', () => {
    const done: string[] = [];
    const apply = (change: Change) => {
      if (change.op === 'route') throw new Error('no route');
      done.push(change.op);
    };
    expect(() => applyChanges('added', changes, apply)).toThrow('no route');
    expect(done).toEqual(['neigh', 'fdb', 'fdb-del', 'neigh-del']);
  });
  it('of a removed lease every step is tried', () => {
    const done: string[] = [];
    const apply = (change: Change) => {
      done.push(change.op);
      if (change.op === 'neigh-del') throw new Error('gone already');
    };
    expect(() => applyChanges('removed', changes.map(inverse), apply)).toThrow('gone already');
    expect(done).toEqual(['neigh-del', 'fdb-del', 'route-del']);
  });
});
