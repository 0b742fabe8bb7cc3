// How long the long tests are and what they roll: PODWIRE_SOAK is the fraction of the whole counts (1: ten million inputs
// and an hour; CI runs 0.01), PODWIRE_SEED the seed, 1 unless given. Each test says both when it begins, so that a failure
// can be repeated: the same seed and fraction give the same inputs.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Stream } from '../../node-runtime/kernel/netns/dice.ts';

const given = (name: string, otherwise: number): number => {
  const text = process.env[name];
  const value = text === undefined || text === '' ? otherwise : Number(text);
  if (!Number.isFinite(value) || value < 0) throw new Error(`${name}=${text}: expected a number from 0 on`);
  return value;
};

export const SOAK = given('PODWIRE_SOAK', 0.01);
export const SEED = given('PODWIRE_SEED', 1);

/** How many of `whole` to do. */
export const share = (whole: number): number => Math.max(1, Math.round(whole * SOAK));

/** The dice of a test, after saying what they are. */
export function dice(name: string, count: number): Stream {
  process.stdout.write(`${name}: ${count} (PODWIRE_SOAK=${SOAK} PODWIRE_SEED=${SEED})\n`);
  return new Stream(SEED, name);
}

export const pick = <T>(dice: Stream, list: readonly T[]): T => list[dice.below(list.length)]!;
/** True once in `n`. */
export const once = (dice: Stream, n: number): boolean => dice.below(n) === 0;

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** Bytes that live on this thread's heap and in its buffers, after collection. */
export function memory(): number {
  gc();
  gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

export const mebibytes = (bytes: number): string => `${(bytes / 1048576).toFixed(1)} MiB`;

/** What a heap may differ between the first quarter and the end: pools and caches fill up, and stay so. */
export const GROWTH = 16 << 20;
