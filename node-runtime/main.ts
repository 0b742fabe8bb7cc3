// Entry of a node process, and of a worker thread that is a node: reads its boot record, listens, says where, and is
// configured by whoever proves to be its emulator.
import { createWriteStream } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { type Announcement, type BootRecord, bootRecord, EXIT } from '../emulator/protocol/boot.ts';
import { MAX_MESSAGE } from '../emulator/protocol/codec.ts';
import { RealClock } from './kernel/clock/real-clock.ts';
import { createLog } from './log.ts';
import { supervised } from './machine.ts';
import { socketChannel } from './supervision/channel.ts';
import { listen } from './underlay/listener.ts';
import { WebsocketLines } from './underlay/websocket.ts';
import { workerShell } from './workloads/shell/worker.ts';

/** How long an orderly end may take before it is cut short, in milliseconds. */
const END_GRACE = 1000;

/** The boot record: the first line of standard input. What follows is of no interest but its end. */
function readBoot(ended: () => void): Promise<BootRecord> {
  return new Promise((resolve, reject) => {
    let text = '';
    const { stdin } = process;
    const take = (chunk: Buffer): void => {
      text += chunk.toString('utf8');
      const end = text.indexOf('\n');
      if (end === -1 && text.length < 65_536) return;
      stdin.off('data', take);
      stdin.resume();
      resolve(parseBoot(text.slice(0, end)));
    };
    stdin.on('data', take);
    // The pipe ends when the process at its other end is gone, however it died.
    stdin.once('end', () => {
      reject(new TypeError('standard input ended before the boot record'));
      ended();
    });
    stdin.once('error', ended);
  });
}

function parseBoot(text: string): BootRecord {
  const value: unknown = JSON.parse(text);
  const wrong = bootRecord(value, '');
  if (wrong !== undefined) throw new TypeError(`boot record: ${wrong}`);
  return value as BootRecord;
}

async function main(): Promise<void> {
  let lost = (): void => process.exit(EXIT.orphaned);
  let boot: BootRecord;
  try {
    boot = isMainThread ? await readBoot(() => lost()) : parseBoot(JSON.stringify(workerData));
  } catch (error) {
    process.stderr.write(
      `node-runtime: started by hand? ${error instanceof Error ? error.message : error}\n`,
    );
    process.exit(EXIT.usage);
  }
  if (isMainThread) process.title = `node-runtime ${boot.name}`;
  const clock = new RealClock();
  const log = createLog({ name: boot.name, level: boot.logLevel, file: boot.logFile });
  const crash = (error: unknown): void => {
    log.error({ error: error instanceof Error ? error.stack : String(error) }, 'crashed');
    log.close();
    process.exit(EXIT.crashed);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);

  const { name, secret } = boot;
  const listener = await listen({ name, secret, ...boot.listen }).catch((error: Error) => {
    process.stderr.write(`node-runtime ${name}: cannot listen on ${boot.listen.host}: ${error.message}\n`);
    process.exit(EXIT.start);
  });
  const node = supervised({
    boot,
    clock,
    log,
    url: listener.url,
    startTime: performance.timeOrigin,
    shell: workerShell(fileURLToPath(new URL('./userland.js', import.meta.url))),
    lines: (kernel) => new WebsocketLines({ kernel, name, secret, listener, dialable: boot.dialable }),
    took() {
      const cpu = process.cpuUsage();
      return { ms: performance.now(), cpuMs: (cpu.user + cpu.system) / 1000 };
    },
    onEnd(code) {
      listener.stop();
      clock.stop();
      log.close();
      process.exitCode = code;
      // Sockets close in their own time, but not for ever.
      setTimeout(() => process.exit(code), END_GRACE).unref();
      if (isMainThread) process.stdin.destroy();
      else parentPort?.close();
    },
  });
  lost = () => {
    if (boot.lifetime === 'background') return;
    // Whatever is slow to stop, nobody waits for it.
    setTimeout(() => process.exit(EXIT.orphaned), END_GRACE).unref();
    void node.end(EXIT.orphaned);
  };
  listener.route('/supervise', {
    maxPayload: MAX_MESSAGE,
    accept: (socket) => node.connect(socketChannel(socket)),
  });
  const where: Announcement = { url: listener.url, pid: process.pid };
  if (isMainThread) {
    // Ctrl-C reaches the whole foreground group; the emulator decides what it means for its nodes.
    process.on('SIGINT', () => {});
    process.on('SIGHUP', () => {});
    process.on('SIGTERM', () => void node.end(EXIT.ok));
    const announce = createWriteStream('', { fd: 3 });
    announce.on('error', () => {});
    announce.end(`${JSON.stringify(where)}\n`);
  } else {
    parentPort!.on('message', (message: unknown) => {
      // The thread's SIGSTOP: nothing in it runs until the word is changed.
      if (message instanceof SharedArrayBuffer) Atomics.wait(new Int32Array(message), 0, 0);
    });
    parentPort!.postMessage(where);
  }
}

void main();
