// A background cluster's kubeconfig: made from its folder, printed, or merged into the user's own as `kind` and `minikube` do
// (k8s.io/client-go/tools/clientcmd: entries are told apart by their names, the rest of the file stays as it is).
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { type Document, isMap, isSeq, parseDocument } from 'yaml';
import { kubeconfig } from './api/auth/pki.ts';
import { keptPort, readPki } from './credentials.ts';
import { clusterFolder } from './home.ts';
import { InputError } from './input/error.ts';

interface Named {
  readonly name: string;
}
export interface Kubeconfig {
  readonly clusters: readonly Named[];
  readonly users: readonly Named[];
  readonly contexts: readonly Named[];
  readonly 'current-context': string;
}

/** The context of a cluster: its name, which tells by itself whose it is. */
export const contextName = (cluster: string): string =>
  cluster === 'podwire' || cluster.startsWith('podwire-') ? cluster : `podwire-${cluster}`;

/** Rejects with E_NOT_FOUND when no cluster of that name was ever up. */
export function clusterKubeconfig(name: string): Kubeconfig {
  const { path } = clusterFolder(name);
  const pki = readPki(path);
  const port = keptPort(path);
  if (pki === undefined || port === undefined)
    throw Object.assign(
      new Error(
        `no cluster named "${name}"; podwire up --name ${name} starts it, podwire list shows those there are`,
      ),
      { code: 'E_NOT_FOUND' },
    );
  return kubeconfig(pki, contextName(name), `https://127.0.0.1:${port}`) as Kubeconfig;
}

/** The file that kubectl writes to: the first of $KUBECONFIG, else ~/.kube/config. */
export function userKubeconfig(env: NodeJS.ProcessEnv = process.env): string {
  const first = (env['KUBECONFIG'] ?? '').split(delimiter).find((path) => path !== '');
  return first ?? join(homedir(), '.kube', 'config');
}

/** Puts the cluster's entries into `file` and makes its context the current one. */
export async function mergeKubeconfig(own: Kubeconfig, file: string): Promise<void> {
  await rewrite(file, (text) => merged(text, own, file));
}

/** Takes the entries of a cluster away; what is not there needs nothing. */
export async function unmergeKubeconfig(cluster: string, file: string): Promise<void> {
  const name = contextName(cluster);
  // Not even written when there is nothing of ours in it.
  if (existsSync(file) && (await readFile(file, 'utf8')).includes(name))
    await rewrite(file, (text) => without(text, name, file));
}

/** `text` with the entries of `own`; everything else, comments included, as it was. */
export function merged(text: string, own: Kubeconfig, file: string): string {
  const document = read(text, file);
  if (!document.has('apiVersion')) document.set('apiVersion', 'v1');
  if (!document.has('kind')) document.set('kind', 'Config');
  for (const list of ['clusters', 'users', 'contexts'] as const)
    for (const entry of own[list]) {
      const entries = document.get(list);
      if (!isSeq(entries)) document.set(list, document.createNode([entry]));
      else {
        const at = entries.items.findIndex((item) => isMap(item) && item.get('name') === entry.name);
        if (at < 0) entries.add(document.createNode(entry));
        else entries.items[at] = document.createNode(entry);
      }
    }
  document.set('current-context', own['current-context']);
  return document.toString();
}

/** `text` without the entries of that context. */
export function without(text: string, context: string, file: string): string {
  const document = read(text, file);
  for (const list of ['clusters', 'users', 'contexts']) {
    const entries = document.get(list);
    if (!isSeq(entries)) continue;
    const names = [context, `${context}-admin`];
    entries.items = entries.items.filter((item) => !isMap(item) || !names.includes(String(item.get('name'))));
  }
  if (document.get('current-context') === context) document.set('current-context', '');
  return document.toString();
}

function read(text: string, file: string) {
  const document: Document = parseDocument(text);
  if (document.errors.length > 0 || (document.contents !== null && !isMap(document.contents)))
    throw new InputError(`${file} is no kubeconfig: ${document.errors[0]?.message ?? 'not a map'}`, {
      mend: 'mend it, or name another file in KUBECONFIG',
    });
  document.contents ??= document.createNode({});
  return document;
}

async function rewrite(file: string, change: (text: string) => string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const text = existsSync(file) ? await readFile(file, 'utf8') : '';
  const temporary = `${file}.podwire-${process.pid}`;
  await writeFile(temporary, change(text), { mode: 0o600 });
  await rename(temporary, file);
}
