// Walks over a MessagePack value (github.com/msgpack/msgpack, spec.md) without building anything, so that what is
// handed to the decoder afterwards can neither run past its end, nor nest without bound, nor claim a billion elements
// in five bytes. Extension types are refused but for msgpackr's `undefined`: messages are plain data.

const MAX_DEPTH = 32;

/** Undefined when bytes[0..length) hold exactly one sound value, else why not. */
export function skim(bytes: Uint8Array): string | undefined {
  const end = bytes.length;
  // How many values are still to come at each level of nesting.
  const left = new Array<number>(MAX_DEPTH + 1).fill(0);
  let depth = 0;
  let at = 0;
  left[0] = 1;
  while (depth >= 0) {
    if (left[depth] === 0) {
      depth--;
      continue;
    }
    left[depth]!--;
    if (at >= end) return 'ends too early';
    const token = bytes[at++]!;
    const size = sizeOf(bytes, at, end, token);
    if (size === undefined) return `type 0x${token.toString(16)} is not used here`;
    at += size.skip;
    if (at > end) return 'ends too early';
    if (size.values > 0) {
      // Each value takes a byte at least: a greater claim is a lie, whatever follows.
      if (size.values > end - at) return 'claims more elements than there are bytes';
      if (++depth > MAX_DEPTH) return `nests deeper than ${MAX_DEPTH}`;
      left[depth] = size.values;
    }
  }
  return at === end ? undefined : 'is followed by other bytes';
}

interface Size {
  /** Bytes behind the token that belong to this value itself. */
  readonly skip: number;
  /** Values that follow inside it. */
  readonly values: number;
}

const leaf = (skip: number): Size => ({ skip, values: 0 });
const LEAVES: readonly Size[] = [0, 1, 2, 4, 8].map(leaf);
const PAST_END = leaf(Number.MAX_SAFE_INTEGER);

function sizeOf(b: Uint8Array, at: number, end: number, token: number): Size | undefined {
  if (token < 0x80 || token >= 0xe0) return LEAVES[0];
  if (token < 0x90) return { skip: 0, values: (token & 15) * 2 };
  if (token < 0xa0) return { skip: 0, values: token & 15 };
  if (token < 0xc0) return leaf(token & 31);
  switch (token) {
    case 0xc0: // nil
    case 0xc2: // false
    case 0xc3: // true
      return LEAVES[0];
    case 0xc4: // bin 8, 16, 32
    case 0xd9: // str 8, 16, 32
      return counted(b, at, end, 1, 1, 0);
    case 0xc5:
    case 0xda:
      return counted(b, at, end, 2, 1, 0);
    case 0xc6:
    case 0xdb:
      return counted(b, at, end, 4, 1, 0);
    case 0xcc: // uint, int
    case 0xd0:
      return LEAVES[1];
    case 0xcd:
    case 0xd1:
      return LEAVES[2];
    case 0xca: // float 32
    case 0xce:
    case 0xd2:
      return LEAVES[3];
    case 0xcb: // float 64
    case 0xcf:
    case 0xd3:
      return LEAVES[4];
    case 0xd4: // fixext 1 of type 0, value 0: undefined
      return at + 2 > end ? PAST_END : b[at] === 0 && b[at + 1] === 0 ? leaf(2) : undefined;
    case 0xdc: // array 16, 32
      return counted(b, at, end, 2, 0, 1);
    case 0xdd:
      return counted(b, at, end, 4, 0, 1);
    case 0xde: // map 16, 32
      return counted(b, at, end, 2, 0, 2);
    case 0xdf:
      return counted(b, at, end, 4, 0, 2);
    default:
      return undefined;
  }
}

/** A count of `width` bytes, then `perByte` bytes and `perValue` values for each counted. */
function counted(
  b: Uint8Array,
  at: number,
  end: number,
  width: number,
  perByte: number,
  perValue: number,
): Size {
  if (at + width > end) return PAST_END;
  let n = 0;
  for (let i = 0; i < width; i++) n = n * 256 + b[at + i]!;
  return { skip: width + n * perByte, values: n * perValue };
}
