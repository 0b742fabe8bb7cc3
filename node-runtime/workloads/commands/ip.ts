// ip, of iproute2: what people look at, and on a node what they change: addr, link, route, neigh, netns.

import type { Netns } from '../../kernel/netns/netns.ts';
import { NetnsError } from '../../kernel/netns/netns.ts';
import { ipAddr, ipBrief, ipLink, type LinkView } from '../../kernel/procfs/ip-addr.ts';
import { ipNeigh, ipRoute, ipRouteGet, parseDestination } from '../../kernel/procfs/ip-route.ts';
import { rtnetlink } from '../../kernel/rtnetlink/rtnetlink.ts';
import { parseIpv4, parseMac, parsePrefix } from '../../kernel/wire/addr.ts';
import { ExitError, type Process, type Program } from '../process.ts';

interface Flags extends LinkView {
  readonly brief: boolean;
}

type Words = readonly string[];
type Handler = (words: Words, ns: Netns, proc: Process, flags: Flags) => string | Promise<number>;

const OBJECTS: readonly (readonly [name: string, handler: Handler])[] = [
  ['address', address],
  ['link', link],
  ['route', route],
  ['neighbour', neigh],
  ['neighbor', neigh],
  ['netns', netns],
  [
    'rule',
    () => '0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n',
  ],
];

export const ip: Program = async (args, proc) => {
  const rest = [...args];
  let flags: Flags = { brief: false };
  let ns = proc.ns;
  while (rest[0]?.startsWith('-')) {
    const flag = rest.shift()!;
    if (/^-{1,2}(c|color|N|Numeric)$/.test(flag)) continue;
    if (/^-{1,2}(4|family|f)$/.test(flag)) {
      if (flag !== '-4' && rest.shift() !== 'inet') continue;
      flags = { ...flags, inet: true };
    } else if (/^-{1,2}(o|oneline)$/.test(flag)) flags = { ...flags, oneLine: true };
    else if (/^-{1,2}(br|brief)$/.test(flag)) flags = { ...flags, brief: true };
    else if (/^-{1,2}(s|stats|statistics)$/.test(flag)) flags = { ...flags, stats: true };
    else if (/^-{1,2}(d|details)$/.test(flag)) flags = { ...flags, details: true };
    else if (/^-{1,2}(n|netns)$/.test(flag)) ns = named(rest.shift() ?? '', proc);
    else throw new ExitError(255, `Option "${flag}" is unknown, try "ip -help".`);
  }
  const [object = '', ...words] = rest;
  const found = OBJECTS.find(([name]) => object !== '' && name.startsWith(object));
  if (found === undefined)
    throw new ExitError(
      1,
      object === ''
        ? 'Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }'
        : `Object "${object}" is unknown, try "ip help".`,
    );
  try {
    const result = found[1](words, ns, proc, flags);
    if (typeof result !== 'string') return await result;
    proc.out(result);
    return 0;
  } catch (error) {
    if (error instanceof NetnsError)
      throw new ExitError(
        2,
        error.message.startsWith('RTNETLINK') || error.message.includes('"')
          ? error.message
          : `RTNETLINK answers: ${error.message}`,
      );
    throw error;
  }
};

function named(name: string, proc: Process): Netns {
  for (const ns of proc.ns.kernel.namespaces.values()) if (proc.isNode && ns.name === name) return ns;
  throw new ExitError(1, `Cannot open network namespace "${name}": No such file or directory`);
}

/** show, list and lst begin alike; nothing at all is show. */
const isShow = (word: string | undefined): boolean =>
  word === undefined || 'show'.startsWith(word) || 'list'.startsWith(word) || word === 'lst';

/** "dev eth0 …" as a record, "eth0" alone as its dev. */
function keyed(words: Words, keys: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (keys.includes(word)) found[word] = words[++i] ?? missing(word);
    else found[''] = word;
  }
  return found;
}

function missing(word: string): never {
  throw new ExitError(255, `Error: argument "${word}" is wrong: value expected`);
}
const need = <T>(value: T | undefined, word: string, what: string): T => {
  if (value === undefined) throw new ExitError(1, `Error: ${what} is expected rather than "${word}".`);
  return value;
};

function deviceOf(ns: Netns, name: string | undefined) {
  if (name === undefined) return undefined;
  const dev = ns.device(name);
  if (dev === undefined) throw new ExitError(1, `Device "${name}" does not exist.`);
  return dev;
}

function address([verb, ...words]: Words, ns: Netns, _: Process, flags: Flags): string {
  if (isShow(verb)) {
    const keys = keyed(words, ['dev']);
    const dev = deviceOf(ns, keys['dev'] ?? keys['']);
    return flags.brief ? ipBrief(ns, 'addr', dev) : ipAddr(ns, flags, dev);
  }
  const keys = keyed(words, ['dev', 'brd', 'broadcast', 'scope', 'label']);
  const prefix = need(parsePrefix(keys[''] ?? ''), keys[''] ?? '', 'an inet prefix');
  const dev = deviceOf(ns, keys['dev']) ?? missing('dev');
  if (verb === 'add') rtnetlink(ns).addrAdd(dev.name, { addr: prefix });
  else if (verb === 'del' || verb === 'delete') rtnetlink(ns).addrDel(dev.name, prefix);
  else throw new ExitError(255, `Command "${verb}" is unknown, try "ip address help".`);
  return '';
}

