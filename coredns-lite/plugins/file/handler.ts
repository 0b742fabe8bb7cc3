// Zones from files in RFC 1035's form (CoreDNS plugin/file). Signed zones are served as the records they hold: nothing is proved.
import { type Message, NONE, type Rr, replyTo } from '../../dns/message.ts';
import { matchZone } from '../../dns/name.ts';
import { RCODE, TYPE } from '../../dns/types.ts';
import type { Fall } from '../../server/config.ts';
import {
  after,
  fail,
  type Handler,
  lookup,
  nextOrFailure,
  type Request,
  type Result,
  type Transfer,
  type Writer,
} from '../../server/plugin.ts';
import type { Found, Zone } from './zone.ts';

export interface FileOptions {
  /** By origin; a zone whose file cannot be read has none. */
  readonly zones: ReadonlyMap<string, { zone: Zone | undefined }>;
  readonly fall: Fall | undefined;
}

export class FileHandler implements Handler {
  readonly name = 'file';
  readonly #options: FileOptions;
  readonly #next: Handler | undefined;

  constructor(options: FileOptions, next: Handler | undefined) {
    this.#options = options;
    this.#next = next;
  }

  serve(w: Writer, r: Request): Result {
    const { zones, fall } = this.#options;
    const origin = matchZone([...zones.keys()], r.lower);
    if (origin === undefined) return nextOrFailure(this.name, this.#next, w, r);
    const zone = zones.get(origin)!.zone;
    if (r.type === TYPE.AXFR || r.type === TYPE.IXFR) return RCODE.REFUSED;
    if (zone === undefined) return fail(r, RCODE.SERVFAIL, `plugin/file: no zone data for ${origin}`);
    const found = zone.lookup(r.lower, r.question.name, r.type);
    if (found.what === 'nxdomain' && fall !== undefined && matchZone(fall.zones, r.lower) !== undefined)
      return nextOrFailure(this.name, this.#next, w, r);
    if (found.outside === undefined) return this.#write(w, r, found);
    const rest = lookup(r, found.outside, r.type);
    const join = (reply: Message | undefined): number =>
      this.#write(w, r, { ...found, answer: [...found.answer, ...(reply?.answer ?? NONE)] });
    return rest instanceof Promise ? after(rest.then(join), (rcode) => rcode) : join(rest);
  }

  #write(w: Writer, r: Request, found: Found): number {
    const reply = replyTo(r.message, found.what === 'nxdomain' ? RCODE.NXDOMAIN : RCODE.NOERROR);
    reply.authoritative = found.what !== 'delegation';
    reply.answer = found.answer;
    reply.authority = found.authority;
    reply.additional = found.additional;
    w.write(reply);
    return RCODE.NOERROR;
  }

  transfer(origin: string, serial: number): Transfer | undefined {
    const zone = this.#options.zones.get(origin)?.zone;
    return zone === undefined ? undefined : pieces(zone, serial);
  }
}

function* pieces({ soa, records }: Zone, serial: number): Generator<readonly Rr[]> {
  yield [soa];
  if (serial !== 0 && soa.data.kind === 'soa' && soa.data.serial === serial) return;
  yield records.filter((rr) => rr !== soa);
  yield [soa];
}
