// Runs a page of the guide as its reader would, top to bottom in one empty folder, and holds the output that the page shows against what
// comes. A page says it with two kinds of fenced block:
//
//   ```yaml pods.yaml      the file of that name
//   ```console             lines `$ command`, each followed by what it prints; a line `…` stands for any lines, and `…` within a line
//                          for any text; runs of blanks count as one. A command after which nothing is shown must only exit 0.
//                          `> FILE` at its end puts what it prints there. KUBECONFIG is the file `kubeconfig` of the folder.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');

export interface Command {
  readonly text: string;
  readonly line: number;
  readonly expected: readonly string[];
}
export type Part = { readonly file: string; readonly text: string } | Command;

/** The files and commands of a page, in its order. Throws where a command stands that the page's reader could not run. */
export function readPage(text: string): Part[] {
  const parts: Part[] = [];
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const fence = /^```(\S*) ?(\S*)$/.exec(lines[i]!);
    if (fence === null) continue;
    const end = lines.indexOf('```', i + 1);
    if (end < 0) throw new Error(`line ${i + 1}: a block without its end`);
    const block = lines.slice(i + 1, end);
    if (fence[1] === 'console') parts.push(...readCommands(block, i + 2));
    else if (fence[2] !== '') parts.push({ file: fence[2]!, text: `${block.join('\n')}\n` });
    i = end;
  }
  return parts;
}

function readCommands(block: readonly string[], first: number): Command[] {
  const commands: { text: string; line: number; expected: string[] }[] = [];
  for (const [i, line] of block.entries()) {
    if (line.startsWith('$ ')) commands.push({ text: line.slice(2), line: first + i, expected: [] });
    else if (commands.length > 0) commands.at(-1)!.expected.push(line);
    else throw new Error(`line ${first + i}: output before any command`);
  }
  return commands;
}

/** Words of a command line: blanks part them, quotes keep them together, and a comment ends it. */
export function words(text: string): string[] {
  const bare = text.replace(/ > \S+$/, '').replace(/\s+#(?![^']*'(?:[^']*'[^']*')*[^']*$).*$/, '');
  return [...bare.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map((m) => m[1] ?? m[2] ?? m[3]!);
}

const squeeze = (line: string): string => line.trim().replace(/\s+/g, ' ');
const pattern = (line: string): RegExp =>
  new RegExp(
    `^${squeeze(line)
      .split('…')
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
  );

/** Undefined when `seen` is what `expected` describes, otherwise the first expected line that did not come. */
export function differs(expected: readonly string[], seen: readonly string[]): string | undefined {
  const wanted = expected.filter((line) => line.trim() !== '');
  const came = seen.filter((line) => line.trim() !== '').map(squeeze);
  let at = 0;
  for (let i = 0; i < wanted.length; i++) {
    const line = wanted[i]!;
    if (line.trim() === '…') {
      const next = wanted[i + 1];
      if (next === undefined) return undefined;
      while (at < came.length && !pattern(next).test(came[at]!)) at++;
    } else if (at >= came.length || !pattern(line).test(came[at++]!)) return line;
  }
  return at < came.length ? `nothing more, but there is: ${came[at]}` : undefined;
}

export interface Trouble {
  readonly command: string;
  readonly line: number;
  readonly missing: string;
  readonly output: string;
}

/** The first place where the page is wrong; undefined: it holds. */
export async function follow(page: string): Promise<Trouble | undefined> {
  const folder = await mkdtemp(join(tmpdir(), `guide-${basename(page, '.md')}-`));
  const env = {
    ...process.env,
    PODWIRE_HOME: join(folder, 'home'),
    KUBECONFIG: join(folder, 'kubeconfig'),
    NO_COLOR: '1',
  };
  try {
    for (const part of readPage(await readFile(page, 'utf8'))) {
      if ('file' in part) {
        await writeFile(join(folder, part.file), part.text);
        continue;
      }
      const { code, output: printed } = await run(words(part.text), folder, env);
      const file = / > (\S+)$/.exec(part.text)?.[1];
      if (file !== undefined) await writeFile(join(folder, file), printed);
      const output = file === undefined ? printed : '';
      const missing =
        part.expected.length > 0
          ? differs(part.expected, output.split('\n'))
          : code === 0
            ? undefined
            : `exit code 0, not ${code}`;
      if (missing !== undefined) return { command: part.text, line: part.line, missing, output };
    }
    return undefined;
  } finally {
    const { output } = await run(['podwire', 'list', '-o', 'name'], folder, env);
    for (const name of output.split('\n').filter((n) => n !== ''))
      await run(['podwire', 'down', '--name', name.replace(/^.*\//, '')], folder, env);
    await rm(folder, { recursive: true, force: true });
  }
}

/** Programs that a page asks of its reader besides podwire itself. */
export async function programs(page: string): Promise<Set<string>> {
  const parts = readPage(await readFile(page, 'utf8'));
  const names = parts.flatMap((part) => ('file' in part ? [] : [words(part.text)[0]!]));
  return new Set(names.filter((name) => !OURS.has(name)));
}

const OURS = new Map([
  ['podwire', join(ROOT, 'dist/podwire.js')],
  ['coredns-lite', join(ROOT, 'dist/coredns-lite.js')],
]);

function run(
  argv: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<{ code: number | null; output: string }> {
  const ours = OURS.get(argv[0]!);
  const [command, ...args] = ours === undefined ? argv : [process.execPath, ours, ...argv.slice(1)];
  return new Promise((done, reject) => {
    const child = spawn(command!, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    child.on('error', reject);
    child.on('close', (code) => done({ code, output }));
  });
}
