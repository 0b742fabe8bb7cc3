// Sets and clears header flags of queries and replies (CoreDNS plugin/header).
import type { Message } from '../../dns/message.ts';
import { type Handler, nextOrFailure, type Request, type Result, type Writer } from '../../server/plugin.ts';

export interface Rule {
  readonly flag: 'aa' | 'ra' | 'rd';
  readonly on: boolean;
}

function apply(m: Message, rules: readonly Rule[]): void {
  for (const { flag, on } of rules)
    if (flag === 'aa') m.authoritative = on;
    else if (flag === 'ra') m.recursionAvailable = on;
    else m.recursionDesired = on;
}

export class Header implements Handler {
  readonly name = 'header';
  readonly #query: readonly Rule[];
  readonly #response: readonly Rule[];
  readonly #next: Handler | undefined;

  constructor(query: readonly Rule[], response: readonly Rule[], next: Handler | undefined) {
    this.#query = query;
    this.#response = response;
    this.#next = next;
  }

  serve(w: Writer, r: Request): Result {
    apply(r.message, this.#query);
    const rules = this.#response;
    const changed: Writer = {
      write(reply) {
        const own = { ...reply };
        apply(own, rules);
        w.write(own);
      },
    };
    return nextOrFailure(this.name, this.#next, changed, r);
  }
}
