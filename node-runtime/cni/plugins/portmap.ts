// portmap: host ports to container ports, with iptables (containernetworking/plugins plugins/meta/portmap). Chained behind
// the plugin that made the interface. Traffic to a local address goes to CNI-HOSTPORT-DNAT, from there to one chain per
// container, which marks what must be masqueraded (hairpin, localhost) and then rewrites the destination.
import { formatPrefix, network, parsePrefix } from '../../kernel/wire/addr.ts';
import { chainName } from '../chain-name.ts';
import type { IptablesTool } from '../iptables-tool.ts';
import type { CmdArgs, CniHost, Plugin } from '../plugin.ts';
import { parseResult } from '../result.ts';
import type { CniResult } from '../types.ts';

export interface PortMapping {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: string;
  readonly hostIP?: string;
}

const TOP_CHAIN = 'CNI-HOSTPORT-DNAT';
const SETMARK_CHAIN = 'CNI-HOSTPORT-SETMARK';
const MASQ_CHAIN = 'CNI-HOSTPORT-MASQ';
const DEFAULT_MARK_BIT = 13;
/** The multiport match takes no more. */
const PORTS_PER_RULE = 15;

export const portmap: Plugin = {
  type: 'portmap',
  versions: ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0'],

  add(args, host) {
    const result = previous(args);
    const maps = mappings(args);
    if (maps.length === 0) return result;
    const address = result.ips[0]?.address;
    if (address === undefined) throw new Error('got no container IPs');
    const ipt = host.iptables;
    const snat = args.conf['snat'] !== false;
    if (snat) setupMasquerade(ipt, markBit(args));
    ipt.ensureChain('nat', TOP_CHAIN);
    for (const chain of ['PREROUTING', 'OUTPUT'])
      ipt.appendUnique('nat', chain, ['-m', 'addrtype', '--dst-type', 'LOCAL', '-j', TOP_CHAIN]);
    removeChain(ipt, args);
    const chain = dnatChain(args);
    ipt.run('-t', 'nat', '-N', chain);
    for (const rule of dnatRules(maps, address, snat)) ipt.append('nat', chain, rule);
    for (const rule of entryRules(maps, `dnat name: "${args.conf.name}" id: "${args.containerID}"`, chain))
      ipt.append('nat', TOP_CHAIN, rule);
    if (snat) allowLocalhost(host, result);
    // A UDP flow that was there before goes on bypassing the new rule until its connection entry is gone.
    for (const map of maps) if (map.protocol === 'udp') host.flushUdpConntrack?.(map.hostPort);
    return result;
  },

  del(args, host) {
    removeChain(host.iptables, args);
  },

  check(args, host) {
    const result = previous(args);
    const maps = mappings(args);
    const address = result.ips[0]?.address;
    if (maps.length === 0 || address === undefined) return;
    const chain = dnatChain(args);
    if (!host.iptables.chainExists('nat', chain))
      throw new Error(`could not find chain ${chain} in table nat`);
    for (const rule of dnatRules(maps, address, args.conf['snat'] !== false))
      if (!host.iptables.exists('nat', chain, rule))
        throw new Error(`expected rule ${rule.join(' ')} is missing from chain ${chain}`);
  },
};

function previous(args: CmdArgs): CniResult {
  if (args.conf.prevResult === undefined) throw new Error('must be called as chained plugin');
  return parseResult(args.conf.prevResult, args.cniVersion);
}

function mappings(args: CmdArgs): readonly PortMapping[] {
  const list = (args.conf.runtimeConfig?.['portMappings'] ?? []) as readonly PortMapping[];
  for (const { hostPort, containerPort } of list) {
    if (containerPort <= 0) throw new Error(`invalid container port number: ${containerPort}`);
    if (hostPort <= 0) throw new Error(`invalid host port number: ${hostPort}`);
  }
  return list.map((map) => ({ ...map, protocol: map.protocol.toLowerCase() }));
}

const markBit = (args: CmdArgs): number => {
  const bit = (args.conf['markMasqBit'] as number | undefined) ?? DEFAULT_MARK_BIT;
  if (bit < 0 || bit > 31) throw new Error('MasqMarkBit must be between 0 and 31');
  return bit;
};

