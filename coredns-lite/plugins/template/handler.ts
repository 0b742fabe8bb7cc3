// Answers made from the question by rules (CoreDNS plugin/template).
import { type Message, type Rr, replyTo } from '../../dns/message.ts';
import { matchZone } from '../../dns/name.ts';
import { targetOf } from '../../dns/rr.ts';
import { parseRr } from '../../dns/rr-text.ts';
import { CLASS, className, RCODE, TYPE, typeName } from '../../dns/types.ts';
import type { Fall } from '../../server/config.ts';
import {
  fail,
  type Handler,
  lookup,
  nextOrFailure,
  type Request,
  type Result,
  type Writer,
} from '../../server/plugin.ts';
import type { TemplateData } from './text-template.ts';

type Section = readonly ((data: TemplateData) => string)[];

export interface Template {
  readonly zones: readonly string[];
  /** CLASS.ANY and TYPE.ANY fit everything. */
  readonly class: number;
  readonly type: number;
  readonly regexps: readonly RegExp[];
  readonly answer: Section;
  readonly additional: Section;
  readonly authority: Section;
  readonly rcode: number;
  readonly ede: { readonly code: number; readonly text: string } | undefined;
  /** Completes a CNAME. */
  readonly upstream: boolean;
  readonly fall: Fall | undefined;
}

/** Extended DNS errors (RFC 8914). */
const EDE = 15;

export class TemplateHandler implements Handler {
  readonly name = 'template';
  readonly #templates: readonly Template[];
  readonly #next: Handler | undefined;

  constructor(templates: readonly Template[], next: Handler | undefined) {
    this.#templates = templates;
    this.#next = next;
  }

  serve(w: Writer, r: Request): Result {
    for (const template of this.#templates) {
      const zone = matchZone(template.zones, r.lower);
      if (zone === undefined) continue;
      if (template.class !== CLASS.ANY && r.class !== CLASS.ANY && r.class !== template.class) continue;
      if (template.type !== TYPE.ANY && r.type !== TYPE.ANY && r.type !== template.type) continue;
      const match = first(template.regexps, r.lower);
      if (match === undefined) {
        if (template.fall !== undefined && matchZone(template.fall.zones, r.lower) !== undefined) continue;
        return RCODE.SERVFAIL;
      }
      if (template.rcode === RCODE.SERVFAIL) return RCODE.SERVFAIL;
      return this.#answer(w, r, template, dataOf(template, r, zone, match));
    }
    return nextOrFailure(this.name, this.#next, w, r);
  }

  #answer(w: Writer, r: Request, template: Template, data: TemplateData): Result {
    const reply = replyTo(r.message, template.rcode);
    reply.authoritative = true;
    const sections: Rr[][] = [];
    for (const section of [template.answer, template.authority, template.additional]) {
      const records: Rr[] = [];
      for (const render of section) {
        const text = render(data);
        const rr = parseRr(text);
        if (typeof rr === 'string') return fail(r, RCODE.SERVFAIL, `plugin/template: "${text}": ${rr}`);
        records.push(rr);
      }
      sections.push(records);
    }
    const [answer = [], authority = [], additional = []] = sections;
    reply.answer = answer;
    reply.authority = authority;
    reply.additional = additional;
    if (template.ede !== undefined) {
      const { code, text } = template.ede;
      const option = { code: EDE, data: Uint8Array.of(code >> 8, code & 255, ...Buffer.from(text)) };
      reply.edns = { size: 4096, version: 0, do: true, options: [option] };
    }
    const cname = answer.find((rr) => rr.type === TYPE.CNAME);
    const send = (rest: Message | undefined): number => {
      if (rest !== undefined) {
        reply.truncated = rest.truncated;
        reply.answer = [...answer, ...rest.answer];
      }
      w.write(reply);
      return template.rcode;
    };
    if (!template.upstream || cname === undefined || (r.type !== TYPE.A && r.type !== TYPE.AAAA))
      return send(undefined);
    const rest = lookup(r, targetOf(cname)!, r.type);
    return rest instanceof Promise ? rest.then(send) : send(rest);
  }
}

function first(regexps: readonly RegExp[], name: string): RegExpExecArray | undefined {
  for (const regexp of regexps) {
    const match = regexp.exec(name);
    if (match !== null) return match;
  }
  return undefined;
}

function dataOf(template: Template, r: Request, zone: string, match: RegExpExecArray): TemplateData {
  const match0 = [...match].map((text) => text ?? '');
  return {
    name: r.lower,
    zone,
    class: className(r.class === CLASS.ANY ? template.class : r.class),
    type: typeName(r.type === TYPE.ANY ? template.type : r.type),
    remote: r.peer.address,
    match: match0,
    group: { ...Object.fromEntries(match0.map((text, i) => [String(i), text])), ...match.groups },
    meta: (label) => r.metadata(label) ?? '',
  };
}
