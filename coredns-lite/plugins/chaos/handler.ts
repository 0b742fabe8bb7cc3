// Answers questions about the server itself in class CHAOS (CoreDNS plugin/chaos).
import { replyTo } from '../../dns/message.ts';
import { textRecord } from '../../dns/rr.ts';
import { CLASS, RCODE, TYPE } from '../../dns/types.ts';
import { type Handler, nextOrFailure, type Request, type Result, type Writer } from '../../server/plugin.ts';

export interface ChaosOptions {
  readonly version: string;
  readonly authors: readonly string[];
  readonly hostname: string;
  random(): number;
}

export class Chaos implements Handler {
  readonly name = 'chaos';
  readonly #options: ChaosOptions;
  readonly #next: Handler | undefined;

  constructor(options: ChaosOptions, next: Handler | undefined) {
    this.#options = options;
    this.#next = next;
  }

  serve(w: Writer, r: Request): Result {
    const texts = r.class === CLASS.CH && r.type === TYPE.TXT ? this.#texts(r.lower) : undefined;
    if (texts === undefined) return nextOrFailure(this.name, this.#next, w, r);
    const reply = replyTo(r.message);
    reply.answer = texts.map((text) => textRecord(r.question.name, 0, [text.slice(0, 255)], CLASS.CH));
    w.write(reply);
    return RCODE.NOERROR;
  }

  #texts(name: string): readonly string[] | undefined {
    const { version, authors, hostname, random } = this.#options;
    switch (name) {
      case 'version.bind.':
      case 'version.server.':
        return [version];
      case 'hostname.bind.':
      case 'id.server.':
        return [hostname];
      case 'authors.bind.':
        return authors
          .map((author) => ({ author, at: random() }))
          .sort((a, b) => a.at - b.at)
          .map(({ author }) => author);
      default:
        return undefined;
    }
  }
}
