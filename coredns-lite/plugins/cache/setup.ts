// cache [TTL] [ZONES…] { … } (CoreDNS plugin/cache/setup.go).
import {
  duration,
  expectArgs,
  fault,
  integer,
  type Line,
  unknownProperty,
  words,
} from '../../corefile/dispenser.ts';
import { type Controller, onlyLine, origins, zonesOf } from '../../server/config.ts';
import { Cache, type CacheMetrics, type CacheOptions, type Half } from './handler.ts';

type Draft = { -readonly [K in keyof CacheOptions]: CacheOptions[K] };

/** CoreDNS's tables have 256 shards: a capacity is a multiple of it, and at least 4 each. */
const SHARDS = 256;
const capacityOf = (n: number): number => Math.max(4, Math.floor(n / SHARDS)) * SHARDS;
const MAX = 2 ** 31;
const KNOWN = ['success', 'denial', 'prefetch', 'serve_stale', 'servfail', 'disable', 'keepttl'];

export function setup(c: Controller): void {
  const line = onlyLine(c);
  const [first, ...rest] = line.args;
  const ttl = first !== undefined && /^-?\d+$/.test(first.text) ? integer(first, line, 1, MAX) : undefined;
  const draft: Draft = {
    zones: origins(c, ttl === undefined ? line.args : rest),
    success: { capacity: 9984, maxTtl: ttl ?? 3600, minTtl: 5, except: [] },
    denial: { capacity: 9984, maxTtl: ttl ?? 1800, minTtl: 5, except: [] },
    servfail: 5,
    prefetch: { amount: 0, window: 60_000, percentage: 10 },
    staleUpTo: 0,
    verify: undefined,
    staleTtl: 0,
    keepTtl: false,
  };
  for (const property of line.block ?? []) readProperty(property, draft);
  c.add((next) => new Cache(draft, c.host.clock, metricsOf(c, draft.zones.join(',')), next));
}

function readProperty(line: Line, draft: Draft): void {
  const { args } = line;
  switch (line.name) {
    case 'success':
    case 'denial': {
      expectArgs(line, 1, 3, `${line.name} CAPACITY [TTL] [MINTTL]`);
      const before = draft[line.name];
      const half: Half = {
        capacity: capacityOf(integer(args[0], line, 0, MAX)),
        maxTtl: args[1] === undefined ? before.maxTtl : integer(args[1], line, 1, MAX),
        minTtl: args[2] === undefined ? before.minTtl : integer(args[2], line, 0, MAX),
        except: before.except,
      };
      draft[line.name] = half;
      return;
    }
    case 'prefetch': {
      expectArgs(line, 1, 3, 'prefetch AMOUNT [DURATION] [PERCENTAGE%]');
      const share = /^(\d+)%$/.exec(args[2]?.text ?? '10%');
      const percentage = Number(share?.[1] ?? Number.NaN);
      if (!(percentage >= 10 && percentage <= 90))
        throw fault(args[2]!, `'${args[2]!.text}' is no share`, 'write one from 10% to 90%');
      draft.prefetch = {
        amount: integer(args[0], line, 0, MAX),
        window: args[1] === undefined ? 60_000 : duration(args[1], line),
        percentage,
      };
      return;
    }
    case 'serve_stale': {
      expectArgs(line, 0, 4, 'serve_stale [DURATION] [immediate|verify [TIMEOUT]] [TTL]');
      draft.staleUpTo = args[0] === undefined ? 3600 : duration(args[0], line) / 1000;
      if (draft.staleUpTo < 0)
        throw fault(line, 'serve_stale cannot be negative', 'write a duration such as 1h');
      const mode = args[1]?.text.toLowerCase() ?? 'immediate';
      if (mode !== 'immediate' && mode !== 'verify')
        throw fault(args[1]!, `'${mode}' is no way to refresh`, 'write immediate or verify');
      const rest = args.slice(2);
      if (mode === 'verify') {
        const timeout = rest.shift();
        draft.verify = timeout === undefined ? 0 : duration(timeout, line);
      }
      if (rest[0] !== undefined) draft.staleTtl = Math.floor(duration(rest[0], line) / 1000);
      return;
    }
    case 'servfail': {
      expectArgs(line, 1, 1, 'servfail DURATION');
      const seconds = duration(args[0], line) / 1000;
      if (seconds < 0 || seconds > 300)
        throw fault(args[0]!, 'a SERVFAIL is kept for at most 5 minutes (RFC 2308)', 'write 0s to 5m');
      draft.servfail = Math.floor(seconds);
      return;
    }
    case 'disable': {
      expectArgs(line, 1, 1000, 'disable success|denial [ZONES…]');
      const [which, ...zones] = words(line);
      if (which !== 'success' && which !== 'denial')
        throw fault(args[0]!, `there is no cache '${which}'`, 'write success or denial');
      const except = zones.length === 0 ? ['.'] : args.slice(1).flatMap(zonesOf);
      draft[which] = { ...draft[which], except };
      return;
    }
    case 'keepttl':
      expectArgs(line, 0, 0, 'keepttl');
      draft.keepTtl = true;
      return;
    default:
      throw unknownProperty(line, KNOWN);
  }
}

function metricsOf(c: Controller, zones: string): CacheMetrics {
  const { metrics } = c.shared;
  const server = `dns://${c.block.listenHosts[0] ?? ''}:${c.block.port}`;
  const labels = { server, zones, view: '' };
  const counter = (name: string, help: string) => metrics.counter(name, help, labels);
  const both = <T>(make: (type: string) => T): { success: T; denial: T } => ({
    success: make('success'),
    denial: make('denial'),
  });
  return {
    requests: counter('coredns_cache_requests_total', 'The count of cache requests.'),
    misses: counter(
      'coredns_cache_misses_total',
      'The count of cache misses. Deprecated, derive misses from cache hits/requests counters.',
    ),
    hits: both((type) =>
      metrics.counter('coredns_cache_hits_total', 'The count of cache hits.', {
        server,
        type,
        zones,
        view: '',
      }),
    ),
    entries: both((type) =>
      metrics.gauge('coredns_cache_entries', 'The number of elements in the cache.', {
        server,
        type,
        zones,
        view: '',
      }),
    ),
    evictions: both((type) =>
      metrics.counter('coredns_cache_evictions_total', 'The count of cache evictions.', {
        server,
        type,
        zones,
        view: '',
      }),
    ),
    prefetches: counter(
      'coredns_cache_prefetch_total',
      'The number of times the cache has prefetched a cached item.',
    ),
    stale: counter(
      'coredns_cache_served_stale_total',
      'The number of requests served from stale cache entries.',
    ),
  };
}
