// Named network namespaces: what bind mounts in /var/run/netns are (`ip netns`, containerd's pkg/netns). A path names a namespace of
// the node's kernel for as long as it is there.
import type { Kernel } from '../kernel/netns/kernel.ts';
import type { Netns } from '../kernel/netns/netns.ts';

export class NetnsMounts {
  readonly #kernel: Kernel;
  readonly #randomHex: (n: number) => string;
  readonly #byPath = new Map<string, Netns>();

  constructor(kernel: Kernel, randomHex: (n: number) => string) {
    this.#kernel = kernel;
    this.#randomHex = randomHex;
  }

  /** `name` is for people: the pod's or container's. */
  create(name: string): { readonly path: string; readonly netns: Netns } {
    const hex = this.#randomHex(32);
    const uuid = [
      hex.slice(0, 8),
      hex.slice(8, 12),
      hex.slice(12, 16),
      hex.slice(16, 20),
      hex.slice(20),
    ].join('-');
    const path = `/var/run/netns/cni-${uuid}`;
    const netns = this.#kernel.addNetns(name);
    this.#byPath.set(path, netns);
    return { path, netns };
  }

  get(path: string): Netns | undefined {
    return this.#byPath.get(path);
  }
  /** By the name it was made with. */
  named(name: string): Netns | undefined {
    for (const netns of this.#byPath.values()) if (netns.name === name) return netns;
    return undefined;
  }
  get all(): ReadonlyMap<string, Netns> {
    return this.#byPath;
  }

  remove(path: string): void {
    const netns = this.#byPath.get(path);
    if (netns === undefined) return;
    this.#byPath.delete(path);
    this.#kernel.delNetns(netns);
  }
}
