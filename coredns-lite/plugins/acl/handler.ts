// Says who may ask what (CoreDNS plugin/acl): the first policy that fits the client and the type decides; none: allowed.
import { addrBytes, type Cidr, inCidr } from '../../dns/addr.ts';
import { replyTo } from '../../dns/message.ts';
import { matchZone } from '../../dns/name.ts';
import { RCODE } from '../../dns/types.ts';
import type { Metrics } from '../../server/metrics.ts';
import { type Handler, nextOrFailure, type Request, type Result, type Writer } from '../../server/plugin.ts';

export type Action = 'allow' | 'block' | 'filter' | 'drop';

export interface Policy {
  readonly action: Action;
  /** Undefined: all. */
  readonly types: ReadonlySet<number> | undefined;
  readonly nets: readonly Cidr[] | undefined;
}

export interface Rule {
  readonly zones: readonly string[];
  readonly policies: readonly Policy[];
}

/** Extended DNS errors (RFC 8914). */
const EDE = 15;
const BLOCKED = 15;
const FILTERED = 17;

const COUNTED = { allow: 'allowed', block: 'blocked', filter: 'filtered', drop: 'dropped' } as const;

export class Acl implements Handler {
  readonly name = 'acl';
  readonly #rules: readonly Rule[];
  readonly #metrics: Metrics;
  readonly #next: Handler | undefined;

  constructor(rules: readonly Rule[], metrics: Metrics, next: Handler | undefined) {
    this.#rules = rules;
    this.#metrics = metrics;
    this.#next = next;
  }

  serve(w: Writer, r: Request): Result {
    const { action, zone } = this.#decide(r);
    const labels = { server: r.entry.address, ...(action === 'allow' ? {} : { zone }), view: '' };
    this.#metrics
      .counter(
        `coredns_acl_${COUNTED[action]}_requests_total`,
        `Counter of DNS requests being ${COUNTED[action]}.`,
        labels,
      )
      .inc();
    if (action === 'allow') return nextOrFailure(this.name, this.#next, w, r);
    if (action === 'drop') return RCODE.NOERROR;
    const reply = replyTo(r.message, action === 'block' ? RCODE.REFUSED : RCODE.NOERROR);
    const code = action === 'block' ? BLOCKED : FILTERED;
    // The reason is told to whoever asked with EDNS, and by upstream to all others too.
    reply.edns = { size: 4096, version: 0, do: true, options: [{ code: EDE, data: Uint8Array.of(0, code) }] };
    w.write(reply);
    return RCODE.NOERROR;
  }

  #decide(r: Request): { action: Action; zone: string } {
    const address = addrBytes(r.peer.address.replace(/^::ffff:/, ''));
    for (const { zones, policies } of this.#rules) {
      const zone = matchZone(zones, r.lower);
      if (zone === undefined) continue;
      if (address === undefined) return { action: 'block', zone };
      for (const { action, types, nets } of policies)
        if ((types?.has(r.type) ?? true) && (nets?.some((net) => inCidr(net, address)) ?? true))
          return { action, zone };
    }
    return { action: 'allow', zone: '' };
  }
}
