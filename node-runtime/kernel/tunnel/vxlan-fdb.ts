// A VXLAN device's own forwarding database: behind which remote tunnel endpoints a MAC address is. drivers/net/vxlan/
// vxlan_core.c (struct vxlan_fdb, vxlan_rdst). The all-zero address is the entry for everything unknown, and may name
// several remotes, to which broadcasts are copied.
import type { Clock, Timer } from '../clock/clock.ts';
import { MacTable } from '../netdev/mac-table.ts';
import { NetnsError } from '../netns/netns.ts';
import { type Ipv4, isGroupMac, MAC_ZERO, type Mac } from '../wire/addr.ts';

export interface Remote {
  readonly addr: Ipv4;
  /** Destination port where it is not the device's, else 0. */
  readonly port: number;
  /** VNI where it is not the device's, else 0. */
  readonly vni: number;
}

export interface VxlanFdbEntry {
  readonly mac: Mac;
  remotes: readonly Remote[];
  /** NUD_PERMANENT, as daemons add them; or learned from what was received, with an end. */
  readonly permanent: boolean;
  updated: number;
}

/** Linux looks for expired entries every FDB_AGE_INTERVAL. */
const AGE_INTERVAL = 10_000;

export class VxlanFdb {
  ageingTime = 300_000;
  maxLearned = 32_768;
  readonly #clock: Clock;
  readonly #table = new MacTable<VxlanFdbEntry>();
  #learned = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The entry of the address at bytes[at..at+6). */
  find(bytes: Uint8Array, at: number): VxlanFdbEntry | undefined {
    return this.#table.getAt(bytes, at);
  }
  get(mac: Mac): VxlanFdbEntry | undefined {
    return this.#table.get(mac);
  }
  *entries(): IterableIterator<VxlanFdbEntry> {
    for (const [, entry] of this.#table.entries()) yield entry;
  }

  /** `bridge fdb add MAC dev DEV dst ADDR [port P] [vni V] self permanent`. Throws EEXIST. */
  add(mac: Mac, remote: { addr: Ipv4; port?: number; vni?: number }): void {
    if (this.#table.get(mac) !== undefined) throw new NetnsError('EEXIST', 'File exists');
    this.replace(mac, remote);
  }

  /** `bridge fdb replace`: in place of whatever the address had. */
  replace(mac: Mac, remote: { addr: Ipv4; port?: number; vni?: number }): void {
    this.delete(mac);
    this.#table.set(mac, { mac, remotes: [full(remote)], permanent: true, updated: this.#clock.now() });
  }

  /**
   * `bridge fdb append`: one more remote, for the default and for group addresses. As in Linux one that is there already,
   * or a second one for a unicast address, is ignored without an error.
   */
  append(mac: Mac, remote: { addr: Ipv4; port?: number; vni?: number }): void {
    const entry = this.#table.get(mac);
    if (entry === undefined) {
      this.replace(mac, remote);
      return;
    }
    const one = full(remote);
    const there = entry.remotes.some((r) => r.addr === one.addr && r.port === one.port && r.vni === one.vni);
    if (there || (mac !== MAC_ZERO && !isGroupMac(mac))) return;
    entry.remotes = [...entry.remotes, one];
  }

  /** `bridge fdb del MAC [dst ADDR]`: one remote, or all. Throws ENOENT when the address has no entry. */
  del(mac: Mac, addr?: Ipv4): void {
    const entry = this.#table.get(mac);
    if (entry === undefined) throw new NetnsError('ENOENT', 'No such file or directory');
    const rest = addr === undefined ? [] : entry.remotes.filter((r) => r.addr !== addr);
    if (rest.length === 0) this.delete(mac);
    else entry.remotes = rest;
  }

  delete(mac: Mac): void {
    const entry = this.#table.get(mac);
    if (entry === undefined) return;
    if (!entry.permanent) this.#learned--;
    this.#table.delete(mac);
  }

  /** vxlan_snoop: a frame from `mac` came out of the tunnel from `addr`. True when that was news. */
  learn(mac: Mac, addr: Ipv4): boolean {
    const entry = this.#table.get(mac);
    const now = this.#clock.now();
    if (entry !== undefined) {
      entry.updated = now;
      if (entry.permanent || entry.remotes[0]!.addr === addr) return false;
      entry.remotes = [full({ addr })];
      return true;
    }
    if (this.#learned >= this.maxLearned) return false;
    this.#table.set(mac, { mac, remotes: [full({ addr })], permanent: false, updated: now });
    this.#learned++;
    this.#timer ??= this.#clock.after(AGE_INTERVAL, () => this.#clean());
    return true;
  }

  /** Drops learned entries and the timer, as when the device goes down (vxlan_flush). */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const entry of [...this.entries()]) if (!entry.permanent) this.delete(entry.mac);
  }

  #clean(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    for (const entry of [...this.entries()])
      if (!entry.permanent && entry.updated + this.ageingTime <= now) this.delete(entry.mac);
    if (this.#learned > 0) this.#timer = this.#clock.after(AGE_INTERVAL, () => this.#clean());
  }
}

const full = (remote: { addr: Ipv4; port?: number; vni?: number }): Remote => ({
  addr: remote.addr,
  port: remote.port ?? 0,
  vni: remote.vni ?? 0,
});
