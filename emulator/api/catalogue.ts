// All resources that the server knows now: the built-in ones and those that CustomResourceDefinitions add.
import { builtinResources } from './resources/builtin.ts';
import type { ResourceInfo } from './resources/resource.ts';

export class Catalogue {
  #byPath = new Map<string, ResourceInfo>();
  /** Changes whenever the set does, so that what is derived from it can be kept until then. */
  revision = 0;

  constructor() {
    for (const info of builtinResources()) this.#byPath.set(pathOf(info), info);
  }

  find(group: string, version: string, resource: string): ResourceInfo | undefined {
    return this.#byPath.get(`${group}/${version}/${resource}`);
  }

  findKind(group: string, version: string, kind: string): ResourceInfo | undefined {
    for (const info of this.#byPath.values())
      if (info.group === group && info.version === version && info.kind === kind) return info;
    return undefined;
  }

  hasVersion(group: string, version: string): boolean {
    for (const info of this.#byPath.values())
      if (info.group === group && info.version === version) return true;
    return false;
  }

  all(): Iterable<ResourceInfo> {
    return this.#byPath.values();
  }

  add(info: ResourceInfo): void {
    this.#byPath.set(pathOf(info), info);
    this.revision++;
  }

  remove(info: ResourceInfo): void {
    if (this.#byPath.delete(pathOf(info))) this.revision++;
  }
}

const pathOf = (info: ResourceInfo): string => `${info.group}/${info.version}/${info.resource}`;
