// Answers for localhost and the addresses of this machine, so that they never leave it (RFC 6761, RFC 6303; CoreDNS plugin/local).
import { NONE, type Rr, replyTo } from '../../dns/message.ts';
import { isSubDomain, matchZone } from '../../dns/name.ts';
import { addressRr, nameRecord } from '../../dns/rr.ts';
import { CLASS, RCODE, TYPE } from '../../dns/types.ts';
import { type Handler, nextOrFailure, type Request, type Result, type Writer } from '../../server/plugin.ts';

const TTL = 604_800;
const ZONES = ['localhost.', '0.in-addr.arpa.', '127.in-addr.arpa.', '255.in-addr.arpa.'];
const V4 = Uint8Array.of(127, 0, 0, 1);
const V6 = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

const soa = (name: string): Rr => ({
  name,
  type: TYPE.SOA,
  class: CLASS.IN,
  ttl: TTL,
  data: {
    kind: 'soa',
    mname: 'localhost.',
    rname: 'root.localhost.',
    serial: 1,
    refresh: 0,
    retry: 0,
    expire: 0,
    minimum: TTL,
  },
});

export class Local implements Handler {
  readonly name = 'local';
  /** Whether localhost.anything counts: what search lists make of localhost. */
  readonly #prefix: boolean;
  readonly #next: Handler | undefined;

  constructor(prefix: boolean, next: Handler | undefined) {
    this.#prefix = prefix;
    this.#next = next;
  }

  serve(w: Writer, r: Request): Result {
    const { lower } = r;
    const { name } = r.question;
    const loopback =
      lower !== 'localhost.' &&
      (lower.endsWith('.localhost.') || (this.#prefix && lower.startsWith('localhost.')));
    const zone = loopback ? undefined : matchZone(ZONES, lower);
    if (!loopback && zone === undefined) return nextOrFailure(this.name, this.#next, w, r);
    const reply = replyTo(r.message);
    const addresses = loopback || lower === 'localhost.';
    if (addresses && r.type === TYPE.A) reply.answer = [addressRr(name, TTL, V4)];
    else if (addresses && r.type === TYPE.AAAA) reply.answer = [addressRr(name, TTL, V6)];
    else if (loopback) reply.authority = [soa(name)];
    else if (lower === zone) {
      if (r.type === TYPE.SOA) reply.answer = [soa(name)];
      else if (r.type === TYPE.NS) reply.answer = [nameRecord(name, TYPE.NS, TTL, 'localhost.')];
      else reply.authority = [soa(name)];
    } else {
      const apex = name.slice(name.length - zone!.length);
      const known = lower === '1.0.0.127.in-addr.arpa.' && isSubDomain('127.in-addr.arpa.', lower);
      if (known && r.type === TYPE.PTR) reply.answer = [nameRecord(name, TYPE.PTR, TTL, 'localhost.')];
      else reply.authority = [soa(apex)];
      if (!known) reply.rcode = RCODE.NXDOMAIN;
    }
    reply.additional = NONE;
    w.write(reply);
    return RCODE.NOERROR;
  }
}
