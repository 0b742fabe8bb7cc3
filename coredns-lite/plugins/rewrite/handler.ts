// Rewrites questions on their way in and answers on their way back (CoreDNS plugin/rewrite); the client sees its own question again.
import { type Message, replyTo } from '../../dns/message.ts';
import { isName } from '../../dns/name.ts';
import { RCODE } from '../../dns/types.ts';
import {
  after,
  clientWrite,
  fail,
  type Handler,
  nextOrFailure,
  type Request,
  type Result,
  type Writer,
} from '../../server/plugin.ts';
import type { ResponseRule, Rule } from './rules.ts';

export class Rewrite implements Handler {
  readonly name = 'rewrite';
  readonly #rules: readonly Rule[];
  readonly #next: Handler | undefined;

  constructor(rules: readonly Rule[], next: Handler | undefined) {
    this.#rules = rules;
    this.#next = next;
  }

  serve(w: Writer, r: Request): Result {
    const asked = r.message;
    const { lower } = r;
    const back: ResponseRule[] = [];
    let changed = false;
    for (const rule of this.#rules) {
      const responses = rule.apply(r);
      if (responses === undefined) continue;
      changed = true;
      if (!isName(r.question.name)) {
        const { name } = r.question;
        r.message = asked;
        return fail(r, RCODE.SERVFAIL, `invalid name after rewrite: ${name}`);
      }
      back.push(...responses);
      if (rule.mode === 'stop') break;
    }
    if (!changed) return nextOrFailure(this.name, this.#next, w, r);
    // Answers are turned back in the reverse order.
    back.reverse();
    const inner = r.message;
    const restore = (): void => {
      r.message = asked;
      r.lower = lower;
    };
    const reverted: Writer = {
      write(reply) {
        restore();
        w.write(revert({ ...reply, question: asked.question }, back));
      },
    };
    const result = nextOrFailure(this.name, this.#next, reverted, r);
    return after(result, (rcode) => {
      if (!clientWrite(rcode) && r.message === inner) {
        restore();
        w.write(revert(replyTo(asked, rcode), back));
        return RCODE.NOERROR;
      }
      return rcode;
    });
  }
}

function revert(reply: Message, rules: readonly ResponseRule[]): Message {
  let out = reply;
  for (const { record, message } of rules) {
    if (record !== undefined)
      out = {
        ...out,
        answer: out.answer.map(record),
        authority: out.authority.map(record),
        additional: out.additional.map(record),
      };
    if (message !== undefined) out = message(out);
  }
  return out;
}
