// The bridge plugin (containernetworking/plugins plugins/main/bridge/bridge.go): a bridge on the host, a veth pair made inside the
// container's namespace with its other end a port of the bridge, an address from IPAM, and the gateway's on the bridge. VLANs and
// MAC spoof checks are refused, since the emulated bridge has neither.
//
// The container's MAC is 0a:58 and its address, as the plugin had it up to 0.8: it can be read off a capture.
import type { NetDevice } from '../../kernel/netns/device.ts';
import type { Netns } from '../../kernel/netns/netns.ts';
import { rtnetlink } from '../../kernel/rtnetlink/rtnetlink.ts';
import {
  formatIpv4,
  formatMac,
  ip4,
  type Mac,
  mac,
  network,
  type Prefix,
  parseIpv4,
  parseMac,
  parsePrefix,
  prefix,
} from '../../kernel/wire/addr.ts';
import { chainComment, chainName } from '../chain-name.ts';
import { errnoText, hasErrno } from '../errno.ts';
import { delegateAdd, delegateCheck, delegateDel } from '../invoke.ts';
import type { CmdArgs, CniHost, Plugin } from '../plugin.ts';
import { emptyResult, parseResult } from '../result.ts';
import {
  CniError,
  type CniIp,
  type CniResult,
  type CniRoute,
  ERR_UNSUPPORTED_FIELD,
  type PluginConf,
  quote,
} from '../types.ts';

interface BridgeConf extends PluginConf {
  readonly bridge?: string;
  readonly isGateway?: boolean;
  readonly isDefaultGateway?: boolean;
  readonly forceAddress?: boolean;
  readonly ipMasq?: boolean;
  readonly mtu?: number;
  readonly hairpinMode?: boolean;
  readonly promiscMode?: boolean;
  readonly portIsolation?: boolean;
  readonly disableContainerInterface?: boolean;
}

const NAME_TRIES = 10;
const EVERYWHERE = '0.0.0.0/0';

export const bridge: Plugin = {
  type: 'bridge',
  versions: ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0'],

  async add(args, host) {
    const conf = checked(args.conf as BridgeConf);
    const br = ensureBridge(host.ns, conf);
    const sandbox = openNetns(args, host);
    const { hostEnd, guest } = makeVeth(args, host, sandbox, br, conf);
    const result: CniResult = {
      ...emptyResult(args.cniVersion),
      interfaces: [
        { name: br.name, mac: formatMac(br.mac) },
        { name: hostEnd.name, mac: formatMac(hostEnd.mac) },
        { name: guest.name, mac: formatMac(guest.mac), sandbox: args.netns },
      ],
    };
    if (conf.ipam?.type === undefined) {
      if (conf.disableContainerInterface !== true) rtnetlink(sandbox).linkSet(guest.name, { up: true });
      return result;
    }
    const ipam = await delegateAdd(host, args, conf.ipam.type, conf);
    try {
      return layer3(args, host, conf, { br, guest, sandbox, result, ipam });
    } catch (error) {
      await delegateDel(host, args, conf.ipam.type, conf).catch(() => {});
      throw error;
    }
  },

  async del(args, host) {
    const conf = args.conf as BridgeConf;
    const sandbox = args.netns === '' ? undefined : host.netns(args.netns);
    const dev = sandbox?.device(args.ifName);
    const addresses = dev?.addrs.map((a) => formatIpv4(a.addr)) ?? [];
    if (dev !== undefined) rtnetlink(dev.ns).linkDel(dev.name);
    if (conf.ipam?.type !== undefined) await delegateDel(host, args, conf.ipam.type, conf);
    if (conf.ipMasq === true) removeMasquerade(args, host, addresses);
  },

  async check(args, host) {
    const conf = args.conf as BridgeConf;
    if (conf.prevResult === undefined) throw new Error('Required prevResult missing');
    const result = parseResult(conf.prevResult, args.cniVersion);
    if (conf.ipam?.type !== undefined) await delegateCheck(host, args, conf.ipam.type, conf);
    const guest = result.interfaces.find((dev) => dev.name === args.ifName && dev.sandbox === args.netns);
    if (guest === undefined)
      throw new Error(`Sandbox in prevResult does not match configured netns: ${args.netns}`);
    const dev = openNetns(args, host).device(args.ifName);
    if (dev === undefined) throw new Error(`${args.ifName} interface not found`);
    if (formatMac(dev.mac) !== guest.mac)
      throw new Error(`interface ${args.ifName} Mac ${formatMac(dev.mac)} doesn't match: ${guest.mac}`);
    if (host.ns.device(conf.bridge ?? 'cni0')?.kind !== 'bridge')
      throw new Error(`Bridge interface ${conf.bridge ?? 'cni0'} not found`);
    for (const { address } of result.ips) {
      const want = prefix(address);
      if (!dev.addrs.some((a) => a.addr === want.addr && a.prefixLen === want.len))
        throw new Error(`Failed to match addr ${address} on interface ${args.ifName}`);
    }
    for (const route of result.routes) {
      const dst = prefix(route.dst);
      if (rtnetlink(dev.ns).routeList({ dst }).length === 0)
        throw new Error(`expected Route ${route.dst} not found in routing table`);
    }
  },
};

