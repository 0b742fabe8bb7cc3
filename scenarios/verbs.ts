// Every verb a step can be: the one list, from which files are read and the reference page is printed.
import type { Reader } from '../emulator/client.ts';
import type { RunContext, Step, Verb } from './step.ts';
import { apply } from './steps/apply.ts';
import { capture, captured } from './steps/capture.ts';
import { parallel, repeat, say, sleep } from './steps/control.ts';
import { exec } from './steps/exec.ts';
import { expect } from './steps/expect.ts';
import { del, heal, link, partition } from './steps/link.ts';
import { mesh } from './steps/mesh.ts';
import { daemon, docker, kill, pause, restart, resume } from './steps/node.ts';
import { ping } from './steps/ping.ts';
import { finish, start, type } from './steps/process.ts';
import { trace } from './steps/trace.ts';
import { wait } from './steps/wait.ts';

/** A verb whose own type has been closed over: what `read` makes, only its own `run` is given. */
export interface AnyVerb {
  readonly name: string;
  readonly about: string;
  bind(at: Reader, readStep: (at: Reader) => Step): (context: RunContext) => Promise<void>;
}

function any<T>(verb: Verb<T>): AnyVerb {
  return {
    name: verb.name,
    about: verb.about,
    bind(at, readStep) {
      const step = verb.read(at, readStep);
      return (context) => verb.run(step, context);
    },
  };
}

export const VERBS: readonly AnyVerb[] = [
  any(say),
  any(apply),
  any(del),
  any(wait),
  any(exec),
  any(expect),
  any(mesh),
  any(ping),
  any(trace),
  any(capture),
  any(captured),
  any(start),
  any(type),
  any(finish),
  any(link),
  any(partition),
  any(heal),
  any(kill),
  any(pause),
  any(resume),
  any(restart),
  any(daemon),
  any(docker),
  any(parallel),
  any(repeat),
  any(sleep),
];
