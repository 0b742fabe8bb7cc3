// iptables mode at work: pkg/proxy/iptables/proxier.go. Jumps and canaries at a full sync, the rules by one iptables-restore,
// only those of changed Services where nothing else did.
import { IptablesTool } from '../../cni/iptables-tool.ts';
import { iptables } from '../../kernel/netfilter/iptables/iptables.ts';
import { iptablesRestore } from '../../kernel/netfilter/iptables/restore.ts';
import { tableOf } from '../../kernel/netfilter/tables/net.ts';
import { nodePortIPs } from '../node-addresses.ts';
import type { Proxier, ProxierOptions, SyncInput } from '../proxier.ts';
import {
  type CompiledUnit,
  compileFrame,
  compileUnit,
  declare,
  type Frame,
  LARGE_CLUSTER,
  type RuleSettings,
} from './compile.ts';
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

interface Plan {
  /** Units whose own chains are written. */
  readonly units: CompiledUnit[];
  /** Own chains that are to go. */
  readonly stale: Set<string>;
  /** The chains that all units share are written, too. */
  shared: boolean;
}

const sameLines = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((line, i) => line === b[i]);

/**
 * Input of iptables-restore --noflush. Upstream writes the shared chains at every sync; we leave them where no unit's rules in them
 * changed, which the tables do not show but for counters that go on.
 */
function restoreText(frame: Frame, { units, stale, shared }: Plan, all: Iterable<CompiledUnit>): string {
  const out: string[] = [];
  const everyone = shared ? [...all] : [];
  if (shared) {
    out.push('*filter', ...frame.filter.chains.map(declare), ...frame.filter.first);
    for (const unit of everyone) for (const rule of unit.filter) out.push(rule);
    out.push(...frame.filter.last, 'COMMIT');
  }
  out.push('*nat');
  if (shared) out.push(...frame.nat.chains.map(declare));
  for (const { chains } of units) for (const chain of chains) out.push(declare(chain));
  for (const chain of stale) out.push(declare(chain));
  if (shared) {
    out.push(...frame.nat.first);
    for (const unit of everyone) for (const rule of unit.nat) out.push(rule);
    out.push(...frame.nat.last);
  }
  for (const { rules } of units) for (const rule of rules) out.push(rule);
  for (const chain of stale) out.push(`-X ${chain}`);
  out.push('COMMIT', '');
  return out.join('\n');
}

export class IptablesProxier implements Proxier {
  readonly #options: ProxierOptions;
  readonly #tool: IptablesTool;
  readonly #liberal: boolean;
  /** What the last sync left, by Service, and with which settings. */
  readonly #written = new Map<string, CompiledUnit[]>();
  #settingsKey = '';

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

  sync({ state, changed, detector, place }: SyncInput): void {
    const { ns, spec, nodeIP } = this.#options;
    const settings: RuleSettings = {
      masqueradeAll: spec.masqueradeAll,
      masqueradeBit: spec.masqueradeBit,
      detector,
      localhostNodePorts: this.#localhostNodePorts,
      nodePortIPs: nodePortIPs(ns, spec.nodePortAddresses),
      nodeIP,
      liberal: this.#liberal,
      place,
    };
    const large = state.endpointTotal > LARGE_CLUSTER;
    const frame = compileFrame(settings);
    const key = JSON.stringify([frame, settings, large]);
    const full = changed === undefined || key !== this.#settingsKey;
    const plan: Plan = { units: [], stale: new Set(), shared: full };
    if (full) {
      this.#ensureJumps();
      this.#written.clear();
      for (const name of tableOf(ns, 'nat').chains.keys()) if (isServiceChain(name)) plan.stale.add(name);
      for (const unit of state.units()) {
        const compiled = compileUnit(unit, settings, large);
        const written = this.#written.get(unit.port.service);
        if (written === undefined) this.#written.set(unit.port.service, [compiled]);
        else written.push(compiled);
        plan.units.push(compiled);
      }
    } else
      for (const service of changed) {
        const units = Array.from(state.unitsOf(service), (unit) => compileUnit(unit, settings, large));
        this.#take(plan, service, units);
      }
    for (const { chains } of plan.units) for (const chain of chains) plan.stale.delete(chain);
    // Unless it goes through, nothing is known of what stands there.
    this.#settingsKey = '';
    this.#restore(restoreText(frame, plan, this.#inOrder()));
    this.#settingsKey = key;
  }

  /** A Service's units as they are now: what is to be written of them, and what is to go. */
  #take(plan: Plan, service: string, units: CompiledUnit[]): void {
    const before = this.#written.get(service) ?? [];
    for (const { chains } of before) for (const chain of chains) plan.stale.add(chain);
    plan.units.push(...units);
    plan.shared ||=
      before.length !== units.length ||
      before.some((b, i) => !sameLines(b.nat, units[i]!.nat) || !sameLines(b.filter, units[i]!.filter));
    if (units.length === 0) this.#written.delete(service);
    else this.#written.set(service, units);
  }

  *#inOrder(): Generator<CompiledUnit> {
    for (const service of [...this.#written.keys()].sort()) yield* this.#written.get(service)!;
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
