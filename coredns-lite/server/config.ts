// One server block while it is set up (CoreDNS core/dnsserver/config.go), and what its plugins' setups are given.
import type { Line } from '../corefile/dispenser.ts';
import { CorefileError } from '../corefile/error.ts';
import type { Token } from '../corefile/lexer.ts';
import { parseCidr, reverseZones } from '../dns/addr.ts';
import { fqdn, isName, lower } from '../dns/name.ts';
import type { Host, Log } from '../host.ts';
import type { HttpPorts } from './http-ports.ts';
import type { Metrics } from './metrics.ts';
import type { Entry, Handler } from './plugin.ts';

type Hook = () => void | Promise<void>;

export class Block {
  /** Zones in the order of the file, lower case, with a final dot. */
  readonly zones: readonly string[];
  readonly port: number;
  /** Addresses of plugin/bind; [''] stands for all. */
  listenHosts: readonly string[] = [''];
  debug = false;
  stacktrace = false;
  /** The path that plugin/root sets relative files against. */
  root = '';
  readonly builders: ((next: Handler | undefined) => Handler)[] = [];
  /** Handlers by name, once the chain is built. */
  readonly handlers: Handler[] = [];
  chain: Handler | undefined = undefined;
  readonly startup: Hook[] = [];
  readonly shutdown: Hook[] = [];
  /** Before the listeners close, at the end only: lameduck. */
  readonly finalShutdown: Hook[] = [];

  constructor(zones: readonly string[], port: number) {
    this.zones = zones;
    this.port = port;
  }

  build(): void {
    let next: Handler | undefined;
    for (const builder of [...this.builders].reverse()) {
      next = builder(next);
      this.handlers.unshift(next);
    }
    this.chain = next;
  }

  handler(name: string): Handler | undefined {
    return this.handlers.find((h) => h.name === name);
  }
}

/** What all blocks of a running server share, and keep over a reload. */
export interface Shared {
  readonly host: Host;
  readonly metrics: Metrics;
  readonly http: HttpPorts;
  /** Reads the Corefile again: plugin/reload. */
  reload(): Promise<boolean>;
  /** A digest of the Corefile and its imports as they are now; undefined where they cannot be read. */
  currentDigest(): string | undefined;
  readonly digest: string;
  /** What this run has besides: a source of objects, the pod's name. */
  readonly extras: Extras;
  /** The entry of the listener that serves this block, once it runs. */
  entryOf(block: Block): Entry | undefined;
  /** The port that a block's listener got, once it is open. */
  portOf(block: Block): number | undefined;
  /** The addresses that a block's listeners are bound to. */
  boundAddresses(block: Block): readonly string[];
}

/** Given by whoever runs the server. */
export interface Extras {
  /** The API server as this pod reaches it; undefined: by the environment and files that every pod has. */
  readonly api?: { readonly endpoint: string; token(): string | undefined; readonly ca?: string } | undefined;
}

export interface Controller {
  /** The directive. */
  readonly name: string;
  /** Its occurrences in this block. */
  readonly lines: readonly Line[];
  readonly block: Block;
  readonly shared: Shared;
  readonly host: Host;
  readonly log: Log;
  add(builder: (next: Handler | undefined) => Handler): void;
  onStartup(hook: Hook): void;
  onShutdown(hook: Hook): void;
  onFinalShutdown(hook: Hook): void;
}

export type Setup = (c: Controller) => void;

/** The only occurrence. Throws at a second one. */
export function onlyLine(c: Controller): Line {
  const second = c.lines[1];
  if (second !== undefined)
    throw new CorefileError(second, `'${c.name}' stands twice in this block`, 'remove one of them');
  return c.lines[0]!;
}

/** A zone as written, as names: a CIDR is its reverse zones (plugin.Host.NormalizeExact). */
export function zonesOf(token: Token): string[] {
  const text = token.text;
  const cidr = text.includes('/') ? parseCidr(text) : undefined;
  if (cidr !== undefined) return reverseZones(cidr);
  const name = lower(fqdn(text));
  if (text.includes('/') || !isName(name))
    throw new CorefileError(token, `'${text}' is no zone`, 'write a domain name, or a network as 10.0.0.0/8');
  return [name];
}

/** The zones that arguments name, or the block's (plugin.OriginsFromArgsOrServerBlock). */
export const origins = (c: Controller, args: readonly Token[]): string[] =>
  args.length > 0 ? args.flatMap(zonesOf) : [...c.block.zones];

/** Which names go to the next plugin: fallthrough [zones] (plugin/pkg/fall). */
export interface Fall {
  readonly zones: readonly string[];
}

export const fallOf = (line: Line): Fall => ({
  zones: line.args.length === 0 ? ['.'] : line.args.flatMap(zonesOf),
});
