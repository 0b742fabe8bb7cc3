// A Corefile brought to life: its blocks set up in the order of the chain, hooks run, listeners opened; exchanged for another one by a
// reload that leaves the old one serving when the new one is no good (coredns/caddy caddy.go Start, Restart).
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { linesOf } from '../corefile/dispenser.ts';
import { CorefileError } from '../corefile/error.ts';
import type { Token } from '../corefile/lexer.ts';
import { parseCorefile, type ServerBlock } from '../corefile/parse.ts';
import { type Host, type Log, logger } from '../host.ts';
import { CHAIN } from '../plugins/chain.ts';
import { Block, type Controller, type Extras, type Shared, zonesOf } from './config.ts';
import { HttpPorts } from './http-ports.ts';
import { Metrics } from './metrics.ts';
import type { Entry } from './plugin.ts';
import { Server } from './server.ts';
import { Transport } from './transport.ts';

export interface RunOptions {
  readonly host: Host;
  /** Path of the Corefile; it is read again at each reload. */
  readonly corefile: string;
  /** Used where the path is undefined or the file is not there. */
  readonly defaultCorefile?: string;
  /** -dns.port: of blocks that name none. */
  readonly port: number;
  readonly extras?: Extras;
}

/** Milliseconds for queries under way when listeners close. */
const GRACE = 5000;
const SCHEMES = new Set(['tls', 'quic', 'grpc', 'https', 'https3']);
/** What a Corefile may name elsewhere and not here. */
const ELSEWHERE = new Set(
  'root geoip proxyproto quic grpc_server https https3 timeouts multisocket nsid trace pprof shed dnstap tsig dnssec tls route53 azure clouddns k8s_external auto secondary etcd grpc erratic on sign view nomad'.split(
    ' ',
  ),
);

/** One configuration, running or about to. */
interface Generation {
  readonly blocks: readonly Block[];
  readonly digest: string;
  /** Listener address → its blocks. */
  readonly groups: ReadonlyMap<string, { address: string; port: number; blocks: Block[] }>;
  readonly servers: Map<string, Server>;
}

export class Instance {
  readonly host: Host;
  readonly metrics = new Metrics();
  readonly #options: RunOptions;
  readonly #http: HttpPorts;
  readonly #log: Log;
  readonly #transports = new Map<string, Transport>();
  #now: Generation | undefined;
  #reloading: Promise<boolean> | undefined;
  #stopped = false;

  constructor(options: RunOptions) {
    this.#options = options;
    this.host = options.host;
    this.#http = new HttpPorts(options.host);
    this.#log = logger(options.host);
  }

  /** Resolves when it answers. Rejects with a CorefileError, or with why a port cannot be had. */
  async start(): Promise<void> {
    await this.#switchTo(this.#prepare(this.#read()));
    this.metrics
      .gauge('coredns_build_info', "A metric with a constant '1' value labeled by version.", {
        version: 'lite',
      })
      .set(1);
  }

  /** The ports that it listens on, in the order of the file. */
  get ports(): readonly number[] {
    return [...this.#transports.values()].map((t) => t.port);
  }

  /** The address of each listener and the zones it serves: what CoreDNS prints when it has started. */
  get listing(): readonly string[] {
    return [...(this.#now?.groups.values() ?? [])].flatMap(({ blocks, address, port }) =>
      blocks.flatMap((b) => b.zones.map((z) => `${z}:${port}${address === '' ? '' : ` on ${address}`}`)),
    );
  }

  /** The first listener's entry, for questions from within. */
  get entry(): Entry | undefined {
    return this.#now?.servers.values().next().value;
  }

  /** Reads the Corefile again. False: it is no good, and what ran before still does. */
  reload(): Promise<boolean> {
    this.#reloading ??= this.#reload().finally(() => {
      this.#reloading = undefined;
    });
    return this.#reloading;
  }

  async #reload(): Promise<boolean> {
    if (this.#stopped) return false;
    this.#log.info('Reloading');
    try {
      await this.#switchTo(this.#prepare(this.#read()));
      this.#log.info('Reloading complete');
      return true;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#log.error(`Restart failed: ${why}`);
      this.metrics
        .counter('coredns_reload_failed_total', 'Counter of the number of failed reload attempts.')
        .inc();
      return false;
    }
  }

