// Checks that a decoded value has the shape that its type says. Each check answers what is wrong, or undefined; there
// are only as many kinds as the messages need. `record<T>` does not compile when a field of T has no check.

/** Undefined if `value` is a T; else what is wrong with it, as "path: expected …". */
export type Check<T> = ((value: unknown, path: string) => string | undefined) & {
  /** Never set: it ties T to the check. */
  readonly is?: T;
};

const expected = (path: string, what: string): string =>
  `${path === '' ? 'message' : path}: expected ${what}`;

export const text =
  (max = 4096): Check<string> =>
  (value, path) =>
    typeof value === 'string' && value.length <= max
      ? undefined
      : expected(path, `text of at most ${max} characters`);

/** A whole number from `min` to `max`. */
export const int =
  (min = 0, max = Number.MAX_SAFE_INTEGER): Check<number> =>
  (value, path) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max
      ? undefined
      : expected(path, `a whole number from ${min} to ${max}`);

/** A finite number from `min` to `max`. */
export const real =
  (min = -Number.MAX_VALUE, max = Number.MAX_VALUE): Check<number> =>
  (value, path) =>
    typeof value === 'number' && value >= min && value <= max
      ? undefined
      : expected(path, `a number from ${min} to ${max}`);

export const bool: Check<boolean> = (value, path) =>
  typeof value === 'boolean' ? undefined : expected(path, 'true or false');

export const bytes =
  (max: number): Check<Uint8Array> =>
  (value, path) =>
    value instanceof Uint8Array && value.length <= max
      ? undefined
      : expected(path, `at most ${max} bytes of binary data`);

export const oneOf =
  <const T extends string | number>(...options: readonly T[]): Check<T> =>
  (value, path) =>
    options.includes(value as T) ? undefined : expected(path, `one of ${options.join(', ')}`);

export const list =
  <T>(of: Check<T>, max = 65_536): Check<readonly T[]> =>
  (value, path) => {
    if (!Array.isArray(value) || value.length > max) return expected(path, `a list of at most ${max}`);
    for (let i = 0; i < value.length; i++) {
      const wrong = of(value[i], `${path}[${i}]`);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  };

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

export const dict =
  <T>(of: Check<T>, max = 4096): Check<Readonly<Record<string, T>>> =>
  (value, path) => {
    if (!isPlain(value)) return expected(path, 'a map');
    const keys = Object.keys(value);
    if (keys.length > max) return expected(path, `a map of at most ${max}`);
    for (const key of keys) {
      const wrong = of(value[key], `${path}.${key}`);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  };

/** Plain data of any shape: what the sender has checked already (a cluster's description). */
export const plain: Check<object> = (value, path) => (isPlain(value) ? undefined : expected(path, 'a map'));

/** For a field that may be left out. */
export const optional = <T>(of: Check<T>): Check<T | undefined> => {
  return (value, path) => (value === undefined ? undefined : of(value, path));
};

type Fields<T> = { readonly [K in keyof T]-?: Check<T[K]> };

/** A map with these fields; others are let through unread, so that an older node understands a newer emulator. */
export const record =
  <T extends object>(fields: Fields<T>): Check<T> =>
  (value, path) => {
    if (!isPlain(value)) return expected(path, 'a map');
    for (const key in fields) {
      const wrong = fields[key](value[key], path === '' ? key : `${path}.${key}`);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  };

/** One of several maps, told apart by the text in field `tag`; every kind of T has a check. */
export const union =
  <T extends object, G extends keyof T & string>(
    tag: G,
    kinds: { readonly [K in T[G] & string]: Check<Extract<T, Readonly<Record<G, K>>>> },
  ): Check<T> =>
  (value, path) => {
    if (!isPlain(value)) return expected(path, 'a map');
    const kind = value[tag];
    return typeof kind === 'string' && Object.hasOwn(kinds, kind)
      ? kinds[kind as T[G] & string](value, path)
      : expected(path === '' ? tag : `${path}.${tag}`, `one of ${Object.keys(kinds).join(', ')}`);
  };
