// iptables mode at work: pkg/proxy/iptables/proxier.go. Jumps and canaries at a full sync, the rules by one iptables-restore,
// only those of changed Services where nothing else did.
import { IptablesTool } from '../../cni/iptables-tool.ts';
import { iptables } from '../../kernel/netfilter/iptables/iptables.ts';
import { iptablesRestore } from '../../kernel/netfilter/iptables/restore.ts';
import { tableOf } from '../../kernel/netfilter/tables/net.ts';
import { nodePortIPs } from '../node-addresses.ts';
import type { Proxier, ProxierOptions, SyncInput } from '../proxier.ts';
import { compile, restoreText } from './compile.ts';
import { JUMPS, type Jump, KUBELET_JUMPS } from './jumps.ts';
import {
  CANARY,
  EXTERNAL_SERVICES,
  FORWARD,
  isServiceChain,
  NODEPORTS,
  POSTROUTING,
  PROXY_FIREWALL,
  SERVICES,
} from './names.ts';

const LIBERAL = 'net/netfilter/nf_conntrack_tcp_be_liberal';
const CANARY_TABLES = ['mangle', 'nat', 'filter'] as const;

export class IptablesProxier implements Proxier {
  readonly #options: ProxierOptions;
  readonly #tool: IptablesTool;
  readonly #liberal: boolean;
  #cleanedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ProxierOptions) {
    const { ns, spec } = options;
    this.#options = options;
    this.#tool = new IptablesTool((argv) => {
      const { code, stdout, stderr } = iptables(ns, argv);
      return { exitCode: code, stdout, stderr };
    });
    if (this.#localhostNodePorts) ns.sysctl.write('net/ipv4/conf/all/route_localnet', '1');
    this.#liberal = Number(ns.sysctl.read(LIBERAL) ?? 0) !== 0 || spec.conntrackTCPBeLiberal;
  }

  /** Not where NodePorts answer on no loopback address anyway. */
  get #localhostNodePorts(): boolean {
    const { spec } = this.#options;
    const { nodePortAddresses } = spec;
    return (
      spec.localhostNodePorts &&
      (nodePortAddresses.length === 0 ||
        nodePortAddresses.some((range) => /^(127\.|0\.0\.0\.0\/0)/.test(range)))
    );
  }

  sync({ units, changed, detector, place }: SyncInput): void {
    const { ns, spec, nodeIP } = this.#options;
    const { clock } = ns.kernel;
    if (changed === undefined) this.#ensureJumps();
    const list = [];
    for (const { port, endpoints } of units)
      list.push({ port, endpoints, changed: changed === undefined || changed.has(port.service) });
    const compiled = compile(list, {
      masqueradeAll: spec.masqueradeAll,
      masqueradeBit: spec.masqueradeBit,
      detector,
      localhostNodePorts: this.#localhostNodePorts,
      nodePortIPs: nodePortIPs(ns, spec.nodePortAddresses),
      nodeIP,
      liberal: this.#liberal,
      place,
    });
    const stale: string[] = [];
    if (!compiled.large || clock.now() - this.#cleanedAt > spec.syncPeriod) {
      for (const name of tableOf(ns, 'nat').chains.keys())
        if (isServiceChain(name) && !compiled.active.has(name)) stale.push(name);
      this.#cleanedAt = clock.now();
    }
    this.#restore(restoreText(compiled, stale));
  }

  disturbed(): boolean {
    return CANARY_TABLES.some((table) => !this.#tool.chainExists(table, CANARY));
  }

  cleanup(): void {
    const { ns } = this.#options;
    for (const { table, from, rule } of JUMPS) this.#tool.deleteIfExists(table, from, rule);
    const remove = (table: 'nat' | 'filter', names: readonly string[]): string => {
      const there = names.filter((name) => tableOf(ns, table).chains.has(name));
      return [
        `*${table}`,
        ...there.map((name) => `:${name} - [0:0]`),
        ...there.map((name) => `-X ${name}`),
        'COMMIT\n',
      ].join('\n');
    };
    const units = [...tableOf(ns, 'nat').chains.keys()].filter(isServiceChain);
    this.#restore(remove('nat', [SERVICES, NODEPORTS, POSTROUTING, ...units]));
    this.#restore(remove('filter', [SERVICES, EXTERNAL_SERVICES, FORWARD, NODEPORTS, PROXY_FIREWALL]));
    for (const table of CANARY_TABLES) this.#tool.deleteChain(table, CANARY);
  }

  #ensureJumps(): void {
    for (const table of CANARY_TABLES) this.#tool.ensureChain(table, CANARY);
    const ensure = ({ table, from, to, rule }: Jump): void => {
      this.#tool.ensureChain(table, to);
      this.#tool.insertUnique(table, from, 1, rule);
    };
    for (const jump of [...JUMPS, ...KUBELET_JUMPS]) ensure(jump);
  }

  #restore(text: string): void {
    const { code, stderr } = iptablesRestore(this.#options.ns, text, { noflush: true });
    if (code !== 0) throw new Error(stderr.trim());
  }
}
