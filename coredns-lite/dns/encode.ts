// Messages to bytes, as miekg/dns packs and truncates them: uncompressed when that fits, else with names compressed (RFC 1035
// section 4.1.4), else whole records cut from the end with TC set. The OPT record counts and is never cut.
import { HEADER } from './decode.ts';
import type { Edns, Message, Rdata, Rr } from './message.ts';
import { labelStarts, writeName } from './name.ts';
import { TYPE } from './types.ts';

const MAX_MESSAGE = 65_535;
/** Pointers hold 14 bits. */
const MAX_POINTER = 0x3fff;
/** Room for one more record behind the largest message: what overflows is seen after it was written. */
const out = Buffer.alloc(3 * MAX_MESSAGE);
/** Where the name of the question ends in the message that is being written. */
const work = { questionEnd: HEADER };

const put16 = (at: number, value: number): number => {
  out[at] = value >> 8;
  out[at + 1] = value;
  return at + 2;
};
const put32 = (at: number, value: number): number => {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
  return at + 4;
};

/** Where names begin that later names may point to; undefined while nothing is compressed. */
type Pointers = Map<string, number> | undefined;

/** A record could not be written: a name that is none. */
const BAD = -1;

/**
 * The message as bytes of its own, at most `size` of them; sets `message.truncated` where records were cut. Undefined where
 * a record in it cannot be written. `compressOver`: above this many bytes names are compressed even though it would fit.
 */
export function encode(
  message: Message,
  size: number = MAX_MESSAGE,
  compressOver: number = size,
): Buffer | undefined {
  const opt = message.edns === undefined ? 0 : optSize(message.edns);
  const whole = putAll(message, undefined);
  if (whole === BAD) return undefined;
  if (whole + opt <= Math.min(size, compressOver)) return finish(message, whole);
  const pointers = new Map<string, number>();
  const compressed = putAll(message, pointers);
  if (compressed + opt <= size) return finish(message, compressed);
  return finish(message, putFitting(message, Math.max(size - opt, HEADER)));
}

function putAll(message: Message, pointers: Pointers): number {
  let at = putQuestion(message, pointers);
  if (at !== BAD) at = putRecords(message, message.answer, at, pointers);
  if (at !== BAD) at = putRecords(message, message.authority, at, pointers);
  if (at !== BAD) at = putRecords(message, message.additional, at, pointers);
  if (at === BAD) return BAD;
  putCounts(message, message.answer.length, message.authority.length, message.additional.length);
  return at;
}

function putRecords(message: Message, records: readonly Rr[], at: number, pointers: Pointers): number {
  for (let i = 0; i < records.length && at !== BAD; i++) {
    at = putRecord(message, records[i]!, at, pointers);
    // More than a message can ever hold: what follows would be cut in any case.
    if (at > MAX_MESSAGE + 1024) return at;
  }
  return at;
}

/** Whole records as far as they fit; the first that does not ends the message. */
function putFitting(message: Message, size: number): number {
  const pointers = new Map<string, number>();
  let at = putQuestion(message, pointers);
  const counts = [0, 0, 0];
  let full = false;
  for (const [i, records] of [message.answer, message.authority, message.additional].entries())
    for (const record of records) {
      const next = full ? at : putRecord(message, record, at, pointers);
      if (full || next === BAD || next > size) {
        full = true;
        message.truncated = true;
        break;
      }
      at = next;
      counts[i]!++;
      full = at === size;
    }
  putCounts(message, counts[0]!, counts[1]!, counts[2]!);
  return at;
}

function putCounts(message: Message, answer: number, authority: number, additional: number): void {
  put16(4, message.question === undefined ? 0 : 1);
  put16(6, answer);
  put16(8, authority);
  put16(10, additional + (message.edns === undefined ? 0 : 1));
}

function finish(message: Message, at: number): Buffer {
  if (message.edns !== undefined) at = putOpt(message.edns, message.rcode, at);
  put16(0, message.id);
  out[2] =
    (message.response ? 0x80 : 0) |
    (message.opcode << 3) |
    (message.authoritative ? 4 : 0) |
    (message.truncated ? 2 : 0) |
    (message.recursionDesired ? 1 : 0);
  out[3] =
    (message.recursionAvailable ? 0x80 : 0) |
    (message.zero ? 0x40 : 0) |
    (message.authenticData ? 0x20 : 0) |
    (message.checkingDisabled ? 0x10 : 0) |
    (message.rcode & 15);
  return Buffer.from(out.subarray(0, at));
}

