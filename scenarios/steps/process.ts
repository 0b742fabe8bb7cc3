// A command that runs on while other steps happen: a connection held open across a partition.
import type { Ref } from '../../emulator/client.ts';
import { eventually } from '../../emulator/client.ts';
import { type RunContext, StepError, type Verb } from '../step.ts';
import { substitute } from '../substitute.ts';
import { readCommand, readRef } from './exec.ts';

interface Start {
  readonly name: string;
  readonly in: Ref;
  readonly run: string;
}

export const start: Verb<Start> = {
  name: 'start',
  about: 'starts a command that goes on while later steps run',
  read(at) {
    const f = at.fields(['name', 'in', 'run']);
    return { name: f.name.text(), in: readRef(f.in), run: readCommand(f.run) };
  },
  async run(step, { cluster, processes, signal }) {
    const command = await substitute(step.run, cluster);
    processes.set(step.name, await cluster.spawn(step.in, ['sh', '-c', command], { signal }));
  },
};

const processOf = (name: string, context: RunContext) => {
  const process = context.processes.get(name);
  if (process === undefined) throw new StepError(`no command named "${name}" was started`);
  return process;
};

interface Type {
  readonly to: string;
  readonly text: string;
  readonly answer: string;
  readonly timeout: number;
}

export const type: Verb<Type> = {
  name: 'type',
  about: 'writes a line to a running command and waits for its answer',
  read(at) {
    const f = at.fields(['to', 'text', 'answer', 'timeout']);
    return {
      to: f.to.text(),
      text: f.text.text(),
      answer: f.answer.text(),
      timeout: f.timeout.or(5000, (r) => r.duration()),
    };
  },
  async run(step, context) {
    const process = processOf(step.to, context);
    let output = '';
    process.onOutput((chunk) => {
      output += Buffer.from(chunk).toString('utf8');
    });
    process.write(`${step.text}\n`);
    const ok =
      (await eventually(
        context.cluster,
        step.timeout,
        async () => (output.includes(step.answer) ? true : undefined),
        10,
      )) === true;
    context.report.check({
      name: `${step.to}: ${JSON.stringify(step.text)}`,
      expected: `answer ${JSON.stringify(step.answer)}`,
      seen: output === '' ? 'no answer' : JSON.stringify(output.trim()),
      ok,
    });
  },
};

interface Finish {
  readonly name: string;
  readonly code: number;
  readonly timeout: number;
}

export const finish: Verb<Finish> = {
  name: 'finish',
  about: 'ends a running command’s input and checks its exit code',
  read(at) {
    const f = at.fields(['name', 'code', 'timeout']);
    return {
      name: f.name.text(),
      code: f.code.or(0, (r) => r.integer(0, 255)),
      timeout: f.timeout.or(10_000, (r) => r.duration()),
    };
  },
  async run(step, context) {
    const process = processOf(step.name, context);
    process.end();
    let code: number | undefined;
    void process.exited.then((exit) => {
      code = exit.code;
    });
    await eventually(context.cluster, step.timeout, async () => code, 10);
    if (code === undefined) process.kill('SIGKILL');
    context.processes.delete(step.name);
    context.report.check({
      name: `${step.name} ends`,
      expected: `exit code ${step.code}`,
      seen: code === undefined ? 'still running' : `exit code ${code}`,
      ok: code === step.code,
    });
  },
};
