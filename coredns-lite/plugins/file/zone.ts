// A zone's records and what a question finds among them (RFC 1034 section 4.3.2; CoreDNS plugin/file lookup.go): delegations, wildcards,
// CNAMEs, and names that exist only because something lies below them.
import { NONE, type Rr } from '../../dns/message.ts';
import { isSubDomain, lower } from '../../dns/name.ts';
import { targetOf, withName } from '../../dns/rr.ts';
import { absolute, parseRecord, parseTtl, splitWords, type Word } from '../../dns/rr-text.ts';
import { TYPE } from '../../dns/types.ts';

export interface Found {
  readonly what: 'answer' | 'nodata' | 'nxdomain' | 'delegation';
  readonly answer: readonly Rr[];
  readonly authority: readonly Rr[];
  readonly additional: readonly Rr[];
  /** A CNAME that leads out of the zone: asked elsewhere. */
  readonly outside?: string;
}

const MAX_CHAIN = 8;

export class Zone {
  readonly origin: string;
  readonly soa: Rr;
  /** As in the file. */
  readonly records: readonly Rr[];
  readonly #names = new Map<string, Map<number, Rr[]>>();
  readonly #ns: readonly Rr[];

  constructor(origin: string, records: readonly Rr[], soa: Rr) {
    this.origin = origin;
    this.records = records;
    this.soa = soa;
    for (const rr of records) {
      const name = lower(rr.name);
      const types = this.#node(name);
      const list = types.get(rr.type);
      if (list === undefined) types.set(rr.type, [rr]);
      else list.push(rr);
      for (let up = parent(name); up.length > origin.length && !this.#names.has(up); up = parent(up))
        this.#node(up);
    }
    this.#ns = this.#names.get(origin)?.get(TYPE.NS) ?? NONE;
  }

  #node(name: string): Map<number, Rr[]> {
    let types = this.#names.get(name);
    if (types === undefined) {
      types = new Map();
      this.#names.set(name, types);
    }
    return types;
  }

  /** `name` in lower case, in this zone; `owner` as the client spelt it. */
  lookup(name: string, owner: string, type: number, chain: readonly Rr[] = NONE): Found {
    const cut = type === TYPE.DS ? this.#cut(parent(name)) : this.#cut(name);
    if (cut !== undefined)
      return { what: 'delegation', answer: chain, authority: cut, additional: this.#glue(cut) };
    let types = this.#names.get(name);
    let wild = false;
    if (types === undefined) {
      types = this.#wildcard(name);
      wild = true;
    }
    if (types === undefined) return this.#negative(chain, 'nxdomain');
    const own = (list: readonly Rr[]): readonly Rr[] =>
      list.map((rr) => (wild || chain.length === 0 ? withName(rr, wild ? owner : rr.name) : rr));
    const cname = types.get(TYPE.CNAME)?.[0];
    if (cname !== undefined && type !== TYPE.CNAME && type !== TYPE.ANY) {
      const next = [...chain, ...own([cname])];
      const target = targetOf(cname)!;
      const key = lower(target);
      if (chain.length >= MAX_CHAIN) return this.#positive(next);
      if (!isSubDomain(this.origin, key)) return { ...this.#positive(next), outside: target };
      const found = this.lookup(key, target, type, next);
      // The chain is an answer, whatever its end is.
      return found.what === 'answer'
        ? found
        : { ...found, what: found.what === 'nxdomain' ? 'nxdomain' : 'answer' };
    }
    const list = types.get(type) ?? NONE;
    if (list.length === 0) return this.#negative(chain, 'nodata');
    return this.#positive([...chain, ...own(list)]);
  }

  #positive(answer: readonly Rr[]): Found {
    const last = answer.at(-1)!;
    const withNs = !(last.type === TYPE.NS && lower(last.name) === this.origin);
    return { what: 'answer', answer, authority: withNs ? this.#ns : NONE, additional: this.#glue(answer) };
  }

  #negative(answer: readonly Rr[], what: 'nodata' | 'nxdomain'): Found {
    return { what, answer, authority: [this.soa], additional: NONE };
  }

  /** The delegation that a name lies at or below. */
  #cut(name: string): readonly Rr[] | undefined {
    let found: readonly Rr[] | undefined;
    for (let at = name; at.length > this.origin.length && isSubDomain(this.origin, at); at = parent(at))
      found = this.#names.get(at)?.get(TYPE.NS) ?? found;
    return found;
  }

