// Services and endpoints to the rules of iptables mode: what syncProxyRules of pkg/proxy/iptables/proxier.go (v1.32) writes,
// chain by chain. A pure function; upstream goes through its units in the order of a Go map, ours in that of their names.
import { inPrefix, parseIpv4, parsePrefix } from '../../kernel/wire/addr.ts';
import type { LocalDetector } from '../detect-local.ts';
import { type Categorized, categorize, type NodePlace } from '../topology.ts';
import { type Endpoint, externallyAccessible, type ServicePort, usesCluster, usesLocal } from '../types.ts';
import {
  EXTERNAL_SERVICES,
  endpointChain,
  FORWARD,
  KUBELET_FIREWALL,
  MARK_MASQ,
  NODEPORTS,
  POSTROUTING,
  PROXY_FIREWALL,
  SERVICES,
  type UnitChains,
  unitChains,
} from './names.ts';

/** Above this many endpoints rules lose their comments, and stale chains stay longer. */
export const LARGE_CLUSTER = 1000;

export interface RuleSettings {
  readonly masqueradeAll: boolean;
  readonly masqueradeBit: number;
  readonly detector: LocalDetector | undefined;
  readonly localhostNodePorts: boolean;
  /** The addresses NodePorts answer on; undefined: all that are this node's. */
  readonly nodePortIPs: readonly string[] | undefined;
  readonly nodeIP: string;
  /** nf_conntrack_tcp_be_liberal: packets out of the window are not INVALID, so nothing is dropped for it. */
  readonly liberal: boolean;
  readonly place: NodePlace;
}

export interface Unit {
  readonly port: ServicePort;
  readonly endpoints: readonly Endpoint[];
}

/** One unit's part of the rules. */
export interface CompiledUnit {
  /** Rules in the chains that all units share, in their order. */
  readonly filter: readonly string[];
  readonly nat: readonly string[];
  /** Its own chains, all in the nat table, and their rules. */
  readonly chains: readonly string[];
  readonly rules: readonly string[];
}

export interface Frame {
  /** Shared chains, and what stands in front of and behind the units' rules. */
  readonly filter: Section;
  readonly nat: Section;
}
interface Section {
  readonly chains: readonly string[];
  readonly first: readonly string[];
  readonly last: readonly string[];
}

const comment = (text: string): string => `-m comment --comment "${text}"`;

