// Passes questions on to other servers (CoreDNS plugin/forward): the first that answers by the policy's order, until 5 seconds are over.
import { type Message, replyTo } from '../../dns/message.ts';
import { lower, matchZone } from '../../dns/name.ts';
import { RCODE, rcodeName } from '../../dns/types.ts';
import type { Clock } from '../../host.ts';
import type { Counter, Histogram, Metrics } from '../../server/metrics.ts';
import {
  fail,
  type Handler,
  nextOrFailure,
  type Proto,
  type Request,
  type Result,
  type Writer,
} from '../../server/plugin.ts';
import type { Upstream } from './upstream.ts';

export interface ForwardOptions {
  readonly from: string;
  readonly except: readonly string[];
  readonly policy: 'random' | 'round_robin' | 'sequential';
  readonly maxFails: number;
  readonly forceTcp: boolean;
  readonly preferUdp: boolean;
  /** 0: no limit. */
  readonly maxConcurrent: number;
  /** Undefined: twice the upstreams; 0: no limit. */
  readonly maxConnectAttempts: number | undefined;
  readonly failfast: boolean;
  /** Rcodes that lead to the next forward of the block. */
  readonly next: readonly number[];
  readonly nextOnNodata: boolean;
  /** Rcodes that lead to the next upstream. */
  readonly failover: readonly number[];
}

const TIMEOUT = 5000;
const DURATIONS = [
  0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096,
  8.192,
];

export class Forward implements Handler {
  readonly name = 'forward';
  readonly options: ForwardOptions;
  readonly #upstreams: readonly Upstream[];
  readonly #host: { readonly clock: Clock; random(): number };
  readonly #metrics: Metrics;
  readonly #next: Handler | undefined;
  readonly #durations = new Map<string, Histogram>();
  readonly #rejected: Counter;
  readonly #broken: Counter;
  #turn = 0;
  #concurrent = 0;

  constructor(
    options: ForwardOptions,
    upstreams: readonly Upstream[],
    host: { readonly clock: Clock; random(): number },
    metrics: Metrics,
    next: Handler | undefined,
  ) {
    this.options = options;
    this.#upstreams = upstreams;
    this.#host = host;
    this.#metrics = metrics;
    this.#next = next;
    this.#rejected = metrics.counter(
      'coredns_forward_max_concurrent_rejects_total',
      'Counter of the number of queries rejected because the concurrent queries were at maximum.',
    );
    this.#broken = metrics.counter(
      'coredns_forward_healthcheck_broken_total',
      'Counter of the number of complete failures of the healthchecks.',
    );
  }

  serve(w: Writer, r: Request): Result {
    const { from, except, maxConcurrent } = this.options;
    const name = r.lower;
    const mine =
      matchZone([from], name) !== undefined && (name === from || matchZone(except, name) === undefined);
    if (!mine) return nextOrFailure(this.name, this.#next, w, r);
    if (maxConcurrent > 0 && this.#concurrent >= maxConcurrent) {
      this.#rejected.inc();
      return fail(r, RCODE.REFUSED, `concurrent queries exceeded maximum ${maxConcurrent}`);
    }
    this.#concurrent++;
    return this.#ask(w, r).finally(() => {
      this.#concurrent--;
    });
  }

  async #ask(w: Writer, r: Request): Promise<number> {
    const { clock } = this.#host;
    const { maxFails, failfast, failover, maxConnectAttempts } = this.options;
    const list = this.#ordered();
    const most = maxConnectAttempts ?? 2 * list.length;
    const deadline = clock.now() + TIMEOUT;
    let error: string | undefined;
    let attempts = 0;
    let failovers = 0;
    let down = 0;
    for (let i = 0; clock.now() < deadline && (most === 0 || attempts < most); i++) {
      if (i >= list.length) {
        i = 0;
        down = 0;
      }
      let upstream = list[i]!;
      if (upstream.isDown(maxFails)) {
        if (++down < list.length) continue;
        this.#broken.inc();
        if (failfast) break;
        // All seem down: then the probes may be what is broken.
        upstream = this.#upstreams[Math.floor(this.#host.random() * this.#upstreams.length)]!;
      }
      const at = upstream.address;
      r.setMetadata('forward/upstream', () => at);
      const done = await this.#exchange(upstream, r);
      if ('error' in done) {
        error = done.error;
        if (maxFails !== 0) upstream.probe();
        attempts++;
        if (down >= list.length) break;
        continue;
      }
      const { reply } = done;
      if (!matches(r, reply)) {
        w.write(replyTo(r.message, RCODE.FORMERR));
        return RCODE.NOERROR;
      }
      if (failover.includes(reply.rcode) && ++failovers < list.length) continue;
      if (this.#goesOn(reply)) return nextOrFailure(this.name, this.#next, w, r);
      w.write(reply);
      return RCODE.NOERROR;
    }
    return fail(r, RCODE.SERVFAIL, error ?? 'no healthy proxies');
  }

  async #exchange(upstream: Upstream, r: Request): ReturnType<Upstream['exchange']> {
    const { forceTcp, preferUdp } = this.options;
    const proto: Proto = forceTcp ? 'tcp' : preferUdp ? 'udp' : r.proto;
    const begun = this.#host.clock.now();
    let done = await upstream.exchange(r.message, proto);
    if ('reply' in done && done.reply.truncated && preferUdp && !forceTcp)
      done = await upstream.exchange(r.message, 'tcp');
    if ('reply' in done)
      this.#duration(upstream, done.reply.rcode).observe((this.#host.clock.now() - begun) / 1000);
    return done;
  }

  #duration(upstream: Upstream, rcode: number): Histogram {
    const key = `${upstream.address} ${rcode}`;
    let histogram = this.#durations.get(key);
    if (histogram === undefined) {
      histogram = this.#metrics.histogram(
        'coredns_proxy_request_duration_seconds',
        'Histogram of the time each request took.',
        DURATIONS,
        { proxy_name: 'forward', to: upstream.address, rcode: rcodeName(rcode) },
      );
      this.#durations.set(key, histogram);
    }
    return histogram;
  }

  /** Whether another forward of the block should be asked instead. */
  #goesOn(reply: Message): boolean {
    if (this.#next?.name !== this.name) return false;
    const { next, nextOnNodata } = this.options;
    return (
      next.includes(reply.rcode) ||
      (nextOnNodata && reply.rcode === RCODE.NOERROR && reply.answer.length === 0)
    );
  }

  #ordered(): readonly Upstream[] {
    const all = this.#upstreams;
    if (all.length === 1 || this.options.policy === 'sequential') return all;
    if (this.options.policy === 'round_robin') {
      const from = ++this.#turn % all.length;
      return [...all.slice(from), ...all.slice(0, from)];
    }
    const rest = [...all];
    const shuffled: Upstream[] = [];
    while (rest.length > 0) shuffled.push(...rest.splice(Math.floor(this.#host.random() * rest.length), 1));
    return shuffled;
  }
}

function matches(r: Request, reply: Message): boolean {
  const { question } = reply;
  if (!reply.response) return false;
  // Some errors come without a question.
  if (question === undefined) return false;
  return question.type === r.type && question.class === r.class && lower(question.name) === r.lower;
}
