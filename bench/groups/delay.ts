// How exactly a delay of 10 ms is kept, beside a scheduler that spins all the time: windows of one second in turn, at 1,000 and
// 10,000 frames a second, and how many frames left before their time.
import { type ChildProcess, fork } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { type DelayAnswer, type DelayCommand, FRAME } from '../delay-child.ts';
import { quantile } from '../pairs.ts';
import type { Bench, Group, Pair, Row } from '../row.ts';

const RATES = [1000, 10_000] as const;
const EARLY = 'frames released before their deadline';
const WINDOW = 1000;
/** After the last frame, until the last can have left. */
const TAIL = 40;
/** Of the control's p99, in microseconds: over it the machine was not free. */
const VOID_FROM = 500;

const rows: readonly Row[] = [
  ...RATES.map(
    (rate): Row => ({
      name: `error of a 10 ms delay, ${rate} frames/s`,
      unit: 'µs',
      better: 'lower',
      must: 2,
      aim: 1.2,
      about: 'netem on an emulated device and the node’s clock: 99th percentile of time left less deadline',
      against: 'a loop that asks for the time in every turn of the event loop',
    }),
  ),
  {
    name: EARLY,
    unit: 'frames',
    better: 'lower',
    must: 0,
    aim: 0,
    bounds: 'value',
    about: 'of all that the windows above sent',
    against: 'the spinning loop’s',
  },
];

class Scheduler {
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  private constructor(child: ChildProcess, socket: Socket) {
    this.#child = child;
    this.#socket = socket;
  }

  static async start(bench: Bench, kind: 'netem' | 'spin'): Promise<Scheduler> {
    const child = fork(process.argv[1]!, ['--delay', kind]);
    bench.defer(() => void child.kill('SIGKILL'));
    const { port } = await answer<{ port: number }>(child);
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', () => resolve());
      socket.once('error', reject);
    });
    bench.defer(() => void socket.destroy());
    return new Scheduler(child, socket);
  }

  /** One window: the errors of all its frames. */
  async window(rate: number): Promise<{ readonly errors: readonly number[]; readonly cpuMs: number }> {
    this.#child.send('start' satisfies DelayCommand);
    const began = performance.now();
    const total = (rate * WINDOW) / 1000;
    for (let sent = 0; sent < total; ) {
      const due = Math.min(Math.floor(((performance.now() - began) * rate) / 1000), total);
      if (due > sent) this.#socket.write(Buffer.alloc((due - sent) * FRAME));
      sent = Math.max(sent, due);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await new Promise((resolve) => setTimeout(resolve, TAIL));
    const answered = answer<{ errors: number[]; cpuMs: number }>(this.#child);
    this.#child.send('stop' satisfies DelayCommand);
    return await answered;
  }
}

function answer<T extends DelayAnswer>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(new Error('a scheduler ended'));
    child.once('exit', gone);
    child.once('message', (message) => {
      child.off('exit', gone);
      resolve(message as T);
    });
  });
}

async function run(bench: Bench): Promise<void> {
  const ours = await Scheduler.start(bench, 'netem');
  const control = await Scheduler.start(bench, 'spin');
  const early: Pair[] = [];
  const before = (errors: readonly number[]): number => errors.filter((e) => e < 0).length;
  for (const [i, rate] of RATES.entries()) {
    const { name } = rows[i]!;
    if (!bench.wanted(name) && !bench.wanted(EARLY)) continue;
    await ours.window(rate);
    await control.window(rate);
    const pairs: Pair[] = [];
    const halves: number[] = [];
    const all: number[] = [];
    for (let n = 0; n < bench.pairs; n++) {
      const a = await ours.window(rate);
      const b = await control.window(rate);
      if (a.errors.length < rate * 0.9) throw new Error(`only ${a.errors.length} of ${rate} frames left`);
      halves.push(quantile(a.errors, 0.5));
      all.push(quantile(b.errors, 0.99));
      pairs.push({
        value: quantile(a.errors, 0.99),
        baseline: quantile(b.errors, 0.99),
        cpu: { value: a.cpuMs / 10, baseline: b.cpuMs / 10 },
      });
      early.push({ value: before(a.errors), baseline: before(b.errors) });
    }
    const worst = quantile(all, 0.5);
    bench.report(name, {
      pairs,
      cpuUnit: '% of a core',
      note: `our p50 ${quantile(halves, 0.5).toFixed(1)} µs`,
      ...(worst > VOID_FROM ? { void: `void: the control’s own p99 was ${Math.round(worst)} µs` } : {}),
    });
  }
  bench.report(EARLY, { pairs: early });
}

export const delay: Group = { name: 'delay', rows, limit: 45, run };
