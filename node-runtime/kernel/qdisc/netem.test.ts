import { describe, expect, it } from 'vitest';
import { dropReasons, frame } from '../netdev/test-kit.ts';
import { CHECKSUM_PARTIAL } from '../skb/skb.ts';
import type { TraceEvent } from '../trace/event.ts';
import { ipv4 as address } from '../wire/addr.ts';
import { pseudoHeader } from '../wire/checksum.ts';
import * as ip from '../wire/ipv4.ts';
import { setQdisc } from './impairment.ts';
import { Netem } from './netem.ts';
import type { NetemOptions } from './netem-options.ts';
import { link, OWN, PEER } from './test-kit.ts';

function impaired(options: NetemOptions, seed = 1) {
  const t = link(seed);
  const netem = new Netem(t.dev, options);
  setQdisc(t.dev, netem);
  /** Sends `n` packets, one every `gap` ms, each of its own port; or all of one flow. */
  const send = (n: number, gap = 0, port: (i: number) => number = (i) => i + 1): void => {
    for (let i = 0; i < n; i++) {
      t.dev.queueXmit(t.packet(port(i)));
      if (gap > 0) t.clock.advance(gap);
    }
  };
  const times = () => t.dev.left.map((l) => l.time);
  const ports = () => t.dev.left.map((l) => l.port);
  return { ...t, netem, send, times, ports };
}

describe('delay', () => {
  it('of 10 ms delays each of 20,000 packets a second, and slows none', () => {
    const { clock, send, times, ports } = impaired({ delay: 10 });
    send(20_000, 0.05, (i) => (i % 65_000) + 1);
    clock.advance(10);
    expect(times()).toHaveLength(20_000);
    // When each went in, as the clock added it up.
    let sent = 0;
    let wrong = 0;
    const order = ports();
    times().forEach((time, i) => {
      if (Math.abs(time - sent - 10) > 1e-9 || order[i] !== (i % 65_000) + 1) wrong++;
      sent += 0.05;
    });
    expect(wrong).toBe(0);
    expect(times().at(-1)).toBeCloseTo(1009.95, 6);
  });

  it('is kept to the millisecond, never early, in order', () => {
    const { clock, send, times, ports } = impaired({ delay: 20 });
    send(3, 5);
    clock.advanceTo(19.999);
    expect(times()).toEqual([]);
    clock.advanceTo(100);
    expect([times(), ports()]).toEqual([
      [20, 25, 30],
      [1, 2, 3],
    ]);
    expect(clock.next()).toBeUndefined();
  });

  it('leaves one timer, however many wait', () => {
    const { clock, send } = impaired({ delay: 20, jitter: 10 });
    let timers = 0;
    const at = clock.at.bind(clock);
    clock.at = (deadline, fn) => {
      timers++;
      const timer = at(deadline, fn);
      return {
        deadline,
        cancel: () => {
          timers--;
          timer.cancel();
        },
      };
    };
    send(100);
    expect(timers).toBe(1);
  });

  it('uniform jitter stays within its bounds and reorders by itself', () => {
    const { clock, send, times, ports } = impaired({ delay: 20, jitter: 10 });
    send(400);
    clock.advance(100);
    expect(Math.min(...times())).toBeGreaterThanOrEqual(10);
    expect(Math.max(...times())).toBeLessThan(30);
    expect(times().reduce((a, b) => a + b, 0) / 400).toBeCloseTo(20, -0.3);
    expect(ports()).not.toEqual([...ports()].sort((a, b) => a - b));
  });

  it('jitterReorder false keeps the order', () => {
    const { clock, send, ports } = impaired({ delay: 20, jitter: 10, jitterReorder: false });
    send(200, 0.1);
    clock.advance(100);
    expect(ports()).toEqual([...ports()].sort((a, b) => a - b));
  });

  it('a negative draw means at once', () => {
    const { clock, send, times } = impaired({ delay: 1, jitter: 100 });
    send(200);
    expect(times().length).toBeGreaterThan(60);
    clock.advance(200);
    expect(times().length).toBe(200);
  });

  it.each([
    { distribution: 'normal' as const, sd: 5 },
    { distribution: 'pareto' as const, sd: 4.1 },
    { distribution: 'paretonormal' as const, sd: 4.2 },
    { distribution: 'uniform' as const, sd: 5 / Math.sqrt(3) },
  ])('$distribution: mean near 50, deviation near $sd', ({ distribution, sd }) => {
    const { clock, send, times } = impaired({ delay: 50, jitter: 5, distribution, limit: 5000 });
    send(2500);
    clock.advance(1000);
    const mean = times().reduce((a, b) => a + b, 0) / 2500;
    const deviation = Math.sqrt(times().reduce((a, b) => a + (b - mean) ** 2, 0) / 2500);
    expect(Math.abs(mean - 50)).toBeLessThan(0.4);
    expect(Math.abs(deviation - sd)).toBeLessThan(0.3);
  });

  it.each([{ distribution: 'uniform' as const }, { distribution: 'normal' as const }])(
    'correlated, $distribution: the marginal stays, neighbours go along',
    ({ distribution }) => {
      const { clock, dev, packet } = impaired({
        delay: 50,
        jitter: 5,
        distribution,
        delayCorrelation: 0.7,
        limit: 5000,
      });
      const delays: number[] = [];
      for (let i = 0; i < 2500; i++) {
        const sent = clock.now();
        dev.queueXmit(packet(1));
        clock.advance(200);
        delays.push(dev.left[i]!.time - sent);
      }
      const mean = delays.reduce((a, b) => a + b, 0) / delays.length;
      const v = delays.reduce((a, d) => a + (d - mean) ** 2, 0) / delays.length;
      const c = delays.slice(1).reduce((a, d, i) => a + (d - mean) * (delays[i]! - mean), 0) / delays.length;
      expect(Math.abs(mean - 50)).toBeLessThan(0.5);
      expect(Math.sqrt(v)).toBeCloseTo(distribution === 'normal' ? 5 : 5 / Math.sqrt(3), 0);
      expect(c / v).toBeCloseTo(0.7, 1);
    },
  );
});

