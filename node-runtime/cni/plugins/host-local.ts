// host-local: addresses from ranges, kept as files (containernetworking/plugins plugins/ipam/host-local). One file per address
// in /var/lib/cni/networks/<net>/, whose exclusive creation is the reservation, and a cursor that goes round the range, so
// that a freed address rests until the range has been gone through.
import {
  broadcastOf,
  formatIpv4,
  type Ipv4,
  inPrefix,
  ip4,
  network,
  type Prefix,
  parseIpv4,
  parsePrefix,
} from '../../kernel/wire/addr.ts';
import type { NodeFs } from '../../node-fs.ts';
import { FsError } from '../../node-fs.ts';
import type { CmdArgs, Plugin } from '../plugin.ts';
import { emptyResult } from '../result.ts';
import type { CniDns, CniIp, CniRoute, PluginConf } from '../types.ts';

const DATA_DIR = '/var/lib/cni/networks';

interface RangeConf {
  readonly subnet?: string;
  readonly rangeStart?: string;
  readonly rangeEnd?: string;
  readonly gateway?: string;
}

interface IpamConf extends RangeConf {
  readonly type?: string;
  readonly ranges?: readonly (readonly RangeConf[])[];
  readonly routes?: readonly CniRoute[];
  readonly dataDir?: string;
  readonly resolvConf?: string;
}

interface Range {
  readonly subnet: Prefix;
  readonly start: Ipv4;
  readonly end: Ipv4;
  readonly gateway: Ipv4;
}

type RangeSet = readonly Range[];

const rangeText = (set: RangeSet): string =>
  set.map((range) => `${formatIpv4(range.start)}-${formatIpv4(range.end)}`).join(',');
const inRange = (range: Range, addr: Ipv4): boolean => addr >= range.start && addr <= range.end;

export const hostLocal: Plugin = {
  type: 'host-local',
  versions: ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0'],

  add(args, host) {
    const ipam = ipamConf(args.conf);
    const sets = rangeSets(ipam);
    const store = new Store(host.fs, ipam.dataDir ?? DATA_DIR, args.conf.name!);
    const requested = requestedAddresses(args);
    const ips: CniIp[] = [];
    for (const [index, set] of sets.entries()) {
      const wanted = requested.findIndex((addr) => set.some((range) => inRange(range, addr)));
      try {
        const addr = wanted === -1 ? undefined : requested.splice(wanted, 1)[0];
        ips.push(allocate(store, set, index, args.containerID, args.ifName, addr));
      } catch (error) {
        // What earlier ranges gave is given back; an older reservation of the container stays.
        if (ips.length > 0) store.release(args.containerID, args.ifName);
        throw new Error(`failed to allocate for range ${index}: ${(error as Error).message}`);
      }
    }
    if (requested.length > 0) {
      store.release(args.containerID, args.ifName);
      throw new Error(`failed to allocate all requested IPs: ${requested.map(formatIpv4).join(' ')}`);
    }
    const dns = ipam.resolvConf === undefined ? {} : parseResolvConf(host.fs.readText(ipam.resolvConf));
    return { ...emptyResult(args.cniVersion), ips, routes: ipam.routes ?? [], dns };
  },

  del(args, host) {
    const ipam = ipamConf(args.conf);
    new Store(host.fs, ipam.dataDir ?? DATA_DIR, args.conf.name!).release(args.containerID, args.ifName);
  },

  check(args, host) {
    const ipam = ipamConf(args.conf);
    const store = new Store(host.fs, ipam.dataDir ?? DATA_DIR, args.conf.name!);
    if (store.byId(args.containerID, args.ifName).length === 0)
      throw new Error(`host-local: Failed to find address added by container ${args.containerID}`);
  },
};

/** allocator.Get: the requested address, or the first free one behind the cursor. */
function allocate(
  store: Store,
  set: RangeSet,
  index: number,
  id: string,
  ifName: string,
  wanted: Ipv4 | undefined,
): CniIp {
  const config = (addr: Ipv4, range: Range): CniIp => ({
    address: `${formatIpv4(addr)}/${range.subnet.len}`,
    gateway: formatIpv4(range.gateway),
  });
  if (wanted !== undefined) {
    const range = set.find((r) => inRange(r, wanted))!;
    if (wanted === range.gateway) throw new Error(`requested ip ${formatIpv4(wanted)} is subnet's gateway`);
    if (!store.reserve(id, ifName, wanted, index))
      throw new Error(
        `requested IP address ${formatIpv4(wanted)} is not available in range set ${rangeText(set)}`,
      );
    return config(wanted, range);
  }
  const held = store.byId(id, ifName).find((addr) => set.some((range) => inRange(range, addr)));
  if (held !== undefined)
    throw new Error(`${formatIpv4(held)} has been allocated to ${id}, duplicate allocation is not allowed`);
  for (const { addr, range } of walk(set, store.lastReserved(index)))
    if (store.reserve(id, ifName, addr, index)) return config(addr, range);
  throw new Error(`no IP addresses available in range set: ${rangeText(set)}`);
}

/** RangeIter: from the address after the last reserved one, once round all ranges, gateways skipped. */
export function* walk(
  set: RangeSet,
  last: Ipv4 | undefined,
): Generator<{ readonly addr: Ipv4; readonly range: Range }> {
  const at = last === undefined ? -1 : set.findIndex((range) => inRange(range, last));
  let index = Math.max(at, 0);
  let cur = at === -1 ? undefined : last;
  let first: Ipv4 | undefined;
  for (;;) {
    let range = set[index]!;
    if (cur === undefined) cur = range.start;
    else if (cur === range.end) {
      index = (index + 1) % set.length;
      range = set[index]!;
      cur = range.start;
    } else cur = ip4(cur + 1);
    if (cur === first) return;
    first ??= cur;
    if (cur !== range.gateway) yield { addr: cur, range };
  }
}

