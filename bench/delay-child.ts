// One scheduler under test in a process of its own: frames of 200 bytes come over TCP, each is due 10 ms after it came, and
// what is recorded is how much later than that it left. "netem" is the emulated device's queue discipline on the node's
// clock; "spin" asks for the time in every turn of the event loop and does nothing else.
import { createServer } from 'node:net';
import { createKernel } from '../node-runtime/kernel/boot.ts';
import { RealClock } from '../node-runtime/kernel/clock/real-clock.ts';
import { Nic } from '../node-runtime/kernel/netdev/nic.ts';
import { Netem } from '../node-runtime/kernel/qdisc/netem.ts';
import type { Skb } from '../node-runtime/kernel/skb/skb.ts';
import { parseMac } from '../node-runtime/kernel/wire/addr.ts';
import { put16, put48 } from '../node-runtime/kernel/wire/bytes.ts';

export const FRAME = 200;
const DELAY = 10;

interface Scheduler {
  frame(): void;
  readonly errors: number[];
  stop(): void;
}
export type DelayCommand = 'start' | 'stop';
export type DelayAnswer =
  | { readonly port: number }
  | { readonly errors: readonly number[]; readonly cpuMs: number };

function netem(): Scheduler {
  const clock = new RealClock();
  const kernel = createKernel({ hostname: 'bench', clock, seed: 1 });
  const due: number[] = [];
  let head = 0;
  const errors: number[] = [];
  const cable = {
    plug() {},
    unplug() {},
    send(skb: Skb) {
      // Microseconds. Equal delays leave in the order they came.
      errors.push((clock.now() - due[head++]!) * 1000);
      skb.free();
    },
  };
  const dev = kernel.host.register(
    new Nic(kernel, { name: 'eth0', mac: parseMac('02:00:00:00:00:01')!, cable }),
  );
  kernel.host.setUp(dev, true);
  dev.qdisc = new Netem(dev, { delay: DELAY, limit: 1_000_000 });
  const bytes = new Uint8Array(FRAME);
  put48(bytes, 0, parseMac('02:00:00:00:00:02')!);
  put16(bytes, 12, 0x88b5);
  return {
    errors,
    frame() {
      due.push(clock.now() + DELAY);
      dev.queueXmit(kernel.pool.copyOf(bytes));
    },
    stop: () => clock.stop(),
  };
}

function spin(): Scheduler {
  const due: number[] = [];
  const errors: number[] = [];
  let head = 0;
  let running = true;
  const turn = (): void => {
    if (!running) return;
    for (let now = performance.now(); head < due.length && due[head]! <= now; now = performance.now())
      errors.push((now - due[head++]!) * 1000);
    setImmediate(turn);
  };
  setImmediate(turn);
  return {
    errors,
    frame: () => void due.push(performance.now() + DELAY),
    stop() {
      running = false;
    },
  };
}

/** `kind`: netem or spin. Answers on IPC: its port, and after each "stop" the errors since "start" in microseconds. */
export function delayChild(kind: string): Promise<never> {
  let scheduler: Scheduler | undefined;
  let cpu = process.cpuUsage();
  let rest = 0;
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      for (rest += chunk.length; rest >= FRAME; rest -= FRAME) scheduler?.frame();
    });
  });
  const say = (answer: DelayAnswer): void => void process.send!(answer);
  process.on('disconnect', () => process.exit(0));
  process.on('message', (command: DelayCommand) => {
    if (command === 'start') {
      scheduler = kind === 'spin' ? spin() : netem();
      cpu = process.cpuUsage();
      return;
    }
    const { user, system } = process.cpuUsage(cpu);
    scheduler?.stop();
    say({ errors: scheduler?.errors ?? [], cpuMs: (user + system) / 1000 });
    scheduler = undefined;
  });
  server.listen(0, '127.0.0.1', () => say({ port: (server.address() as { port: number }).port }));
  return new Promise(() => {});
}
