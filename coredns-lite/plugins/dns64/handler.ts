// IPv6 addresses made from IPv4 ones for clients that have no IPv4 (RFC 6147; CoreDNS plugin/dns64).
import { type Message, type Rr, replyTo } from '../../dns/message.ts';
import { addressRr, withTtl } from '../../dns/rr.ts';
import { CLASS, RCODE, TYPE } from '../../dns/types.ts';
import {
  Capture,
  clientWrite,
  type Handler,
  lookup,
  nextOrFailure,
  type Request,
  type Result,
  type Writer,
} from '../../server/plugin.ts';

export interface Dns64Options {
  readonly prefix: { readonly bytes: Uint8Array; readonly bits: number };
  readonly translateAll: boolean;
  readonly allowIpv4: boolean;
}

/** Seconds, where the denial has no SOA. */
const DEFAULT_TTL = 600;

export class Dns64 implements Handler {
  readonly name = 'dns64';
  readonly #options: Dns64Options;
  readonly #next: Handler | undefined;

  constructor(options: Dns64Options, next: Handler | undefined) {
    this.#options = options;
    this.#next = next;
  }

  serve(w: Writer, r: Request): Result {
    const v6 = r.peer.address.includes(':') && !r.peer.address.startsWith('::ffff:');
    if (r.type !== TYPE.AAAA || r.class !== CLASS.IN || (!v6 && !this.#options.allowIpv4))
      return nextOrFailure(this.name, this.#next, w, r);
    const capture = new Capture();
    const result = nextOrFailure(this.name, this.#next, capture, r);
    const done = (rcode: number): Result => this.#translate(w, r, capture.reply, rcode);
    return typeof result === 'number' ? done(result) : result.then(done);
  }

  #translate(w: Writer, r: Request, reply: Message | undefined, rcode: number): Result {
    if (reply === undefined || !clientWrite(rcode)) return rcode;
    const has = !this.#options.translateAll && reply.answer.some((rr) => rr.type === TYPE.AAAA);
    if (reply.rcode === RCODE.NXDOMAIN || has) {
      w.write(reply);
      return rcode;
    }
    const found = lookup(r, r.question.name, TYPE.A);
    const give = (a: Message | undefined): number => {
      w.write(a === undefined ? reply : this.#synthesize(r, reply, a));
      return RCODE.NOERROR;
    };
    return found instanceof Promise ? found.then(give) : give(found);
  }

  #synthesize(r: Request, denial: Message, a: Message): Message {
    const soa = denial.authority.find((rr) => rr.type === TYPE.SOA);
    const ttl = soa?.ttl ?? DEFAULT_TTL;
    const out = replyTo(r.message);
    out.truncated = a.truncated;
    out.authority = a.authority;
    out.additional = a.additional;
    out.answer = a.answer.map((rr) => this.#record(rr, ttl));
    return out;
  }

  #record(rr: Rr, ttl: number): Rr {
    if (rr.type !== TYPE.A || rr.data.kind !== 'addr') return rr;
    return withTtl(
      addressRr(rr.name, rr.ttl, embed(this.#options.prefix, rr.data.bytes)),
      Math.min(rr.ttl, ttl),
    );
  }
}

/** RFC 6052 section 2.2: octet 8 stays zero. */
export function embed({ bytes, bits }: Dns64Options['prefix'], v4: Uint8Array): Uint8Array {
  const out = new Uint8Array(16);
  out.set(bytes.subarray(0, bits / 8));
  let at = bits / 8;
  for (const byte of v4) {
    if (at === 8) at++;
    out[at++] = byte;
  }
  return out;
}
