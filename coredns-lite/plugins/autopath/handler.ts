// Walks a client's search path inside the server (CoreDNS plugin/autopath), so that a name outside of the cluster costs one question
// instead of one per entry of the path.
import { type Message, NONE } from '../../dns/message.ts';
import { fqdn, isSubDomain, lower, matchZone } from '../../dns/name.ts';
import { nameRecord } from '../../dns/rr.ts';
import { RCODE, TYPE } from '../../dns/types.ts';
import {
  Capture,
  clientWrite,
  type Handler,
  nextOrFailure,
  type Request,
  type Result,
  type Writer,
} from '../../server/plugin.ts';

export interface AutopathOptions {
  readonly zones: readonly string[];
  /** The path for a client; undefined: not walked for him. */
  search(r: Request): readonly string[] | undefined;
}

export class Autopath implements Handler {
  readonly name = 'autopath';
  readonly #options: AutopathOptions;
  readonly #next: Handler | undefined;

  constructor(options: AutopathOptions, next: Handler | undefined) {
    this.#options = options;
    this.#next = next;
  }

  serve(w: Writer, r: Request): Result {
    const path = matchZone(this.#options.zones, r.lower) === undefined ? undefined : this.#options.search(r);
    const first = path?.[0];
    if (path === undefined || first === undefined || r.lower === first || !isSubDomain(lower(first), r.lower))
      return nextOrFailure(this.name, this.#next, w, r);
    return this.#walk(w, r, path);
  }

  async #walk(w: Writer, r: Request, path: readonly string[]): Promise<number> {
    const { name, type, class: cls } = r.question;
    const base = name.slice(0, name.length - path[0]!.length - 1);
    let firstRcode: number | undefined;
    let firstReply: Message | undefined;
    for (const [i, entry] of path.entries()) {
      const capture = new Capture();
      const asked = r.asking({
        name: fqdn(entry === '' || entry === '.' ? base : `${base}.${entry}`),
        type,
        class: cls,
      });
      const rcode = await nextOrFailure(this.name, this.#next, capture, asked);
      if (asked.error !== undefined) {
        r.error = asked.error;
        return rcode;
      }
      const { reply } = capture;
      if (i === 0) [firstRcode, firstReply] = [rcode, reply];
      if (!clientWrite(rcode) || reply === undefined || reply.rcode === RCODE.NXDOMAIN) continue;
      w.write(glued(reply, r));
      return rcode;
    }
    if (firstReply !== undefined) w.write({ ...firstReply, question: r.question });
    return firstRcode ?? RCODE.SERVFAIL;
  }
}

/** Answers the question that was asked, by a CNAME to the name that was found. */
function glued(reply: Message, r: Request): Message {
  const first =
    reply.answer.find((rr) => rr.type === TYPE.A || rr.type === TYPE.AAAA || rr.type === TYPE.CNAME) ??
    reply.answer[0];
  const answer =
    first === undefined || lower(first.name) === r.lower
      ? reply.answer
      : [nameRecord(r.question.name, TYPE.CNAME, first.ttl, first.name), ...reply.answer];
  return { ...reply, question: r.question, answer: answer.length === 0 ? NONE : answer };
}
