// Where on this node a request means: the node itself, a namespace by name, or a pod or container, which the room that
// runs them resolves.
import { ProtocolError } from '../../emulator/protocol/errors.ts';
import type { Place } from '../../emulator/protocol/records.ts';
import type { Kernel } from '../kernel/netns/kernel.ts';
import type { Netns } from '../kernel/netns/netns.ts';

export class Places {
  readonly #kernel: Kernel;
  /** Undefined: there is no such pod or container. Set by kubelet and docker. */
  pod: (place: Extract<Place, { kind: 'pod' }>) => Netns | undefined = () => undefined;
  docker: (place: Extract<Place, { kind: 'docker' }>) => Netns | undefined = () => undefined;

  /** Makes a namespace that is not there, if one may be asked for by this name. Set by the fabric. */
  made: (name: string) => Netns | undefined = () => undefined;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Throws E_NOT_FOUND. */
  netns(place: Place): Netns {
    switch (place.kind) {
      case 'node':
        return this.#kernel.host;
      case 'netns':
        return this.named(place.netns);
      case 'pod':
        return this.pod(place) ?? notFound(`pod ${place.namespace}/${place.pod}`);
      case 'docker':
        return this.docker(place) ?? notFound(`container ${place.container}`);
    }
  }
  named(name: string): Netns {
    for (const ns of this.#kernel.namespaces.values()) if (ns.name === name) return ns;
    return this.made(name) ?? notFound(`network namespace ${name}`);
  }
}

function notFound(what: string): never {
  throw new ProtocolError('E_NOT_FOUND', what);
}