function link([verb, ...words]: Words, ns: Netns, _: Process, flags: Flags): string {
  if (isShow(verb)) {
    const keys = keyed(words, ['dev', 'type', 'master']);
    const dev = deviceOf(ns, keys['dev'] ?? keys['']);
    return flags.brief ? ipBrief(ns, 'link', dev) : ipLink(ns, flags, dev);
  }
  if (verb === 'set') {
    const rest = words[0] === 'dev' ? words.slice(1) : words;
    const [name = '', ...changes] = rest;
    const dev = deviceOf(ns, name)!;
    for (let i = 0; i < changes.length; i++) {
      const word = changes[i]!;
      const rtnl = rtnetlink(ns);
      if (word === 'up' || word === 'down') rtnl.linkSet(dev.name, { up: word === 'up' });
      else if (word === 'mtu') rtnl.linkSet(dev.name, { mtu: Number(changes[++i]) });
      else if (word === 'address')
        rtnl.linkSet(dev.name, {
          mac: need(parseMac(changes[++i] ?? ''), changes[i] ?? '', 'a MAC address'),
        });
      else if (word === 'master') rtnl.linkSet(dev.name, { master: changes[++i] ?? '' });
      else if (word === 'nomaster') rtnl.linkSet(dev.name, { master: undefined });
      else if (word === 'promisc') rtnl.linkSet(dev.name, { promisc: changes[++i] === 'on' });
      else throw new ExitError(255, `Error: either "dev" is duplicate, or "${word}" is a garbage.`);
    }
    return '';
  }
  if (verb === 'del' || verb === 'delete') {
    rtnetlink(ns).linkDel(deviceOf(ns, words.at(-1))!.name);
    return '';
  }
  throw new ExitError(255, `Command "${verb}" is unknown, try "ip link help".`);
}

const TABLES: Readonly<Record<string, number | 'all'>> = { main: 254, local: 255, all: 'all' };

function route([verb, ...words]: Words, ns: Netns): string {
  const rtnl = rtnetlink(ns);
  if (isShow(verb)) {
    const keys = keyed(words, ['table', 'dev']);
    const table = keys['table'];
    return ipRoute(ns, table === undefined ? 254 : (TABLES[table] ?? Number(table)), keys['dev']);
  }
  if (verb === 'get') {
    const dst = need(parseIpv4(words[0] ?? ''), words[0] ?? '', 'an inet address');
    return ipRouteGet(ns, dst);
  }
  const onlink = words.includes('onlink');
  const type = ['blackhole', 'unreachable', 'prohibit'].find((t) => words[0] === t) as
    | 'blackhole'
    | undefined;
  const keys = keyed(
    words.filter((w) => w !== 'onlink' && w !== type),
    ['via', 'dev', 'src', 'metric', 'proto', 'scope', 'table', 'mtu'],
  );
  const dst = need(parseDestination(keys[''] ?? ''), keys[''] ?? '', 'an inet prefix');
  const spec = {
    dst,
    ...(type === undefined ? {} : { type }),
    ...(keys['via'] === undefined
      ? {}
      : { via: need(parseIpv4(keys['via']), keys['via'], 'an inet address') }),
    ...(keys['dev'] === undefined ? {} : { dev: deviceOf(ns, keys['dev'])!.name }),
    ...(keys['src'] === undefined
      ? {}
      : { src: need(parseIpv4(keys['src']), keys['src'], 'an inet address') }),
    ...(keys['metric'] === undefined ? {} : { metric: Number(keys['metric']) }),
    ...(onlink ? { onlink } : {}),
  };
  if (verb === 'add') rtnl.routeAdd(spec);
  else if (verb === 'replace') rtnl.routeReplace(spec);
  else if (verb === 'del' || verb === 'delete') rtnl.routeDel(spec);
  else throw new ExitError(255, `Command "${verb}" is unknown, try "ip route help".`);
  return '';
}

function neigh([verb, ...words]: Words, ns: Netns): string {
  const keys = keyed(words, ['dev', 'lladdr', 'nud']);
  if (isShow(verb)) return ipNeigh(ns, deviceOf(ns, keys['dev'])?.name);
  const rtnl = rtnetlink(ns);
  const dev = deviceOf(ns, keys['dev']) ?? missing('dev');
  if (verb === 'flush') {
    rtnl.neighFlush(dev.name);
    return '';
  }
  const addr = need(parseIpv4(keys[''] ?? ''), keys[''] ?? '', 'an inet address');
  if (verb === 'del' || verb === 'delete') rtnl.neighDel(dev.name, addr);
  else if (verb === 'add' || verb === 'replace') {
    const mac = need(parseMac(keys['lladdr'] ?? ''), keys['lladdr'] ?? '', 'a MAC address');
    rtnl[verb === 'add' ? 'neighAdd' : 'neighReplace']({ dev: dev.name, addr, mac });
  } else throw new ExitError(255, `Command "${verb}" is unknown, try "ip neigh help".`);
  return '';
}

function netns([verb, ...words]: Words, _: Netns, proc: Process): string | Promise<number> {
  if (verb === 'exec') {
    const [name = '', ...argv] = words;
    return proc.spawn(argv, { ns: named(name, proc) });
  }
  if (!isShow(verb)) throw new ExitError(255, `Command "${verb}" is unknown, try "ip netns help".`);
  if (!proc.isNode) return '';
  return [...proc.ns.kernel.namespaces.values()]
    .slice(1)
    .map((n, i) => `${n.name} (id: ${i})\n`)
    .join('');
}
