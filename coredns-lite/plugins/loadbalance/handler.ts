// Shuffles addresses and mail exchangers in a reply (CoreDNS plugin/loadbalance), so that clients which take the first one spread out.

import { type Cidr, inCidr } from '../../dns/addr.ts';
import type { Message, Rr } from '../../dns/message.ts';
import { lower } from '../../dns/name.ts';
import { RCODE, TYPE } from '../../dns/types.ts';
import { type Handler, nextOrFailure, type Request, type Result, type Writer } from '../../server/plugin.ts';

export interface LoadBalanceOptions {
  readonly policy: 'round_robin' | 'weighted';
  /** Addresses in these come first, in this order. */
  readonly prefer: readonly Cidr[];
  /** Name → address as text → weight. */
  weights: ReadonlyMap<string, ReadonlyMap<string, number>>;
  random(): number;
}

export class LoadBalance implements Handler {
  readonly name = 'loadbalance';
  readonly #options: LoadBalanceOptions;
  readonly #next: Handler | undefined;

  constructor(options: LoadBalanceOptions, next: Handler | undefined) {
    this.#options = options;
    this.#next = next;
  }

  serve(w: Writer, r: Request): Result {
    if (r.type === TYPE.AXFR || r.type === TYPE.IXFR) return nextOrFailure(this.name, this.#next, w, r);
    return nextOrFailure(this.name, this.#next, new Shuffler(this, w), r);
  }

  shuffle(reply: Message): Message {
    if (reply.rcode !== RCODE.NOERROR) return reply;
    const answer = this.#ordered(reply.answer);
    const authority = this.#ordered(reply.authority);
    const additional = this.#ordered(reply.additional);
    if (answer === reply.answer && authority === reply.authority && additional === reply.additional)
      return reply;
    return { ...reply, answer, authority, additional };
  }

  /** CNAMEs, then what is not shuffled, then addresses, then mail exchangers. */
  #ordered(records: readonly Rr[]): readonly Rr[] {
    if (records.length < 2) return records;
    const cnames: Rr[] = [];
    const addresses: Rr[] = [];
    const mail: Rr[] = [];
    const rest: Rr[] = [];
    for (const rr of records)
      if (rr.type === TYPE.CNAME) cnames.push(rr);
      else if (rr.type === TYPE.A || rr.type === TYPE.AAAA) addresses.push(rr);
      else if (rr.type === TYPE.MX) mail.push(rr);
      else rest.push(rr);
    if (addresses.length < 2 && mail.length < 2 && cnames.length === 0) return records;
    this.#mix(mail);
    if (this.#options.policy !== 'weighted' || !this.#weigh(addresses)) this.#mix(addresses);
    return [...cnames, ...rest, ...this.#preferred(addresses), ...mail];
  }

  #mix(list: Rr[]): void {
    for (let i = list.length - 1; i > 0; i--) {
      const j = Math.floor(this.#options.random() * (i + 1));
      [list[i], list[j]] = [list[j]!, list[i]!];
    }
  }

  /** Puts one address first, chosen by weight (1 where none is given). False where the name has no weights. */
  #weigh(list: Rr[]): boolean {
    const weights = this.#options.weights.get(lower(list[0]?.name ?? ''));
    if (weights === undefined || list.length < 2) return false;
    const weightOf = (rr: Rr): number =>
      rr.data.kind === 'addr' ? (weights.get(rr.data.bytes.join('.')) ?? 1) : 1;
    let left = this.#options.random() * list.reduce((sum, rr) => sum + weightOf(rr), 0);
    const chosen = list.findIndex((rr) => (left -= weightOf(rr)) < 0);
    if (chosen > 0) [list[0], list[chosen]] = [list[chosen]!, list[0]!];
    return true;
  }

  #preferred(list: readonly Rr[]): readonly Rr[] {
    const { prefer } = this.#options;
    if (prefer.length === 0) return list;
    const rank = ({ data }: Rr): number => {
      const at = data.kind === 'addr' ? prefer.findIndex((cidr) => inCidr(cidr, data.bytes)) : -1;
      return at === -1 ? prefer.length : at;
    };
    return [...list].sort((a, b) => rank(a) - rank(b));
  }
}

class Shuffler implements Writer {
  readonly #handler: LoadBalance;
  readonly #to: Writer;
  constructor(handler: LoadBalance, to: Writer) {
    this.#handler = handler;
    this.#to = to;
  }
  write(reply: Message): void {
    this.#to.write(this.#handler.shuffle(reply));
  }
}