describe('lateness', () => {
  it('what a packet was late before comes off its delay', () => {
    const { clock, dev, packet } = impaired({ delay: 20 });
    for (const late of [0, 1.5, 50]) dev.queueXmit(Object.assign(packet(1), { late }));
    clock.advance(100);
    expect(dev.left.map((l) => [l.time, l.late])).toEqual([
      [0, 30],
      [18.5, 0],
      [20, 0],
    ]);
  });

  it('a late timer’s error goes along with the packet', () => {
    const { kernel, clock, dev, packet } = impaired({ delay: 20 });
    dev.queueXmit(packet(1));
    // The clock has moved on before its timers could run.
    const now = clock.now.bind(clock);
    clock.now = () => now() + 0.75;
    clock.advanceTo(20);
    expect(dev.left[0]!.late).toBe(0.75);
    expect(kernel.clock.now()).toBe(20.75);
  });

  it('without a delay of its own netem leaves it alone', () => {
    const { dev, packet } = impaired({ loss: { model: 'random', share: 0 } });
    dev.queueXmit(Object.assign(packet(1), { late: 2 }));
    expect(dev.left[0]!.late).toBe(2);
  });
});

describe('loss', () => {
  const lost = (options: NetemOptions, n = 3000, port: (i: number) => number = (i) => i & 0x7fff) => {
    const t = impaired({ limit: 10_000, ...options });
    t.send(n, 0, port);
    t.clock.advance(1000);
    return { share: 1 - t.dev.left.length / n, ...t };
  };

  it.each([0.01, 0.1, 0.5])('random %d, over flows and within one', (share) => {
    expect(Math.abs(lost({ loss: { model: 'random', share } }).share - share)).toBeLessThan(0.035);
    expect(Math.abs(lost({ loss: { model: 'random', share } }, 3000, () => 7).share - share)).toBeLessThan(
      0.035,
    );
  });

  it('0 loses none, 1 loses all, counted with its reason', () => {
    expect(lost({ loss: { model: 'random', share: 0 } }, 100).share).toBe(0);
    const all = lost({ loss: { model: 'random', share: 1 } }, 100);
    expect(all.share).toBe(1);
    expect(all.kernel.tracer.dropped.get('NETEM_LOSS')).toBe(100);
    expect([all.dev.stats.txDropped, all.netem.stats.dropped, all.dev.stats.txPackets]).toEqual([
      100, 100, 0,
    ]);
  });

  it.each([
    { share: 0.1, correlation: 0.25 },
    { share: 0.25, correlation: 0.5 },
    { share: 0.05, correlation: 0.75 },
  ])(
    '$share with correlation $correlation: the share is kept, and losses come together',
    ({ share, correlation }) => {
      const n = 12_000;
      const { dev, share: seen } = lost(
        { loss: { model: 'random', share, correlation }, limit: n },
        n,
        (i) => i % 60_000,
      );
      expect(Math.abs(seen - share)).toBeLessThan(0.015);
      const arrived = new Set(dev.left.map((l) => l.port));
      let pairs = 0;
      let after = 0;
      for (let i = 0; i + 1 < n; i++) {
        if (arrived.has(i)) continue;
        pairs++;
        if (!arrived.has(i + 1)) after++;
      }
      expect(Math.abs(after / pairs - (share + correlation * (1 - share)))).toBeLessThan(0.05);
    },
  );

  it('ecn marks what understands marks, and loses the rest', () => {
    const { dev, packet, kernel } = impaired({ loss: { model: 'random', share: 1 }, ecn: true });
    for (const tos of [0, 1, 2, 3]) {
      const skb = packet(1);
      ip.setTos(skb.bytes, skb.data + 14, tos);
      ip.updateChecksum(skb.bytes, skb.data + 14);
      dev.queueXmit(skb);
    }
    expect(dev.left.map((l) => [ip.tos(l.bytes, 14), ip.check(l.bytes, 14, l.bytes.length)])).toEqual([
      [3, undefined],
      [3, undefined],
      [3, undefined],
    ]);
    expect(dropReasons(kernel)).toEqual(['NETEM_LOSS']);
  });
});

