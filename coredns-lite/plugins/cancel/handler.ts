// Gives up on a query that takes too long (CoreDNS plugin/cancel). Upstream cancels the query's context; here the client gets
// SERVFAIL and what comes later goes nowhere.
import type { Message } from '../../dns/message.ts';
import { RCODE } from '../../dns/types.ts';
import type { Clock } from '../../host.ts';
import {
  fail,
  type Handler,
  nextOrFailure,
  type Request,
  type Result,
  type Writer,
} from '../../server/plugin.ts';

export class Cancel implements Handler {
  readonly name = 'cancel';
  readonly #timeout: number;
  readonly #clock: Clock;
  readonly #next: Handler | undefined;

  constructor(timeout: number, clock: Clock, next: Handler | undefined) {
    this.#timeout = timeout;
    this.#clock = clock;
    this.#next = next;
  }

  serve(w: Writer, r: Request): Result {
    let over = false;
    const open: Writer = {
      write(reply: Message) {
        if (!over) w.write(reply);
      },
    };
    const result = nextOrFailure(this.name, this.#next, open, r);
    if (typeof result === 'number') return result;
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(this.#timeout, () => {
        over = true;
        resolve(fail(r, RCODE.SERVFAIL, 'context deadline exceeded'));
      });
      result.then(
        (rcode) => {
          timer.cancel();
          resolve(rcode);
        },
        (error: unknown) => {
          timer.cancel();
          reject(error);
        },
      );
    });
  }
}
