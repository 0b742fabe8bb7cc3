// Answers ANY with next to nothing (RFC 8482; CoreDNS plugin/any).
import { replyTo } from '../../dns/message.ts';
import { hinfoRecord } from '../../dns/rr.ts';
import { RCODE, TYPE } from '../../dns/types.ts';
import { type Handler, nextOrFailure, type Request, type Result, type Writer } from '../../server/plugin.ts';

const TTL = 8482;

export class Any implements Handler {
  readonly name = 'any';
  readonly #next: Handler | undefined;

  constructor(next: Handler | undefined) {
    this.#next = next;
  }

  serve(w: Writer, r: Request): Result {
    if (r.type !== TYPE.ANY) return nextOrFailure(this.name, this.#next, w, r);
    const reply = replyTo(r.message);
    reply.answer = [hinfoRecord(r.question.name, TTL, 'ANY obsoleted', 'See RFC 8482')];
    w.write(reply);
    return RCODE.NOERROR;
  }
}
