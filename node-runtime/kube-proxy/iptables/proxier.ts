// iptables mode at work: pkg/proxy/iptables/proxier.go. Jumps and canaries at a full sync, the rules by one iptables-restore,
// only those of changed Services where nothing else did.
import { IptablesTool } from '../../cni/iptables-tool.ts';
import { iptables } from '../../kernel/netfilter/iptables/iptables.ts';
import { iptablesRestore } from '../../kernel/netfilter/iptables/restore.ts';
import { tableOf } from '../../kernel/netfilter/tables/net.ts';
import type { TrackedUnit } from '../changes.ts';
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

interface Written {
  readonly service: string;
  readonly compiled: CompiledUnit;
}

interface Plan {
  readonly all: ReadonlyMap<string, Written>;
  /** Units whose own chains are written. */
  readonly news: readonly CompiledUnit[];
  /** Own chains that are to go. */
  readonly stale: readonly string[];
  /** The chains that all units share are written, too. */
  readonly shared: boolean;
}

const sameLines = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((line, i) => line === b[i]);

/**
 * Input of iptables-restore --noflush. Upstream writes the shared chains at every sync; we leave them where no unit's rules in them
 * changed, which the tables do not show but for counters that go on.
 */
function restoreText(frame: Frame, { all, news, stale, shared }: Plan): string {
  const out: string[] = [];
  if (shared) {
    out.push('*filter', ...frame.filter.chains.map(declare), ...frame.filter.first);
    for (const { compiled } of all.values()) for (const rule of compiled.filter) out.push(rule);
    out.push(...frame.filter.last, 'COMMIT');
  }
  out.push('*nat');
  if (shared) out.push(...frame.nat.chains.map(declare));
  for (const { chains } of news) for (const chain of chains) out.push(declare(chain));
  for (const chain of stale) out.push(declare(chain));
  if (shared) {
    out.push(...frame.nat.first);
    for (const { compiled } of all.values()) for (const rule of compiled.nat) out.push(rule);
    out.push(...frame.nat.last);
  }
  for (const { rules } of news) for (const rule of rules) out.push(rule);
  for (const chain of stale) out.push(`-X ${chain}`);
  out.push('COMMIT', '');
  return out.join('\n');
}

export class IptablesProxier implements Proxier {
  readonly #options: ProxierOptions;
  readonly #tool: IptablesTool;
  readonly #liberal: boolean;
  /** What the last sync left, by unit, and with which settings. */
  #written: ReadonlyMap<string, Written> = new Map();
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

  sync({ units, changed, detector, place }: SyncInput): void {
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
    const list = [...units];
    const large = list.reduce((sum, { endpoints }) => sum + endpoints.length, 0) > LARGE_CLUSTER;
    const frame = compileFrame(settings);
    const key = JSON.stringify([frame, settings, large]);
    const full = changed === undefined || key !== this.#settingsKey;
    if (full) this.#ensureJumps();
    const plan = this.#plan(list, full ? undefined : changed, (unit) => compileUnit(unit, settings, large));
    this.#settingsKey = '';
    this.#restore(restoreText(frame, plan));
    this.#settingsKey = key;
    this.#written = plan.all;
  }

  /** What is to be written, and what is to go; `changed` undefined: everything. */
  #plan(
    list: readonly TrackedUnit[],
    changed: ReadonlySet<string> | undefined,
    compiled: (unit: TrackedUnit) => CompiledUnit,
  ): Plan {
    const all = new Map<string, Written>();
    const news: CompiledUnit[] = [];
    const stale = new Set<string>();
    let shared = changed === undefined || list.length !== this.#written.size;
    for (const unit of list) {
      const { name, protocol, service } = unit.port;
      const key = `${name}/${protocol}`;
      const before = this.#written.get(key);
      if (changed !== undefined && before !== undefined && !changed.has(service)) {
        all.set(key, before);
        continue;
      }
      const now = compiled(unit);
      all.set(key, { service, compiled: now });
      news.push(now);
      for (const chain of before?.compiled.chains ?? []) stale.add(chain);
      shared ||=
        before === undefined ||
        !sameLines(before.compiled.nat, now.nat) ||
        !sameLines(before.compiled.filter, now.filter);
    }
    for (const [key, { compiled }] of this.#written)
      if (!all.has(key)) {
        shared = true;
        for (const chain of compiled.chains) stale.add(chain);
      }
    if (changed === undefined)
      for (const name of tableOf(this.#options.ns, 'nat').chains.keys())
        if (isServiceChain(name)) stale.add(name);
    for (const { chains } of news) for (const chain of chains) stale.delete(chain);
    return { all, news, stale: [...stale], shared };
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
