// kube-proxy (cmd/kube-proxy and pkg/proxy): follows Services, EndpointSlices and its own Node over the node's own connection to
// the API server, and keeps the node's kernel in step, at most once per minSyncPeriod. Modes change without a restart of the
// node: the old one's rules are taken out when the daemon stops for good, or when another mode starts.
import type { Node } from '../../emulator/api/types/node.ts';
import type { EndpointSlice, Service } from '../../emulator/api/types/service.ts';
import type { ProxySpec } from '../../emulator/protocol/cluster.ts';
import type { ApiClient } from '../api-client/api-client.ts';
import { ENDPOINT_SLICES, NODES, SERVICES } from '../api-client/resources.ts';
import type { Timer } from '../kernel/clock/clock.ts';
import { conntrack } from '../kernel/netfilter/conntrack/conntrack.ts';
import type { Netns } from '../kernel/netns/netns.ts';
import type { SocketStack } from '../sockets/stack.ts';
import { BoundedFrequencyRunner } from './bounded-frequency.ts';
import { Changes } from './changes.ts';
import { cleanStaleEntries } from './conntrack-cleanup.ts';
import { localDetector } from './detect-local.ts';
import { type KeptSlice, keepSlice } from './endpoint-slices.ts';
import { HealthServers, healthChecks } from './health.ts';
import { IptablesProxier } from './iptables/proxier.ts';
import type { Proxier } from './proxier.ts';
import { servicePorts } from './service-ports.ts';
import type { ServicePort } from './types.ts';

const MAX_INTERVAL = 3_600_000;
const BURST = 2;
const ZONE = 'topology.kubernetes.io/zone';

export interface KubeProxyOptions {
  readonly nodeName: string;
  readonly nodeIP: string;
  readonly ns: Netns;
  readonly spec: ProxySpec;
  readonly api: Pick<ApiClient, 'listWatch'>;
  /** Sockets of the node's own namespace, for the health checks. */
  readonly stack: SocketStack;
  readonly log: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
    error(fields: object, message: string): void;
  };
}

interface KeptNode {
  readonly zone: string | undefined;
  readonly podCIDR: string | undefined;
}

export class KubeProxy {
  /** Resolves at the first sync that went through. */
  readonly ready: Promise<void>;
  readonly #options: KubeProxyOptions;
  readonly #changes: Changes;
  readonly #proxier: Proxier;
  readonly #runner: BoundedFrequencyRunner;
  readonly #health: HealthServers;
  readonly #follows: { readonly synced: boolean; stop(): void }[] = [];
  #node: KeptNode | undefined;
  #full = true;
  #monitor: Timer | undefined;
  #stopped = false;
  #onReady: () => void = () => {};

