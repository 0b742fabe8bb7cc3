// Who routes a load balancer's addresses to a node: MetalLB's speaker in layer 2 mode (github.com/metallb/metallb, speaker/
// layer2_controller.go) moved into the router. One node at a time gets an address's packets: of the nodes that are Ready, and
// with externalTrafficPolicy Local have a ready endpoint, the one with the least hash of node and address.
import { createHash } from 'node:crypto';
import type { Node } from '../../emulator/api/types/node.ts';
import type { EndpointSlice, Service } from '../../emulator/api/types/service.ts';
import type { ApiClient } from '../api-client/api-client.ts';
import { ENDPOINT_SLICES, NODES, SERVICES } from '../api-client/resources.ts';
import type { Netns } from '../kernel/netns/netns.ts';
import { rtnetlink } from '../kernel/rtnetlink/rtnetlink.ts';
import { inPrefix, parseIpv4 } from '../kernel/wire/addr.ts';

export interface SpeakerOptions {
  readonly api: Pick<ApiClient, 'listWatch'>;
  readonly router: Netns;
  /** Underlay addresses of the nodes, by name. */
  readonly nodes: ReadonlyMap<string, string>;
  readonly log: { info(fields: object, message: string): void };
}

interface KeptService {
  readonly addresses: readonly string[];
  readonly local: boolean;
}
interface KeptSlice {
  readonly service: string;
  /** Nodes with a ready endpoint. */
  readonly nodes: readonly string[];
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The node that an address's packets go to; undefined: none can take them. */
export const electNode = (address: string, candidates: readonly string[]): string | undefined =>
  candidates.length === 0
    ? undefined
    : candidates.reduce((a, b) => (hash(`${a}#${address}`) <= hash(`${b}#${address}`) ? a : b));

export class Speaker {
  readonly #options: SpeakerOptions;
  readonly #services: { items(): Iterable<readonly [string, KeptService]>; stop(): void };
  readonly #slices: { items(): Iterable<KeptSlice>; stop(): void };
  readonly #ready: { items(): Iterable<string | undefined>; stop(): void };
  /** Node by address, as the router has it. */
  readonly #routes = new Map<string, string>();

  constructor(options: SpeakerOptions) {
    this.#options = options;
    const { api } = options;
    const look = (): void => this.#look();
    const on = { onAdd: look, onUpdate: look, onDelete: look, onSync: look };
    this.#services = api.listWatch<Service, readonly [string, KeptService]>(
      SERVICES,
      {
        keep: ({ metadata, spec, status }) => [
          `${metadata.namespace}/${metadata.name}`,
          {
            addresses:
              spec.type === 'LoadBalancer'
                ? (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip]))
                : [],
            local: spec.externalTrafficPolicy === 'Local',
          },
        ],
      },
      on,
    );
    this.#slices = api.listWatch<EndpointSlice, KeptSlice>(
      ENDPOINT_SLICES,
      {
        keep: ({ metadata, endpoints }) => ({
          service: `${metadata.namespace}/${metadata.labels?.['kubernetes.io/service-name']}`,
          nodes: endpoints.flatMap(({ conditions, nodeName }) =>
            conditions?.ready !== false && nodeName !== undefined ? [nodeName] : [],
          ),
        }),
      },
      on,
    );
    this.#ready = api.listWatch<Node, string | undefined>(
      NODES,
      {
        keep: ({ metadata, status }) =>
          status?.conditions?.find((c) => c.type === 'Ready')?.status === 'True' ? metadata.name : undefined,
      },
      on,
    );
  }

  stop(): void {
    for (const follow of [this.#services, this.#slices, this.#ready]) follow.stop();
  }

  #look(): void {
    // Handlers may be called while the first of the three is being made.
    if (this.#ready === undefined || this.#slices === undefined) return;
    const ready = [...this.#ready.items()].filter(
      (n) => n !== undefined && this.#options.nodes.has(n),
    ) as string[];
    const wanted = new Map<string, string>();
    for (const [key, { addresses, local }] of this.#services.items()) {
      if (addresses.length === 0) continue;
      const having = new Set<string>();
      for (const slice of this.#slices.items())
        if (slice.service === key) for (const node of slice.nodes) having.add(node);
      const candidates = local ? ready.filter((n) => having.has(n)) : having.size > 0 ? ready : [];
      for (const address of addresses) {
        const node = electNode(address, candidates);
        if (node !== undefined) wanted.set(address, node);
      }
    }
    this.#apply(wanted);
  }

  #apply(wanted: ReadonlyMap<string, string>): void {
    const { router, nodes, log } = this.#options;
    const rtnl = rtnetlink(router);
    for (const [address, node] of this.#routes) {
      if (wanted.has(address)) continue;
      rtnl.routeDel({ dst: { addr: parseIpv4(address)!, len: 32 } });
      this.#routes.delete(address);
      log.info({ address, node }, 'no node takes this load balancer address any more');
    }
    for (const [address, node] of wanted) {
      if (this.#routes.get(address) === node) continue;
      const addr = parseIpv4(address);
      const via = parseIpv4(nodes.get(node)!)!;
      const dev = [...router.devices.values()].find((d) =>
        d.addrs.some((a) => inPrefix(via, { addr: a.addr, len: a.prefixLen })),
      );
      if (addr === undefined || dev === undefined) continue;
      rtnl.routeReplace({ dst: { addr, len: 32 }, via, dev: dev.name });
      this.#routes.set(address, node);
      log.info({ address, node }, 'load balancer address routed');
    }
  }
}
