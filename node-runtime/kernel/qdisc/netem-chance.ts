// Where netem's decisions come from. `ExactChance` decides each packet by (seed, place, flow, ordinal in its flow), and
// where a decision shall lean on the one before keeps the asked share exactly; `LinuxChance` draws as Linux does, one
// generator for all features in the order of netem_enqueue.
import { type Dice, mix32, type Stream } from '../netns/dice.ts';
import type { Skb } from '../skb/skb.ts';
import { type DistributionTable, distributionTable, normalCdf, tableDelay } from './distribution.ts';
import { FlowOrdinals, frameFlow } from './flow-ordinal.ts';
import { type LossChain, lossChain, threshold } from './loss-chain.ts';
import type { NetemOptions, Share } from './netem-options.ts';
import { Crandom, Tausworthe } from './prng.ts';

export interface NetemChance {
  /** A packet is about to be decided. */
  begin(skb: Skb): void;
  /** The duplicate of that packet is; afterwards `resume` goes back to the packet. */
  beginCopy(): void;
  resume(): void;
  duplicate(): boolean;
  loss(): boolean;
  corrupt(): boolean;
  reorder(): boolean;
  /** Nanoseconds; negative means at once. */
  delay(): number;
  /** In [0, n): which byte and which bit are damaged. */
  place(n: number): number;
  /** Nanoseconds to the next slot. */
  slot(): number;
}

type Feature = 'duplicate' | 'loss' | 'corrupt' | 'reorder';
const NS = 1e6;
const MAX_JITTER = 0x7fffffff;
const WORD = 0x1_0000_0000;

/** Delay, jitter and table in nanoseconds, as the kernel keeps them. */
class DelaySpec {
  readonly mu: number;
  readonly sigma: number;
  readonly table: DistributionTable | undefined;
  constructor(delay = 0, jitter = 0, distribution: NetemOptions['distribution'] = 'uniform') {
    this.mu = Math.round(delay * NS);
    this.sigma = Math.min(Math.round(jitter * NS), MAX_JITTER);
    this.table = typeof distribution === 'string' ? distributionTable(distribution) : distribution;
  }
  at(x: number): number {
    return tableDelay(this.mu, this.sigma, x, this.table);
  }
}

/** The time to the next slot, given a way to draw 32 bits. */
function slotDelay(o: NetemOptions): (draw: () => number) => number {
  const { min = 0, max = min, jitter = 0, delay = 0, distribution } = o.slot ?? {};
  if (jitter > 0) {
    const spec = new DelaySpec(delay, jitter, distribution);
    return (draw) => spec.at(draw());
  }
  const least = Math.round(min * NS);
  const width = Math.round(max * NS) - least;
  return (draw) => least + Math.floor((draw() * width) / WORD);
}

export class ExactChance implements NetemChance {
  readonly #ordinals = new FlowOrdinals();
  readonly #hasEthernet: boolean;
  readonly #decide: Record<Feature, () => boolean>;
  readonly #delay: () => number;
  readonly #slot: () => number;
  readonly #places: number;
  /** The packet's own key, and the one in use: the packet's or its duplicate's. */
  #own = 0;
  #key = 0;
  #placed = 0;

