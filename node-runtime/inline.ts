// Entry for inline placement: worlds of nodes inside the process that loads this bundle. The nodes are the same as in
// processes of their own; they share a clock, and their links are memory. With virtual time the clock stands still until
// somebody waits for the emulation and nothing is left to do at the present instant; then it moves to the next deadline.
import { type BootRecord, EXIT } from '../emulator/protocol/boot.ts';
import type { InlineMachine, InlineModule, InlineWorld } from '../emulator/protocol/inline.ts';
import { GatedClock } from './kernel/clock/gated-clock.ts';
import { RealClock } from './kernel/clock/real-clock.ts';
import { VirtualClock } from './kernel/clock/virtual-clock.ts';
import type { Kernel } from './kernel/netns/kernel.ts';
import { createLog } from './log.ts';
import { supervised } from './machine.ts';
import { type PortPair, portPair } from './supervision/byte-port.ts';
import { MemoryHub, MemoryLines } from './underlay/memory.ts';
import { directShell } from './workloads/shell/direct.ts';

/** Turns of the event loop in which nothing stirs before the present instant counts as used up. */
const QUIET_TURNS = 4;
/** What a process killed by SIGKILL answers to its shell. */
const KILLED = 137;

export const createWorld: InlineModule['createWorld'] = (options) => {
  const virtual = options.virtualTime ? new VirtualClock(options.epoch ?? Date.now()) : undefined;
  const real = virtual === undefined ? new RealClock() : undefined;
  const clock = virtual ?? real!;
  const hub = new MemoryHub();
  const machines = new Set<InlineMachine>();
  let activity = 0;
  let waiting = 0;
  let holding = 0;
  let stopped = false;
  let driving = false;
  const stir = (): void => {
    activity++;
  };

  /** Moves virtual time while anybody waits for it. */
  async function drive(time: VirtualClock): Promise<void> {
    if (driving) return;
    driving = true;
    for (let quiet = 0, seen = -1; waiting > 0 && !stopped; ) {
      await new Promise((resolve) => setImmediate(resolve));
      quiet = seen === activity && holding === 0 ? quiet + 1 : 0;
      seen = activity;
      const next = time.next();
      if (quiet < QUIET_TURNS || next === undefined) {
        // Nothing to move to: whoever is at work outside must not be kept from it by our turning.
        if (quiet >= QUIET_TURNS || holding > 0) await new Promise((resolve) => setTimeout(resolve, 1));
        continue;
      }
      time.advanceTo(next);
      quiet = 0;
    }
    driving = false;
  }
  const counted = (change: (by: number) => void): (() => void) => {
    let over = false;
    change(1);
    return () => {
      if (over) return;
      over = true;
      change(-1);
    };
  };

  const world: InlineWorld = {
    clock,
    start(boot) {
      const machine = startMachine(boot, new GatedClock(clock), hub, stir, () => world.hold(), options.dial);
      machines.add(machine);
      void machine.exited.then(() => machines.delete(machine));
      return machine;
    },
    wait() {
      const release = counted((by) => {
        waiting += by;
      });
      if (virtual !== undefined) void drive(virtual);
      return release;
    },
    hold: () =>
      counted((by) => {
        holding += by;
      }),
    stop() {
      stopped = true;
      for (const machine of machines) machine.kill();
      real?.stop();
    },
  };
  return world;
};

function startMachine(
  boot: BootRecord,
  clock: GatedClock,
  hub: MemoryHub,
  stir: () => void,
  hold: () => () => void,
  dial: (() => import('node:stream').Duplex) | undefined,
): InlineMachine {
  const log = createLog({
    name: boot.name,
    level: boot.logLevel,
    file: boot.logFile,
    now: () => clock.epoch + clock.now(),
  });
  const pairs = new Set<PortPair>();
  const began = clock.now();
  let kernel: Kernel | undefined;
  let lines: MemoryLines | undefined;
  let ended: (code: number) => void = () => {};
  const exited = new Promise<number>((resolve) => {
    ended = resolve;
  });
  const finish = (code: number): void => {
    for (const pair of pairs) pair.cut();
    lines?.stop();
    clock.kill();
    log.close();
    ended(code);
  };
  const machine = supervised({
    boot,
    clock,
    log,
    url: `memory:${boot.name}`,
    startTime: clock.epoch + began,
    lines(made) {
      kernel = made;
      made.runQueue.onIdle(stir);
      lines = new MemoryLines(hub, made, boot.name);
      return lines;
    },
    took: () => ({ ms: clock.now() - began, cpuMs: 0 }),
    onEnd: finish,
    shell: directShell(hold),
    ...(dial === undefined ? {} : { dialApi: dial }),
  });
  return {
    url: `memory:${boot.name}`,
    connect() {
      const pair = portPair(stir);
      pairs.add(pair);
      machine.connect(pair.channel);
      return pair.port;
    },
    kill() {
      // Cut off first: whatever it does while it is taken apart, nobody hears of it.
      for (const pair of pairs) pair.cut();
      lines?.stop();
      clock.kill();
      void machine.end(EXIT.ok).catch(() => {});
      finish(KILLED);
    },
    pause() {
      clock.hold();
      kernel?.runQueue.hold();
      for (const pair of pairs) pair.hold(true);
    },
    resume() {
      clock.release();
      kernel?.runQueue.release();
      for (const pair of pairs) pair.hold(false);
    },
    exited,
  };
}
