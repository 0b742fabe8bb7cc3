// Answers from a hosts file (CoreDNS plugin/hosts). A name that is not there is SERVFAIL, not NXDOMAIN: there is no SOA to put beside it.
import { addrOfReverse } from '../../dns/addr.ts';
import type { Rr } from '../../dns/message.ts';
import { matchZone } from '../../dns/name.ts';
import { addressRr, nameRecord } from '../../dns/rr.ts';
import { RCODE, TYPE } from '../../dns/types.ts';
import type { Fall } from '../../server/config.ts';
import {
  emptyReply,
  type Handler,
  nextOrFailure,
  type Request,
  type Result,
  type Writer,
} from '../../server/plugin.ts';
import type { HostsTable } from './table.ts';

export interface HostsOptions {
  readonly origins: readonly string[];
  readonly ttl: number;
  readonly fall: Fall | undefined;
  readonly fallthroughUnsupported: boolean;
}

export class Hosts implements Handler {
  readonly name = 'hosts';
  /** The file's, exchanged when it changes, and the Corefile's own lines. */
  tables: readonly HostsTable[] = [];
  readonly #options: HostsOptions;
  readonly #next: Handler | undefined;

  constructor(options: HostsOptions, next: Handler | undefined) {
    this.#options = options;
    this.#next = next;
  }

  serve(w: Writer, r: Request): Result {
    const { origins, ttl, fallthroughUnsupported } = this.#options;
    const { type, lower: name } = r;
    if (type !== TYPE.PTR && matchZone(origins, name) === undefined)
      return nextOrFailure(this.name, this.#next, w, r);
    let answer: Rr[] = [];
    if (type === TYPE.PTR) {
      const address = addrOfReverse(name) ?? '';
      const names = this.tables.flatMap((table) => table.namesOf(address));
      if (names.length === 0) return nextOrFailure(this.name, this.#next, w, r);
      answer = names.map((target) => nameRecord(name, TYPE.PTR, ttl, target));
    } else if (type === TYPE.A || type === TYPE.AAAA)
      answer = this.#addresses(name, type === TYPE.A ? 4 : 16).map((bytes) => addressRr(name, ttl, bytes));
    else if (fallthroughUnsupported && this.#falls(name)) return nextOrFailure(this.name, this.#next, w, r);
    if (answer.length === 0 && this.#addresses(name, 4).length + this.#addresses(name, 16).length === 0)
      return this.#falls(name) ? nextOrFailure(this.name, this.#next, w, r) : RCODE.SERVFAIL;
    const reply = emptyReply(r);
    reply.answer = answer;
    w.write(reply);
    return RCODE.NOERROR;
  }

  #addresses(name: string, family: 4 | 16): readonly Uint8Array[] {
    return this.tables.flatMap((table) => table.addresses(name, family));
  }

  #falls(name: string): boolean {
    const { fall } = this.#options;
    return fall !== undefined && matchZone(fall.zones, name) !== undefined;
  }
}
