// Manifests, written into the scenario or in a file beside it, given to the API server as kubectl would.
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { InputError } from '../../emulator/client.ts';
import type { Verb } from '../step.ts';

type Apply =
  | { readonly text: string; readonly where: string }
  | { readonly file: string; readonly where: string };

export const apply: Verb<Apply> = {
  name: 'apply',
  about: 'gives manifests to the API server: text (a block with "|"), {file: PATH}, or a list of objects',
  read(at) {
    const where = `${at.file}:${at.place.line}`;
    if (at.isString) return { text: at.string(), where };
    if (at.isList)
      return { text: (at.value() as unknown[]).map((o) => JSON.stringify(o)).join('\n---\n'), where };
    return { file: at.fields(['file']).file.text(), where };
  },
  async run(step, { cluster, folder }) {
    let text: string;
    if ('text' in step) text = step.text;
    else
      try {
        text = await readFile(resolve(folder, step.file), 'utf8');
      } catch (error) {
        throw new InputError(
          `${step.where}: cannot read ${step.file} (${(error as NodeJS.ErrnoException).code})`,
          {
            mend: 'give the path from the scenario file’s folder',
          },
        );
      }
    await cluster.apply(text, 'file' in step ? step.file : step.where);
  },
};
