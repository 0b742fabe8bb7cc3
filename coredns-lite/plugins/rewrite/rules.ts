// Rules of plugin/rewrite: what each does to a question, and to the records of its answer.
import type { Message, Question, Rr } from '../../dns/message.ts';
import { fqdn, lower } from '../../dns/name.ts';
import { targetOf, withName, withTarget, withTtl } from '../../dns/rr.ts';
import type { Request } from '../../server/plugin.ts';

/** Changes records on the way back. */
export interface ResponseRule {
  record?(rr: Rr): Rr;
  message?(reply: Message): Message;
}

export interface Rule {
  readonly mode: 'stop' | 'continue';
  /** Undefined: it is not for this question. */
  apply(r: Request): readonly ResponseRule[] | undefined;
}

export type Rename = (name: string) => string;

const ask = (r: Request, change: Partial<Question>): void => {
  const question = { ...r.question, ...change };
  r.message = { ...r.message, question };
  r.lower = lower(question.name);
};

/** Owners of records back to what was asked for. */
export const renameOwners = (rename: Rename): ResponseRule => ({
  record: (rr) => withName(rr, rename(rr.name)),
});
export const renameValues = (rename: Rename): ResponseRule => ({
  record: (rr) => {
    const target = targetOf(rr);
    return target === undefined ? rr : withTarget(rr, rename(target));
  },
});

/** The name, and names below it, into another one. */
const remap =
  (from: string, to: string): Rename =>
  (name) =>
    lower(name) === lower(from)
      ? to
      : lower(name).endsWith(`.${lower(from)}`)
        ? name.slice(0, -from.length) + to
        : name;

export type Match = 'exact' | 'prefix' | 'suffix' | 'substring' | 'regex';

export interface NameRuleOptions {
  readonly mode: Rule['mode'];
  readonly match: Match;
  readonly from: string;
  readonly to: string;
  readonly pattern: RegExp | undefined;
  /** answer auto: the answer's names are turned back. */
  readonly auto: boolean;
  readonly answers: readonly ResponseRule[];
}

/** The new name, or undefined where the rule does not fit. */
export function rewriteName({ match, from, to, pattern }: NameRuleOptions, name: string): string | undefined {
  switch (match) {
    case 'exact':
      return name === from ? to : undefined;
    case 'prefix':
      return name.startsWith(from) ? to + name.slice(from.length) : undefined;
    case 'suffix':
      return name.endsWith(from) ? name.slice(0, name.length - from.length) + to : undefined;
    case 'substring':
      return name.includes(from) ? name.replaceAll(from, to) : undefined;
    case 'regex': {
      const groups = pattern?.exec(name);
      return groups === null || groups === undefined ? undefined : fill(to, groups);
    }
  }
}

export const fill = (text: string, groups: readonly (string | undefined)[]): string =>
  text.replace(/\{(\d+)\}/g, (all, n: string) =>
    Number(n) < groups.length ? (groups[Number(n)] ?? '') : all,
  );

export function nameRule(options: NameRuleOptions): Rule {
  const { mode, match, from, to, auto, answers } = options;
  return {
    mode,
    apply(r) {
      const next = rewriteName(options, r.lower);
      if (next === undefined) return undefined;
      const asked = r.question.name;
      const name = fqdn(next);
      ask(r, { name });
      if (match === 'suffix') {
        const back: Rename = (n) => (lower(n).endsWith(to) ? n.slice(0, n.length - to.length) + from : n);
        return auto ? [renameOwners(back), renameValues(back), ...answers] : answers;
      }
      if (match !== 'exact' && !auto) return answers;
      const back = remap(name, asked);
      return [renameOwners(back), renameValues(back), ...answers];
    },
  };
}

export const numberRule = (mode: Rule['mode'], field: 'type' | 'class', from: number, to: number): Rule => ({
  mode,
  apply(r) {
    if (r.question[field] !== from) return undefined;
    ask(r, { [field]: to });
    return [];
  },
});

/** Whether a name is one that a rule for answers means. */
export type NameTest = (name: string) => boolean;

export const responseRule = (mode: Rule['mode'], test: NameTest, rule: ResponseRule): Rule => ({
  mode,
  apply: (r) => (test(r.lower) ? [rule] : undefined),
});

/** Seconds: at least `min`, at most `max`. */
export const ttlRule = (min: number, max: number): ResponseRule => ({
  record: (rr) => withTtl(rr, Math.min(Math.max(rr.ttl, min), max)),
});

export const rcodeRule = (from: number, to: number): ResponseRule => ({
  message: (reply) => (reply.rcode === from ? { ...reply, rcode: to } : reply),
});

/** edns0 local set|replace|append CODE DATA, edns0 nsid set … */
export const ednsRule = (
  mode: Rule['mode'],
  action: 'set' | 'replace' | 'append',
  code: number,
  data: Uint8Array,
): Rule => ({
  mode,
  apply(r) {
    const edns = r.message.edns ?? { size: 4096, version: 0, do: false, options: [] };
    const has = edns.options.some((option) => option.code === code);
    if ((action === 'replace' && !has) || (action === 'append' && has)) return undefined;
    const options = [...edns.options.filter((option) => option.code !== code), { code, data }];
    const before = r.message.edns;
    r.message = { ...r.message, edns: { ...edns, options } };
    // The client's own options are what its answer is made with.
    return before === undefined ? [] : [{}];
  },
});
