import { describe, expect, it } from 'vitest';
import { Stream } from '../netns/dice.ts';
import { lossChain } from './loss-chain.ts';

/** Runs a chain over draws written as shares; "x" lost, "." delivered. */
function run(model: Parameters<typeof lossChain>[0], draws: number[], packets: number): string {
  const chain = lossChain(model);
  const left = draws.map((d) => Math.floor(d * 0xffffffff));
  let out = '';
  for (let i = 0; i < packets; i++) out += chain(() => left.shift()!) ? 'x' : '.';
  expect(left).toEqual([]);
  return out;
}

describe('four states', () => {
  const model = { model: 'state', p13: 0.2, p31: 0.3, p32: 0.2, p23: 0.5, p14: 0.1 } as const;
  it.each([
    { what: 'stays good', draws: [0.5, 0.9], fate: '..' },
    { what: 'alone lost, then good whatever the draw', draws: [0.05, 0.05, 0.5], fate: 'x..' },
    {
      what: 'into the burst and back: the packet on the way out is delivered',
      draws: [0.15, 0.9, 0.4, 0.9],
      fate: 'xx..',
    },
    { what: 'good within the burst', draws: [0.15, 0.1, 0.9, 0.4], fate: 'x..x' },
  ])('$what', ({ draws, fate }) => expect(run(model, draws, fate.length)).toBe(fate));

  it('with only p13 the defaults make it a share of independent bursts of one', () => {
    const chain = lossChain({ model: 'state', p13: 0.1 });
    const stream = new Stream(5, 'x');
    let lost = 0;
    for (let i = 0; i < 40_000; i++) if (chain(() => stream.u32())) lost++;
    // p31 = 0.9: share lost = p13 / (p13 + p31) of the packets.
    expect(lost / 40_000).toBeCloseTo(0.1, 1.8);
  });
});

describe('Gilbert-Elliott', () => {
  it.each([
    {
      what: 'judged by the state before the change',
      draws: [0.05, 0.5, 0.9, 0.5, 0.1, 0.5, 0.9, 0.5],
      fate: '.xx.',
    },
  ])('$what', ({ draws, fate }) =>
    expect(run({ model: 'gemodel', p: 0.1, r: 0.5 }, draws, fate.length)).toBe(fate),
  );

  it('loses p / (p + r), in bursts of 1 / r', () => {
    const chain = lossChain({ model: 'gemodel', p: 0.02, r: 0.25 });
    const stream = new Stream(9, 'x');
    let lost = 0;
    let bursts = 0;
    let before = false;
    for (let i = 0; i < 60_000; i++) {
      const gone = chain(() => stream.u32());
      if (gone) lost++;
      if (gone && !before) bursts++;
      before = gone;
    }
    expect(lost / 60_000).toBeCloseTo(0.02 / 0.27, 2);
    expect(lost / bursts).toBeCloseTo(4, 0);
  });
});
