// Records from their text (RFC 1035 section 5.1; RFC 3597 for types that have no form of their own here).
import { addrBytes } from './addr.ts';
import type { Rdata, Rr } from './message.ts';
import { isName, writeName } from './name.ts';
import { CLASS, classOf, TYPE, typeOf } from './types.ts';

/** A word of a line: quoted ones are never names or numbers. */
export interface Word {
  readonly text: string;
  readonly quoted: boolean;
}

/** Words of one record; undefined where a quote is not closed. Comments begin with a semicolon. */
export function splitWords(line: string): Word[] | undefined {
  const words: Word[] = [];
  for (let i = 0; i < line.length; ) {
    const c = line[i]!;
    if (/\s/.test(c)) i++;
    else if (c === ';') break;
    else if (c === '"') {
      let text = '';
      for (i++; line[i] !== '"'; i++) {
        if (i >= line.length) return undefined;
        if (line[i] === '\\') text += line[i++];
        text += line[i] ?? '';
      }
      i++;
      words.push({ text, quoted: true });
    } else {
      let text = '';
      for (; i < line.length && !/[\s;"]/.test(line[i]!); i++) {
        if (line[i] === '\\') text += line[i++];
        text += line[i] ?? '';
      }
      words.push({ text, quoted: false });
    }
  }
  return words;
}

/** A character string without its escapes. */
function stringBytes(text: string): Uint8Array {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const digits = text[i] === '\\' ? /^\d{3}/.exec(text.slice(i + 1))?.[0] : undefined;
    if (digits !== undefined) {
      bytes.push(Number(digits) & 255);
      i += 3;
    } else bytes.push(...Buffer.from(text[i] === '\\' ? (text[++i] ?? '') : text[i]!));
  }
  return Uint8Array.from(bytes);
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** Seconds: "300", "1h30m". */
export function parseTtl(text: string): number | undefined {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  if (!/^(\d+[smhdw])+$/i.test(text)) return undefined;
  let seconds = 0;
  for (const [, n, unit] of text.toLowerCase().matchAll(/(\d+)([smhdw])/g))
    seconds += Number(n) * UNITS[unit!]!;
  return seconds;
}

/** A name as written: "@" and what has no final dot are below the origin. */
export function absolute(text: string, origin: string): string | undefined {
  if (text === '@') return origin;
  const name =
    text.endsWith('.') && !text.endsWith('\\.') ? text : origin === '.' ? `${text}.` : `${text}.${origin}`;
  return isName(name) ? name : undefined;
}

const number = (word: Word | undefined, max: number): number | undefined =>
  word !== undefined && /^\d{1,10}$/.test(word.text) && Number(word.text) <= max
    ? Number(word.text)
    : undefined;

/** Undefined where the words are no data of this type. */
export function parseRdata(type: number, words: readonly Word[], origin: string): Rdata | undefined {
  const [a, b, c, d] = words;
  if (a?.text === '\\#' && !a.quoted) {
    const bytes = Buffer.from(
      words
        .slice(2)
        .map((w) => w.text)
        .join(''),
      'hex',
    );
    return bytes.length === number(b, 65_535) ? { kind: 'raw', bytes: new Uint8Array(bytes) } : undefined;
  }
  const name = (word: Word | undefined): string | undefined =>
    word === undefined || word.quoted ? undefined : absolute(word.text, origin);
  switch (type) {
    case TYPE.A:
    case TYPE.AAAA: {
      const bytes = addrBytes(a?.text ?? '');
      const size = type === TYPE.A ? 4 : 16;
      return bytes?.length === size && words.length === 1 ? { kind: 'addr', bytes } : undefined;
    }
    case TYPE.NS:
    case TYPE.CNAME:
    case TYPE.PTR:
    case TYPE.DNAME: {
      const target = name(a);
      return target === undefined || words.length !== 1 ? undefined : { kind: 'name', target };
    }
    case TYPE.MX: {
      const preference = number(a, 65_535);
      const target = name(b);
      return preference === undefined || target === undefined
        ? undefined
        : { kind: 'mx', preference, target };
    }
    case TYPE.SRV: {
      const [priority, weight, port] = [a, b, c].map((word) => number(word, 65_535));
      const target = name(d);
      if (priority === undefined || weight === undefined || port === undefined || target === undefined)
        return undefined;
      return { kind: 'srv', priority, weight, port, target };
    }
    case TYPE.SOA: {
      const mname = name(a);
      const rname = name(b);
      const serial = number(c, 0xffff_ffff);
      const [refresh, retry, expire, minimum] = words.slice(3).map((word) => parseTtl(word.text));
      if (mname === undefined || rname === undefined || serial === undefined || words.length !== 7)
        return undefined;
      if (refresh === undefined || retry === undefined || expire === undefined || minimum === undefined)
        return undefined;
      return { kind: 'soa', mname, rname, serial, refresh, retry, expire, minimum };
    }
    case TYPE.TXT:
    case TYPE.SPF:
    case TYPE.HINFO: {
      const strings = words.map((word) => stringBytes(word.text));
      const ok =
        strings.length > 0 &&
        strings.every((s) => s.length < 256) &&
        (type !== TYPE.HINFO || strings.length === 2);
      return ok ? { kind: 'txt', strings } : undefined;
    }
    case TYPE.CAA: {
      const flags = number(a, 255);
      const tag = b?.text ?? '';
      if (flags === undefined || !/^[a-z0-9]{1,15}$/i.test(tag) || c === undefined) return undefined;
      return {
        kind: 'raw',
        bytes: Uint8Array.from([flags, tag.length, ...Buffer.from(tag), ...stringBytes(c.text)]),
      };
    }
    case TYPE.NAPTR: {
      const order = number(a, 65_535);
      const preference = number(b, 65_535);
      const strings = words.slice(2, 5).map((word) => stringBytes(word.text));
      const target = name(words[5]);
      if (order === undefined || preference === undefined || target === undefined) return undefined;
      const wire = Buffer.alloc(256);
      const end = writeName(wire, 0, target);
      const texts = strings.flatMap((s) => [s.length, ...s]);
      const head = [order >> 8, order & 255, preference >> 8, preference & 255];
      return { kind: 'raw', bytes: Uint8Array.from([...head, ...texts, ...wire.subarray(0, end)]) };
    }
    default:
      return undefined;
  }
}

/** "[TTL] [CLASS] TYPE DATA…" in either order of the first two, without the owner. A reason where it is none. */
export function parseRecord(
  owner: string,
  words: readonly Word[],
  { origin, ttl }: { readonly origin: string; readonly ttl: number },
): Rr | string {
  const rest = [...words];
  let cls: number = CLASS.IN;
  let seconds = ttl;
  for (;;) {
    const word = rest[0]?.text ?? '';
    const asTtl = parseTtl(word);
    // "A" is a type, "IN" is not; a number is a TTL before the type.
    if (asTtl !== undefined) seconds = asTtl;
    else if (typeOf(word) === undefined && classOf(word) !== undefined) cls = classOf(word)!;
    else if (word.toUpperCase() === 'ANY') cls = CLASS.ANY;
    else break;
    rest.shift();
  }
  const type = typeOf(rest[0]?.text ?? '');
  if (type === undefined) return `'${rest[0]?.text ?? ''}' is no type`;
  const data = parseRdata(type, rest.slice(1), origin);
  if (data === undefined)
    return `'${rest
      .slice(1)
      .map((w) => w.text)
      .join(' ')}' is no data of type ${rest[0]!.text}`;
  return { name: owner, type, class: cls, ttl: seconds, data };
}

/** A whole record, its owner first: "web.example. 60 IN A 10.0.0.1". A reason where it is none. */
export function parseRr(line: string, ttl = 3600, origin = '.'): Rr | string {
  const words = splitWords(line);
  if (words === undefined) return 'a quote is not closed';
  const owner = absolute(words[0]?.text ?? '', origin);
  if (owner === undefined || words.length < 2) return `'${line}' is no record`;
  return parseRecord(owner, words.slice(1), { origin, ttl });
}
