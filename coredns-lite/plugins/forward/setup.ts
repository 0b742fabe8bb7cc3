// forward FROM TO… { … } (CoreDNS plugin/forward/setup.go). TO is an address with or without a port, or a file like /etc/resolv.conf.
import { isIP } from 'node:net';
import { isAbsolute, join } from 'node:path';
import {
  duration,
  expectArgs,
  fault,
  integer,
  type Line,
  unknownProperty,
  words,
} from '../../corefile/dispenser.ts';
import type { Token } from '../../corefile/lexer.ts';
import { fqdn, isName, lower } from '../../dns/name.ts';
import { rcodeOf } from '../../dns/types.ts';
import type { Peer } from '../../host.ts';
import { type Controller, zonesOf } from '../../server/config.ts';
import { Forward, type ForwardOptions } from './handler.ts';
import { Upstream, type UpstreamOptions } from './upstream.ts';

type Draft = { -readonly [K in keyof ForwardOptions]: ForwardOptions[K] } & {
  -readonly [K in Exclude<keyof UpstreamOptions, 'to' | 'forceTcp'>]: UpstreamOptions[K];
};

const MAX_UPSTREAMS = 15;
const MAX = 2 ** 31;
const KNOWN = [
  'except',
  'force_tcp',
  'prefer_udp',
  'expire',
  'max_idle_conns',
  'read_timeout',
  'max_fails',
  'max_connect_attempts',
  'policy',
  'health_check',
  'max_concurrent',
  'next',
  'next_on_nodata',
  'failover',
  'failfast_all_unhealthy_upstreams',
  'source_address',
];

export function setup(c: Controller): void {
  for (const line of c.lines) setupOne(c, line);
}

function setupOne(c: Controller, line: Line): void {
  expectArgs(line, 2, 2 + MAX_UPSTREAMS, 'forward FROM TO…');
  const [from, ...to] = line.args;
  const zones = zonesOf(from!);
  if (zones.length > 1)
    c.log.warning(
      `Unsupported CIDR notation: '${from!.text}' expands to multiple zones. Using only '${zones[0]}'.`,
    );
  const draft: Draft = {
    from: zones[0]!,
    except: [],
    policy: 'random',
    maxFails: 2,
    forceTcp: false,
    preferUdp: false,
    maxConcurrent: 0,
    maxConnectAttempts: undefined,
    failfast: false,
    next: [],
    nextOnNodata: false,
    failover: [],
    sourceAddress: undefined,
    readTimeout: 2000,
    expire: 10_000,
    maxIdle: 0,
    healthInterval: 500,
    healthDomain: '.',
    healthRecursion: true,
  };
  for (const property of line.block ?? []) readProperty(property, draft);
  const peers = [
    ...new Map(to.flatMap((token) => peersOf(c, token)).map((p) => [`${p.address}#${p.port}`, p])).values(),
  ];
  if (peers.length > MAX_UPSTREAMS)
    throw fault(line, `more than ${MAX_UPSTREAMS} upstreams: ${peers.length}`, 'name fewer');
  const { host, shared } = c;
  c.add((next) => {
    const upstreams = peers.map((peer) => new Upstream(host, { ...draft, to: peer }));
    c.onShutdown(() => {
      for (const upstream of upstreams) upstream.stop();
    });
    return new Forward(draft, upstreams, host, shared.metrics, next);
  });
}

/** An address, or the nameservers of a file. */
function peersOf(c: Controller, token: Token): Peer[] {
  const text = token.text.replace(/^dns:\/\//, '');
  const scheme = /^(\w+):\/\//.exec(text)?.[1];
  if (scheme !== undefined)
    throw fault(token, `forward over ${scheme}:// is not there`, 'name the upstream by its address alone');
  const peer = peerOf(text);
  if (peer !== undefined) return [peer];
  const path = isAbsolute(text) ? text : join(c.host.cwd, text);
  let file: string;
  try {
    file = c.host.files.read(path);
  } catch {
    throw fault(
      token,
      `'${token.text}' is neither an address nor a file`,
      'write 10.0.0.1, 10.0.0.1:53 or /etc/resolv.conf',
    );
  }
  const servers = file
    .split('\n')
    .map((l) => l.trim().split(/\s+/))
    .filter(([word, address]) => word === 'nameserver' && isIP((address ?? '').split('%')[0]!) !== 0)
    .map(([, address]) => ({ address: address!, port: 53 }));
  if (servers.length === 0)
    throw fault(token, `no nameservers in ${text}`, "add a line 'nameserver ADDRESS' to it");
  return servers;
}

function peerOf(text: string): Peer | undefined {
  if (isIP(text) !== 0) return { address: text, port: 53 };
  const m = /^(?:\[([^\]]+)\]|([\d.]+)):(\d{1,5})$/.exec(text);
  const address = m?.[1] ?? m?.[2] ?? '';
  const port = Number(m?.[3]);
  return isIP(address) !== 0 && port > 0 && port < 65_536 ? { address, port } : undefined;
}