/** What is there without any Service. */
export function compileFrame(settings: RuleSettings): Frame {
  const mark = `0x${(2 ** settings.masqueradeBit).toString(16).padStart(8, '0')}`;
  return {
    filter: {
      chains: [
        SERVICES,
        EXTERNAL_SERVICES,
        FORWARD,
        NODEPORTS,
        PROXY_FIREWALL,
        ...(settings.localhostNodePorts ? [KUBELET_FIREWALL] : []),
      ],
      first: settings.localhostNodePorts
        ? [
            `-A ${KUBELET_FIREWALL} ${comment('block incoming localnet connections')} -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP`,
          ]
        : [],
      last: [
        ...(settings.liberal ? [] : [`-A ${FORWARD} -m conntrack --ctstate INVALID -j DROP`]),
        `-A ${FORWARD} ${comment('kubernetes forwarding rules')} -m mark --mark ${mark}/${mark} -j ACCEPT`,
        `-A ${FORWARD} ${comment('kubernetes forwarding conntrack rule')} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
      ],
    },
    nat: {
      chains: [SERVICES, NODEPORTS, POSTROUTING, MARK_MASQ],
      first: [
        `-A ${POSTROUTING} -m mark ! --mark ${mark}/${mark} -j RETURN`,
        // Or the packet that a tunnel wraps around this one would be masqueraded too.
        `-A ${POSTROUTING} -j MARK --xor-mark ${mark}`,
        `-A ${POSTROUTING} ${comment('kubernetes service traffic requiring SNAT')} -j MASQUERADE --random-fully`,
        `-A ${MARK_MASQ} -j MARK --or-mark ${mark}`,
      ],
      last: nodePortJumps(settings),
    },
  };
}

function nodePortJumps({ nodePortIPs, localhostNodePorts }: RuleSettings): string[] {
  const last = comment('kubernetes service nodeports; NOTE: this must be the last rule in this chain');
  if (nodePortIPs === undefined) {
    const loopback = localhostNodePorts ? '' : ' ! -d 127.0.0.0/8';
    return [`-A ${SERVICES} ${last} -m addrtype --dst-type LOCAL${loopback} -j ${NODEPORTS}`];
  }
  return nodePortIPs
    .filter((ip) => !ip.startsWith('127.') || localhostNodePorts)
    .map((ip) => `-A ${SERVICES} ${last} -d ${ip} -j ${NODEPORTS}`);
}

/** `large`: the cluster has more than LARGE_CLUSTER endpoints. */
export const compileUnit = (unit: Unit, settings: RuleSettings, large: boolean): CompiledUnit =>
  new UnitRules(unit, settings, large).compiled();

class UnitRules {
  readonly #port: ServicePort;
  readonly #settings: RuleSettings;
  readonly #large: boolean;
  readonly #filter: string[] = [];
  readonly #nat: string[] = [];
  readonly #declared: string[] = [];
  readonly #rules: string[] = [];
  readonly #proto: string;
  readonly #chains: UnitChains;
  readonly #found: Categorized;
  readonly #internal: boolean;
  readonly #external: boolean;

  constructor({ port, endpoints }: Unit, settings: RuleSettings, large: boolean) {
    this.#port = port;
    this.#settings = settings;
    this.#large = large;
    this.#proto = port.protocol.toLowerCase();
    this.#chains = unitChains(port.name, this.#proto);
    this.#found = categorize(endpoints, port, settings.place);
    const { any, local } = this.#found;
    this.#internal = any && (!port.internalLocal || local.length > 0);
    this.#external = any && (!port.externalLocal || local.length > 0);
  }

  compiled(): CompiledUnit {
    this.#entries();
    if (this.#found.any) this.#ownChains();
    return { filter: this.#filter, nat: this.#nat, chains: this.#declared, rules: this.#rules };
  }

  #to(address: string, port: number): string {
    return `-m ${this.#proto} -p ${this.#proto} -d ${address} --dport ${port}`;
  }
  /** Why a packet for it gets no answer from an endpoint. */
  #refusal(): string {
    return this.#found.any
      ? `${comment(`${this.#port.name} has no local endpoints`)}`
      : `${comment(`${this.#port.name} has no endpoints`)}`;
  }
  get #refuse(): string {
    return this.#found.any ? 'DROP' : 'REJECT';
  }
  get #internalChain(): string {
    return this.#port.internalLocal ? this.#chains.local : this.#chains.cluster;
  }
  get #firewalled(): boolean {
    return this.#found.any && this.#port.loadBalancerVIPs.length > 0 && this.#port.sourceRanges.length > 0;
  }

  /** Rules in the shared chains, by which packets get to the unit's own. */
  #entries(): void {
    const { name, clusterIP, port, externalIPs, loadBalancerVIPs, nodePort, healthCheckNodePort } =
      this.#port;
    const { any } = this.#found;
    const nat = this.#nat;
    const filter = this.#filter;
    if (this.#internal)
      nat.push(
        `-A ${SERVICES} ${comment(`${name} cluster IP`)} ${this.#to(clusterIP, port)} -j ${this.#internalChain}`,
      );
    else filter.push(`-A ${SERVICES} ${this.#refusal()} ${this.#to(clusterIP, port)} -j ${this.#refuse}`);
    const refuse = (to: string): void => {
      if (!this.#external) filter.push(`-A ${EXTERNAL_SERVICES} ${this.#refusal()} ${to} -j ${this.#refuse}`);
    };
    for (const ip of externalIPs) {
      const to = this.#to(ip, port);
      if (any) nat.push(`-A ${SERVICES} ${comment(`${name} external IP`)} ${to} -j ${this.#chains.external}`);
      refuse(to);
    }
    const firewalled = this.#firewalled;
    const through = firewalled ? this.#chains.firewall : this.#chains.external;
    for (const ip of loadBalancerVIPs) {
      const to = this.#to(ip, port);
      if (any) nat.push(`-A ${SERVICES} ${comment(`${name} loadbalancer IP`)} ${to} -j ${through}`);
      if (firewalled)
        filter.push(
          `-A ${PROXY_FIREWALL} ${comment(`${name} traffic not accepted by ${this.#chains.firewall}`)} ${to} -j DROP`,
        );
    }
    for (const ip of loadBalancerVIPs) refuse(this.#to(ip, port));
    if (nodePort !== 0) {
      const to = `-m ${this.#proto} -p ${this.#proto} --dport ${nodePort}`;
      if (any) nat.push(`-A ${NODEPORTS} ${comment(name)} ${to} -j ${this.#chains.external}`);
      refuse(`-m addrtype --dst-type LOCAL ${to}`);
    }
    if (healthCheckNodePort !== 0)
      filter.push(
        `-A ${NODEPORTS} ${comment(`${name} health check node port`)} -m tcp -p tcp --dport ${healthCheckNodePort} -j ACCEPT`,
      );
  }

  #ownChains(): void {
    const { cluster, local, reachable } = this.#found;
    const chains = this.#chains;
    if (this.#internal) this.#masquerade();
    if (externallyAccessible(this.#port)) this.#externalChain();
    if (this.#firewalled) this.#firewallChain();
    const nameOf = new Map(
      reachable.map((e) => [e, endpointChain(this.#port.name, this.#proto, e.text)] as const),
    );
    if (cluster.length > 0 && usesCluster(this.#port)) this.#balance(chains.cluster, cluster, nameOf);
    if (local.length > 0 && usesLocal(this.#port)) this.#balance(chains.local, local, nameOf);
    for (const e of reachable) this.#endpoint(e, nameOf.get(e)!);
  }

  /** Whoever may live where an answer would not come back through this node is masqueraded. */
  #masquerade(): void {
    const { masqueradeAll, detector } = this.#settings;
    const { name, clusterIP, port } = this.#port;
    const head = `-A ${this.#internalChain} ${comment(`${name} cluster IP`)} ${this.#to(clusterIP, port)}`;
    if (masqueradeAll) this.#rules.push(`${head} -j ${MARK_MASQ}`);
    else if (detector !== undefined) this.#rules.push(`${head} ${ifLocal(detector, true)} -j ${MARK_MASQ}`);
  }

  #externalChain(): void {
    const { name, externalLocal } = this.#port;
    const { external, cluster, local } = this.#chains;
    const { detector } = this.#settings;
    const rule = (text: string): void => void this.#rules.push(`-A ${external} ${text}`);
    this.#declare(external);
    if (!externalLocal)
      rule(`${comment(`masquerade traffic for ${name} external destinations`)} -j ${MARK_MASQ}`);
    else {
      // A pod's traffic is treated as if it had gone out to a load balancer and come back: no policy holds for it.
      if (detector !== undefined)
        rule(
          `${comment(`pod traffic for ${name} external destinations`)} ${ifLocal(detector, false)} -j ${cluster}`,
        );
      rule(
        `${comment(`masquerade LOCAL traffic for ${name} external destinations`)} -m addrtype --src-type LOCAL -j ${MARK_MASQ}`,
      );
      rule(
        `${comment(`route LOCAL traffic for ${name} external destinations`)} -m addrtype --src-type LOCAL -j ${cluster}`,
      );
    }
    if (this.#external) rule(`-j ${externalLocal ? local : cluster}`);
  }

  #firewallChain(): void {
    const { name, sourceRanges, loadBalancerVIPs } = this.#port;
    const { firewall, external } = this.#chains;
    const head = `-A ${firewall} ${comment(`${name} loadbalancer IP`)}`;
    const nodeIP = parseIpv4(this.#settings.nodeIP);
    let fromNode = false;
    this.#declare(firewall);
    for (const range of sourceRanges) {
      this.#rules.push(`${head} -s ${range} -j ${external}`);
      const prefix = parsePrefix(range);
      fromNode ||= prefix !== undefined && nodeIP !== undefined && inPrefix(nodeIP, prefix);
    }
    if (fromNode) for (const ip of loadBalancerVIPs) this.#rules.push(`${head} -s ${ip} -j ${external}`);
    this.#rules.push(
      `-A ${firewall} ${comment(`other traffic to ${name} will be dropped by KUBE-PROXY-FIREWALL`)}`,
    );
  }

  #balance(chain: string, endpoints: readonly Endpoint[], nameOf: ReadonlyMap<Endpoint, string>): void {
    const { name, affinity } = this.#port;
    this.#declare(chain);
    const note = (e: Endpoint): string => (this.#large ? '' : ` ${comment(`${name} -> ${e.text}`)}`);
    if (affinity !== 0)
      for (const e of endpoints) {
        const to = nameOf.get(e)!;
        this.#rules.push(
          `-A ${chain}${note(e)} -m recent --name ${to} --rcheck --seconds ${affinity} --reap -j ${to}`,
        );
      }
    const n = endpoints.length;
    for (const [i, e] of endpoints.entries()) {
      const chance =
        i < n - 1 ? ` -m statistic --mode random --probability ${(1 / (n - i)).toFixed(10)}` : '';
      this.#rules.push(`-A ${chain}${note(e)}${chance} -j ${nameOf.get(e)!}`);
    }
  }

  #endpoint(e: Endpoint, chain: string): void {
    const head = `-A ${chain}${this.#large ? '' : ` ${comment(this.#port.name)}`}`;
    const remember = this.#port.affinity === 0 ? '' : ` -m recent --name ${chain} --set`;
    this.#declare(chain);
    this.#rules.push(
      // An endpoint that meets itself must not see its own address as the sender.
      `${head} -s ${e.ip} -j ${MARK_MASQ}`,
      `${head}${remember} -m ${this.#proto} -p ${this.#proto} -j DNAT --to-destination ${e.text}`,
    );
  }

  #declare(chain: string): void {
    this.#declared.push(chain);
  }
}

function ifLocal(detector: LocalDetector, not: boolean): string {
  const bang = not ? '! ' : '';
  return detector.by === 'source' ? `${bang}-s ${detector.cidr}` : `${bang}-i ${detector.name}`;
}

/** Chain lines of iptables-restore, which empty a chain that is there already. */
export const declare = (chain: string): string => `:${chain} - [0:0]`;
