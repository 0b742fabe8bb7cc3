// As much of iproute2's, sysctl's and iptables' command lines as the lab's networks are written in, put to the emulated
// kernel. A word it does not know throws: nothing the real half does may be silently left out here.

import { RT_TABLE_LOCAL } from '../../node-runtime/kernel/ipv4/route.ts';
import { iptables } from '../../node-runtime/kernel/netfilter/iptables/iptables.ts';
import type { Netns } from '../../node-runtime/kernel/netns/netns.ts';
import type { RouteSpec } from '../../node-runtime/kernel/rtnetlink/route.ts';
import { rtnetlink } from '../../node-runtime/kernel/rtnetlink/rtnetlink.ts';
import { ipv4, type Mac, parseMac, prefix } from '../../node-runtime/kernel/wire/addr.ts';

type Find = (name: string) => Netns;

class Words {
  readonly #words: string[];
  constructor(words: string[]) {
    this.#words = words;
  }
  get more(): boolean {
    return this.#words.length > 0;
  }
  next(): string {
    const word = this.#words.shift();
    if (word === undefined) throw new Error('the command ends too early');
    return word;
  }
  number(): number {
    return Number(this.next());
  }
  /** True, and taken, when the next word is `word`. */
  is(word: string): boolean {
    if (this.#words[0] !== word) return false;
    this.#words.shift();
    return true;
  }
}

const mac = (text: string): Mac => {
  const parsed = parseMac(text);
  if (parsed === undefined) throw new Error(`not a MAC address: ${text}`);
  return parsed;
};

export function execute(ns: Netns, command: string, find: Find): void {
  const [tool, ...rest] = command.split(/\s+/);
  const words = new Words(rest);
  switch (tool) {
    case 'ip':
      ipCommand(ns, words, find);
      return;
    case 'bridge':
      fdb(ns, words);
      return;
    case 'sysctl':
      words.is('-w');
      while (words.more) {
        const [key, value] = words.next().split('=');
        if (!ns.sysctl.write(key!, value!)) throw new Error(`sysctl: no ${key}`);
      }
      return;
    case 'iptables': {
      const { code, stderr } = iptables(ns, rest);
      if (code !== 0) throw new Error(stderr);
      return;
    }
    default:
      throw new Error(`unknown command: ${command}`);
  }
}

function ipCommand(ns: Netns, words: Words, find: Find): void {
  const object = words.next();
  const verb = words.next();
  if (object === 'link' && verb === 'add') {
    linkAdd(ns, words, find);
    return;
  }
  if (object === 'link' && verb === 'set') {
    linkSet(ns, words, find);
    return;
  }
  if (object === 'link' && verb === 'del') {
    rtnetlink(ns).linkDel(words.next());
    return;
  }
  if (object === 'addr') {
    addr(ns, verb, words);
    return;
  }
  if (object === 'route') {
    route(ns, verb, words);
    return;
  }
  if (object === 'neigh') {
    neigh(ns, verb, words);
    return;
  }
  throw new Error(`unknown: ip ${object} ${verb}`);
}

function linkAdd(ns: Netns, words: Words, find: Find): void {
  const name = words.next();
  if (words.next() !== 'type') throw new Error('type expected');
  const rtnl = rtnetlink(ns);
  const type = words.next();
  if (type === 'bridge') rtnl.linkAdd({ type, name });
  else if (type === 'veth') {
    if (!words.is('peer') || !words.is('name')) throw new Error('peer name expected');
    const peer = words.next();
    const netns = words.is('netns') ? find(words.next()) : ns;
    rtnl.linkAdd({ type, name, peer: { name: peer, netns } });
  } else if (type === 'vxlan') {
    const spec: Record<string, unknown> = { type, name };
    while (words.more) {
      const word = words.next();
      if (word === 'id') spec['vni'] = words.number();
      else if (word === 'dev') spec['dev'] = words.next();
      else if (word === 'local') spec['local'] = ipv4(words.next());
      else if (word === 'dstport') spec['dstPort'] = words.number();
      else if (word === 'nolearning') spec['learning'] = false;
      else if (word === 'udpcsum' || word === 'noudpcsum') spec['udpZeroChecksum'] = word === 'noudpcsum';
      else throw new Error(`unknown vxlan option ${word}`);
    }
    rtnl.linkAdd(spec as never);
  } else throw new Error(`unknown link type ${type}`);
}

function linkSet(ns: Netns, words: Words, find: Find): void {
  words.is('dev');
  const name = words.next();
  const change: Record<string, unknown> = {};
  while (words.more) {
    const word = words.next();
    if (word === 'up' || word === 'down') change['up'] = word === 'up';
    else if (word === 'mtu') change['mtu'] = words.number();
    else if (word === 'master') change['master'] = words.next();
    else if (word === 'nomaster') change['master'] = undefined;
    else if (word === 'address') change['mac'] = mac(words.next());
    else if (word === 'name') change['name'] = words.next();
    else if (word === 'netns') change['netns'] = find(words.next());
    else if (word === 'arp') change['arp'] = words.next() === 'on';
    else if (word === 'type' && words.is('bridge_slave')) {
      const flag = words.next();
      if (flag !== 'hairpin' && flag !== 'isolated') throw new Error(`unknown: bridge_slave ${flag}`);
      change[flag] = words.next() === 'on';
    } else throw new Error(`unknown: ip link set ${word}`);
  }
  rtnetlink(ns).linkSet(name, change);
}

function addr(ns: Netns, verb: string, words: Words): void {
  const address = prefix(words.next());
  if (!words.is('dev')) throw new Error('dev expected');
  const dev = words.next();
  if (words.more) throw new Error(`unknown: ip addr ${words.next()}`);
  if (verb === 'add') rtnetlink(ns).addrAdd(dev, { addr: address });
  else if (verb === 'del') rtnetlink(ns).addrDel(dev, address);
  else throw new Error(`unknown: ip addr ${verb}`);
}

const ROUTE_TYPES = ['blackhole', 'unreachable', 'prohibit', 'throw', 'local'] as const;

function route(ns: Netns, verb: string, words: Words): void {
  const spec: { -readonly [K in keyof RouteSpec]?: RouteSpec[K] } = {};
  for (const type of ROUTE_TYPES) if (words.is(type)) spec.type = type;
  const dst = words.next();
  spec.dst = prefix(dst === 'default' ? '0.0.0.0/0' : dst);
  while (words.more) {
    const word = words.next();
    if (word === 'via') spec.via = ipv4(words.next());
    else if (word === 'dev') spec.dev = words.next();
    else if (word === 'onlink') spec.onlink = true;
    else if (word === 'metric') spec.metric = words.number();
    else if (word === 'mtu') spec.mtu = words.number();
    else if (word === 'src') spec.src = ipv4(words.next());
    else if (word === 'table' && words.is('local')) spec.table = RT_TABLE_LOCAL;
    else throw new Error(`unknown: ip route ${word}`);
  }
  const rtnl = rtnetlink(ns);
  const full = spec as RouteSpec;
  if (verb === 'add') rtnl.routeAdd(full);
  else if (verb === 'replace') rtnl.routeReplace(full);
  else if (verb === 'del') rtnl.routeDel(full);
  else throw new Error(`unknown: ip route ${verb}`);
}

function neigh(ns: Netns, verb: string, words: Words): void {
  const rtnl = rtnetlink(ns);
  if (verb === 'flush') {
    if (!words.is('dev')) throw new Error('dev expected');
    rtnl.neighFlush(words.next());
    return;
  }
  const address = ipv4(words.next());
  let dev = '';
  let lladdr: Mac | undefined;
  while (words.more) {
    const word = words.next();
    if (word === 'dev') dev = words.next();
    else if (word === 'lladdr') lladdr = mac(words.next());
    else if (word === 'nud' && words.is('permanent')) continue;
    else throw new Error(`unknown: ip neigh ${word}`);
  }
  if (verb === 'del') {
    rtnl.neighDel(dev, address);
    return;
  }
  if (verb !== 'replace' || lladdr === undefined) throw new Error(`unknown: ip neigh ${verb}`);
  rtnl.neighReplace({ dev, addr: address, mac: lladdr });
}

function fdb(ns: Netns, words: Words): void {
  if (!words.is('fdb')) throw new Error('bridge fdb expected');
  const verb = words.next();
  const address = mac(words.next());
  if (!words.is('dev')) throw new Error('dev expected');
  const dev = words.next();
  if (!words.is('dst')) throw new Error('dst expected');
  const spec = { mac: address, dev, dst: ipv4(words.next()) };
  const rtnl = rtnetlink(ns);
  if (verb === 'replace') rtnl.fdbReplace(spec);
  else if (verb === 'append') rtnl.fdbAppend(spec);
  else if (verb === 'del') rtnl.fdbDel(spec);
  else throw new Error(`unknown: bridge fdb ${verb}`);
}
