// Which service addresses and node ports are taken, and by whom: pkg/registry/core/service/ipallocator and portallocator.
// Automatic picks are drawn from above a static band at the low end, which is left to those who choose by hand, as long as
// there is room (KEP-3070).
import type { ObjectStore } from '../../store/store.ts';
import type { Chance } from '../chance.ts';
import type { Service } from '../types/service.ts';

export interface Range {
  /** "10.96.0.0/12". */
  readonly text: string;
  /** First usable address, and how many there are. */
  readonly first: number;
  readonly size: number;
}

export function serviceRange(cidr: string): Range {
  const [address = '', length = '32'] = cidr.split('/');
  const total = 2 ** (32 - Number(length));
  const base = Math.floor(parse(address) / total) * total;
  return { text: cidr, first: base + 1, size: Math.max(0, total - 2) };
}

const parse = (text: string): number => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

export const isIpv4 = (text: string): boolean =>
  /^(\d{1,3}\.){3}\d{1,3}$/.test(text) &&
  text.split('.').every((part) => Number(part) < 256 && String(Number(part)) === part);

const format = (address: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');

export const FIRST_NODE_PORT = 30_000;
export const LAST_NODE_PORT = 32_767;
const NODE_PORT_BAND = 86;

export type Refusal = 'range' | 'taken';

export class ServiceAddresses {
  readonly range: Range;
  #store: ObjectStore;
  #chance: Chance;
  #addresses: Map<string, string> | undefined;
  #ports = new Map<number, string>();

  constructor(range: Range, store: ObjectStore, chance: Chance) {
    this.range = range;
    this.#store = store;
    this.#chance = chance;
  }

  /** Why an address cannot be had by `owner`; undefined: it can. */
  refusal(address: string, owner: string): Refusal | undefined {
    const offset = parse(address) - this.range.first;
    if (offset < 0 || offset >= this.range.size) return 'range';
    const holder = this.#taken().get(address);
    return holder === undefined || holder === owner ? undefined : 'taken';
  }

  portRefusal(port: number, owner: string): Refusal | undefined {
    if (port < FIRST_NODE_PORT || port > LAST_NODE_PORT) return 'range';
    this.#taken();
    const holder = this.#ports.get(port);
    return holder === undefined || holder === owner ? undefined : 'taken';
  }

  /** undefined: the range is full. */
  pickAddress(): string | undefined {
    const taken = this.#taken();
    const { first, size } = this.range;
    const band = Math.min(Math.max(16, Math.floor(size / 16)), 256);
    const free = (n: number): boolean => !taken.has(format(first + n));
    const n =
      band < size ? (this.#pick(band, size, free) ?? this.#pick(0, band, free)) : this.#pick(0, size, free);
    return n === undefined ? undefined : format(first + n);
  }

  pickPort(also: ReadonlySet<number>): number | undefined {
    this.#taken();
    const free = (port: number): boolean => !this.#ports.has(port) && !also.has(port);
    const band = FIRST_NODE_PORT + NODE_PORT_BAND;
    return this.#pick(band, LAST_NODE_PORT + 1, free) ?? this.#pick(FIRST_NODE_PORT, band, free);
  }

  /** At random in [from, to): a random place, and onwards from there. */
  #pick(from: number, to: number, free: (n: number) => boolean): number | undefined {
    const count = to - from;
    const start = this.#chance.below(count);
    for (let i = 0; i < count; i++) {
      const n = from + ((start + i) % count);
      if (free(n)) return n;
    }
    return undefined;
  }

  /** What `owner` has from now on; undefined: nothing any more. */
  hold(owner: string, service: Service | undefined, before: Service | undefined): void {
    const taken = this.#taken();
    for (const address of addressesOf(before)) if (taken.get(address) === owner) taken.delete(address);
    for (const port of portsOf(before)) if (this.#ports.get(port) === owner) this.#ports.delete(port);
    for (const address of addressesOf(service)) taken.set(address, owner);
    for (const port of portsOf(service)) this.#ports.set(port, owner);
  }

  /** Read from the store once; from then on every write passes here. */
  #taken(): Map<string, string> {
    if (this.#addresses !== undefined) return this.#addresses;
    const taken = new Map<string, string>();
    for (const { key, object } of this.#store.list('services')) {
      for (const address of addressesOf(object as Service)) taken.set(address, key);
      for (const port of portsOf(object as Service)) this.#ports.set(port, key);
    }
    this.#addresses = taken;
    return taken;
  }
}

function addressesOf(service: Service | undefined): string[] {
  const { clusterIPs, clusterIP } = service?.spec ?? {};
  return (clusterIPs ?? (clusterIP === undefined ? [] : [clusterIP])).filter((a) => a !== '' && a !== 'None');
}

function portsOf(service: Service | undefined): number[] {
  const { ports = [], healthCheckNodePort } = service?.spec ?? {};
  return [...ports.flatMap((p) => p.nodePort ?? []), ...(healthCheckNodePort ? [healthCheckNodePort] : [])];
}
