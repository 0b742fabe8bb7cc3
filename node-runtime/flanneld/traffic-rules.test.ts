import { describe, expect, it } from 'vitest';
import { testHost } from '../cni/test-kit.ts';
import { VirtualClock } from '../kernel/clock/virtual-clock.ts';
import { prefix } from '../kernel/wire/addr.ts';
import { NodeFs } from '../node-fs.ts';
import { subnetEnv, writeSubnetFile } from './subnet-env.ts';
import { forwardRules, masqueradeRules, restoreText, TrafficManager } from './traffic-rules.ts';

const C = prefix('10.244.0.0/16');
const P = prefix('10.244.1.0/24');

describe('traffic rules', () => {
  it('are upstream’s, in upstream’s order, as iptables-restore takes them', () => {
    expect(restoreText(masqueradeRules(C, P), [])).toBe(`*nat
:FLANNEL-POSTRTG - [0:0]
-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.244.1.0/24 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
-A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
COMMIT
`);
    expect(restoreText(forwardRules(C), forwardRules(C).slice(0, 1))).toBe(`*filter
:FLANNEL-FWD - [0:0]
-D FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
-A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
-A FLANNEL-FWD -d 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
COMMIT
`);
  });

  it('are put back within five seconds when any is missing, and left alone otherwise', () => {
    const host = testHost([]);
    const clock = new VirtualClock();
    let restored = 0;
    const restore = (text: string): void => {
      restored++;
      for (const line of text.split('\n')) {
        const chain = line.match(/^:(\S+)/)?.[1];
        if (chain !== undefined) host.chains.set(`filter ${chain}`, []);
        const [, target, rule] = line.match(/^-A (\S+) (.*)/) ?? [];
        if (target !== undefined) host.chains.get(`filter ${target}`)!.push(rule!);
      }
    };
    const manager = new TrafficManager({ iptables: host.iptables, restore, clock, onError: () => {} });
    manager.keep(forwardRules(C));
    expect(host.chains.get('filter FLANNEL-FWD')).toHaveLength(2);
    clock.advance(20_000);
    expect(restored).toBe(1);
    host.chains.get('filter FLANNEL-FWD')!.pop();
    clock.advance(4_000);
    expect(restored).toBe(1);
    clock.advance(1_000);
    expect([restored, host.chains.get('filter FLANNEL-FWD')!.length]).toEqual([2, 2]);
    manager.stop();
    host.chains.get('filter FLANNEL-FWD')!.pop();
    clock.advance(60_000);
    expect([restored, clock.next()]).toEqual([2, undefined]);
  });
});

describe('subnet.env', () => {
  it('names the bridge’s address, not the lease’s', () => {
    const fs = new NodeFs({ now: () => 0 });
    writeSubnetFile(fs, subnetEnv(C, P, 1450, true));
    expect(fs.readText('/run/flannel/subnet.env')).toBe(
      'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n',
    );
    expect([fs.stat('/run/flannel/subnet.env').mode, fs.list('/run/flannel')]).toEqual([
      0o644,
      ['subnet.env'],
    ]);
  });
});