function putQuestion({ question }: Message, pointers: Pointers): number {
  if (question === undefined) return HEADER;
  const end = putName(question.name, HEADER, pointers, true);
  if (end === BAD) return BAD;
  work.questionEnd = end;
  put16(end, question.type);
  return put16(end + 2, question.class);
}

function putRecord(message: Message, rr: Rr, start: number, pointers: Pointers): number {
  let at: number;
  const { question } = message;
  if (pointers === undefined && question !== undefined && rr.name === question.name) {
    // Most owners are the name that was asked for: its bytes are there already.
    const n = question.name === '.' ? 1 : work.questionEnd - HEADER;
    for (let i = 0; i < n; i++) out[start + i] = out[HEADER + i]!;
    at = start + n;
  } else {
    at = putName(rr.name, start, pointers, true);
    if (at === BAD) return BAD;
  }
  put16(at, rr.type);
  put16(at + 2, rr.class);
  put32(at + 4, rr.ttl);
  const data = at + 10;
  const end = putRdata(rr.data, rr.type, data, pointers);
  if (end === BAD) return BAD;
  put16(at + 8, end - data);
  return end;
}

/** Rdata of types that RFC 1035 defines may be compressed; a SRV target may not (RFC 3597), though later names may point to it. */
function putRdata(data: Rdata, type: number, at: number, pointers: Pointers): number {
  switch (data.kind) {
    case 'addr': {
      const { bytes } = data;
      for (let i = 0; i < bytes.length; i++) out[at + i] = bytes[i]!;
      return at + bytes.length;
    }
    case 'name':
      return putName(data.target, at, pointers, type !== TYPE.DNAME);
    case 'mx':
      return putName(data.target, put16(at, data.preference), pointers, true);
    case 'srv':
      put16(at, data.priority);
      put16(at + 2, data.weight);
      put16(at + 4, data.port);
      return putName(data.target, at + 6, pointers, false);
    case 'soa': {
      let end = putName(data.mname, at, pointers, true);
      if (end !== BAD) end = putName(data.rname, end, pointers, true);
      if (end === BAD) return BAD;
      end = put32(put32(end, data.serial), data.refresh);
      return put32(put32(put32(end, data.retry), data.expire), data.minimum);
    }
    case 'txt':
      for (const text of data.strings) {
        if (text.length > 255) return BAD;
        out[at++] = text.length;
        out.set(text, at);
        at += text.length;
      }
      return at;
    case 'raw':
      out.set(data.bytes, at);
      return at + data.bytes.length;
  }
}

/** A name, ended by a pointer where `compress` and a suffix of it was written before. */
function putName(name: string, at: number, pointers: Pointers, compress: boolean): number {
  if (pointers === undefined || name === '.') return writeName(out, at, name);
  const starts = labelStarts(name);
  let kept = name.length;
  let pointer = -1;
  for (const start of starts) {
    const known = pointers.get(name.slice(start));
    if (known !== undefined && compress) {
      kept = start;
      pointer = known;
      break;
    }
  }
  const end = kept === 0 ? at + 1 : writeName(out, at, name.slice(0, kept));
  if (end === BAD) return BAD;
  for (const [i, start] of starts.entries()) {
    if (start >= kept) break;
    const offset = at + wireOffset(name, starts, i);
    const suffix = name.slice(start);
    if (offset <= MAX_POINTER && !pointers.has(suffix)) pointers.set(suffix, offset);
  }
  return pointer === -1 ? end : put16(end - 1, 0xc000 | pointer);
}

/** Octets before the i-th label. Text and wire agree in length but for escapes. */
function wireOffset(name: string, starts: readonly number[], i: number): number {
  const before = name.slice(0, starts[i]);
  return before.includes('\\') ? before.replace(/\\(\d{3}|.)/g, '_').length : before.length;
}

function optSize({ options }: Edns): number {
  let size = 11;
  for (const option of options) size += 4 + option.data.length;
  return size;
}

function putOpt(edns: Edns, rcode: number, at: number): number {
  out[at] = 0;
  put16(at + 1, TYPE.OPT);
  put16(at + 3, edns.size);
  out[at + 5] = rcode >> 4;
  out[at + 6] = edns.version;
  put16(at + 7, edns.do ? 0x8000 : 0);
  let end = at + 11;
  for (const { code, data } of edns.options) {
    end = put16(put16(end, code), data.length);
    out.set(data, end);
    end += data.length;
  }
  put16(at + 9, end - at - 11);
  return end;
}
