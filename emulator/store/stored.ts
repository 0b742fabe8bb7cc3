// One version of one object as the stores keep it: the plain object, and its JSON once somebody asked for it.
import type { KubeObject } from '../api/types/meta.ts';
import type { Stored } from './store.ts';

export class StoredObject implements Stored {
  readonly resource: string;
  readonly key: string;
  readonly revision: number;
  readonly object: KubeObject;
  #json: Buffer | undefined;

  constructor(resource: string, key: string, revision: number, object: KubeObject) {
    this.resource = resource;
    this.key = key;
    this.revision = revision;
    this.object = object;
  }

  get json(): Buffer {
    return (this.#json ??= Buffer.from(JSON.stringify(this.object)));
  }
}