/** loadNetConf and the checks at the head of cmdAdd. */
function checked(conf: BridgeConf): BridgeConf {
  for (const field of ['vlan', 'vlanTrunk', 'macspoofchk'])
    if (conf[field] !== undefined && conf[field] !== 0 && conf[field] !== false)
      throw new CniError(
        ERR_UNSUPPORTED_FIELD,
        `unsupported field: ${field}`,
        'the emulated bridge has none',
      );
  if (conf.hairpinMode === true && conf.promiscMode === true)
    throw new Error('cannot set hairpin mode and promiscuous mode at the same time');
  if (conf.ipam?.type !== undefined && conf.disableContainerInterface === true)
    throw new Error('cannot use IPAM when DisableContainerInterface flag is set');
  return conf.isDefaultGateway === true ? { ...conf, isGateway: true } : conf;
}

/** ensureBridge: its MTU is set only when it is made. */
function ensureBridge(ns: Netns, conf: BridgeConf): NetDevice {
  const name = conf.bridge ?? 'cni0';
  const rtnl = rtnetlink(ns);
  try {
    rtnl.linkAdd({ type: 'bridge', name, ...(conf.mtu === undefined ? {} : { mtu: conf.mtu }) });
  } catch (error) {
    if (!hasErrno(error, 'EEXIST'))
      throw new Error(
        `failed to create bridge ${quote(name)}: could not add ${quote(name)}: ${errnoText(error)}`,
      );
  }
  const br = rtnl.link(name);
  if (br.kind !== 'bridge')
    throw new Error(
      `failed to create bridge ${quote(name)}: ${quote(name)} already exists but is not a bridge`,
    );
  if (conf.promiscMode === true && br.promisc === 0) rtnl.linkSet(name, { promisc: true });
  return rtnl.linkSet(name, { up: true });
}

function openNetns(args: CmdArgs, host: CniHost): Netns {
  const sandbox = host.netns(args.netns);
  if (sandbox === undefined)
    throw new Error(
      `failed to open netns ${quote(args.netns)}: failed to Statfs ${quote(args.netns)}: no such file or directory`,
    );
  return sandbox;
}