function rcodes(line: Line): number[] {
  expectArgs(line, 1, 100, `${line.name} RCODE…`);
  return line.args.map((token) => {
    const rcode = rcodeOf(token.text);
    if (rcode === undefined || (rcode === 0 && line.name === 'failover'))
      throw fault(
        token,
        `'${token.text}' is no rcode for ${line.name}`,
        'write NXDOMAIN, SERVFAIL, REFUSED …',
      );
    return rcode;
  });
}

function readProperty(line: Line, draft: Draft): void {
  const [arg] = line.args;
  const flag = (): true => {
    expectArgs(line, 0, 0, line.name);
    return true;
  };
  const one = (what: string): Token => {
    expectArgs(line, 1, 1, `${line.name} ${what}`);
    return arg!;
  };
  const positive = (ms: number, least: number): number => {
    if (ms < least) throw fault(line, `${line.name} is too short`, 'write a duration such as 2s');
    return ms;
  };
  switch (line.name) {
    case 'except':
      expectArgs(line, 1, 1000, 'except NAME…');
      draft.except = [...draft.except, ...line.args.flatMap(zonesOf)];
      return;
    case 'force_tcp':
      draft.forceTcp = flag();
      return;
    case 'prefer_udp':
      draft.preferUdp = flag();
      return;
    case 'next_on_nodata':
      draft.nextOnNodata = flag();
      return;
    case 'failfast_all_unhealthy_upstreams':
      draft.failfast = flag();
      return;
    case 'expire':
      draft.expire = positive(duration(one('DURATION'), line), 0);
      return;
    case 'read_timeout':
      draft.readTimeout = positive(duration(one('DURATION'), line), 1);
      return;
    case 'max_idle_conns':
      draft.maxIdle = integer(one('NUMBER'), line, 0, MAX);
      return;
    case 'max_fails':
      draft.maxFails = integer(one('NUMBER'), line, 0, MAX);
      return;
    case 'max_connect_attempts':
      draft.maxConnectAttempts = integer(one('NUMBER'), line, 0, MAX);
      return;
    case 'max_concurrent':
      draft.maxConcurrent = integer(one('NUMBER'), line, 0, MAX);
      return;
    case 'next':
      draft.next = [...draft.next, ...rcodes(line)];
      return;
    case 'failover':
      draft.failover = [...draft.failover, ...rcodes(line)];
      return;
    case 'source_address': {
      const token = one('ADDRESS');
      if (isIP(token.text) === 0) throw fault(token, `'${token.text}' is no address`, 'write an IP address');
      draft.sourceAddress = token.text;
      return;
    }
    case 'policy': {
      const token = one('random, round_robin or sequential');
      if (token.text !== 'random' && token.text !== 'round_robin' && token.text !== 'sequential')
        throw fault(token, `unknown policy '${token.text}'`, 'write random, round_robin or sequential');
      draft.policy = token.text;
      return;
    }
    case 'health_check': {
      expectArgs(line, 1, 4, 'health_check DURATION [no_rec] [domain NAME]');
      draft.healthInterval = positive(duration(arg, line), 0);
      const rest = words(line).slice(1);
      while (rest.length > 0) {
        const word = rest.shift()!;
        if (word === 'no_rec') draft.healthRecursion = false;
        else if (word === 'domain' && isName(rest[0] ?? '')) draft.healthDomain = lower(fqdn(rest.shift()!));
        else
          throw fault(
            line,
            `health_check takes no '${word}'`,
            'write: health_check DURATION [no_rec] [domain NAME]',
          );
      }
      return;
    }
    default:
      throw unknownProperty(line, KNOWN);
  }
}
