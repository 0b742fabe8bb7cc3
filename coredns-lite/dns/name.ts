// Domain names in presentation form (RFC 1035 section 5.1, RFC 4343): absolute, with a final dot, and escapes for bytes
// that would be read as something else. Names keep the case they came in; the lower-case form is the key of every table.

/** Bytes that a name's text spells `\X`; those outside of 0x21 … 0x7e are spelled `\DDD`. */
const ESCAPED = new Set([...'.\\"();@$ \''].map((c) => c.charCodeAt(0)));
const PLAIN = new Uint8Array(256);
for (let b = 0x21; b < 0x7f; b++) PLAIN[b] = ESCAPED.has(b) ? 0 : 1;

/** Octets of a name on the wire, its final zero included. */
export const MAX_NAME = 255;
export const MAX_LABEL = 63;
/** As many pointers as a name of one-byte labels could hold (miekg/dns msg.go). */
const MAX_POINTERS = 126;
const DOT = 0x2e;
const BACKSLASH = 0x5c;

/** Filled by `readName`: the text, the same in lower case, and where the bytes after the name begin. */
export interface ReadName {
  name: string;
  lower: string;
  next: number;
}

/** Half the price of toString('latin1'), and missing from Node's types. */
type Latin1 = Buffer & { latin1Slice(start: number, end: number): string };

// Working space of one call; nothing in it outlives the call.
const exact = Buffer.alloc(256) as Latin1;
const folded = Buffer.alloc(256) as Latin1;
const sizes = new Uint8Array(128);

/** Reads the name at `at`. False for what is cut short, too long, made of other labels, or follows pointers too often. */
export function readName(b: Uint8Array, at: number, into: ReadName): boolean {
  let length = 0;
  let labels = 0;
  let next = -1;
  let pointers = 0;
  let plain = 1;
  let upper = false;
  for (;;) {
    const size = b[at];
    if (size === undefined) return false;
    if (size === 0) break;
    if (size >= 0xc0) {
      const low = b[at + 1];
      if (low === undefined || ++pointers > MAX_POINTERS) return false;
      if (next === -1) next = at + 2;
      at = ((size & 0x3f) << 8) | low;
      continue;
    }
    // Text without escapes is one byte shorter than the wire form: the final zero.
    if (size > MAX_LABEL || at + 1 + size > b.length || length + size + 2 > MAX_NAME) return false;
    sizes[labels++] = size;
    for (let i = at + 1, end = i + size; i < end; i++) {
      const byte = b[i]!;
      plain &= PLAIN[byte]!;
      exact[length] = byte;
      if (byte >= 0x41 && byte <= 0x5a) {
        upper = true;
        folded[length++] = byte | 0x20;
      } else folded[length++] = byte;
    }
    exact[length] = DOT;
    folded[length++] = DOT;
    at += size + 1;
  }
  into.next = next === -1 ? at + 1 : next;
  if (length === 0) into.name = into.lower = '.';
  else if (plain === 1) {
    into.lower = folded.latin1Slice(0, length);
    into.name = upper ? exact.latin1Slice(0, length) : into.lower;
  } else {
    into.lower = escaped(folded, labels);
    into.name = upper ? escaped(exact, labels) : into.lower;
  }
  return true;
}

function escaped(b: Uint8Array, labels: number): string {
  let text = '';
  let at = 0;
  for (let i = 0; i < labels; i++) {
    text += `${escapeLabel(b.subarray(at, at + sizes[i]!))}.`;
    at += sizes[i]! + 1;
  }
  return text;
}

export function escapeLabel(b: Uint8Array): string {
  let text = '';
  for (const byte of b) {
    if (PLAIN[byte] === 1) text += String.fromCharCode(byte);
    else if (byte > 0x20 && byte < 0x7f) text += `\\${String.fromCharCode(byte)}`;
    else if (byte === 0x20) text += '\\ ';
    else text += `\\${String(byte).padStart(3, '0')}`;
  }
  return text;
}

/**
 * Writes a name without compression at `at`; answers where it ends, or -1 when `name` is none (a label that is empty or
 * too long, more than 255 octets) or does not fit in `b`.
 */
export function writeName(b: Uint8Array, at: number, name: string): number {
  if (name === '.' || name === '') {
    if (at >= b.length) return -1;
    b[at] = 0;
    return at + 1;
  }
  const start = at;
  let label = at;
  let end = at + 1;
  const n = name.length;
  for (let i = 0; i < n; i++) {
    let c = name.charCodeAt(i);
    if (c === DOT) {
      const size = end - label - 1;
      if (size === 0 || size > MAX_LABEL) return -1;
      b[label] = size;
      label = end++;
      continue;
    }
    if (c === BACKSLASH) {
      const digits = name.slice(i + 1, i + 4);
      if (/^\d{3}$/.test(digits)) {
        c = Number(digits);
        i += 3;
      } else c = name.charCodeAt(++i);
    }
    if (!(c < 256)) return -1;
    b[end++] = c;
  }
  if (end - label - 1 > 0) {
    // Without the final dot: taken as absolute all the same.
    const size = end - label - 1;
    if (size > MAX_LABEL) return -1;
    b[label] = size;
    label = end++;
  }
  b[label] = 0;
  return end > b.length || end - start > MAX_NAME ? -1 : end;
}

/** Whether `text` can be written as a name. */
export const isName = (text: string): boolean => writeName(new Uint8Array(1024), 0, text) !== -1;

/** ASCII only, as RFC 4343 has it. */
export const lower = (name: string): string =>
  /[A-Z]/.test(name) ? name.replace(/[A-Z]/g, (c) => c.toLowerCase()) : name;

/** With a final dot. */
export const fqdn = (name: string): string =>
  name === '' ? '.' : name.endsWith('.') && !name.endsWith('\\.') ? name : `${name}.`;

/** Labels of a name, without the root; escapes are kept as they are. */
export function splitName(name: string): string[] {
  if (name === '.' || name === '') return [];
  if (!name.includes('\\')) return (name.endsWith('.') ? name.slice(0, -1) : name).split('.');
  const labels: string[] = [];
  let label = '';
  for (let i = 0; i < name.length; i++) {
    const c = name[i]!;
    if (c === '\\') label += c + (name[++i] ?? '');
    else if (c === '.') {
      labels.push(label);
      label = '';
    } else label += c;
  }
  if (label !== '') labels.push(label);
  return labels;
}

export const countLabels = (name: string): number => splitName(name).length;

/** Where each label begins in the text. */
export function labelStarts(name: string): number[] {
  if (name === '.') return [];
  const starts = [0];
  for (let i = 0; i < name.length - 1; i++) {
    if (name[i] === '\\') i++;
    else if (name[i] === '.') starts.push(i + 1);
  }
  return starts;
}

/** Whether `child` is `parent` or lies below it. Both in one case, with final dots. */
export function isSubDomain(parent: string, child: string): boolean {
  if (parent === '.') return true;
  if (!child.endsWith(parent)) return false;
  const at = child.length - parent.length;
  return at === 0 || (child[at - 1] === '.' && child[at - 2] !== '\\');
}

/** The longest of `zones` that `name` lies in, or undefined (plugin/normalize.go Zones.Matches). */
export function matchZone(zones: readonly string[], name: string): string | undefined {
  let found: string | undefined;
  for (const zone of zones)
    if (isSubDomain(zone, name) && (found === undefined || zone.length > found.length)) found = zone;
  return found;
}
