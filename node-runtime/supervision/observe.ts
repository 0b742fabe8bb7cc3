// What the emulator may see of a kernel: counters, the last drops, the events of traced packets, and copies of frames at
// a device. Nothing here changes what is forwarded; an emulator that does not keep up loses events, which are counted.
import { ProtocolError } from '../../emulator/protocol/errors.ts';
import type { CaptureStart } from '../../emulator/protocol/messages.ts';
import type {
  CaptureRecord,
  DeviceReport,
  LinkReport,
  TraceRecord,
} from '../../emulator/protocol/records.ts';
import type { NetDevice, Tap } from '../kernel/netns/device.ts';
import type { Kernel } from '../kernel/netns/kernel.ts';
import { completeChecksum, gsoSegment } from '../kernel/skb/gso.ts';
import { CHECKSUM_PARTIAL, type Skb } from '../kernel/skb/skb.ts';
import { DROP_REASONS } from '../kernel/trace/drop-reason.ts';
import type { DropRecord } from '../kernel/trace/tracer.ts';
import { formatIpv4, formatMac } from '../kernel/wire/addr.ts';
import { describe } from '../kernel/wire/describe.ts';
import type { Places } from './places.ts';
import { runProbe } from './probe.ts';
import type { Session, Supervision } from './supervision.ts';

/** Events or frames in one message, and of its bytes. */
const BATCH = 512;
const BATCH_BYTES = 512 * 1024;
/** What a capture may hold until the turn ends. */
const MAX_HELD = 16 << 20;

export interface ObserveOptions {
  readonly supervision: Supervision;
  readonly kernel: Kernel;
  readonly places: Places;
  readonly links: () => readonly LinkReport[];
  /** Counters of rooms that the device table does not show. */
  readonly counters?: () => Readonly<Record<string, number>>;
  readonly metrics?: () => string;
}

export function observe(options: ObserveOptions): void {
  const { supervision, kernel, places } = options;
  const booted = kernel.clock.now();
  supervision.on('ping', () => ({ time: kernel.clock.now() }));
  supervision.on('stats', () => {
    const cpu = process.cpuUsage();
    return {
      time: kernel.clock.now(),
      uptime: kernel.clock.now() - booted,
      cpuUserMs: cpu.user / 1000,
      cpuSystemMs: cpu.system / 1000,
      rssBytes: process.memoryUsage.rss(),
      devices: [...kernel.namespaces.values()].flatMap((ns) => [...ns.devices.values()].map(deviceReport)),
      links: options.links(),
      drops: Object.fromEntries(kernel.tracer.dropped),
      counters: options.counters?.() ?? {},
    };
  });
  supervision.on('metrics', () => ({ text: options.metrics?.() ?? '' }));
  supervision.on('drops', () => ({
    drops: kernel.tracer.drops().map((drop) => ({
      ...drop,
      packet: describe(drop.bytes, 0, drop.bytes.length, drop.hasMac ? 'ether' : 'ipv4'),
    })),
  }));
  supervision.on('trace', ({ probe }) => runProbe(places.netns(probe.from), probe));
  supervision.on('trace.follow', (request, session) => {
    followTraces(kernel, request.on ? session : undefined);
    return null;
  });
  const captures = new Map<number, DeviceCapture>();
  supervision.on('capture.start', (request, session) => {
    const dev = findDevice(places, request.at);
    if (captures.has(request.capture)) throw new ProtocolError('E_EXISTS', `capture ${request.capture}`);
    const capture = new DeviceCapture(request, dev, session);
    captures.set(request.capture, capture);
    session.onEnd(() => {
      capture.stop();
      if (captures.get(request.capture) === capture) captures.delete(request.capture);
    });
    return { linkType: dev.ethernet ? 1 : 101 };
  });
  supervision.on('capture.stop', (request) => {
    const capture = captures.get(request.capture);
    if (capture === undefined) throw new ProtocolError('E_NOT_FOUND', `capture ${request.capture}`);
    captures.delete(request.capture);
    capture.stop();
    return { frames: capture.frames, dropped: capture.dropped };
  });
}

export function findDevice(places: Places, at: { readonly netns: string; readonly dev: string }): NetDevice {
  const dev = places.named(at.netns).device(at.dev);
  if (dev === undefined) throw new ProtocolError('E_NOT_FOUND', `device ${at.dev} in ${at.netns}`);
  return dev;
}

function deviceReport(dev: NetDevice): DeviceReport {
  const { stats } = dev;
  return {
    netns: dev.ns.name,
    dev: dev.name,
    ifindex: dev.ifindex,
    kind: dev.kind,
    mac: formatMac(dev.mac),
    mtu: dev.mtu,
    up: dev.up,
    addresses: dev.addrs.map((a) => `${formatIpv4(a.addr)}/${a.prefixLen}`),
    rxPackets: stats.rxPackets,
    rxBytes: stats.rxBytes,
    rxErrors: stats.rxErrors,
    rxDropped: stats.rxDropped,
    txPackets: stats.txPackets,
    txBytes: stats.txBytes,
    txErrors: stats.txErrors,
    txDropped: stats.txDropped,
  };
}

