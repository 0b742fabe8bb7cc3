// Leaves authority and additional out of answers (CoreDNS plugin/minimal); denials and delegations need theirs.
import type { Message } from '../../dns/message.ts';
import { NONE } from '../../dns/message.ts';
import { type Handler, nextOrFailure, type Request, type Result, type Writer } from '../../server/plugin.ts';
import { replyKind } from '../cache/typify.ts';

export class Minimal implements Handler {
  readonly name = 'minimal';
  readonly #next: Handler | undefined;

  constructor(next: Handler | undefined) {
    this.#next = next;
  }

  serve(w: Writer, r: Request): Result {
    const trimmed: Writer = {
      write(reply: Message): void {
        const positive = replyKind(reply) === 'positive';
        w.write(positive ? { ...reply, authority: NONE, additional: NONE } : reply);
      },
    };
    return nextOrFailure(this.name, this.#next, trimmed, r);
  }
}
