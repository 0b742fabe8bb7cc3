// Commands and logs: byte streams between whoever asked and the node where the pod runs.
import type { Ref } from '../cluster/ref.ts';
import type { CallStream, Operations } from '../control/caller.ts';
import type { EmulatorStream } from '../supervisor/stream.ts';
import { locate, type OperationContext } from './context.ts';

interface ExecParams {
  readonly place: Ref;
  readonly argv: readonly string[];
  readonly container?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeout?: number;
  readonly tty?: { readonly columns: number; readonly rows: number };
}

/** What the caller's end of an exec's stream sends. */
interface Input {
  readonly stdin?: Uint8Array;
  readonly end?: boolean;
  readonly resize?: { readonly columns: number; readonly rows: number };
  readonly kill?: string;
}

/** As timeout(1) ends. */
const TIMED_OUT = 124;

export function execOperations(context: OperationContext): Operations {
  return {
    exec: async (params: ExecParams, out, signal) => {
      const { member, place } = locate(context, params.place, params.container);
      const stream = await member.stream('exec', {
        place,
        argv: params.argv,
        env: params.env ?? {},
        stdin: true,
        ...(params.tty === undefined ? {} : { tty: { cols: params.tty.columns, rows: params.tty.rows } }),
      });
      let timedOut = false;
      const timer =
        params.timeout === undefined
          ? undefined
          : context.clock.after(params.timeout, () => {
              timedOut = true;
              stream.kill('SIGKILL');
            });
      signal.addEventListener('abort', () => stream.kill('SIGKILL'), { once: true });
      out.onMessage((message) => input(stream, message as Input));
      output(stream, out);
      const { code, reason } = await stream.exit;
      timer?.cancel();
      return timedOut
        ? { code: TIMED_OUT, reason: `killed after ${params.timeout} ms` }
        : { code, ...(reason === undefined ? {} : { reason }) };
    },
    logs: async (
      { ref, container, follow }: { ref: Ref; container?: string; follow?: boolean },
      out,
      signal,
    ) => {
      const { member, place } = locate(context, ref, container);
      const stream = await member.stream('logs', {
        place,
        follow: follow ?? false,
        previous: false,
        timestamps: false,
      });
      signal.addEventListener('abort', () => stream.kill(), { once: true });
      output(stream, out);
      await stream.exit;
      return null;
    },
  };
}

function input(stream: EmulatorStream, message: Input): void {
  if (message.stdin !== undefined) stream.write(message.stdin);
  if (message.end === true) stream.end();
  if (message.resize !== undefined) stream.resize(message.resize.columns, message.resize.rows);
  if (message.kill !== undefined) stream.kill(message.kill);
}

function output(stream: EmulatorStream, out: CallStream): void {
  stream.onData = (channel, data) => {
    if (data === undefined) return;
    // A copy: what arrived lies in the buffer of a whole message.
    out.send({ channel, data: data.slice() });
    stream.taken(data.length);
  };
}
