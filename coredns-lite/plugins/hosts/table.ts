// A hosts file as look-ups (CoreDNS plugin/hosts/hostsfile.go, hosts(5)): names to addresses and back. "*.name" stands for one label.
import { addrBytes, addrText } from '../../dns/addr.ts';
import { fqdn, lower, matchZone } from '../../dns/name.ts';

export class HostsTable {
  readonly #names = new Map<string, Uint8Array[]>();
  readonly #addresses = new Map<string, string[]>();

  /** Only names in `origins` count. */
  constructor(text: string, origins: readonly string[], reverse: boolean) {
    for (const line of text.split('\n')) {
      const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
      const bytes = addrBytes(address);
      if (bytes === undefined || address.includes('%')) continue;
      for (const written of names) {
        const name = lower(fqdn(written));
        if (matchZone(origins, name) === undefined) continue;
        const list = this.#names.get(name);
        if (list === undefined) this.#names.set(name, [bytes]);
        else list.push(bytes);
        if (!reverse || name.startsWith('*.')) continue;
        const key = addrText(bytes);
        const back = this.#addresses.get(key);
        if (back === undefined) this.#addresses.set(key, [name]);
        else back.push(name);
      }
    }
  }

  get size(): number {
    let n = 0;
    for (const list of this.#names.values()) n += list.length;
    for (const list of this.#addresses.values()) n += list.length;
    return n;
  }

  /** Addresses of a family, by bytes: 4 or 16. A name of its own hides what a wildcard says. */
  addresses(name: string, family: 4 | 16): readonly Uint8Array[] {
    const own = this.#names.get(name)?.filter((bytes) => bytes.length === family) ?? [];
    if (own.length > 0) return own;
    const dot = name.indexOf('.');
    return this.#names.get(`*${name.slice(dot)}`)?.filter((bytes) => bytes.length === family) ?? [];
  }

  namesOf(address: string): readonly string[] {
    return this.#addresses.get(address) ?? [];
  }
}