  #wildcard(name: string): Map<number, Rr[]> | undefined {
    for (let at = parent(name); at.length >= this.origin.length; at = parent(at)) {
      const types = this.#names.get(at === '.' ? '*.' : `*.${at}`);
      if (types !== undefined) return types;
      // The closest name that exists ends the search (RFC 4592).
      if (this.#names.has(at) || at === '.') return undefined;
    }
    return undefined;
  }

  /** Addresses in the zone of names that records point to. */
  #glue(records: readonly Rr[]): readonly Rr[] {
    const found: Rr[] = [];
    const seen = new Set<string>();
    for (const rr of records) {
      const target = rr.type === TYPE.CNAME || rr.type === TYPE.PTR ? undefined : targetOf(rr);
      const key = lower(target ?? '');
      if (target === undefined || seen.has(key)) continue;
      seen.add(key);
      const types = this.#names.get(key);
      found.push(...(types?.get(TYPE.A) ?? NONE), ...(types?.get(TYPE.AAAA) ?? NONE));
    }
    return found;
  }
}

const parent = (name: string): string => {
  const dot = name.indexOf('.');
  return dot === -1 || dot === name.length - 1 ? '.' : name.slice(dot + 1);
};

/** Lines joined over parentheses, comments cut off: [number of the first line, text]. */
function* entries(text: string): Generator<readonly [line: number, text: string]> {
  let open = 0;
  let joined = '';
  let first = 0;
  for (const [i, raw] of text.split(/\r?\n/).entries()) {
    let line = '';
    let quoted = false;
    for (let at = 0; at < raw.length; at++) {
      const c = raw[at]!;
      if (c === '\\') line += c + (raw[++at] ?? '');
      else if (c === '"') {
        quoted = !quoted;
        line += c;
      } else if (quoted) line += c;
      else if (c === ';') break;
      else if (c === '(') {
        open++;
        line += ' ';
      } else if (c === ')') {
        open = Math.max(0, open - 1);
        line += ' ';
      } else line += c;
    }
    if (joined === '') first = i + 1;
    joined = joined === '' ? line : `${joined} ${line}`;
    if (open > 0) continue;
    if (joined.trim() !== '') yield [first, joined];
    joined = '';
  }
  if (joined.trim() !== '') yield [first, joined];
}

/** Reads a zone file. Throws with the line and what is wrong with it. */
export function parseZone(text: string, origin: string, file: string): Zone {
  let base = origin;
  let ttl: number | undefined;
  let owner: string | undefined;
  let soa: Rr | undefined;
  const records: Rr[] = [];
  for (const [line, entry] of entries(text)) {
    const wrong = (why: string): Error => new Error(`${file}:${line}: ${why}`);
    const words = splitWords(entry);
    if (words === undefined) throw wrong('a quote is not closed');
    const [first, second] = words as [Word, Word | undefined];
    if (first.text === '$ORIGIN') {
      const next = absolute(second?.text ?? '', base);
      if (next === undefined) throw wrong(`'${second?.text ?? ''}' is no name for $ORIGIN`);
      base = next;
      continue;
    }
    if (first.text === '$TTL') {
      ttl = parseTtl(second?.text ?? '');
      if (ttl === undefined) throw wrong(`'${second?.text ?? ''}' is no TTL`);
      continue;
    }
    if (first.text.startsWith('$'))
      throw wrong(`${first.text} is not read here: put its records into this file`);
    let rest: readonly Word[] = words;
    if (!/^\s/.test(entry)) {
      owner = absolute(first.text, base);
      if (owner === undefined) throw wrong(`'${first.text}' is no name`);
      rest = words.slice(1);
    }
    if (owner === undefined) throw wrong('the first record has no owner');
    const rr = parseRecord(owner, rest, { origin: base, ttl: ttl ?? 3600 });
    if (typeof rr === 'string') throw wrong(rr);
    if (!isSubDomain(origin, lower(rr.name))) throw wrong(`${rr.name} is not in the zone ${origin}`);
    if (rr.type === TYPE.SOA) soa ??= rr;
    records.push(rr);
  }
  if (soa === undefined || lower(soa.name) !== origin)
    throw new Error(`${file}: the zone ${origin} has no SOA record`);
  return new Zone(origin, records, soa);
}
