import { describe, expect, it } from 'vitest';
import { eventually } from './eventually.ts';

/** A clock that moves only when it is slept on. */
function cluster() {
  let now = 0;
  return {
    now: () => now,
    sleep: async (ms: number) => {
      now += ms;
    },
  };
}
const missing = Object.assign(new Error('pod/c has no address yet'), { code: 'E_NOT_FOUND' });

describe('eventually', () => {
  it('tries until something comes', async () => {
    const clock = cluster();
    expect(await eventually(clock, 1000, async () => (clock.now() >= 300 ? 'yes' : undefined))).toBe('yes');
    expect(clock.now()).toBe(300);
  });
  it('tries once without time, and a last time when the time is up', async () => {
    for (const [timeout, tries] of [
      [0, 1],
      [250, 4],
    ] as const) {
      let tried = 0;
      expect(await eventually(cluster(), timeout, async () => void tried++)).toBeUndefined();
      expect(tried).toBe(tries);
    }
  });
  it('waits for what is not there yet, and says so in the end', async () => {
    const clock = cluster();
    const attempt = async () => {
      if (clock.now() < 300) throw missing;
      return 'there';
    };
    expect(await eventually(clock, 1000, attempt)).toBe('there');
    await expect(eventually(cluster(), 200, () => Promise.reject(missing))).rejects.toBe(missing);
  });
  it('does not wait where something is wrong', async () => {
    const clock = cluster();
    await expect(eventually(clock, 1000, () => Promise.reject(new Error('broken')))).rejects.toThrow(
      'broken',
    );
    expect(clock.now()).toBe(0);
  });
});
