// netem's loss models with memory: loss_4state and loss_gilb_ell of net/sched/sch_netem.c (as since Linux 5.16, which mended the
// way out of the burst). States of a link, moved on by each packet.
import type { LossModel } from './netem-options.ts';

/** Shares as Linux passes them: of 2^32 - 1. */
export const threshold = (share: number): number => Math.round(share * 0xffffffff);

const GAP_GOOD = 1;
const BURST_GOOD = 2;
const BURST_LOST = 3;
const GAP_LOST = 4;

/** One packet's fate: true is lost. Draws 32-bit numbers as it needs them, one or two. */
export type LossChain = (draw: () => number) => boolean;

export function lossChain(model: Exclude<LossModel, { model: 'random' }>): LossChain {
  return model.model === 'state' ? fourStates(model) : gilbertElliott(model);
}

function fourStates(model: Extract<LossModel, { model: 'state' }>): LossChain {
  const p13 = threshold(model.p13);
  const p31 = threshold(model.p31 ?? 1 - model.p13);
  const p32 = threshold(model.p32 ?? 0);
  const p23 = threshold(model.p23 ?? 1);
  const p14 = threshold(model.p14 ?? 0);
  let state = GAP_GOOD;
  return (draw) => {
    const x = draw();
    switch (state) {
      case GAP_GOOD:
        if (x < p14) {
          state = GAP_LOST;
          return true;
        }
        if (x < p13 + p14) {
          state = BURST_LOST;
          return true;
        }
        return false;
      case BURST_GOOD:
        if (x < p23) {
          state = BURST_LOST;
          return true;
        }
        return false;
      case BURST_LOST:
        if (x < p32) {
          state = BURST_GOOD;
          return false;
        }
        if (x < p31 + p32) {
          state = GAP_GOOD;
          return false;
        }
        return true;
      default:
        state = GAP_GOOD;
        return false;
    }
  };
}

function gilbertElliott(model: Extract<LossModel, { model: 'gemodel' }>): LossChain {
  const p = threshold(model.p);
  const r = threshold(model.r ?? 1 - model.p);
  const h = threshold(1 - (model.h1 ?? 1));
  const k1 = threshold(model.k1 ?? 0);
  let good = true;
  return (draw) => {
    // The packet is judged by the state before the change that its first draw decides.
    if (good) {
      if (draw() < p) good = false;
      return draw() < k1;
    }
    if (draw() < r) good = true;
    return draw() > h;
  };
}
