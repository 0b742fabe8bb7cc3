// A file of Kubernetes objects in the place of an API server: what `kubectl get -o yaml` prints, manifests, one JSON object per line.
// Watched: after a change only the documents that changed are read again.
import type { Clock, Files, Log, Timer } from '../../host.ts';
import type { Sink, Source, Want } from './catalogue.ts';
import { type Kind, keyOf, type Raw } from './objects.ts';

const KINDS: Readonly<Record<string, Kind>> = {
  Service: 'services',
  EndpointSlice: 'endpointslices',
  Namespace: 'namespaces',
  Pod: 'pods',
};
const LIST = /List$/;
/** Milliseconds between looks at a file that cannot be watched. */
const POLL = 1000;

export interface ObjectsFileOptions {
  readonly path: string;
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Log;
}

type Parse = (text: string) => unknown;

export class ObjectsFile implements Source {
  readonly #options: ObjectsFileOptions;
  #text = '';
  /** Documents by their text, so that what did not change is neither parsed nor applied. */
  #documents = new Map<string, readonly Raw[]>();
  #parseYaml: Parse | undefined;

  constructor(options: ObjectsFileOptions) {
    this.#options = options;
  }

  start({ kinds }: Want, sink: Sink): () => void {
    const { path, files, clock, log } = this.#options;
    let stopped = false;
    let running = false;
    let again = false;
    let stamp: string | undefined;
    const read = async (): Promise<void> => {
      if (running) {
        again = true;
        return;
      }
      running = true;
      do {
        again = false;
        try {
          stamp = files.stamp(path);
          await this.#apply(files.read(path), kinds, sink);
        } catch (error) {
          log.error(`${path}: ${error instanceof Error ? error.message : String(error)}`);
        }
      } while (again && !stopped);
      running = false;
    };
    void read().then(() => {
      if (!stopped) sink.synced();
    });
    const watcher = files.watch?.(path, () => void read());
    let timer: Timer | undefined;
    const poll = (): void => {
      if (files.stamp(path) !== stamp) void read();
      timer = clock.after(POLL, poll);
    };
    if (watcher === undefined) timer = clock.after(POLL, poll);
    return () => {
      stopped = true;
      watcher?.close();
      timer?.cancel();
    };
  }

  async #apply(text: string, kinds: readonly Kind[], sink: Sink): Promise<void> {
    if (text === this.#text) return;
    const fresh = new Map<string, readonly Raw[]>();
    const gone = new Map(this.#documents);
    const added: Raw[] = [];
    for (const document of documentsOf(text)) {
      let objects = this.#documents.get(document);
      if (objects === undefined) {
        objects = flatten(await this.#parse(document));
        for (const object of objects) added.push(object);
      } else gone.delete(document);
      fresh.set(document, objects);
    }
    this.#text = text;
    this.#documents = fresh;
    const wanted = (object: Raw): Kind | undefined => {
      const kind = KINDS[String(object.kind)];
      return kind !== undefined && kinds.includes(kind) ? kind : undefined;
    };
    const kept = new Set(added.map((object) => `${String(object.kind)} ${keyOf(object)}`));
    for (const objects of gone.values())
      for (const object of objects) {
        const kind = wanted(object);
        if (kind !== undefined && !kept.has(`${String(object.kind)} ${keyOf(object)}`))
          sink.remove(kind, object);
      }
    for (const object of added) {
      const kind = wanted(object);
      if (kind !== undefined) sink.upsert(kind, object);
    }
  }

  async #parse(document: string): Promise<unknown> {
    const first = document.trimStart()[0];
    if (first === '{' || first === '[') return JSON.parse(document);
    if (this.#parseYaml === undefined) {
      const { parse } = await import('yaml');
      this.#parseYaml = parse;
    }
    return this.#parseYaml(document);
  }
}

/** YAML documents between lines of "---", or JSON objects one to a line. */
function documentsOf(text: string): string[] {
  const head = text.slice(0, 4096);
  if (/^\s*\{.*\}\s*(\n|$)/.test(head)) return text.split('\n').filter((line) => line.trim() !== '');
  if (/^\s*[{[]/.test(head)) return [text];
  return text.split(/^---.*$/m).filter((document) => document.trim() !== '');
}

/** Objects of a document: itself, or the items of a list. */
function flatten(value: unknown): Raw[] {
  if (Array.isArray(value)) return value.flatMap(flatten);
  if (typeof value !== 'object' || value === null) return [];
  const raw = value as Raw;
  if (!LIST.test(String(raw.kind ?? ''))) return [raw];
  const items = raw['items'];
  const kind = String(raw.kind).replace(LIST, '');
  // Items of a ServiceList carry no kind of their own.
  return (Array.isArray(items) ? items : []).flatMap((item: unknown) =>
    flatten(typeof item === 'object' && item !== null && !('kind' in item) ? { ...item, kind } : item),
  );
}