/** Sends trace events to `session` at each turn's end; undefined: to nobody. */
function followTraces(kernel: Kernel, session: Session | undefined): void {
  if (session === undefined) {
    kernel.tracer.sink = undefined;
    return;
  }
  let events: TraceRecord[] = [];
  let dropped = 0;
  const flush = (): void => {
    for (let at = 0; at < events.length || dropped > 0; at += BATCH) {
      session.send({ type: 'trace.events', events: events.slice(at, at + BATCH), dropped });
      dropped = 0;
    }
    events = [];
  };
  const sink = (event: TraceRecord): void => {
    if (session.behind || events.length >= 16 * BATCH) {
      dropped++;
      return;
    }
    // Not at the run queue's idle: an event may be made outside of it, and the last ones must not wait for the next.
    if (events.push(event) === 1) setImmediate(flush);
  };
  kernel.tracer.sink = sink;
  session.onEnd(() => {
    if (kernel.tracer.sink === sink) kernel.tracer.sink = undefined;
  });
}

class DeviceCapture {
  frames = 0;
  dropped = 0;
  readonly #id: number;
  readonly #dev: NetDevice;
  readonly #snaplen: number;
  readonly #session: Session;
  readonly #tap: Tap;
  readonly #dropSink: ((drop: DropRecord) => void) | undefined;
  #held: CaptureRecord[] = [];
  #heldBytes = 0;
  #unsaid = 0;

  constructor(request: CaptureStart, dev: NetDevice, session: Session) {
    this.#id = request.capture;
    this.#dev = dev;
    this.#snaplen = request.snaplen;
    this.#session = session;
    this.#tap = (skb, _, outgoing) => this.#see(skb, outgoing);
    dev.taps.add(this.#tap);
    if (!request.drops) return;
    this.#dropSink = (drop) => this.#seeDrop(drop);
    dev.kernel.tracer.dropSinks.add(this.#dropSink);
  }

  stop(): void {
    this.#dev.taps.delete(this.#tap);
    if (this.#dropSink !== undefined) this.#dev.kernel.tracer.dropSinks.delete(this.#dropSink);
    this.#flush();
  }

  #see(skb: Skb, outgoing: boolean): void {
    const start = outgoing || !this.#dev.ethernet ? skb.data : skb.mac;
    if (skb.gsoSize === 0 && skb.ipSummed !== CHECKSUM_PARTIAL) {
      this.#keep(skb, start, outgoing);
      return;
    }
    // What the wire would carry: a copy is cut and completed, the packet itself goes on whole.
    const copy = skb.clone();
    copy.data = start;
    for (const segment of gsoSegment(copy, this.#dev.kernel.pool)) {
      completeChecksum(segment);
      this.#keep(segment, segment.data, outgoing);
      segment.free();
    }
    copy.free();
  }
  #keep(skb: Skb, start: number, outgoing: boolean): void {
    const length = skb.tail - start;
    const kept = Math.min(length, this.#snaplen);
    if (!this.#room(kept)) return;
    const time = this.#dev.kernel.clock.now();
    this.#hold({ time, outgoing, trace: skb.trace, length, bytes: skb.bytes.slice(start, start + kept) });
  }
  /** What died at this device, or in its namespace before it had one, shown with the reason. */
  #seeDrop(drop: DropRecord): void {
    if (drop.netns !== this.#dev.ns.name || (drop.dev !== undefined && drop.dev !== this.#dev.name)) return;
    if (drop.hasMac !== this.#dev.ethernet || !this.#room(drop.bytes.length)) return;
    const why = DROP_REASONS[drop.reason];
    this.#hold({
      time: drop.time,
      outgoing: false,
      trace: drop.trace,
      length: drop.length,
      bytes: drop.bytes.subarray(0, this.#snaplen),
      drop: drop.detail === undefined ? `${drop.reason}: ${why}` : `${drop.reason}: ${why}: ${drop.detail}`,
    });
  }
  #room(bytes: number): boolean {
    if (!this.#session.behind && this.#heldBytes + bytes <= MAX_HELD) return true;
    this.dropped++;
    this.#unsaid++;
    return false;
  }
  #hold(record: Omit<CaptureRecord, 'text'>): void {
    this.frames++;
    this.#heldBytes += record.bytes.length;
    const { bytes } = record;
    const text = describe(bytes, 0, bytes.length, this.#dev.ethernet ? 'ether' : 'ipv4');
    if (this.#held.push({ ...record, text }) === 1) setImmediate(() => this.#flush());
  }

  #flush(): void {
    let frames: CaptureRecord[] = [];
    let bytes = 0;
    const send = (): void => {
      this.#session.send({ type: 'capture.frames', capture: this.#id, frames, dropped: this.#unsaid });
      this.#unsaid = 0;
      frames = [];
      bytes = 0;
    };
    for (const frame of this.#held) {
      if (frames.length === BATCH || bytes + frame.bytes.length > BATCH_BYTES) send();
      frames.push(frame);
      bytes += frame.bytes.length;
    }
    if (frames.length > 0 || this.#unsaid > 0) send();
    this.#held = [];
    this.#heldBytes = 0;
  }
}
