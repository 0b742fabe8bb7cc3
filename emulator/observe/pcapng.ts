// The pcapng capture format (draft-ietf-opsawg-pcapng), written: what `podwire capture` sends to a file or to Wireshark.
// Each function returns the bytes of one block; a capture is a section header, one interface description per device, in
// the order that packets then count them by, and packets. Little-endian, times in nanoseconds.
//
//   +------------+--------------+------ ... -----+----- ... ----------+--------------+
//   | block type | block length | block's fields | options, end of    | block length |
//   | 32 bits    | 32 bits      |                | options, in words  | 32 bits      |
//   +------------+--------------+------ ... -----+----- ... ----------+--------------+

export const LINKTYPE_ETHERNET = 1;
/** Bare IPv4 or IPv6 packets, as a TUN device carries them. */
export const LINKTYPE_RAW = 101;

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const NAME_RESOLUTION = 4;
const INTERFACE_STATISTICS = 5;
const ENHANCED_PACKET = 6;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const LENGTH_UNKNOWN = 0xffff_ffff_ffff_ffffn;
/** Negative power of ten: nanoseconds. */
const TSRESOL_NANO = 9;
const NS_PER_MS = 1e6;

// Option codes: the first two are the same in every block.
const OPT_END = 0;
const OPT_COMMENT = 1;
const SHB_USERAPPL = 4;
const IF_NAME = 2;
const IF_DESCRIPTION = 3;
const IF_MACADDR = 6;
const IF_TSRESOL = 9;
const EPB_FLAGS = 2;
const EPB_PACKETID = 5;
const ISB_IFRECV = 4;
const ISB_IFDROP = 5;

const NRB_IPV4 = 1;
const MAX_OPTION = 0xffff;

const EMPTY = new Uint8Array(0);
const utf8 = new TextEncoder();

interface Option {
  readonly code: number;
  readonly value: Uint8Array;
}

/** How many bytes up to a multiple of 4. */
const padded = (n: number): number => (n + 3) & ~3;

/** UTF-8, cut between characters where it is longer than an option can be. */
function text(code: number, value: string): Option {
  const bytes = utf8.encode(value);
  if (bytes.length <= MAX_OPTION) return { code, value: bytes };
  let end = MAX_OPTION;
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return { code, value: bytes.subarray(0, end) };
}

function u32(code: number, value: number): Option {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return { code, value: bytes };
}

function u64(code: number, value: number | bigint): Option {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return { code, value: bytes };
}

/** A block: fixed fields written by `fill` at offset 8, `data` padded to words, then options. */
function block(
  type: number,
  fixed: number,
  fill: (view: DataView) => void,
  data: Uint8Array,
  options: readonly Option[],
): Uint8Array {
  let optionsLength = options.length > 0 ? 4 : 0;
  for (const o of options) optionsLength += 4 + padded(o.value.length);
  const length = 12 + fixed + padded(data.length) + optionsLength;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  fill(view);
  bytes.set(data, 8 + fixed);
  let at = 8 + fixed + padded(data.length);
  for (const o of options) {
    view.setUint16(at, o.code, true);
    view.setUint16(at + 2, o.value.length, true);
    bytes.set(o.value, at + 4);
    at += 4 + padded(o.value.length);
  }
  if (options.length > 0) view.setUint32(at, OPT_END, true);
  view.setUint32(length - 4, length, true);
  return bytes;
}

/** Nanoseconds since the epoch as two words. A double holds today's milliseconds to about 0.2 µs. */
function putTime(view: DataView, at: number, ms: number): void {
  // Whole and part apart: their product would not fit a double.
  const whole = Math.floor(Math.max(0, ms));
  const ns = BigInt(whole) * BigInt(NS_PER_MS) + BigInt(Math.round(Math.max(0, ms - whole) * NS_PER_MS));
  view.setUint32(at, Number(ns >> 32n), true);
  view.setUint32(at + 4, Number(ns & 0xffff_ffffn), true);
}

/** Begins a capture. `application` is shown as what wrote it; `comment` as the capture's. */
export function sectionHeader(info: { readonly application: string; readonly comment?: string }): Uint8Array {
  const options = [text(SHB_USERAPPL, info.application)];
  if (info.comment !== undefined) options.unshift(text(OPT_COMMENT, info.comment));
  return block(
    SECTION_HEADER,
    16,
    (view) => {
      view.setUint32(8, BYTE_ORDER_MAGIC, true);
      view.setUint16(12, 1, true);
      view.setUint16(14, 0, true);
      view.setBigUint64(16, LENGTH_UNKNOWN, true);
    },
    EMPTY,
    options,
  );
}