describe('duplicate, corrupt, reorder', () => {
  it('a duplicate is a second copy that is not duplicated again', () => {
    const { send, ports } = impaired({ duplicate: { share: 1 } });
    send(2);
    expect(ports()).toEqual([1, 1, 2, 2]);
  });

  it('a packet both lost and duplicated is one packet', () => {
    const { send, ports, kernel } = impaired({
      duplicate: { share: 1 },
      loss: { model: 'random', share: 1 },
    });
    send(3);
    expect([ports(), dropReasons(kernel)]).toEqual([[1, 2, 3], []]);
  });

  it('the copy has a delay of its own', () => {
    const { clock, send, times } = impaired({ duplicate: { share: 1 }, delay: 20, jitter: 10 });
    send(1);
    clock.advance(100);
    expect(times().length).toBe(2);
    expect(times()[0]).not.toBe(times()[1]);
  });

  it('damage is one bit, anywhere in the frame, and a duplicate is not damaged with it', () => {
    const { dev, packet } = impaired({ corrupt: { share: 1 } });
    const places = new Set<number>();
    for (let i = 0; i < 300; i++) {
      const skb = packet(i);
      const before = skb.bytes.slice(skb.data, skb.tail);
      dev.queueXmit(skb);
      const after = dev.left.at(-1)!.bytes;
      const flipped = Array.from(after, (byte, at) => [at, byte ^ before[at]!] as const).filter(
        ([, x]) => x !== 0,
      );
      expect(flipped.length).toBe(1);
      expect(Math.log2(flipped[0]![1]) % 1).toBe(0);
      places.add(flipped[0]![0]);
    }
    expect(Math.min(...places)).toBeLessThan(14);
    expect(places.size).toBeGreaterThan(90);
  });

  it.each([
    { gap: 1, share: 1, first: [1, 2, 3, 4, 5, 6] },
    { gap: 3, share: 1, first: [3, 6] },
    { gap: 3, share: 0, first: [] },
  ])('reorder $share gap $gap: $first leave at once', ({ gap, share, first }) => {
    const { clock, send, ports } = impaired({ delay: 10, reorder: { share, gap } });
    send(6);
    expect(ports()).toEqual(first);
    clock.advance(20);
    expect(ports().length).toBe(6);
  });
});

