// What kube-proxy's tests are built from: Services and slices from a few words, and a node whose netfilter they are written into.
import type { EndpointSlice, Service, ServiceSpec } from '../../emulator/api/types/service.ts';
import type { ProxySpec } from '../../emulator/protocol/cluster.ts';
import { iptablesSave } from '../kernel/netfilter/iptables/save.ts';
import { NfLab, show } from '../kernel/netfilter/test-kit.ts';
import type { Skb } from '../kernel/skb/skb.ts';
import { Changes } from './changes.ts';
import { localDetector } from './detect-local.ts';
import { keepSlice } from './endpoint-slices.ts';
import { IptablesProxier } from './iptables/proxier.ts';
import { servicePorts } from './service-ports.ts';

export const SPEC: ProxySpec = {
  mode: 'iptables',
  detectLocalMode: 'ClusterCIDR',
  clusterCIDR: '10.244.0.0/16',
  bridgeInterface: '',
  interfaceNamePrefix: '',
  nodePortAddresses: [],
  localhostNodePorts: true,
  masqueradeAll: false,
  masqueradeBit: 14,
  minSyncPeriod: 1000,
  syncPeriod: 30_000,
  conntrackTCPEstablishedTimeout: 86_400_000,
  conntrackTCPCloseWaitTimeout: 3_600_000,
  conntrackTCPBeLiberal: false,
};

export const service = (
  name: string,
  spec: Partial<ServiceSpec> & { readonly lb?: readonly string[]; readonly ipMode?: 'VIP' | 'Proxy' },
): Service => {
  const { lb, ipMode, ...rest } = spec;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { clusterIP: '10.96.0.10', ports: [{ port: 80 }], ...rest },
    ...(lb === undefined
      ? {}
      : {
          status: {
            loadBalancer: { ingress: lb.map((ip) => ({ ip, ...(ipMode === undefined ? {} : { ipMode }) })) },
          },
        }),
  } as Service;
};

/**
 * Endpoints as text: "10.244.1.2@n1", then letters: ! not ready, T terminating and serving, t terminating and not, and hints
 * "z=a,b" or "n=n1".
 */
export function slice(service: string, endpoints: readonly string[], ports = [8080]): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${service}-x`,
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': service },
    },
    addressType: 'IPv4',
    ports: ports.map((port) => ({ name: '', port, protocol: 'TCP' })),
    endpoints: endpoints.map((text) => {
      const [where = '', ...words] = text.split(' ');
      const [, ip = '', node = '', state = ''] = /^([\d.]+)(?:@(n\d+))?([!Tt]?)$/.exec(where) ?? [];
      const hint = (key: string) =>
        words
          .find((w) => w.startsWith(`${key}=`))
          ?.slice(2)
          .split(',')
          .map((name) => ({ name }));
      const zones = hint('z');
      const nodes = hint('n');
      return {
        addresses: [ip],
        ...(node === '' ? {} : { nodeName: node }),
        conditions: {
          ready: state === '',
          serving: state === '' || state === 'T',
          terminating: state === 'T' || state === 't',
        },
        ...(zones === undefined && nodes === undefined
          ? {}
          : {
              hints: {
                ...(zones === undefined ? {} : { forZones: zones }),
                ...(nodes === undefined ? {} : { forNodes: nodes }),
              },
            }),
      };
    }),
  };
}

/** A node n1 (192.168.100.11, pods 10.244.1.0/24) with these objects written into its kernel. */
export class ProxyLab {
  readonly nf: NfLab;
  readonly spec: ProxySpec;
  readonly changes = new Changes('n1');
  readonly #proxier: IptablesProxier;
  readonly #zone: string | undefined;
  #full = true;
  #flows = 0;

  constructor(spec: Partial<ProxySpec> = {}, zone: string | undefined = undefined, seed = 1) {
    this.nf = new NfLab(seed);
    this.spec = { ...SPEC, ...spec };
    this.#zone = zone;
    this.#proxier = new IptablesProxier({ ns: this.nf.ns, spec: this.spec, nodeIP: '192.168.100.11' });
  }

  put(...objects: readonly (Service | EndpointSlice)[]): this {
    for (const object of objects) {
      const key = `default/${object.metadata.name}`;
      if (object.kind === 'Service') this.changes.service(key, servicePorts(object));
      else {
        const kept = keepSlice(object);
        this.changes.slice(key, kept, kept.slice);
      }
    }
    return this.sync();
  }
  remove(...objects: readonly (Service | EndpointSlice)[]): this {
    for (const object of objects) {
      const key = `default/${object.metadata.name}`;
      if (object.kind === 'Service') this.changes.service(key, []);
      else this.changes.slice(key, keepSlice(object), undefined);
    }
    return this.sync();
  }
  sync(): this {
    const changed = this.changes.takeChanged();
    this.#proxier.sync({
      state: this.changes,
      changed: this.#full ? undefined : changed,
      detector: localDetector(this.spec, '10.244.1.0/24'),
      place: { name: 'n1', zone: this.#zone },
    });
    this.#full = false;
    return this;
  }
  fullSync(): this {
    this.#full = true;
    return this.sync();
  }
  cleanup(): void {
    this.#proxier.cleanup();
  }
  disturbed(): boolean {
    return this.#proxier.disturbed();
  }
  save(): string {
    return iptablesSave(this.nf.ns);
  }

  /**
   * A new connection from a source to "ip:port": where it went, "m" when its source became this node's; or what the netfilter of
   * this node said: "reject", "drop", "local" (an input that nobody translated), or the untranslated destination.
   */
  flow(from: string, to: string, kind: 'tcp' | 'udp' = 'tcp'): string {
    const { nf } = this;
    const sender = `${from}:${20_000 + (this.#flows++ % 40_000)}`;
    const skb = nf.packet(kind, sender, to, { flags: 'S' });
    const drops = nf.drops().join();
    const sent = nf.sent.length;
    let arrived: Skb | undefined;
    if (from === '192.168.100.11' || from === '127.0.0.1') {
      const dst = to.split(':')[0]!;
      const out = nf.output(skb, nf.eth0);
      arrived = out;
      if (out !== undefined && show(out).includes(`> ${dst}:`)) {
        out.free();
        return 'untranslated';
      }
    } else {
      const pod = from.startsWith('10.244.1.');
      arrived = nf.route(skb, pod ? nf.cni0 : nf.eth0, nf.eth0);
    }
    if (arrived === undefined) {
      if (nf.sent.length > sent) return 'reject';
      return nf.drops().join() === drops ? 'local' : 'drop';
    }
    const [, src, dst] = /^([\d.:]+) > ([\d.:]+)/.exec(show(arrived))!;
    arrived.free();
    if (dst === to) return 'untranslated';
    // MASQUERADE --random-fully takes another port even where the address is the same.
    return `${dst}${src === sender ? '' : ' m'}`;
  }
  /** The different results of many new connections, sorted. */
  flows(from: string, to: string, n = 20): string {
    return [...new Set(Array.from({ length: n }, () => this.flow(from, to)))].sort().join(' | ');
  }
}
