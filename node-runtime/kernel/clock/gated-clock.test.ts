import { describe, expect, it } from 'vitest';
import { GatedClock } from './gated-clock.ts';
import { VirtualClock } from './virtual-clock.ts';

describe('GatedClock', () => {
  const setUp = () => {
    const inner = new VirtualClock(1000);
    const fired: string[] = [];
    const gated = new GatedClock(inner);
    const set = (name: string, ms: number) => gated.after(ms, () => fired.push(`${name}@${inner.now()}`));
    return { inner, gated, fired, set };
  };

  it('fires its timers at their deadlines, in order, and none that was cancelled', () => {
    const { inner, fired, set } = setUp();
    set('b', 20);
    set('a', 10);
    set('c', 20);
    set('never', 15).cancel();
    inner.advance(30);
    expect(fired).toEqual(['a@10', 'b@20', 'c@20']);
  });
  it('fires a timer that was set by another for the same instant', () => {
    const { inner, gated, fired } = setUp();
    gated.after(5, () => gated.after(0, () => fired.push('then')));
    inner.advance(5);
    expect(fired).toEqual(['then']);
  });
  it('holds what comes due while it is held, and only its own', () => {
    const { inner, gated, fired, set } = setUp();
    inner.after(10, () => fired.push('other'));
    set('b', 12);
    set('a', 10);
    gated.hold();
    inner.advance(20);
    set('c', 5);
    inner.advance(10);
    expect(fired).toEqual(['other']);
    gated.release();
    inner.advance(0);
    expect(fired).toEqual(['other', 'a@30', 'b@30', 'c@30']);
  });
  it('drops everything when killed, and takes nothing more', () => {
    const { inner, gated, fired, set } = setUp();
    set('a', 10);
    gated.kill();
    set('b', 10);
    inner.advance(100);
    expect(fired).toEqual([]);
    expect(inner.next()).toBe(undefined);
  });
});