export interface CaptureInterface {
  /** As Wireshark's interface column shows it: "node-1/cni0". */
  readonly name: string;
  readonly description?: string;
  readonly linkType: typeof LINKTYPE_ETHERNET | typeof LINKTYPE_RAW;
  /** Six bytes. */
  readonly mac?: Uint8Array;
  /** Most bytes kept of a packet; 0, the default, is all. */
  readonly snapLen?: number;
}

/** Announces a device; packets name it by how many came before it in the section. */
export function interfaceDescription(device: CaptureInterface): Uint8Array {
  const options = [text(IF_NAME, device.name)];
  if (device.description !== undefined) options.push(text(IF_DESCRIPTION, device.description));
  if (device.mac !== undefined) options.push({ code: IF_MACADDR, value: device.mac });
  options.push({ code: IF_TSRESOL, value: Uint8Array.of(TSRESOL_NANO) });
  return block(
    INTERFACE_DESCRIPTION,
    8,
    (view) => {
      view.setUint16(8, device.linkType, true);
      view.setUint32(12, device.snapLen ?? 0, true);
    },
    EMPTY,
    options,
  );
}

export interface CapturedPacket {
  /** Which interface description of the section, from 0. */
  readonly interfaceId: number;
  /** Milliseconds since the epoch, fractions allowed. */
  readonly time: number;
  /** What was kept of the packet. */
  readonly bytes: Uint8Array;
  /** Its length on the wire, where less was kept. */
  readonly originalLength?: number;
  /** As the device sees it. */
  readonly direction?: 'in' | 'out';
  /** Drop reason, trace id: each a comment of its own. */
  readonly comments?: readonly string[];
  /** The same number on every sighting of one packet: the trace id. */
  readonly packetId?: number;
}

/** One packet. */
export function enhancedPacket(packet: CapturedPacket): Uint8Array {
  const options = (packet.comments ?? []).map((comment) => text(OPT_COMMENT, comment));
  if (packet.direction !== undefined) options.push(u32(EPB_FLAGS, packet.direction === 'in' ? 1 : 2));
  if (packet.packetId !== undefined) options.push(u64(EPB_PACKETID, packet.packetId));
  return block(
    ENHANCED_PACKET,
    20,
    (view) => {
      view.setUint32(8, packet.interfaceId, true);
      putTime(view, 12, packet.time);
      view.setUint32(20, packet.bytes.length, true);
      view.setUint32(24, packet.originalLength ?? packet.bytes.length, true);
    },
    packet.bytes,
    options,
  );
}

/** Names for IPv4 addresses (host order), shown by Wireshark instead of them if it is told to resolve: pods and nodes. */
export function nameResolution(
  names: readonly { readonly addr: number; readonly name: string }[],
): Uint8Array {
  const records = names.map(({ addr, name }) => {
    const value = utf8.encode(`${name.slice(0, 255)}\0`);
    const record = new Uint8Array(4 + padded(4 + value.length));
    const view = new DataView(record.buffer);
    view.setUint16(0, NRB_IPV4, true);
    view.setUint16(2, 4 + value.length, true);
    view.setUint32(4, addr); // addresses are in network order in any section
    record.set(value, 8);
    return record;
  });
  const data = new Uint8Array(records.reduce((n, r) => n + r.length, 4)); // ends with an all-zero record
  let at = 0;
  for (const record of records) {
    data.set(record, at);
    at += record.length;
  }
  return block(NAME_RESOLUTION, 0, () => {}, data, []);
}

/** What a device counted, at the end of a capture: packets seen, and packets that the capture itself lost. */
export function interfaceStatistics(stats: {
  readonly interfaceId: number;
  readonly time: number;
  readonly received: number;
  readonly dropped: number;
}): Uint8Array {
  return block(
    INTERFACE_STATISTICS,
    12,
    (view) => {
      view.setUint32(8, stats.interfaceId, true);
      putTime(view, 12, stats.time);
    },
    EMPTY,
    [u64(ISB_IFRECV, stats.received), u64(ISB_IFDROP, stats.dropped)],
  );
}
