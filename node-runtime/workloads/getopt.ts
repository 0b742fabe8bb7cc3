// getopt(3) with GNU's permutation: options may stand among the operands, "--" ends them.

export interface Options {
  /** Each option in the order given, with its argument or "". */
  readonly given: readonly (readonly [name: string, value: string])[];
  readonly operands: readonly string[];
  has(...names: string[]): boolean;
  /** The last argument given to any of these names. */
  last(...names: string[]): string | undefined;
  all(...names: string[]): string[];
}

export type Refusal =
  | { readonly kind: 'unknown'; readonly option: string }
  | { readonly kind: 'needs-argument'; readonly option: string };

export class OptionError extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(`${refusal.kind}: ${refusal.option}`);
    this.refusal = refusal;
  }
}

export interface GetoptSpec {
  /** "c:nq": letters, with a colon after those that take an argument. */
  readonly short: string;
  /** "max-time:": long names in the same form. */
  readonly long?: readonly string[];
  /** Go's flag package and iproute2 take long names behind one dash. */
  readonly singleDashLong?: boolean;
  /** Operands end the options: busybox's "+", and commands that run other commands. */
  readonly stopAtOperand?: boolean;
}

/** Throws an OptionError, whose words each program chooses for itself. */
export function getopt(args: readonly string[], spec: GetoptSpec): Options {
  const given: [string, string][] = [];
  const operands: string[] = [];
  const queue = [...args];
  const argument = (option: string): string => {
    const next = queue.shift();
    if (next === undefined) throw new OptionError({ kind: 'needs-argument', option });
    return next;
  };
  const long = (text: string): void => {
    const at = text.indexOf('=');
    const name = at === -1 ? text : text.slice(0, at);
    const takes = spec.long?.includes(`${name}:`) === true;
    if (!takes && spec.long?.includes(name) !== true)
      throw new OptionError({ kind: 'unknown', option: name });
    if (takes) given.push([name, at === -1 ? argument(name) : text.slice(at + 1)]);
    else given.push([name, at === -1 ? '' : text.slice(at + 1)]);
  };
  const short = (letters: string): void => {
    for (let i = 0; i < letters.length; i++) {
      const letter = letters[i]!;
      const at = letter === ':' ? -1 : spec.short.indexOf(letter);
      if (at === -1) throw new OptionError({ kind: 'unknown', option: letter });
      if (spec.short[at + 1] !== ':') {
        given.push([letter, '']);
        continue;
      }
      const rest = letters.slice(i + 1);
      given.push([letter, rest === '' ? argument(letter) : rest]);
      return;
    }
  };
  while (queue.length > 0) {
    const arg = queue.shift()!;
    if (arg === '--') {
      operands.push(...queue.splice(0));
    } else if (arg.startsWith('--')) long(arg.slice(2));
    else if (arg.startsWith('-') && arg !== '-') {
      const name = arg.slice(1).split('=')[0]!;
      const known = spec.long?.some((l) => l === name || l === `${name}:`) === true;
      if (spec.singleDashLong === true && known) long(arg.slice(1));
      else short(arg.slice(1));
    } else {
      operands.push(arg);
      if (spec.stopAtOperand === true) operands.push(...queue.splice(0));
    }
  }
  const values = (names: readonly string[]): string[] =>
    given.filter(([name]) => names.includes(name)).map(([, value]) => value);
  return {
    given,
    operands,
    has: (...names) => values(names).length > 0,
    last: (...names) => values(names).at(-1),
    all: (...names) => values(names),
  };
}

/** A number as strtod reads it, all of it; undefined when it is none. */
export function numberOf(text: string): number | undefined {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
}
