// Lowers the UDP size that a client advertises, so that replies are not cut into fragments (CoreDNS plugin/bufsize).
import { type Handler, nextOrFailure, type Request, type Result, type Writer } from '../../server/plugin.ts';

export class Bufsize implements Handler {
  readonly name = 'bufsize';
  readonly #size: number;
  readonly #next: Handler | undefined;

  constructor(size: number, next: Handler | undefined) {
    this.#size = size;
    this.#next = next;
  }

  serve(w: Writer, r: Request): Result {
    const { edns } = r.message;
    if (edns !== undefined && edns.size > this.#size) r.message.edns = { ...edns, size: this.#size };
    return nextOrFailure(this.name, this.#next, w, r);
  }
}