describe('rate', () => {
  it('packets follow each other at the rate, the delay on top, in order in spite of jitter', () => {
    const { clock, send, times } = impaired({ rate: 1_136_000, delay: 5 });
    // 142 bytes at 142 bytes a millisecond.
    send(3);
    clock.advance(100);
    expect(times().map((t) => Number(t.toFixed(6)))).toEqual([6, 7, 8]);
  });

  it('cells and overhead count', () => {
    const { clock, send, times } = impaired({
      rate: 8_000_000,
      packetOverhead: 8,
      cellSize: 48,
      cellOverhead: 5,
    });
    send(1);
    clock.advance(100);
    expect(times()[0]).toBeCloseTo((4 * 53) / 1000, 9);
  });

  it('jitter does not reorder', () => {
    const { clock, send, ports } = impaired({ rate: 100_000_000, delay: 20, jitter: 19 });
    send(200, 0.05);
    clock.advance(200);
    expect(ports()).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
  });
});

describe('limit and slots', () => {
  it('the queue holds `limit` packets and drops the newest', () => {
    const { clock, send, ports, kernel } = impaired({ delay: 10, limit: 3 });
    send(5);
    clock.advance(20);
    expect([ports(), dropReasons(kernel)]).toEqual([
      [1, 2, 3],
      ['QDISC_DROP', 'QDISC_DROP'],
    ]);
  });

  it('in slots of two packets, 10 ms apart', () => {
    const { clock, send, times } = impaired({ slot: { min: 10, max: 10, packets: 2 } });
    send(6);
    clock.advance(100);
    expect(times()).toEqual([0, 0, 10, 10, 20, 20]);
  });

  it('in slots by bytes', () => {
    const { clock, send, times } = impaired({ slot: { min: 10, bytes: 143 } });
    send(4);
    clock.advance(100);
    expect(times()).toEqual([0, 0, 10, 10]);
  });

  it('stop frees what waits and leaves no timer; a device gone down sends nothing', () => {
    const a = impaired({ delay: 10 });
    a.send(3);
    setQdisc(a.dev, undefined);
    expect([a.netem.backlog, a.clock.next()]).toEqual([0, undefined]);
    const b = impaired({ delay: 10 });
    b.send(1);
    b.ns.setUp(b.dev, false);
    b.clock.advance(20);
    expect([b.ports(), dropReasons(b.kernel)]).toEqual([[], ['DEV_DOWN']]);
  });
});

describe('chance is keyed', () => {
  const options: NetemOptions = {
    loss: { model: 'random', share: 0.3 },
    delay: 20,
    jitter: 10,
    duplicate: { share: 0.1 },
  };
  /** The fate of flow 7's packets, others being sent in between. */
  const fate = (others: number, seed = 1, o = options): string => {
    const { clock, dev, packet } = impaired(o, seed);
    const out: string[] = [];
    for (let i = 0; i < 60; i++) {
      for (let k = 0; k < others; k++) dev.queueXmit(packet(1000 + k));
      const from = clock.now();
      dev.queueXmit(packet(7));
      clock.advance(50);
      out.push(
        dev.left
          .filter((l) => l.port === 7)
          .map((l) => (l.time - from).toFixed(3))
          .join('+'),
      );
      dev.left.length = 0;
    }
    return out.join(' ');
  };

  it('what befalls a flow does not depend on what else is sent', () => {
    expect(fate(3)).toBe(fate(0));
    expect(fate(0)).toBe(fate(0));
  });
  it('nor does loss depend on whether there is duplication as well', () => {
    const drops = (o: NetemOptions) =>
      fate(0, 1, o)
        .split(' ')
        .map((f) => f === '');
    const { duplicate: _, ...without } = options;
    const both = drops(options);
    expect(drops(without).filter((gone, i) => gone !== both[i]).length).toBeLessThan(8);
  });
  it('another seed, another run', () => {
    expect(fate(0, 2)).not.toBe(fate(0, 1));
  });
});

describe('as Linux draws', () => {
  it('seed 42, loss 10%: the packets that the kernel’s generator says', () => {
    const { send, ports } = impaired({
      loss: { model: 'random', share: 0.1 },
      correlationModel: 'netem',
      seed: 42n,
    });
    send(60, 0, (i) => i);
    const gone = Array.from({ length: 60 }, (_, i) => i).filter((i) => !ports().includes(i));
    expect(gone).toEqual([13, 27, 37, 38, 39, 43, 49, 53]);
  });

  it('correlated loss falls short of what was asked', () => {
    const options: NetemOptions = {
      loss: { model: 'random', share: 0.25, correlation: 0.25 },
      correlationModel: 'netem',
      seed: 7n,
    };
    const { send, ports } = impaired(options);
    send(10_000, 0, () => 1);
    expect(1 - ports().length / 10_000).toBeCloseTo(0.165, 1.5);
  });
});