/** backend/disk: the directory that holds the reservations. */
class Store {
  readonly #fs: NodeFs;
  readonly #dir: string;

  constructor(fs: NodeFs, dataDir: string, net: string) {
    this.#fs = fs;
    this.#dir = `${dataDir}/${net}`;
    fs.mkdir(this.#dir);
    if (!fs.exists(`${this.#dir}/lock`)) fs.write(`${this.#dir}/lock`, '', { mode: 0o600 });
  }

  reserve(id: string, ifName: string, addr: Ipv4, index: number): boolean {
    const text = formatIpv4(addr);
    try {
      this.#fs.write(`${this.#dir}/${text}`, `${id}\r\n${ifName}`, { mode: 0o600, exclusive: true });
    } catch (error) {
      if (error instanceof FsError && error.code === 'EEXIST') return false;
      throw error;
    }
    this.#fs.write(`${this.#dir}/last_reserved_ip.${index}`, text, { mode: 0o600 });
    return true;
  }

  lastReserved(index: number): Ipv4 | undefined {
    const path = `${this.#dir}/last_reserved_ip.${index}`;
    return this.#fs.exists(path) ? parseIpv4(this.#fs.readText(path).trim()) : undefined;
  }

  byId(id: string, ifName: string): Ipv4[] {
    return this.#files(id, ifName).map((name) => parseIpv4(name)!);
  }

  release(id: string, ifName: string): void {
    for (const name of this.#files(id, ifName)) this.#fs.remove(`${this.#dir}/${name}`);
  }

  #files(id: string, ifName: string): string[] {
    const content = `${id}\r\n${ifName}`;
    return this.#fs
      .list(this.#dir)
      .filter(
        (name) =>
          parseIpv4(name) !== undefined && this.#fs.readText(`${this.#dir}/${name}`).trim() === content,
      );
  }
}

function ipamConf(conf: PluginConf): IpamConf {
  if (conf.ipam === undefined) throw new Error("IPAM config missing 'ipam' key");
  return conf.ipam as IpamConf;
}

function rangeSets(ipam: IpamConf): readonly RangeSet[] {
  const sets = [...(ipam.subnet === undefined ? [] : [[ipam]]), ...(ipam.ranges ?? [])];
  if (sets.length === 0) throw new Error('no IP ranges specified');
  return sets.map((set, i) => {
    if (set.length === 0) throw new Error(`invalid range set ${i}: empty range set`);
    return set.map((range) => canonical(range, i));
  });
}

/** Range.Canonicalize: fills in start, end and gateway, and refuses what cannot hold two hosts. */
function canonical(conf: RangeConf, set: number): Range {
  const bad = (why: string): Error => new Error(`invalid range set ${set}: ${why}`);
  const subnet = parsePrefix(conf.subnet ?? '');
  if (subnet === undefined) throw bad(`invalid CIDR address: ${conf.subnet ?? ''}`);
  if (subnet.len > 30) throw bad(`network ${conf.subnet} too small to allocate from`);
  const net = network(subnet);
  if (net !== subnet.addr)
    throw bad(
      `network has host bits set. For a subnet mask of length ${subnet.len} the network address is ${formatIpv4(net)}`,
    );
  const address = (text: string | undefined, field: string, otherwise: Ipv4): Ipv4 => {
    if (text === undefined) return otherwise;
    const addr = parseIpv4(text);
    if (addr === undefined || !inPrefix(addr, subnet))
      throw bad(`${field} ${text} not in network ${conf.subnet}`);
    return addr;
  };
  return {
    subnet,
    gateway: conf.gateway === undefined ? ip4(net + 1) : (parseIpv4(conf.gateway) ?? ip4(net + 1)),
    start: address(conf.rangeStart, 'RangeStart', ip4(net + 1)),
    end: address(conf.rangeEnd, 'RangeEnd', ip4(broadcastOf(subnet) - 1)),
  };
}

/** CNI_ARGS IP=, args.cni.ips and runtimeConfig.ips, with or without a prefix length. */
function requestedAddresses(args: CmdArgs): Ipv4[] {
  const texts: unknown[] = [];
  if (args.args['IP'] !== undefined) texts.push(args.args['IP']);
  for (const list of [args.conf.args?.cni?.['ips'], args.conf.runtimeConfig?.['ips']])
    if (Array.isArray(list)) texts.push(...list);
  return texts.map((text) => {
    const prefix = typeof text === 'string' ? parsePrefix(text) : undefined;
    if (prefix === undefined) throw new Error(`invalid IP address: ${String(text)}`);
    return prefix.addr;
  });
}

function parseResolvConf(text: string): CniDns {
  const of = (key: string): string[] =>
    text
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([word]) => word === key)
      .flatMap(([, ...values]) => values);
  const domain = of('domain')[0];
  return {
    ...(of('nameserver').length > 0 ? { nameservers: of('nameserver') } : {}),
    ...(domain === undefined ? {} : { domain }),
    ...(of('search').length > 0 ? { search: of('search') } : {}),
    ...(of('options').length > 0 ? { options: of('options') } : {}),
  };
}
