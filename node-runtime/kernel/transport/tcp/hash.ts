// Connections by their four-tuple: inet_ehashinfo. Full sockets, half-open requests and TIME_WAIT remains share it.
import { mix32 } from '../../netns/dice.ts';
import type { Ipv4 } from '../../wire/addr.ts';

export const KIND_SOCK = 0;
export const KIND_REQUEST = 1;
export const KIND_TIME_WAIT = 2;

/** s: ours, d: the peer's. */
export interface EhashEntry {
  readonly kind: 0 | 1 | 2;
  readonly saddr: Ipv4;
  readonly sport: number;
  readonly daddr: Ipv4;
  readonly dport: number;
  hnext: EhashEntry | undefined;
}

const hashOf = (saddr: number, sport: number, daddr: number, dport: number): number =>
  mix32(Math.imul(saddr, 0x9e3779b1) ^ Math.imul(daddr, 0x85ebca77) ^ ((sport << 16) | dport)) | 0;

export class Ehash<E extends EhashEntry> {
  readonly #chains = new Map<number, E>();
  size = 0;

  find(saddr: number, sport: number, daddr: number, dport: number): E | undefined {
    let entry = this.#chains.get(hashOf(saddr, sport, daddr, dport));
    while (
      entry !== undefined &&
      (entry.dport !== dport || entry.sport !== sport || entry.daddr !== daddr || entry.saddr !== saddr)
    )
      entry = entry.hnext as E | undefined;
    return entry;
  }

  insert(entry: E): void {
    const hash = hashOf(entry.saddr, entry.sport, entry.daddr, entry.dport);
    entry.hnext = this.#chains.get(hash);
    this.#chains.set(hash, entry);
    this.size++;
  }

  remove(entry: E): void {
    const hash = hashOf(entry.saddr, entry.sport, entry.daddr, entry.dport);
    let at: E | undefined = this.#chains.get(hash);
    if (at === entry) {
      if (entry.hnext === undefined) this.#chains.delete(hash);
      else this.#chains.set(hash, entry.hnext as E);
    } else {
      while (at !== undefined && at.hnext !== entry) at = at.hnext as E | undefined;
      if (at === undefined) return;
      at.hnext = entry.hnext;
    }
    entry.hnext = undefined;
    this.size--;
  }

  *[Symbol.iterator](): Iterator<E> {
    for (let entry of this.#chains.values() as Iterable<E | undefined>)
      for (; entry !== undefined; entry = entry.hnext as E | undefined) yield entry;
  }
}