/** setupVeth: the pair is made inside the container, so that its own index there is the same in every pod. */
function makeVeth(
  args: CmdArgs,
  host: CniHost,
  sandbox: Netns,
  br: NetDevice,
  conf: BridgeConf,
): { hostEnd: NetDevice; guest: NetDevice } {
  const mtu = conf.mtu === undefined || conf.mtu === 0 ? {} : { mtu: conf.mtu };
  const own = requestedMac(args);
  const inside = rtnetlink(sandbox);
  const outside = rtnetlink(host.ns);
  if (sandbox.device(args.ifName) !== undefined)
    throw new Error(`container veth name (${quote(args.ifName)}) already exists`);
  let name = '';
  for (let i = 0; name === '' || host.ns.device(name) !== undefined; i++) {
    if (i >= NAME_TRIES) throw new Error('failed to find a unique veth name');
    name = `veth${host.randomHex(8)}`;
  }
  const guest = inside.linkAdd({
    type: 'veth',
    name: args.ifName,
    ...mtu,
    ...(own === undefined ? {} : { mac: own }),
    peer: { name, netns: host.ns, ...mtu },
  });
  try {
    outside.linkSet(name, { up: true });
    outside.linkSet(name, { master: br.name });
    if (conf.hairpinMode === true) outside.linkSet(name, { hairpin: true });
    if (conf.portIsolation === true) outside.linkSet(name, { isolated: true });
  } catch (error) {
    inside.linkDel(args.ifName);
    throw new Error(`failed to connect ${quote(name)} to bridge ${br.name}: ${errnoText(error)}`);
  }
  return { hostEnd: outside.link(name), guest };
}

/** runtimeConfig.mac, then args.cni.mac, then MAC in CNI_ARGS. */
function requestedMac(args: CmdArgs): Mac | undefined {
  const text = args.conf.runtimeConfig?.['mac'] ?? args.conf.args?.cni?.['mac'] ?? args.args['MAC'];
  if (typeof text !== 'string' || text === '') return undefined;
  const parsed = parseMac(text);
  if (parsed === undefined) throw new Error(`invalid MAC address: ${text}`);
  return parsed;
}

interface Layer3 {
  readonly br: NetDevice;
  readonly guest: NetDevice;
  readonly sandbox: Netns;
  readonly result: CniResult;
  readonly ipam: CniResult;
}

function layer3(
  args: CmdArgs,
  host: CniHost,
  conf: BridgeConf,
  { br, guest, sandbox, result, ipam }: Layer3,
): CniResult {
  if (ipam.ips.length === 0) throw new Error('IPAM plugin returned missing IP config');
  const ips = ipam.ips.map((ip) => withGateway(ip, conf));
  const routes = withDefault(ipam.routes, ips, conf);
  if (requestedMac(args) === undefined) rtnetlink(sandbox).linkSet(guest.name, { mac: macOf(ips[0]!) });
  configure(sandbox, guest, ips, routes);
  if (conf.isGateway === true) {
    for (const ip of ips) ensureAddress(host.ns, br, gatewayPrefix(ip), conf.forceAddress === true);
    host.ns.sysctl.write('net/ipv4/ip_forward', '1');
  }
  if (conf.ipMasq === true) addMasquerade(args, host, ips);
  const [first, second, third] = result.interfaces;
  return {
    ...result,
    interfaces: [{ ...first!, mac: formatMac(br.mac) }, second!, { ...third!, mac: formatMac(guest.mac) }],
    ips,
    routes,
    dns: ipam.dns,
  };
}

const macOf = (ip: CniIp): Mac => mac(0x0a58_0000_0000 + parseIpv4(ip.address.split('/')[0]!)!);

/** calcGatewayIP: the network's first address. */
function withGateway(ip: CniIp, conf: BridgeConf): CniIp {
  const gateway = ip.gateway ?? formatIpv4(ip4(network(prefix(ip.address)) + 1));
  return { ...ip, interface: 2, ...(ip.gateway === undefined && conf.isGateway !== true ? {} : { gateway }) };
}

function withDefault(
  routes: readonly CniRoute[],
  ips: readonly CniIp[],
  conf: BridgeConf,
): readonly CniRoute[] {
  const gateway = ips[0]!.gateway;
  if (conf.isDefaultGateway !== true || gateway === undefined) return routes;
  if (routes.some((route) => route.dst === EVERYWHERE && route.gw !== undefined)) return routes;
  return [...routes, { dst: EVERYWHERE, gw: gateway }];
}

const gatewayPrefix = (ip: CniIp): Prefix => ({ addr: parseIpv4(ip.gateway!)!, len: prefix(ip.address).len });

