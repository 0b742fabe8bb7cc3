// Capturing on devices while other steps run, then asking what was seen and what never was.
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { StepError, type Verb } from '../step.ts';
import { substitute } from '../substitute.ts';
import { readMatches, type TextMatch } from '../text-match.ts';

interface Start {
  readonly name: string;
  readonly on: readonly string[];
}

export const capture: Verb<Start> = {
  name: 'capture',
  about: 'starts capturing on devices: pod/NAME, node/NAME/DEVICE, container/NODE/NAME …',
  read(at) {
    const f = at.fields(['name', 'on']);
    return { name: f.name.text(), on: f.on.isList ? f.on.list((d) => d.text()) : [f.on.text()] };
  },
  async run(step, { cluster, captures }) {
    captures.set(step.name, await cluster.capture(step.on));
  },
};

interface End {
  readonly name: string;
  /** As written, since addresses are put in when it runs. */
  readonly some: readonly string[];
  readonly none: readonly string[];
  readonly file: string | undefined;
}

export const captured: Verb<End> = {
  name: 'captured',
  about:
    'ends a capture; checks lines that some frame must show and that none may; writes a pcapng file if asked',
  read(at) {
    const f = at.fields(['name', 'some', 'none', 'file']);
    const texts = (r: typeof at): string[] => {
      readMatches(r); // refuses bad patterns while the file is read
      return r.or([], (l) => (l.isList ? l.list((t) => t.text()) : [l.text()]));
    };
    return {
      name: f.name.text(),
      some: texts(f.some),
      none: texts(f.none),
      file: f.file.optional((r) => r.text()),
    };
  },
  async run(step, { cluster, captures, report, folder }) {
    const running = captures.get(step.name);
    if (running === undefined) throw new StepError(`no capture named "${step.name}" was started`);
    captures.delete(step.name);
    const file = await running.stop();
    if (step.file !== undefined) await writeFile(resolve(folder, step.file), file);
    const lines = running.frames.map((f) => `${f.device} ${f.text}`);
    const matcher = async (text: string): Promise<TextMatch> => {
      const want = await substitute(text, cluster);
      const pattern = /^\/(.*)\/([ims]*)$/s.exec(want);
      const regexp = pattern === null ? undefined : new RegExp(pattern[1]!, pattern[2]);
      return { want, test: (line) => regexp?.test(line) ?? line.includes(want) };
    };
    for (const [texts, wanted] of [
      [step.some, true],
      [step.none, false],
    ] as const)
      for (const text of texts) {
        const match = await matcher(text);
        const hits = lines.filter((l) => match.test(l));
        report.check({
          name: `capture ${step.name}: ${match.want}`,
          expected: wanted ? 'seen' : 'never seen',
          seen: `${hits.length} of ${lines.length} frames`,
          ok: hits.length > 0 === wanted,
          ...(hits.length > 0 === wanted ? {} : { detail: (wanted ? lines : hits).slice(0, 8) }),
        });
      }
  },
};
