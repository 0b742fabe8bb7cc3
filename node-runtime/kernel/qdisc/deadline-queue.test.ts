import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Skb } from '../skb/skb.ts';
import { DeadlineQueue } from './deadline-queue.ts';

describe('DeadlineQueue', () => {
  it('gives back in order of time, equal times in order of coming, and knows first and last', () => {
    const op = fc.oneof(
      { weight: 2, arbitrary: fc.integer({ min: 0, max: 9 }) },
      { weight: 1, arbitrary: fc.constant('shift') },
    );
    fc.assert(
      fc.property(fc.array(op, { maxLength: 200 }), (ops) => {
        const queue = new DeadlineQueue();
        let model: { time: number; skb: Skb }[] = [];
        for (const step of ops) {
          if (typeof step === 'number') {
            const skb = new Skb(new Uint8Array(0), undefined);
            queue.push(step, skb);
            model = [...model, { time: step, skb }].sort((a, b) => a.time - b.time);
          } else expect(queue.shift()).toBe(model.shift()?.skb);
          expect(queue.length).toBe(model.length);
          expect(queue.first).toBe(model[0]?.time ?? Number.POSITIVE_INFINITY);
          if (model.length > 0) expect(queue.last).toBeGreaterThanOrEqual(model.at(-1)!.time);
        }
      }),
    );
  });
});
