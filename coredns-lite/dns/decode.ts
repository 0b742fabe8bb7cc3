// Bytes to messages, as miekg/dns msg.go reads them. Hostile bytes never throw: what cannot be read is undefined.
import {
  type Edns,
  type EdnsOption,
  type Message,
  NONE,
  type Question,
  type Rdata,
  type Rr,
} from './message.ts';
import { type ReadName, readName } from './name.ts';
import { TYPE } from './types.ts';

export const HEADER = 12;

const u16 = (b: Uint8Array, at: number): number => (b[at]! << 8) | b[at + 1]!;
const u32 = (b: Uint8Array, at: number): number => u16(b, at) * 65_536 + u16(b, at + 2);

/** Bytes of their own: a Buffer's slice would hold on to all of the message. */
const copy = (b: Uint8Array, from: number, to: number): Uint8Array => new Uint8Array(b.subarray(from, to));

/** What a server makes of a message by its header alone (miekg/dns acceptfunc.go). */
export type Acceptance = 'accept' | 'ignore' | 'formerr' | 'notimp';

export function accept(b: Uint8Array): Acceptance {
  if (b.length < HEADER || (b[2]! & 0x80) !== 0) return 'ignore';
  const opcode = (b[2]! >> 3) & 15;
  if (opcode !== 0 && opcode !== 4) return 'notimp';
  if (u16(b, 4) !== 1 || u16(b, 6) > 1 || u16(b, 8) > 1 || u16(b, 10) > 2) return 'formerr';
  return 'accept';
}

/** A message and its first question's name in lower case. */
export interface Decoded {
  readonly message: Message;
  readonly lower: string;
}

const at: ReadName = { name: '', lower: '', next: 0 };

/**
 * The message in `b`, or undefined where a record is cut short or malformed. As in miekg/dns, counts may promise more
 * than there is, a bare header is a message without a question, and bytes after the last record are not looked at.
 */
export function decode(b: Uint8Array): Decoded | undefined {
  if (b.length < HEADER) return undefined;
  const flags = u16(b, 2);
  let next = HEADER;
  let question: Question | undefined;
  let lower = '.';
  for (let n = u16(b, 4); n > 0 && next < b.length; n--) {
    if (!readName(b, next, at)) return undefined;
    const { name, lower: key } = at;
    next = at.next;
    // A question may end after its name or its type: the rest is zero.
    const left = b.length - next;
    if (left === 1 || left === 3) return undefined;
    const type = left >= 2 ? u16(b, next) : 0;
    const cls = left >= 4 ? u16(b, next + 2) : 0;
    next += Math.min(left, 4);
    if (question === undefined) {
      question = { name, type, class: cls };
      lower = key;
    }
  }
  const message: Message = {
    id: u16(b, 0),
    response: (flags & 0x8000) !== 0,
    opcode: (flags >> 11) & 15,
    authoritative: (flags & 0x0400) !== 0,
    truncated: (flags & 0x0200) !== 0,
    recursionDesired: (flags & 0x0100) !== 0,
    recursionAvailable: (flags & 0x0080) !== 0,
    zero: (flags & 0x0040) !== 0,
    authenticData: (flags & 0x0020) !== 0,
    checkingDisabled: (flags & 0x0010) !== 0,
    rcode: flags & 15,
    question,
    answer: NONE,
    authority: NONE,
    additional: NONE,
    edns: undefined,
  };
  const section: Section = { records: NONE, edns: undefined, extended: 0, next };
  if (!readSection(b, u16(b, 6), section)) return undefined;
  message.answer = section.records;
  if (!readSection(b, u16(b, 8), section)) return undefined;
  message.authority = section.records;
  if (!readSection(b, u16(b, 10), section)) return undefined;
  message.additional = section.records;
  if (section.edns !== undefined) {
    message.edns = section.edns;
    message.rcode |= section.extended << 4;
  }
  return { message, lower };
}

/** A cursor over the sections, and what the last one held. */
interface Section {
  records: readonly Rr[];
  edns: Edns | undefined;
  extended: number;
  next: number;
}