  /** `place` names the queue within the node: namespace, device and band. */
  constructor(dice: Dice, place: string, o: NetemOptions, hasEthernet: boolean) {
    this.#hasEthernet = hasEthernet;
    const share = (feature: Feature, s: Share | undefined): (() => boolean) =>
      this.#share(dice, place, feature, s);
    const { loss } = o;
    let lost: () => boolean;
    if (loss === undefined || loss.model === 'random') lost = share('loss', loss);
    else {
      const chain = lossChain(loss);
      const stream = dice.stream(`netem/${place}/loss`);
      const draw = (): number => stream.u32();
      lost = () => chain(draw);
    }
    this.#decide = {
      duplicate: share('duplicate', o.duplicate),
      corrupt: share('corrupt', o.corrupt),
      reorder: share('reorder', o.reorder),
      loss: lost,
    };
    this.#delay = this.#delayOf(dice, place, o);
    this.#places = dice.u32('netem/place', place);
    const slots = dice.stream(`netem/${place}/slot`);
    const next = slotDelay(o);
    const draw = (): number => slots.u32();
    this.#slot = () => next(draw);
  }

  begin(skb: Skb): void {
    const flow = frameFlow(skb, this.#hasEthernet);
    this.#own = mix32(flow ^ Math.imul(this.#ordinals.next(flow) + 1, 0x9e3779b1));
    this.resume();
  }
  beginCopy(): void {
    this.#key = mix32(this.#own ^ 0x5bd1e995);
    this.#placed = 0;
  }
  resume(): void {
    this.#key = this.#own;
    this.#placed = 0;
  }
  duplicate(): boolean {
    return this.#decide.duplicate();
  }
  loss(): boolean {
    return this.#decide.loss();
  }
  corrupt(): boolean {
    return this.#decide.corrupt();
  }
  reorder(): boolean {
    return this.#decide.reorder();
  }
  delay(): number {
    return this.#delay();
  }
  place(n: number): number {
    return Math.floor((this.#keyed(this.#places + this.#placed++) * n) / WORD);
  }
  slot(): number {
    return this.#slot();
  }

  /** 32 bits that depend on the packet's key and the purpose alone. */
  #keyed(purpose: number): number {
    return mix32(Math.imul(this.#key ^ purpose, 0x85ebca6b) ^ mix32(purpose + this.#key));
  }

  #share(dice: Dice, place: string, feature: Feature, s: Share | undefined): () => boolean {
    const p = s?.share ?? 0;
    const rho = s?.correlation ?? 0;
    if (p <= 0) return () => false;
    if (rho === 0) {
      const purpose = dice.u32(`netem/${feature}`, place);
      const limit = threshold(p);
      return () => this.#keyed(purpose) <= limit;
    }
    return markov(dice.stream(`netem/${place}/${feature}`), p, rho);
  }

  #delayOf(dice: Dice, place: string, o: NetemOptions): () => number {
    const spec = new DelaySpec(o.delay, o.jitter, o.distribution);
    if (spec.sigma === 0) return () => spec.mu;
    const rho = o.delayCorrelation ?? 0;
    if (rho === 0) {
      const purpose = dice.u32('netem/delay', place);
      return () => spec.at(this.#keyed(purpose));
    }
    return copula(dice.stream(`netem/${place}/delay`), spec, rho);
  }
}

/** Yes with probability `p`, and with `rho` of correlation to the answer before: a chain of two states. */
function markov(stream: Stream, p: number, rho: number): () => boolean {
  let last = stream.float() < p;
  return () => {
    last = stream.float() < p * (1 - rho) + (last ? rho : 0);
    return last;
  };
}

/**
 * Delays of the asked distribution, each correlated with the one before: an autoregressive normal variable, taken through
 * its distribution function to a uniform one and through the table to a delay.
 */
function copula(stream: Stream, spec: DelaySpec, rho: number): () => number {
  // Uniform variables made of normal ones are a little less correlated than those; this makes up for it.
  const r = spec.table === undefined ? 2 * Math.sin((Math.PI * rho) / 6) : rho;
  const rest = Math.sqrt(1 - r * r);
  let z = gauss(stream);
  return () => {
    z = r * z + rest * gauss(stream);
    const u = normalCdf(z);
    if (spec.table === undefined) return Math.round(spec.mu + spec.sigma * (2 * u - 1));
    const at = Math.min(Math.floor(u * spec.table.length), spec.table.length - 1);
    return tableDelay(spec.mu, spec.sigma, at, spec.table);
  };
}

/** Box-Muller. */
const gauss = (stream: Stream): number =>
  Math.sqrt(-2 * Math.log(1 - stream.float())) * Math.cos(2 * Math.PI * stream.float());

export class LinuxChance implements NetemChance {
  readonly #prng: Tausworthe;
  readonly #entropy: Stream;
  readonly #draws: Record<Feature | 'delay', Crandom>;
  readonly #limits: Record<Feature, number>;
  readonly #spec: DelaySpec;
  readonly #chain: LossChain | undefined;
  readonly #slot: (draw: () => number) => number;
  readonly #draw = (): number => this.#prng.u32();

  constructor(dice: Dice, place: string, o: NetemOptions) {
    this.#entropy = dice.stream(`netem/${place}/entropy`);
    const seed = o.seed ?? (BigInt(this.#entropy.u32()) << 32n) | BigInt(this.#entropy.u32());
    this.#prng = new Tausworthe(seed);
    const draw = (correlation = 0): Crandom => new Crandom(this.#prng, correlation, this.#entropy.u32());
    const random = o.loss?.model === 'random' ? o.loss : undefined;
    this.#draws = {
      duplicate: draw(o.duplicate?.correlation),
      loss: draw(random?.correlation),
      corrupt: draw(o.corrupt?.correlation),
      reorder: draw(o.reorder?.correlation),
      delay: draw(o.delayCorrelation),
    };
    this.#limits = {
      duplicate: threshold(o.duplicate?.share ?? 0),
      loss: threshold(random?.share ?? 0),
      corrupt: threshold(o.corrupt?.share ?? 0),
      reorder: threshold(o.reorder?.share ?? 0),
    };
    this.#spec = new DelaySpec(o.delay, o.jitter, o.distribution);
    this.#chain = o.loss === undefined || o.loss.model === 'random' ? undefined : lossChain(o.loss);
    this.#slot = slotDelay(o);
  }

  begin(): void {}
  beginCopy(): void {}
  resume(): void {}
  duplicate(): boolean {
    return this.#hit('duplicate');
  }
  loss(): boolean {
    return this.#chain === undefined ? this.#hit('loss') : this.#chain(this.#draw);
  }
  corrupt(): boolean {
    return this.#hit('corrupt');
  }
  /** `q->reorder < get_crandom()` means delay: asked even for a share of 0. */
  reorder(): boolean {
    return this.#draws.reorder.u32() <= this.#limits.reorder;
  }
  delay(): number {
    return this.#spec.sigma === 0 ? this.#spec.mu : this.#spec.at(this.#draws.delay.u32());
  }
  place(n: number): number {
    return this.#entropy.below(n);
  }
  slot(): number {
    return this.#slot(() => this.#entropy.u32());
  }

  #hit(feature: Feature): boolean {
    return this.#limits[feature] !== 0 && this.#draws[feature].u32() <= this.#limits[feature];
  }
}