  constructor(options: KubeProxyOptions) {
    this.#options = options;
    const { ns, spec, nodeName, nodeIP, stack, log } = options;
    const { clock } = ns.kernel;
    this.ready = new Promise((resolve) => {
      this.#onReady = resolve;
    });
    this.#changes = new Changes(nodeName);
    this.#proxier = new IptablesProxier({ ns, spec, nodeIP });
    this.#health = new HealthServers({ stack, clock, timeout: 2 * spec.syncPeriod, log });
    this.#runner = new BoundedFrequencyRunner({
      clock,
      run: () => this.#sync(),
      minInterval: spec.minSyncPeriod,
      maxInterval: MAX_INTERVAL,
      burst: BURST,
    });
    setConntrackTimeouts(ns, spec);
    this.#follow();
    this.#watchTables();
  }

  /** `cleanup`: the rules go too; without it they stay, as they do when the real one's process ends. */
  stop(cleanup = false): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#runner.stop();
    this.#monitor?.cancel();
    for (const follow of this.#follows) follow.stop();
    this.#health.stop();
    if (cleanup) this.#proxier.cleanup();
  }

  #follow(): void {
    const { api, nodeName } = this.#options;
    const due = (changed: boolean): void => {
      if (changed) this.#due();
    };
    const service = (ports: readonly ServicePort[], key: string): void =>
      due(this.#changes.service(key, ports));
    const slice = (kept: KeptSlice, key: string): void => due(this.#changes.slice(key, kept, kept.slice));
    const gone = (kept: KeptSlice, key: string): void => due(this.#changes.slice(key, kept, undefined));
    const onSync = (): void => due(true);
    this.#follows.push(
      api.listWatch<Service, readonly ServicePort[]>(
        SERVICES,
        { keep: servicePorts },
        {
          onAdd: service,
          onUpdate: (ports, _, key) => service(ports, key),
          onDelete: (_, key) => service([], key),
          onSync,
        },
      ),
      api.listWatch<EndpointSlice, KeptSlice>(
        ENDPOINT_SLICES,
        { keep: keepSlice },
        {
          onAdd: slice,
          onUpdate(kept, old, key) {
            if (old.service !== kept.service) gone(old, key);
            slice(kept, key);
          },
          onDelete: gone,
          onSync,
        },
      ),
      api.listWatch<Node, KeptNode>(
        NODES,
        {
          fieldSelector: `metadata.name=${nodeName}`,
          keep: (node) => ({ zone: node.metadata.labels?.[ZONE], podCIDR: node.spec?.podCIDR }),
        },
        { onAdd: (node) => this.#nodeIs(node), onUpdate: (node) => this.#nodeIs(node), onSync },
      ),
    );
  }

  #nodeIs(node: KeptNode): void {
    const before = this.#node;
    this.#node = node;
    if (before?.zone === node.zone && before?.podCIDR === node.podCIDR) return;
    this.#full = true;
    this.#due();
  }

  /** Something is to be written. Until all has been heard once it waits, and uses up no run that is allowed. */
  #due(): void {
    if (!this.#initialized) return;
    this.#health.queued();
    this.#runner.run();
  }

  /** Nothing is written before everything has been heard once. */
  get #initialized(): boolean {
    if (this.#follows.length < 3 || !this.#follows.every((follow) => follow.synced)) return false;
    return this.#options.spec.detectLocalMode !== 'NodeCIDR' || this.#node?.podCIDR !== undefined;
  }

  #sync(): void {
    if (this.#stopped || !this.#initialized) return;
    const { spec, nodeName, log, ns } = this.#options;
    const changed = this.#changes.takeChanged();
    const full = this.#full;
    try {
      this.#proxier.sync({
        state: this.#changes,
        changed: full ? undefined : changed,
        detector: localDetector(spec, this.#node?.podCIDR),
        place: { name: nodeName, zone: this.#node?.zone },
      });
    } catch (error) {
      this.#full = true;
      log.error({ err: (error as Error).message }, 'Failed to execute iptables-restore');
      this.#runner.retryAfter(spec.syncPeriod);
      return;
    }
    this.#full = false;
    this.#health.synced();
    this.#health.sync(healthChecks(this.#changes.healthChecked()));
    if (this.#changes.takeUdp()) {
      const deleted = cleanStaleEntries(conntrack(ns), this.#changes.units());
      if (deleted > 0) log.info({ deleted }, 'Deleted stale UDP conntrack entries');
    }
    this.#onReady();
  }

  /** iptables.Monitor: looks every syncPeriod whether somebody flushed the tables. */
  #watchTables(): void {
    const { ns, spec, log } = this.#options;
    this.#monitor = ns.kernel.clock.after(spec.syncPeriod, () => {
      this.#watchTables();
      if (this.#full || !this.#proxier.disturbed()) return;
      log.info({}, 'iptables canary was deleted: writing all rules again');
      this.#full = true;
      this.#runner.run();
    });
  }
}

/** What kube-proxy writes at its start: the conntrack settings of cmd/kube-proxy/app/conntrack.go. */
function setConntrackTimeouts(ns: Netns, spec: ProxySpec): void {
  const seconds = (ms: number): string => String(Math.round(ms / 1000));
  ns.sysctl.write(
    'net/netfilter/nf_conntrack_tcp_timeout_established',
    seconds(spec.conntrackTCPEstablishedTimeout),
  );
  ns.sysctl.write(
    'net/netfilter/nf_conntrack_tcp_timeout_close_wait',
    seconds(spec.conntrackTCPCloseWaitTimeout),
  );
  if (spec.conntrackTCPBeLiberal) ns.sysctl.write('net/netfilter/nf_conntrack_tcp_be_liberal', '1');
}
