import { describe, expect, it } from 'vitest';
import { dropReasons } from '../netdev/test-kit.ts';
import { setQdisc } from './impairment.ts';
import { Tbf, type TbfOptions } from './tbf.ts';
import { link } from './test-kit.ts';

function limited(options: TbfOptions) {
  const t = link();
  const tbf = new Tbf(t.dev, options);
  setQdisc(t.dev, tbf);
  const send = (n: number): void => {
    for (let i = 0; i < n; i++) t.dev.queueXmit(t.packet(i, { bytes: 958 }));
  };
  const times = () => t.dev.left.map((l) => Number(l.time.toFixed(6)));
  return { ...t, tbf, send, times };
}

describe('tbf', () => {
  // Packets of 1000 bytes; 8 Mbit/s is one a millisecond.
  it.each([
    {
      what: 'a burst of two, then the rate',
      o: { rate: 8e6, burst: 2000, limit: 10_000 },
      times: [0, 0, 1, 2, 3],
    },
    { what: 'a bucket of one', o: { rate: 8e6, burst: 1000, limit: 10_000 }, times: [0, 1, 2, 3, 4] },
    {
      what: 'a peak rate of two a millisecond',
      o: { rate: 8e6, burst: 3000, limit: 10_000, peakrate: 16e6, minburst: 1000 },
      times: [0, 0.5, 1, 1.5, 2],
    },
  ])('$what: $times', ({ o, times: expected }) => {
    const { clock, send, times } = limited(o);
    send(5);
    clock.advance(20);
    expect(times()).toEqual(expected);
    expect(clock.next()).toBeUndefined();
  });

  it('tokens gather while nothing is sent, up to the burst', () => {
    const { clock, send, times } = limited({ rate: 8e6, burst: 2000, limit: 10_000 });
    send(2);
    clock.advance(1);
    send(1);
    clock.advance(100);
    send(3);
    clock.advance(20);
    expect(times()).toEqual([0, 0, 1, 101, 101, 102]);
  });

  it('what waits is bounded in bytes', () => {
    const { clock, send, times, kernel } = limited({ rate: 8e6, burst: 1000, limit: 2500 });
    send(5);
    clock.advance(20);
    expect(times()).toEqual([0, 1, 2]);
    expect(dropReasons(kernel)).toEqual(['QDISC_DROP', 'QDISC_DROP']);
  });

  it('a packet longer than the burst never passes', () => {
    const { kernel, send } = limited({ rate: 8e6, burst: 999, limit: 2500 });
    send(1);
    expect(dropReasons(kernel)).toEqual(['QDISC_DROP']);
  });

  it('stop frees what waits and leaves no timer', () => {
    const { clock, dev, tbf, send } = limited({ rate: 8e6, burst: 1000, limit: 9000 });
    send(3);
    setQdisc(dev, undefined);
    expect([tbf.backlog, clock.next()]).toEqual([0, undefined]);
  });

  it.each<[TbfOptions, string]>([
    [
      { rate: 1e6, burst: 5120, limit: 20_480, peakrate: 2e6, minburst: 1540 },
      'tbf rate 1Mbit burst 5Kb peakrate 2Mbit minburst 1540b lat 123ms ',
    ],
    [{ rate: 1e6, burst: 5000, limit: 3000 }, 'tbf rate 1Mbit burst 5000b limit 3000b '],
    [{ rate: 1e6, burst: 1540, limit: 1540 }, 'tbf rate 1Mbit burst 1540b lat 0us '],
    [{ rate: 1e7, burst: 4096, latency: 400 }, 'tbf rate 10Mbit burst 4Kb lat 400ms '],
  ])('shows as tc does (iproute2 6.1): %o', (options, text) => expect(limited(options).tbf.text).toBe(text));

  it.each<[TbfOptions, string]>([
    [{ rate: 0, burst: 1, limit: 1 }, 'rate'],
    [{ rate: 1, burst: 0, limit: 1 }, 'burst'],
    [{ rate: 1, burst: 1 }, 'limit and latency'],
    [{ rate: 8, burst: 1, limit: 1, peakrate: 16 }, 'minburst'],
    [{ rate: 8, burst: 1, limit: 1, peakrate: 8, minburst: 1 }, 'lower than or equal'],
  ])('refuses %o', (options, why) => expect(() => new Tbf(link().dev, options)).toThrow(why));
});
