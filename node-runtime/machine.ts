// The part that every placement shares: a machine (node or fabric) that does not exist until its emulator has
// configured it, and that ends when it is told to, or when nobody is left to tell it.
import type { Duplex } from 'node:stream';
import type { BootRecord } from '../emulator/protocol/boot.ts';
import { EXIT } from '../emulator/protocol/boot.ts';
import { toErrorCode } from '../emulator/protocol/errors.ts';
import type { Configure, ReadyReport } from '../emulator/protocol/messages.ts';
import type { Clock, Timer } from './kernel/clock/clock.ts';
import type { Kernel } from './kernel/netns/kernel.ts';
import type { RootLog } from './log.ts';
import type { Machine, MachineOptions } from './node.ts';
import type { Channel } from './supervision/channel.ts';
import { Supervision } from './supervision/supervision.ts';
import type { Lines } from './underlay/underlay.ts';
import type { Shell } from './workloads/shell/shell.ts';

/** How long a foreground node waits for an emulator that let go of it, and for its first one, in milliseconds. */
const FOREGROUND_PATIENCE = 1500;
const FIRST_PATIENCE = 30_000;

export interface SupervisedOptions {
  readonly boot: BootRecord;
  readonly clock: Clock;
  readonly log: RootLog;
  readonly url: string;
  /** Milliseconds since 1970. */
  readonly startTime: number;
  readonly lines: (kernel: Kernel) => Lines;
  readonly shell: Shell;
  /** What starting took until now. */
  readonly took: () => ReadyReport;
  /** The fabric's way to the API server when that is in this process; else it dials the host's loopback. */
  readonly dialApi?: () => Duplex;
  /** The machine has stopped; the process may end with this code. */
  readonly onEnd: (code: number) => void;
}

export interface Supervised {
  /** An emulator has dialled and proved itself. */
  connect(channel: Channel): void;
  /** The emulator is gone for good, or we were asked to end: stops everything, once. */
  end(code: number): Promise<void>;
}

export function supervised(options: SupervisedOptions): Supervised {
  const { boot, clock, log } = options;
  const supervision = new Supervision(() => ({
    role: boot.role,
    name: boot.name,
    pid: process.pid,
    startTime: options.startTime,
    url: options.url,
    running: machine !== undefined,
  }));
  let machine: Machine | undefined;
  let starting: Promise<Machine> | undefined;
  let patience: Timer | undefined;
  let ended = false;

  const wait = (foreground: number): void => {
    const ms = boot.lifetime === 'foreground' ? foreground : boot.orphanTimeout;
    patience = clock.after(ms, () => {
      log.warn({ ms }, 'no emulator came back: the node ends');
      void end(EXIT.orphaned);
    });
  };
  supervision.onConnected = () => patience?.cancel();
  supervision.onLost = () => {
    log.info({}, 'the emulator is gone');
    wait(FOREGROUND_PATIENCE);
  };

  async function configure({ config, cabling, disk }: Configure): Promise<Machine> {
    const { lines, dialApi } = options;
    const machineOptions: MachineOptions = {
      clock,
      supervision,
      log,
      lines,
      disk,
      shell: options.shell,
      ...(dialApi === undefined ? {} : { dialApi }),
    };
    log.setLevel(config.logLevel);
    // Each role's code is loaded only where it is needed.
    const start =
      boot.role === 'fabric'
        ? (await import('./fabric/fabric.ts')).startFabric
        : (await import('./node.ts')).startNode;
    return await start(config, cabling, machineOptions);
  }
  supervision.on('configure', async (request) => {
    if (machine !== undefined) machine.reconfigure(request.config, request.cabling);
    else {
      starting ??= configure(request);
      try {
        machine = await starting;
      } catch (error) {
        log.error({ error: error instanceof Error ? error.stack : String(error) }, 'could not be set up');
        setImmediate(() => void end(EXIT.start));
        throw error;
      }
      log.info({ role: boot.role, ...options.took() }, 'ready');
    }
    const ready = options.took();
    // After the answer: the others wait for it.
    setImmediate(() => void log.open());
    return { ready };
  });
  supervision.on('log', ({ level }) => {
    log.setLevel(level);
    return null;
  });
  supervision.on('shutdown', async () => {
    await stopMachine();
    setImmediate(() => void end(EXIT.ok));
    return null;
  });

  async function stopMachine(): Promise<void> {
    const running = machine;
    machine = undefined;
    try {
      await running?.stop();
    } catch (error) {
      log.error(toErrorCode(error), 'stopping went wrong');
    }
  }
  async function end(code: number): Promise<void> {
    if (ended) return;
    ended = true;
    patience?.cancel();
    await stopMachine();
    supervision.onLost = () => {};
    supervision.stop();
    options.onEnd(code);
  }
  wait(FIRST_PATIENCE);
  return { connect: (channel) => supervision.connect(channel), end };
}
