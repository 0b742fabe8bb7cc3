// Finds forwarding loops (CoreDNS plugin/loop): a question with a random name is put to the server itself at the start; seen more than
// twice, it has come back from an upstream that is this server again.
import { isSubDomain } from '../../dns/name.ts';
import { TYPE } from '../../dns/types.ts';
import { type Handler, nextOrFailure, type Request, type Result, type Writer } from '../../server/plugin.ts';

export interface LoopOptions {
  readonly zone: string;
  /** The name that is looked for. */
  readonly asked: string;
  /** The loop is there. */
  found(message: string): void;
}

export class Loop implements Handler {
  readonly name = 'loop';
  readonly #options: LoopOptions;
  readonly #next: Handler | undefined;
  #seen = 0;
  #on = true;

  constructor(options: LoopOptions, next: Handler | undefined) {
    this.#options = options;
    this.#next = next;
  }

  disable(): void {
    this.#on = false;
  }

  serve(w: Writer, r: Request): Result {
    const { zone, asked, found } = this.#options;
    if (
      this.#on &&
      r.type === TYPE.HINFO &&
      isSubDomain(zone, r.lower) &&
      r.lower === asked &&
      ++this.#seen > 2
    ) {
      this.#on = false;
      const { address, port } = r.peer;
      found(
        `Loop (${address}:${port} -> ${r.entry.address.replace('dns://', '')}) detected for zone "${zone}", see https://coredns.io/plugins/loop#troubleshooting. Query: "HINFO ${asked}"`,
      );
    }
    return nextOrFailure(this.name, this.#next, w, r);
  }
}
