// flannel's iptables rules (pkg/trafficmngr/iptables/iptables.go): which pod traffic is masqueraded and which is forwarded, and the
// loop that puts the whole set back, in order, when any of it is missing.
import type { IptablesTool } from '../cni/iptables-tool.ts';
import type { Clock, Timer } from '../kernel/clock/clock.ts';
import { formatPrefix, type Prefix } from '../kernel/wire/addr.ts';

export interface TrafficRule {
  readonly table: 'nat' | 'filter';
  readonly chain: string;
  readonly rule: readonly string[];
}

export const RESYNC_MS = 5000;

/** `network` is the whole cluster's range, `lease` this node's. */
export function masqueradeRules(network: Prefix, lease: Prefix): TrafficRule[] {
  const cluster = formatPrefix(network);
  const own = formatPrefix(lease);
  const comment = ['-m', 'comment', '--comment', 'flanneld masq'];
  const masquerade = ['-j', 'MASQUERADE', '--random-fully'];
  const chain = (...rule: string[]): TrafficRule => ({ table: 'nat', chain: 'FLANNEL-POSTRTG', rule });
  return [
    { table: 'nat', chain: 'POSTROUTING', rule: [...comment, '-j', 'FLANNEL-POSTRTG'] },
    // kube-proxy will masquerade it: twice would hit a kernel bug (flannel-io/flannel#1279).
    chain('-m', 'mark', '--mark', '0x4000/0x4000', ...comment, '-j', 'RETURN'),
    chain('-s', own, '-d', cluster, ...comment, '-j', 'RETURN'),
    chain('-s', cluster, '-d', own, ...comment, '-j', 'RETURN'),
    // A client outside that reaches a local pod keeps its address.
    chain('!', '-s', cluster, '-d', own, ...comment, '-j', 'RETURN'),
    chain('-s', cluster, '!', '-d', '224.0.0.0/4', ...comment, ...masquerade),
    chain('!', '-s', cluster, '-d', cluster, ...comment, ...masquerade),
  ];
}

export function forwardRules(network: Prefix): TrafficRule[] {
  const cluster = formatPrefix(network);
  const comment = ['-m', 'comment', '--comment', 'flanneld forward'];
  return [
    { table: 'filter', chain: 'FORWARD', rule: [...comment, '-j', 'FLANNEL-FWD'] },
    { table: 'filter', chain: 'FLANNEL-FWD', rule: ['-s', cluster, ...comment, '-j', 'ACCEPT'] },
    { table: 'filter', chain: 'FLANNEL-FWD', rule: ['-d', cluster, ...comment, '-j', 'ACCEPT'] },
  ];
}

const quoteWord = (word: string): string => (/\s/.test(word) ? `"${word}"` : word);
const OWN = new Set(['FLANNEL-POSTRTG', 'FLANNEL-FWD']);

/**
 * The iptables-restore input (for --noflush) that leaves exactly `rules`, in order: own chains emptied by their declaration, a jump that
 * stands in a chain of others taken out first. `standing` are the rules outside own chains that are there now.
 */
export function restoreText(rules: readonly TrafficRule[], standing: readonly TrafficRule[]): string {
  const text = (op: string, { chain, rule }: TrafficRule): string =>
    `${op} ${chain} ${rule.map(quoteWord).join(' ')}`;
  const out: string[] = [];
  for (const table of [...new Set(rules.map((rule) => rule.table))]) {
    const mine = rules.filter((rule) => rule.table === table);
    const chains = new Set(mine.map((rule) => rule.chain).filter((chain) => OWN.has(chain)));
    out.push(`*${table}`, ...[...chains].map((chain) => `:${chain} - [0:0]`));
    out.push(...standing.filter((rule) => rule.table === table).map((rule) => text('-D', rule)));
    out.push(...mine.map((rule) => text('-A', rule)), 'COMMIT');
  }
  return `${out.join('\n')}\n`;
}

export interface TrafficManagerOptions {
  readonly iptables: IptablesTool;
  /** iptables-restore --noflush. Throws when it is refused. */
  readonly restore: (text: string) => void;
  readonly clock: Clock;
  readonly onError: (error: Error) => void;
  readonly resyncMs?: number;
}

export class TrafficManager {
  readonly #options: TrafficManagerOptions;
  readonly #sets: (readonly TrafficRule[])[] = [];
  #timer: Timer | undefined;

  constructor(options: TrafficManagerOptions) {
    this.#options = options;
  }

  /** Installs a set of rules and keeps it there. */
  keep(rules: readonly TrafficRule[]): void {
    this.#sets.push(rules);
    this.#ensure(rules);
    this.#timer ??= this.#options.clock.after(this.#resync, () => this.#tick());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  get #resync(): number {
    return this.#options.resyncMs ?? RESYNC_MS;
  }

  #tick(): void {
    this.#timer = this.#options.clock.after(this.#resync, () => this.#tick());
    for (const rules of this.#sets) this.#ensure(rules);
  }

  #ensure(rules: readonly TrafficRule[]): void {
    const { iptables, restore, onError } = this.#options;
    const there = rules.map((r) => iptables.exists(r.table, r.chain, r.rule));
    if (there.every(Boolean)) return;
    const standing = rules.filter((rule, i) => there[i] && !OWN.has(rule.chain));
    try {
      restore(restoreText(rules, standing));
    } catch (error) {
      onError(error as Error);
    }
  }
}