  /** SIGTERM: lameduck first, then listeners close, with a grace for queries under way. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    const now = this.#now;
    if (now === undefined) return;
    await Promise.all(now.blocks.flatMap((b) => b.finalShutdown).map((hook) => hook()));
    await Promise.all([...this.#transports.values()].map((t) => t.close(GRACE)));
    this.#transports.clear();
    await runHooks(now.blocks.flatMap((b) => b.shutdown));
  }

  #read(): string {
    const { corefile, defaultCorefile } = this.#options;
    try {
      return this.host.files.read(corefile);
    } catch (error) {
      if (defaultCorefile !== undefined) return defaultCorefile;
      const why = error instanceof Error ? error.message : String(error);
      throw new CorefileError(
        { file: corefile, line: 0 },
        `cannot be read: ${why}`,
        'name another file with -conf',
      );
    }
  }

  #parse(source: string): { blocks: readonly ServerBlock[]; digest: string } {
    const { host } = this;
    const parsed = parseCorefile({
      file: this.#options.corefile,
      source,
      env: host.env,
      cwd: host.cwd,
      valid: (name) => CHAIN.some(([directive]) => directive === name),
      why: (name) =>
        ELSEWHERE.has(name)
          ? `CoreDNS has a plugin ${name}, coredns-lite has not: remove the line`
          : `plugins are ${CHAIN.map(([directive]) => directive).join(', ')}`,
      read: (path) => host.files.read(path),
      list: (dir) => host.files.list(dir),
      warn: (text) => this.#log.warning(text),
    });
    return {
      blocks: parsed.blocks,
      digest: createHash('sha512').update(parsed.sources.join('\0')).digest('hex'),
    };
  }

  #prepare(source: string): Generation {
    const { blocks: parsed, digest } = this.#parse(source);
    const blocks: Block[] = [];
    const groups: Map<string, { address: string; port: number; blocks: Block[] }> = new Map();
    const generation: Generation = { blocks, digest, groups, servers: new Map() };
    const shared: Shared = {
      host: this.host,
      metrics: this.metrics,
      http: this.#http,
      reload: () => this.reload(),
      digest,
      currentDigest: () => {
        try {
          return this.#parse(this.#read()).digest;
        } catch {
          return undefined;
        }
      },
      extras: this.#options.extras ?? {},
      entryOf: (block) => generation.servers.get(groupKey(block.listenHosts[0] ?? '', block.port)),
      portOf: (block) => this.#transports.get(groupKey(block.listenHosts[0] ?? '', block.port))?.port,
      boundAddresses: (block) =>
        block.listenHosts[0] === '' ? this.host.network.addresses().map((a) => a.address) : block.listenHosts,
    };
    try {
      for (const block of parsed) {
        const made = keysOf(block.keys, this.#options.port);
        // Zones of one block on several ports are one chain behind several listeners.
        for (const { zones, port } of made) {
          const b = new Block(zones, port);
          blocks.push(b);
          this.#setUp(b, block, shared);
        }
      }
      for (const [i, block] of blocks.entries())
        for (const address of block.listenHosts) {
          const key = groupKey(address, block.port);
          const group = groups.get(key) ?? { address, port: block.port, blocks: [] };
          for (const zone of block.zones)
            if (group.blocks.some((other) => other.zones.includes(zone)))
              throw new CorefileError(
                { file: this.#options.corefile, line: lineOf(parsed, zone, i) },
                `cannot serve ${zone}:${block.port} - it is already defined`,
                'put both into one block, or give one another port or bind address',
              );
          group.blocks.push(block);
          groups.set(key, group);
        }
    } catch (error) {
      void runHooks(blocks.flatMap((b) => b.shutdown));
      throw error;
    }
    return generation;
  }

  #setUp(block: Block, parsed: ServerBlock, shared: Shared): void {
    for (const [directive, setup] of CHAIN) {
      const tokens = parsed.directives.get(directive);
      if (tokens === undefined) continue;
      const controller: Controller = {
        name: directive,
        lines: linesOf(tokens),
        block,
        shared,
        host: this.host,
        log: logger(this.host, directive, () => block.debug),
        add: (builder) => block.builders.push(builder),
        onStartup: (hook) => block.startup.push(hook),
        onShutdown: (hook) => block.shutdown.push(hook),
        onFinalShutdown: (hook) => block.finalShutdown.push(hook),
      };
      setup(controller);
    }
    block.build();
  }

  async #switchTo(next: Generation): Promise<void> {
    const old = this.#now;
    for (const [key, { address, port, blocks }] of next.groups)
      next.servers.set(key, new Server(`dns://${address}:${port}`, blocks, this.#log, this.metrics));
    const opened: string[] = [];
    try {
      await runHooks(next.blocks.flatMap((b) => b.startup));
      for (const [key, { address, port }] of next.groups) {
        if (this.#transports.has(key)) continue;
        const transport = new Transport(this.host, address, port, next.servers.get(key)!);
        await transport.open();
        this.#transports.set(key, transport);
        opened.push(key);
      }
    } catch (error) {
      for (const key of opened) {
        void this.#transports.get(key)?.close(0);
        this.#transports.delete(key);
      }
      await runHooks(next.blocks.flatMap((b) => b.shutdown));
      throw error;
    }
    this.#now = next;
    for (const [key, transport] of this.#transports) {
      const server = next.servers.get(key);
      if (server !== undefined) transport.server = server;
      else {
        this.#transports.delete(key);
        void transport.close(GRACE);
      }
    }
    if (old !== undefined) await runHooks(old.blocks.flatMap((b) => b.shutdown));
  }
}

const groupKey = (address: string, port: number): string => `${address}#${port}`;

async function runHooks(hooks: readonly (() => void | Promise<void>)[]): Promise<void> {
  await Promise.all(hooks.map(async (hook) => hook()));
}

const lineOf = (blocks: readonly ServerBlock[], zone: string, from: number): number =>
  (
    blocks
      .slice(Math.max(0, from - 1))
      .flatMap((b) => b.keys)
      .findLast((key) => zone.startsWith(key.text.split(':')[0]!)) ?? blocks.at(-1)?.keys[0]
  )?.line ?? 1;

/** Zones by port: "dns://example.org:1053", "10.0.0.0/8", ".". */
function keysOf(keys: readonly Token[], defaultPort: number): { zones: string[]; port: number }[] {
  const byPort = new Map<number, string[]>();
  for (const key of keys) {
    let text = key.text;
    const scheme = /^(\w+):\/\//.exec(text)?.[1];
    if (scheme !== undefined) {
      if (SCHEMES.has(scheme))
        throw new CorefileError(key, `${scheme}:// is not served here`, 'serve the zone over dns://');
      if (scheme !== 'dns')
        throw new CorefileError(key, `unknown scheme ${scheme}://`, 'write dns://, or nothing');
      text = text.slice('dns://'.length);
    }
    const { zone, port } = splitPort(text);
    if (port !== undefined && !(port >= 0 && port <= 65_535))
      throw new CorefileError(
        key,
        `'${key.text}' has no port`,
        'write a port from 1 to 65535 behind the colon',
      );
    const at = port ?? defaultPort;
    const zones = byPort.get(at) ?? [];
    byPort.set(at, zones);
    const bare = zone.replace(/^\[(.*)\]$/, '$1');
    const literal = isIP(bare) !== 0;
    for (const name of zonesOf({ ...key, text: literal ? `${bare}/${bare.includes(':') ? 128 : 32}` : zone }))
      if (!zones.includes(name)) zones.push(name);
      else
        throw new CorefileError(
          key,
          `cannot serve ${name} - it is already defined`,
          'remove one of the two from the block',
        );
  }
  return [...byPort].map(([port, zones]) => ({ zones, port }));
}

function splitPort(text: string): { zone: string; port: number | undefined } {
  const m = /^(.*?):(\d*)$/.exec(text);
  if (m === null || (m[1]!.includes(':') && !m[1]!.endsWith(']') && !m[1]!.includes('/')))
    return { zone: text, port: undefined };
  return { zone: m[1] === '' ? '.' : m[1]!, port: m[2] === '' ? Number.NaN : Number(m[2]) };
}