describe('wire frames', () => {
  it('a super-segment is cut before it is impaired: single frames are lost', () => {
    const { kernel, dev } = impaired({ loss: { model: 'random', share: 0.5 } });
    const payload = new Uint8Array(40 + 20 * 1000);
    ip.put(payload, 0, {
      totalLen: payload.length,
      proto: ip.PROTO_TCP,
      src: address('10.0.0.1'),
      dst: address('10.0.0.2'),
    });
    payload[32] = 0x50;
    const sum = pseudoHeader(address('10.0.0.1'), address('10.0.0.2'), ip.PROTO_TCP, payload.length - 20);
    payload[36] = sum >>> 8;
    payload[37] = sum & 255;
    const skb = frame(kernel, { dst: PEER, src: OWN, payload });
    skb.gsoSize = 1000;
    skb.ipSummed = CHECKSUM_PARTIAL;
    dev.queueXmit(skb);
    expect(dev.left.length).toBeGreaterThan(3);
    expect(dev.left.length).toBeLessThan(17);
    expect(dev.left.every((l) => l.bytes.length === 1054 && l.skb.gsoSize === 0)).toBe(true);
    expect(dev.left.length + kernel.tracer.dropped.get('NETEM_LOSS')!).toBe(20);
  });
});

describe('what tc shows, and refuses', () => {
  it.each<[NetemOptions, string]>([
    [{}, 'netem limit 1000'],
    [{ delay: 20 }, 'netem limit 1000 delay 20ms'],
    [{ delay: 100, jitter: 10, delayCorrelation: 0.25 }, 'netem limit 1000 delay 100ms  10ms 25%'],
    [{ loss: { model: 'random', share: 0.05, correlation: 0.25 } }, 'netem limit 1000 loss 5% 25%'],
    [
      { loss: { model: 'gemodel', p: 0.0007, r: 0.14 }, delay: 30, rate: 1e7 },
      'netem limit 1000 delay 30ms loss gemodel p 0.07% r 14% 1-h 100% 1-k 0% rate 10Mbit',
    ],
    [
      { loss: { model: 'state', p13: 0.01 } },
      'netem limit 1000 loss state p13 1% p31 99% p32 0% p23 100% p14 0%',
    ],
    [
      {
        delay: 10,
        reorder: { share: 0.25, correlation: 0.5, gap: 5 },
        duplicate: { share: 0.01 },
        limit: 50,
      },
      'netem limit 50 delay 10ms duplicate 1% reorder 25% 50% gap 5',
    ],
    [
      { corrupt: { share: 0.001 }, rate: 1e6, packetOverhead: -14, cellSize: 48 },
      'netem limit 1000 corrupt 0.1% rate 1Mbit packetoverhead -14 cellsize 48',
    ],
    [{ slot: { min: 5, max: 10, packets: 3 } }, 'netem limit 1000 slot 5ms 10ms packets 3'],
  ])('%o', (options, text) => expect(new Netem(link().dev, options).text).toBe(text));

  it.each<[NetemOptions, string]>([
    [{ reorder: { share: 0.1 } }, 'reordering not possible without specifying some delay'],
    [{ ecn: true }, 'ecn requires a loss model'],
    [{ distribution: 'normal', delay: 5 }, 'distribution specified but no latency and jitter values'],
    [{ loss: { model: 'random', share: 1.5 } }, 'between 0% and 100%'],
    [{ delay: -1 }, 'must not be negative'],
    [{ limit: 0.5 }, 'whole number'],
  ])('%o: %s', (options, why) => expect(() => new Netem(link().dev, options)).toThrow(why));
});

it('tells in the trace what was chosen', () => {
  const { kernel, dev, packet } = impaired({ delay: 20, duplicate: { share: 1 }, corrupt: { share: 1 } });
  const texts: string[] = [];
  kernel.tracer.sink = (e: TraceEvent) => texts.push(e.text);
  dev.queueXmit(Object.assign(packet(1), { trace: 1 }));
  expect(texts.map((t) => t.replace(/\d+ of byte \d+/, 'N'))).toEqual([
    'netem: damaged: bit N flipped',
    'netem: duplicated',
    'netem: damaged: bit N flipped',
    'netem: delayed by 20ms',
    'netem: delayed by 20ms',
  ]);
});
