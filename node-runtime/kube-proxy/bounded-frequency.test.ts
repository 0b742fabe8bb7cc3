import { expect, it } from 'vitest';
import { VirtualClock } from '../kernel/clock/virtual-clock.ts';
import { BoundedFrequencyRunner } from './bounded-frequency.ts';

function lab(minInterval: number, maxInterval = 3_600_000) {
  const clock = new VirtualClock(0);
  const runs: number[] = [];
  const runner = new BoundedFrequencyRunner({
    clock,
    run: () => runs.push(clock.now()),
    minInterval,
    maxInterval,
    burst: 2,
  });
  return { clock, runs, runner };
}

it('what is asked for in one turn is one run; two at once, then one a second', () => {
  const { clock, runs, runner } = lab(1000);
  for (let i = 0; i < 5; i++) runner.run();
  clock.advance(0);
  expect(runs).toEqual([0]);
  for (let t = 0; t < 4000; t += 100) {
    runner.run();
    clock.advance(100);
  }
  expect(runs.slice(0, 2)).toEqual([0, 0]);
  expect(runs.slice(2).map((t) => Math.round(t))).toEqual([1000, 2000, 3000, 4000]);
});
it('without a limit each turn may run', () => {
  const { clock, runs, runner } = lab(0);
  for (let i = 0; i < 3; i++) {
    runner.run();
    clock.advance(1);
  }
  expect(runs).toEqual([0, 1, 2]);
});
it('runs unasked after the longest interval, and earlier for a retry', () => {
  const { clock, runs, runner } = lab(1000, 10_000);
  runner.retryAfter(4000);
  clock.advance(4000);
  expect(runs).toEqual([4000]);
  clock.advance(10_000);
  expect(runs).toEqual([4000, 14_000]);
  runner.stop();
  runner.run();
  clock.advance(20_000);
  expect(runs).toHaveLength(2);
});
