// Whole zones to other servers over TCP (RFC 5936, RFC 1995 with whole zones; CoreDNS plugin/transfer). Any plugin that knows
// a zone gives its records.
import { type Message, type Rr, replyTo } from '../../dns/message.ts';
import { matchZone } from '../../dns/name.ts';
import { rdataText } from '../../dns/rr.ts';
import { RCODE, TYPE } from '../../dns/types.ts';
import type { Log } from '../../host.ts';
import { type Handler, nextOrFailure, type Request, type Result, type Writer } from '../../server/plugin.ts';

export interface Rule {
  readonly zones: readonly string[];
  /** Addresses; "*" is everybody. */
  readonly to: ReadonlySet<string>;
}

/** Octets of records per message, counted generously. */
const MAX_BATCH = 48_000;

export class TransferHandler implements Handler {
  readonly name = 'transfer';
  readonly #rules: readonly Rule[];
  readonly #sources: () => readonly Handler[];
  readonly #log: Log;
  readonly #next: Handler | undefined;

  constructor(
    rules: readonly Rule[],
    sources: () => readonly Handler[],
    log: Log,
    next: Handler | undefined,
  ) {
    this.#rules = rules;
    this.#sources = sources;
    this.#log = log;
    this.#next = next;
  }

  serve(w: Writer, r: Request): Result {
    if (r.type !== TYPE.AXFR && r.type !== TYPE.IXFR) return nextOrFailure(this.name, this.#next, w, r);
    if (r.proto !== 'tcp') return RCODE.REFUSED;
    const zone = matchZone(
      this.#rules.flatMap(({ zones }) => zones),
      r.lower,
    );
    const rule = this.#rules.find(({ zones }) => zone !== undefined && zones.includes(zone));
    if (rule === undefined) return nextOrFailure(this.name, this.#next, w, r);
    const peer = r.peer.address.replace(/^::ffff:/, '');
    if (!rule.to.has('*') && !rule.to.has(peer)) {
      w.write(replyTo(r.message, RCODE.REFUSED));
      return RCODE.NOERROR;
    }
    let serial = 0;
    if (r.type === TYPE.IXFR) {
      const soa = r.message.authority[0];
      if (r.message.authority.length !== 1 || soa?.data.kind !== 'soa') return RCODE.SERVFAIL;
      serial = soa.data.serial;
    }
    for (const source of this.#sources()) {
      const pieces = source.transfer?.(r.lower, serial);
      if (pieces === undefined) continue;
      const count = this.#send(w, r, pieces);
      this.#log.info(`Outgoing transfer of ${count} records of zone "${r.question.name}" to ${peer}`);
      return RCODE.NOERROR;
    }
    return nextOrFailure(this.name, this.#next, w, r);
  }

  #send(w: Writer, r: Request, pieces: Iterable<readonly Rr[]>): number {
    let batch: Rr[] = [];
    let size = 0;
    let count = 0;
    const flush = (): void => {
      if (batch.length === 0) return;
      const reply: Message = replyTo(r.message);
      reply.authoritative = true;
      reply.answer = batch;
      w.write(reply);
      batch = [];
      size = 0;
    };
    for (const records of pieces)
      for (const rr of records) {
        const own = rr.name.length + 12 + rdataText(rr.data).length;
        if (size + own > MAX_BATCH) flush();
        batch.push(rr);
        size += own;
        count++;
      }
    flush();
    return count;
  }
}
