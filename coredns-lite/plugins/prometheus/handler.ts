// Counts queries and replies (CoreDNS plugin/metrics). A series is found by numbers, not by its labels, so that a query costs little.
import type { Message } from '../../dns/message.ts';
import { RCODE, rcodeName, TYPE, typeName } from '../../dns/types.ts';
import type { Clock } from '../../host.ts';
import type { Counter, Histogram, Metrics } from '../../server/metrics.ts';
import {
  after,
  clientWrite,
  type Handler,
  nextOrFailure,
  type Request,
  type Result,
  type Writer,
} from '../../server/plugin.ts';

const SECONDS = [
  0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096,
  8.192,
];
const SIZES = [0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16_000, 32_000, 48_000, 64_000];
/** Types with a label of their own; all others are "other". */
const MONITORED: ReadonlySet<number> = new Set([
  TYPE.A,
  TYPE.AAAA,
  TYPE.CNAME,
  TYPE.DNSKEY,
  TYPE.DS,
  TYPE.MX,
  TYPE.NSEC,
  TYPE.NSEC3,
  TYPE.NS,
  TYPE.PTR,
  TYPE.RRSIG,
  TYPE.SOA,
  TYPE.SRV,
  TYPE.TXT,
  TYPE.HTTPS,
  TYPE.ANY,
  TYPE.AXFR,
  TYPE.IXFR,
]);

interface Zone {
  readonly duration: Histogram;
  readonly requestSize: { readonly udp: Histogram; readonly tcp: Histogram };
  readonly dnssec: Counter;
  /** By type, family and protocol; by rcode. */
  readonly requests: Map<number, Counter>;
  readonly responses: Map<number, Counter>;
}

export class Prometheus implements Handler {
  readonly name = 'prometheus';
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  readonly #next: Handler | undefined;
  readonly #zones = new Map<string, Zone>();

  constructor(metrics: Metrics, clock: Clock, next: Handler | undefined) {
    this.#metrics = metrics;
    this.#clock = clock;
    this.#next = next;
  }

  serve(w: Writer, r: Request): Result {
    const begun = this.#clock.now();
    const recorder = new Recorder(w);
    const result = nextOrFailure(this.name, this.#next, recorder, r);
    const report = (rcode: number): number => {
      this.#report(
        r,
        recorder.rcode ?? (clientWrite(rcode) ? RCODE.NOERROR : rcode),
        this.#clock.now() - begun,
      );
      return rcode;
    };
    return typeof result === 'number' ? report(result) : after(result, report);
  }

  #report(r: Request, rcode: number, ms: number): void {
    const zone = this.#zones.get(r.zone) ?? this.#makeZone(r.zone, r.entry.address);
    const v6 = r.peer.address.includes(':') ? 1 : 0;
    const tcp = r.proto === 'tcp' ? 1 : 0;
    const type = MONITORED.has(r.type) ? r.type : 0;
    const key = type * 4 + v6 * 2 + tcp;
    (zone.requests.get(key) ?? this.#makeRequests(zone, key, r)).inc();
    (zone.responses.get(rcode) ?? this.#makeResponses(zone, rcode, r)).inc();
    zone.duration.observe(ms / 1000);
    zone.requestSize[r.proto].observe(r.size);
    if (r.do) zone.dnssec.inc();
  }

  #makeZone(name: string, server: string): Zone {
    const labels = { server, zone: name, view: '' };
    const size = (proto: string): Histogram =>
      this.#metrics.histogram(
        'coredns_dns_request_size_bytes',
        'Size of the EDNS0 UDP buffer in bytes (64K for TCP) per zone and protocol.',
        SIZES,
        { ...labels, proto },
      );
    const zone: Zone = {
      duration: this.#metrics.histogram(
        'coredns_dns_request_duration_seconds',
        'Histogram of the time (in seconds) each request took per zone.',
        SECONDS,
        labels,
      ),
      requestSize: { udp: size('udp'), tcp: size('tcp') },
      dnssec: this.#metrics.counter(
        'coredns_dns_do_requests_total',
        'Counter of DNS requests with DO bit set per zone.',
        labels,
      ),
      requests: new Map(),
      responses: new Map(),
    };
    this.#zones.set(name, zone);
    return zone;
  }

  #makeRequests(zone: Zone, key: number, r: Request): Counter {
    const counter = this.#metrics.counter(
      'coredns_dns_requests_total',
      'Counter of DNS requests made per zone, protocol and family.',
      {
        server: r.entry.address,
        zone: r.zone,
        view: '',
        proto: r.proto,
        family: (key & 2) === 0 ? '1' : '2',
        type: key < 4 ? 'other' : typeName(key >> 2),
      },
    );
    zone.requests.set(key, counter);
    return counter;
  }

  #makeResponses(zone: Zone, rcode: number, r: Request): Counter {
    const counter = this.#metrics.counter(
      'coredns_dns_responses_total',
      'Counter of response status codes.',
      {
        server: r.entry.address,
        zone: r.zone,
        view: '',
        rcode: rcodeName(rcode),
        plugin: '',
      },
    );
    zone.responses.set(rcode, counter);
    return counter;
  }
}

class Recorder implements Writer {
  rcode: number | undefined = undefined;
  readonly #to: Writer;
  constructor(to: Writer) {
    this.#to = to;
  }
  write(reply: Message): void {
    this.rcode = reply.rcode;
    this.#to.write(reply);
  }
}