/** ipam.ConfigureIface, with arp_notify so that neighbours hear of the new owner of the address. */
function configure(sandbox: Netns, dev: NetDevice, ips: readonly CniIp[], routes: readonly CniRoute[]): void {
  const rtnl = rtnetlink(sandbox);
  sandbox.sysctl.write(`net/ipv4/conf/${dev.name}/arp_notify`, '1');
  for (const ip of ips) {
    try {
      rtnl.addrAdd(dev.name, { addr: prefix(ip.address), broadcast: broadcast(ip.address) });
    } catch (error) {
      throw new Error(`failed to add IP addr ${ip.address} to ${quote(dev.name)}: ${errnoText(error)}`);
    }
  }
  rtnl.linkSet(dev.name, { up: true });
  for (const route of routes) {
    const gw = route.gw ?? ips[0]!.gateway;
    const dst = parsePrefix(route.dst);
    const via = gw === undefined ? undefined : parseIpv4(gw);
    if (dst === undefined) throw new Error(`invalid CIDR address: ${route.dst}`);
    try {
      rtnl.routeAdd({
        dst: { addr: network(dst), len: dst.len },
        dev: dev.name,
        ...(via === undefined ? {} : { via }),
      });
    } catch (error) {
      if (!hasErrno(error, 'EEXIST'))
        throw new Error(`failed to add route '${route.dst} via ${gw} dev ${dev.name}': ${errnoText(error)}`);
    }
  }
}

const broadcast = (address: string) => {
  const { addr, len } = prefix(address);
  return ip4(addr | ~(len === 0 ? 0 : 0xffffffff << (32 - len)));
};

/** ensureAddr: the gateway's address, and no other, on the bridge; its MAC is pinned then, else it would follow its ports'. */
function ensureAddress(ns: Netns, br: NetDevice, addr: Prefix, force: boolean): void {
  const rtnl = rtnetlink(ns);
  const text = `${formatIpv4(addr.addr)}/${addr.len}`;
  if (br.addrs.some((a) => a.addr === addr.addr && a.prefixLen === addr.len)) return;
  for (const old of rtnl.addrList(br.name)) {
    if (!force)
      throw new Error(
        `failed to set bridge addr: ${quote(br.name)} already has an IP address different from ${text}`,
      );
    rtnl.addrDel(br.name, { addr: old.addr, len: old.prefixLen });
  }
  rtnl.addrAdd(br.name, { addr, broadcast: broadcast(text) });
  rtnl.linkSet(br.name, { mac: br.mac });
}

/** ip.SetupIPMasqForNetworks: only where flannel itself does not masquerade. */
function addMasquerade(args: CmdArgs, host: CniHost, ips: readonly CniIp[]): void {
  const chain = chainName(args.conf.name!, args.containerID);
  const comment = ['-m', 'comment', '--comment', chainComment(args.conf.name!, args.containerID)];
  host.iptables.ensureChain('nat', chain);
  for (const { address } of ips) {
    host.iptables.appendUnique('nat', chain, ['-d', subnet(address), '-j', 'ACCEPT', ...comment]);
    host.iptables.appendUnique('nat', chain, ['!', '-d', '224.0.0.0/4', '-j', 'MASQUERADE', ...comment]);
    host.iptables.appendUnique('nat', 'POSTROUTING', ['-s', address.split('/')[0]!, '-j', chain, ...comment]);
  }
}

function removeMasquerade(args: CmdArgs, host: CniHost, addresses: readonly string[]): void {
  const chain = chainName(args.conf.name!, args.containerID);
  const comment = ['-m', 'comment', '--comment', chainComment(args.conf.name!, args.containerID)];
  if (!host.iptables.chainExists('nat', chain)) return;
  for (const address of addresses)
    host.iptables.deleteIfExists('nat', 'POSTROUTING', ['-s', address, '-j', chain, ...comment]);
  host.iptables.deleteChain('nat', chain);
}

const subnet = (address: string): string => {
  const p = prefix(address);
  return `${formatIpv4(network(p))}/${p.len}`;
};
