// What a back end wants changed when a lease comes or goes: plain records, decided by its `plan` and carried out by `apply`.
import {
  formatIpv4,
  formatMac,
  formatPrefix,
  type Ipv4,
  type Mac,
  type Prefix,
} from '../kernel/wire/addr.ts';

export type Change =
  | { readonly op: 'neigh' | 'neigh-del'; readonly dev: string; readonly addr: Ipv4; readonly mac: Mac }
  | { readonly op: 'fdb' | 'fdb-del'; readonly dev: string; readonly mac: Mac; readonly dst: Ipv4 }
  | {
      readonly op: 'route' | 'route-del';
      readonly dst: Prefix;
      readonly via: Ipv4;
      readonly dev: string;
      readonly onlink: boolean;
    }
  /** An entry of the udp daemon's own table. */
  | {
      readonly op: 'peer' | 'peer-del';
      readonly subnet: Prefix;
      readonly nextHop: Ipv4;
      readonly port: number;
    };

/** As the command a person would type; "peer" has none. */
export function changeText(change: Change): string {
  const verb = (word: string): string => (change.op.endsWith('-del') ? 'del' : word);
  switch (change.op) {
    case 'neigh':
    case 'neigh-del':
      return `ip neigh ${verb('replace')} ${formatIpv4(change.addr)} lladdr ${formatMac(change.mac)} dev ${change.dev} nud permanent`;
    case 'fdb':
    case 'fdb-del':
      return `bridge fdb ${verb('replace')} ${formatMac(change.mac)} dev ${change.dev} dst ${formatIpv4(change.dst)} self permanent`;
    case 'route':
    case 'route-del':
      return `ip route ${verb('replace')} ${formatPrefix(change.dst)} via ${formatIpv4(change.via)} dev ${change.dev}${change.onlink ? ' onlink' : ''}`;
    case 'peer':
    case 'peer-del':
      return `peer ${verb('set')} ${formatPrefix(change.subnet)} ${formatIpv4(change.nextHop)}:${change.port}`;
  }
}

/** What undoes a change that was made. */
export function inverse(change: Change): Change {
  const op = change.op.endsWith('-del') ? change.op.slice(0, -4) : `${change.op}-del`;
  return { ...change, op } as Change;
}

/**
 * Carries out the changes in order. A lease that is added is all or nothing: when a step fails, the ones before it are undone and
 * the error is thrown. Of one that is removed every step is tried, and the first error thrown at the end.
 */
export function applyChanges(
  type: 'added' | 'removed',
  changes: readonly Change[],
  apply: (change: Change) => void,
): void {
  const done: Change[] = [];
  let first: unknown;
  for (const change of changes) {
    try {
      apply(change);
      done.push(change);
    } catch (error) {
      if (type === 'added') {
        for (const made of done.reverse())
          try {
            apply(inverse(made));
          } catch {} // what cannot be undone is gone already
        throw error;
      }
      first ??= error;
    }
  }
  if (first !== undefined) throw first;
}