function readSection(b: Uint8Array, count: number, section: Section): boolean {
  section.records = NONE;
  if (count === 0 || section.next >= b.length) return true;
  const records: Rr[] = [];
  for (let n = count; n > 0 && section.next < b.length; n--) {
    if (!readName(b, section.next, at)) return false;
    const { name } = at;
    const head = at.next;
    if (head + 10 > b.length) return false;
    const type = u16(b, head);
    const start = head + 10;
    const end = start + u16(b, head + 8);
    if (end > b.length) return false;
    if (type === TYPE.OPT) {
      const options = readOptions(b, start, end);
      if (options === undefined) return false;
      section.edns ??= {
        size: u16(b, head + 2),
        version: b[head + 5]!,
        do: (b[head + 6]! & 0x80) !== 0,
        options,
      };
      section.extended = b[head + 4]!;
    } else {
      const data = readRdata(b, start, end, type);
      if (data === undefined) return false;
      records.push({ name, type, class: u16(b, head + 2), ttl: u32(b, head + 4), data });
    }
    section.next = end;
  }
  if (records.length > 0) section.records = records;
  return true;
}

function readOptions(b: Uint8Array, start: number, end: number): readonly EdnsOption[] | undefined {
  if (start === end) return NONE;
  const options: EdnsOption[] = [];
  for (let i = start; i < end; ) {
    if (i + 4 > end) return undefined;
    const size = u16(b, i + 2);
    if (i + 4 + size > end) return undefined;
    options.push({ code: u16(b, i), data: copy(b, i + 4, i + 4 + size) });
    i += 4 + size;
  }
  return options;
}

/** A name that ends where its record does. */
function nameAt(b: Uint8Array, start: number, end: number): string | undefined {
  return readName(b, start, at) && at.next === end ? at.name : undefined;
}

/** Rdata in b[start, end), its names read through pointers into the rest of `b`. */
export function readRdata(b: Uint8Array, start: number, end: number, type: number): Rdata | undefined {
  // A record without data, as UPDATE and NOTIFY have them.
  if (start === end) return { kind: 'raw', bytes: new Uint8Array(0) };
  switch (type) {
    case TYPE.A:
      return end - start === 4 ? { kind: 'addr', bytes: copy(b, start, end) } : undefined;
    case TYPE.AAAA:
      return end - start === 16 ? { kind: 'addr', bytes: copy(b, start, end) } : undefined;
    case TYPE.NS:
    case TYPE.CNAME:
    case TYPE.PTR:
    case TYPE.DNAME: {
      const target = nameAt(b, start, end);
      return target === undefined ? undefined : { kind: 'name', target };
    }
    case TYPE.MX: {
      const target = nameAt(b, start + 2, end);
      return target === undefined ? undefined : { kind: 'mx', preference: u16(b, start), target };
    }
    case TYPE.SRV: {
      const target = end - start < 7 ? undefined : nameAt(b, start + 6, end);
      if (target === undefined) return undefined;
      return {
        kind: 'srv',
        priority: u16(b, start),
        weight: u16(b, start + 2),
        port: u16(b, start + 4),
        target,
      };
    }
    case TYPE.SOA:
      return readSoa(b, start, end);
    case TYPE.TXT:
    case TYPE.SPF:
    case TYPE.HINFO: {
      const strings: Uint8Array[] = [];
      for (let i = start; i < end; ) {
        const next = i + 1 + b[i]!;
        if (next > end) return undefined;
        strings.push(copy(b, i + 1, next));
        i = next;
      }
      return { kind: 'txt', strings };
    }
    default:
      return { kind: 'raw', bytes: copy(b, start, end) };
  }
}

function readSoa(b: Uint8Array, start: number, end: number): Rdata | undefined {
  if (!readName(b, start, at)) return undefined;
  const mname = at.name;
  if (!readName(b, at.next, at)) return undefined;
  const i = at.next;
  if (i + 20 !== end) return undefined;
  return {
    kind: 'soa',
    mname,
    rname: at.name,
    serial: u32(b, i),
    refresh: u32(b, i + 4),
    retry: u32(b, i + 8),
    expire: u32(b, i + 12),
    minimum: u32(b, i + 16),
  };
}
