// Compiled chains against walked ones: the same packets over the same random rules leave the same of everything. The long
// count is in test/fuzz/compiled.test.ts.
import { describe, expect, it } from 'vitest';
import { Stream } from '../../netns/dice.ts';
import { NfLab } from '../test-kit.ts';
import { ChainIndex } from './chain-index.ts';
import { tableOf } from './net.ts';
import { randomChange, randomRules, Twins } from './random-rules.fixture.ts';

describe('a compiled chain', () => {
  it('does what the walk does: verdict, NAT, mark, counters, sets of recent, log lines', () => {
    const dice = new Stream(1, 'compiled');
    let compiled = 0;
    for (let set = 0; set < 5; set++) {
      const twins = new Twins(set);
      const text = randomRules(dice);
      twins.rules(text);
      for (let n = 0; n < 100; n++) {
        if (n % 50 === 49) twins.rules(randomChange(dice), true);
        const [a, b] = twins.packet(dice);
        expect(a, text).toBe(b);
      }
      const [a, b] = twins.state();
      expect(a).toBe(b);
      compiled += tableOf(twins.labs[0].ns, 'filter').lookups.compiled;
      expect(tableOf(twins.labs[1].ns, 'filter').lookups.compiled).toBe(0);
    }
    expect(compiled).toBeGreaterThan(200);
  });

  it('of 3000 services compares a packet with the rules of its own', () => {
    const lab = new NfLab();
    const rules = Array.from({ length: 3000 }, (_, i) => {
      const addr = `10.96.${i >> 8}.${i & 255}/32`;
      return `-A SERVICES -d ${addr} -p tcp -m comment --comment "ns/svc${i}" -m tcp --dport 80 -j DNAT --to-destination 10.244.1.5:8080`;
    });
    lab.rules(`*nat\n:SERVICES - [0:0]\n-A PREROUTING -j SERVICES\n${rules.join('\n')}\nCOMMIT\n`);
    const chain = tableOf(lab.ns, 'nat').chains.get('SERVICES')!;
    let asked = 0;
    for (const rule of chain.rules) {
      const { matches } = rule;
      rule.matches = (p) => {
        asked++;
        return matches.call(rule, p);
      };
    }
    expect(lab.through(lab.packet('tcp', '10.244.1.9:4000', '10.96.9.15:80', { flags: 'S' }))).toBe(
      '10.244.1.9:4000 > 10.244.1.5:8080 [S]',
    );
    expect(asked).toBe(1);
    expect(tableOf(lab.ns, 'nat').lookups).toEqual({ compiled: 1, walked: 0 });
  });

  it('is made anew when its chain changes, and not otherwise', () => {
    const lab = new NfLab();
    const lines = Array.from({ length: 9 }, (_, i) => `-A X -d 10.0.0.${i + 1}/32 -j DROP`).join('\n');
    lab.rules(`*filter\n:X - [0:0]\n-A FORWARD -j X\n${lines}\nCOMMIT\n`);
    const chain = tableOf(lab.ns, 'filter').chains.get('X')!;
    const first = chain.index;
    expect(first).toBeInstanceOf(ChainIndex);
    lab.ipt('-A', 'FORWARD', '-j', 'ACCEPT');
    expect(chain.index).toBe(first);
    lab.ipt('-I', 'X', '-d', '10.0.0.9/32', '-j', 'RETURN');
    expect(chain.index).not.toBe(first);
    expect(lab.through(lab.packet('tcp', '10.244.1.9:1', '10.0.0.9:2'))).not.toBe('dropped');
    expect(lab.through(lab.packet('tcp', '10.244.1.9:1', '10.0.0.8:2'))).toBe('dropped');
  });
});