const dnatChain = (args: CmdArgs): string => chainName(args.conf.name!, args.containerID, 'DN-');

function setupMasquerade(ipt: IptablesTool, bit: number): void {
  const value = `0x${(2 ** bit).toString(16)}`;
  const mark = `${value}/${value}`;
  ipt.ensureChain('nat', SETMARK_CHAIN);
  ipt.appendUnique('nat', SETMARK_CHAIN, [
    ...['-m', 'comment', '--comment', 'CNI portfwd masquerade mark'],
    ...['-j', 'MARK', '--set-xmark', mark],
  ]);
  ipt.ensureChain('nat', MASQ_CHAIN);
  ipt.appendUnique('nat', MASQ_CHAIN, ['-m', 'mark', '--mark', mark, '-j', 'MASQUERADE']);
  // In front of the bridge plugin's own masquerading rules, which would end the walk.
  ipt.insertUnique('nat', 'POSTROUTING', 1, [
    ...['-m', 'comment', '--comment', 'CNI portfwd requiring masquerade'],
    ...['-j', MASQ_CHAIN],
  ]);
}

/** fillDnatRules: which packets go to the container's chain, fifteen ports a rule. */
export function entryRules(maps: readonly PortMapping[], comment: string, chain: string): string[][] {
  const rules: string[][] = [];
  for (const proto of [...new Set(maps.map((map) => map.protocol))].sort()) {
    const ports = maps.filter((map) => map.protocol === proto).map((map) => String(map.hostPort));
    for (let at = 0; at < ports.length; at += PORTS_PER_RULE) {
      const list = ports.slice(at, at + PORTS_PER_RULE).join(',');
      rules.push([
        ...['-m', 'comment', '--comment', comment.slice(0, 255)],
        ...['-m', 'multiport', '-p', proto, '--destination-ports', list],
        ...['-j', chain],
      ]);
    }
  }
  return rules;
}

/** The container's chain: marks first, then the DNAT, per port. */
export function dnatRules(maps: readonly PortMapping[], address: string, snat: boolean): string[][] {
  const pod = parsePrefix(address)!;
  const subnet = formatPrefix({ addr: network(pod), len: pod.len });
  const ip = address.split('/')[0]!;
  return maps.flatMap((map) => {
    const anyHost = map.hostIP === undefined || map.hostIP === '' || map.hostIP === '0.0.0.0';
    const base = [
      '-p',
      map.protocol,
      '--dport',
      String(map.hostPort),
      ...(anyHost ? [] : ['-d', map.hostIP!]),
    ];
    const marks = [
      [...base, '-s', subnet, '-j', SETMARK_CHAIN],
      [...base, '-s', '127.0.0.1', '-j', SETMARK_CHAIN],
    ];
    return [
      ...(snat ? marks : []),
      [...base, '-j', 'DNAT', '--to-destination', `${ip}:${map.containerPort}`],
    ];
  });
}

function removeChain(ipt: IptablesTool, args: CmdArgs): void {
  const chain = dnatChain(args);
  if (!ipt.chainExists('nat', chain)) return;
  if (ipt.chainExists('nat', TOP_CHAIN))
    for (const line of ipt.list('nat', TOP_CHAIN))
      if (line.endsWith(` -j ${chain}`)) ipt.run('-t', 'nat', '-D', ...splitRule(line.slice('-A '.length)));
  ipt.deleteChain('nat', chain);
}

/** Words of a rule as `-S` prints it: quotes group, a backslash takes the next character as it is. */
export function splitRule(line: string): string[] {
  const words: string[] = [];
  for (const [, quoted, bare] of line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g))
    words.push(quoted === undefined ? bare! : quoted.replace(/\\(.)/g, '$1'));
  return words;
}

/** Packets to 127.0.0.1:port leave by the bridge: the kernel must let loopback addresses onto it. */
function allowLocalhost(host: CniHost, result: CniResult): void {
  const first = result.interfaces.find((dev) => (dev.sandbox ?? '') === '');
  if (first !== undefined) host.ns.sysctl.write(`net/ipv4/conf/${first.name}/route_localnet`, '1');
}
