// The subnet manager of kube mode at work (flannel pkg/subnet/kube/kube.go): follows Nodes, writes our annotations, and tells of the
// others' leases.
import type { Node } from '../../emulator/api/types/node.ts';
import { isAlreadyExists } from '../api-client/errors.ts';
import { NODES } from '../api-client/resources.ts';
import type { Clock } from '../kernel/clock/clock.ts';
import type { Prefix } from '../kernel/wire/addr.ts';
import {
  type AnnotationNames,
  annotationNames,
  leaseAnnotations,
  leaseChanged,
  leaseSubnet,
  nodeToLease,
} from './kube-subnet.ts';
import type { Lease, LeaseAttrs, LeaseEvent } from './lease.ts';
import type { DaemonLog, Follow, NodeApi } from './node-api.ts';

export interface KubeManagerOptions {
  readonly api: NodeApi;
  readonly nodeName: string;
  readonly network: Prefix;
  readonly clock: Clock;
  readonly log: DaemonLog;
  readonly annotationPrefix?: string;
  /** Makes the Node itself: on a docker host there is no kubelet that would. */
  readonly registerNode?: boolean;
}

/** What a Node means to flannel: all that is kept of it. */
interface Kept {
  readonly node: Node;
}

export class KubeSubnetManager {
  readonly #options: KubeManagerOptions;
  readonly names: AnnotationNames;
  #follow: Follow<Kept> | undefined;
  #listener: ((events: readonly LeaseEvent[]) => void) | undefined;

  constructor(options: KubeManagerOptions) {
    this.#options = options;
    this.names = annotationNames(options.annotationPrefix);
  }

  /** Resolves when all Nodes are known. */
  async start(): Promise<void> {
    if (this.#options.registerNode === true) await this.#register();
    await new Promise<void>((resolve) => {
      this.#follow = this.#options.api.listWatch<Node, Kept>(
        NODES,
        { keep: (node) => ({ node: slim(node) }) },
        {
          onAdd: ({ node }) => this.#tell(node, 'added'),
          onUpdate: ({ node }, old) => {
            if (leaseChanged(old.node, node, this.names)) this.#tell(node, 'added');
          },
          onDelete: ({ node }) => this.#tell(node, 'removed'),
          onSync: resolve,
        },
      );
    });
  }
  stop(): void {
    this.#follow?.stop();
    this.#listener = undefined;
  }

  /** Our own Node as it was last seen. */
  get node(): Node | undefined {
    return this.#follow?.get(this.#options.nodeName)?.node;
  }

  /** Throws upstream's sentence while there is no podCIDR, or a wrong one. */
  async acquireLease(attrs: LeaseAttrs): Promise<Lease> {
    const { api, nodeName, network } = this.#options;
    const node = this.node ?? (await api.get<Node>(NODES, nodeName));
    const subnet = leaseSubnet(node, network);
    const annotations = leaseAnnotations(node, attrs, this.names);
    if (annotations !== undefined)
      await api.patch(
        NODES,
        nodeName,
        { metadata: { annotations } },
        { subresource: 'status', type: 'strategic' },
      );
    return { subnet, attrs };
  }

  /** What we wrote in an earlier life, if it was for this back end. */
  storedData(backendType: string): unknown {
    const notes = this.node?.metadata.annotations ?? {};
    if (notes[this.names.backendType] !== backendType) return undefined;
    try {
      return JSON.parse(notes[this.names.backendData] ?? 'null') as unknown;
    } catch {
      return undefined;
    }
  }

  /** Every lease there is, and from then on every change. */
  watch(listener: (events: readonly LeaseEvent[]) => void): Lease[] {
    this.#listener = listener;
    return [...(this.#follow?.items() ?? [])].flatMap(({ node }) => this.#lease(node) ?? []);
  }

  /** CompleteLease: the node may have pods now. */
  async networkAvailable(): Promise<void> {
    const { api, nodeName, clock } = this.#options;
    const time = `${new Date(clock.epoch + clock.now()).toISOString().slice(0, 19)}Z`;
    const condition = {
      type: 'NetworkUnavailable',
      status: 'False',
      reason: 'FlannelIsUp',
      message: 'Flannel is running on this node',
      lastTransitionTime: time,
      lastHeartbeatTime: time,
    };
    await api.patch(
      NODES,
      nodeName,
      { status: { conditions: [condition] } },
      { subresource: 'status', type: 'strategic' },
    );
  }

  #tell(node: Node, type: LeaseEvent['type']): void {
    const lease = this.#lease(node);
    if (lease !== undefined) this.#listener?.([{ type, lease }]);
  }

  #lease(node: Node): Lease | undefined {
    try {
      return nodeToLease(node, this.names);
    } catch (error) {
      this.#options.log.warn(
        { err: (error as Error).message },
        `Error turning node ${node.metadata.name} to lease`,
      );
      return undefined;
    }
  }

  async #register(): Promise<void> {
    const { api, nodeName } = this.#options;
    try {
      const labels = { 'kubernetes.io/hostname': nodeName, 'kubernetes.io/os': 'linux' };
      await api.create(NODES, { metadata: { name: nodeName, labels }, spec: {} });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }
}

/** Fifty nodes' statuses are worth forgetting. */
function slim(node: Node): Node {
  const { name, annotations, resourceVersion, uid } = node.metadata;
  return {
    apiVersion: node.apiVersion,
    kind: 'Node',
    metadata: {
      name,
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: node.spec ?? {},
  };
}
