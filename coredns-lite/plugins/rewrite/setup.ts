// rewrite [continue|stop] FIELD … (CoreDNS plugin/rewrite). Rules stand in the order of the file; the first that fits ends the walk
// unless it says continue.
import { fault, type Line } from '../../corefile/dispenser.ts';
import { goRegExp } from '../../corefile/go-regexp.ts';
import type { Token } from '../../corefile/lexer.ts';
import { fqdn, lower } from '../../dns/name.ts';
import { classOf, rcodeOf, typeOf } from '../../dns/types.ts';
import type { Controller } from '../../server/config.ts';
import { Rewrite } from './handler.ts';
import {
  ednsRule,
  fill,
  type Match,
  type NameTest,
  nameRule,
  numberRule,
  type Rename,
  type ResponseRule,
  type Rule,
  rcodeRule,
  renameOwners,
  renameValues,
  responseRule,
  ttlRule,
} from './rules.ts';

const MATCHES: readonly string[] = ['exact', 'prefix', 'suffix', 'substring', 'regex'] satisfies Match[];
const FIELDS = 'name, type, class, edns0, ttl, rcode or cname';

export function setup(c: Controller): void {
  const rules = c.lines.map((line) => {
    // In a block the words of all its lines are one rule.
    const inner = (line.block ?? []).flatMap((l) => [
      { text: l.name, file: l.file, line: l.line },
      ...l.args,
    ]);
    return ruleOf(line, [...line.args, ...inner]);
  });
  c.add((next) => new Rewrite(rules, next));
}

function ruleOf(line: Line, args: readonly Token[]): Rule {
  const words = [...args];
  let mode: Rule['mode'] = 'stop';
  const first = words[0]?.text.toLowerCase();
  if (first === 'continue' || first === 'stop') {
    mode = first;
    words.shift();
  }
  const field = words.shift();
  const need = (n: number, usage: string): void => {
    if (words.length < n)
      throw fault(line, `rewrite ${field?.text ?? ''} lacks an argument`, `write: rewrite ${usage}`);
  };
  switch (field?.text.toLowerCase()) {
    case 'name':
      need(2, 'name [exact|prefix|suffix|substring|regex] FROM TO [answer auto]');
      return nameRuleOf(mode, words);
    case 'type':
    case 'class': {
      need(2, `${field.text} FROM TO`);
      const of = field.text.toLowerCase() === 'type' ? typeOf : classOf;
      const [from, to] = words.map((word) => of(word.text));
      if (from === undefined || to === undefined)
        throw fault(field, `rewrite ${field.text}: no such ${field.text}`, 'write A, AAAA … or IN, CH');
      return numberRule(mode, field.text.toLowerCase() as 'type' | 'class', from, to);
    }
    case 'ttl': {
      need(2, 'ttl [exact|prefix|suffix|substring|regex] NAME SECONDS[-SECONDS]');
      const test = nameTest(words.slice(0, -1));
      const range = /^(\d*)(-?)(\d*)$/.exec(words.at(-1)!.text);
      if (range === null || `${range[1]}${range[3]}` === '')
        throw fault(words.at(-1)!, `'${words.at(-1)!.text}' is no TTL`, 'write 30, 30-, -30 or 5-30');
      const min = Number(range[1] || 0);
      const max = range[2] === '' ? min : range[3] === '' ? 0x7fff_ffff : Number(range[3]);
      return responseRule(mode, test, ttlRule(min, max));
    }
    case 'rcode': {
      need(3, 'rcode [exact|prefix|suffix|substring|regex] NAME FROM TO');
      const [from, to] = words.slice(-2).map((word) => rcodeOf(word.text));
      if (from === undefined || to === undefined)
        throw fault(words.at(-1)!, 'rewrite rcode: no such rcode', 'write NXDOMAIN, NOERROR …');
      return responseRule(mode, nameTest(words.slice(0, -2)), rcodeRule(from, to));
    }
    case 'cname': {
      need(2, 'cname [exact|prefix|suffix|substring|regex] FROM TO');
      const test = nameTest(words.slice(0, -1));
      const to = fqdn(words.at(-1)!.text);
      const rule: ResponseRule = {
        record: (rr) =>
          rr.data.kind === 'name' && test(lower(rr.data.target))
            ? { ...rr, data: { ...rr.data, target: to } }
            : rr,
      };
      return responseRule(mode, () => true, rule);
    }
    case 'edns0':
      need(3, 'edns0 local set|replace|append CODE DATA');
      return ednsRuleOf(mode, words);
    default:
      throw fault(field ?? line, `rewrite cannot rewrite '${field?.text ?? ''}'`, `write ${FIELDS}`);
  }
}

/** "[exact] NAME", "prefix NAME" …: whether a name in lower case is meant. */
function nameTest(words: readonly Token[]): NameTest {
  const kind = MATCHES.includes(words[0]?.text ?? '') && words.length > 1 ? words[0]!.text : 'exact';
  const word = words.at(-1)!;
  const name = lower(word.text);
  switch (kind) {
    case 'prefix':
      return (n) => n.startsWith(name);
    case 'suffix':
      return (n) => n.endsWith(fqdn(name));
    case 'substring':
      return (n) => n.includes(name);
    case 'regex': {
      const pattern = goRegExp(word);
      return (n) => pattern.test(n);
    }
    default:
      return (n) => n === fqdn(name);
  }
}

function nameRuleOf(mode: Rule['mode'], words: readonly Token[]): Rule {
  const named = words.length >= 3 && MATCHES.includes(words[0]!.text.toLowerCase());
  const match = (named ? words[0]!.text.toLowerCase() : 'exact') as Match;
  const [from, to, ...rest] = named ? words.slice(1) : words;
  if (from === undefined || to === undefined)
    throw fault(words[0]!, 'rewrite name lacks a name', 'write: rewrite name FROM TO');
  const whole = match === 'exact' || match === 'suffix';
  const pattern = match === 'regex' ? goRegExp(from) : undefined;
  const name = (text: string): string => (whole ? fqdn(lower(text)) : lower(text));
  const answers: ResponseRule[] = [];
  let auto = false;
  const left = [...rest];
  while (left.length > 0) {
    const word = left.shift()!;
    if (word.text === 'answer') continue;
    if (word.text === 'auto') auto = true;
    else if (word.text === 'name' || word.text === 'value') {
      const [a, b] = [left.shift(), left.shift()];
      if (a === undefined || b === undefined)
        throw fault(
          word,
          `answer ${word.text} needs a pattern and a name`,
          `write: answer ${word.text} FROM TO`,
        );
      const regexp = goRegExp(a);
      const rename: Rename = (n) => {
        const groups = regexp.exec(n);
        return groups === null ? n : fqdn(fill(lower(b.text), groups));
      };
      answers.push(word.text === 'name' ? renameOwners(rename) : renameValues(rename));
    } else
      throw fault(
        word,
        `unexpected '${word.text}'`,
        'write: answer auto, answer name FROM TO or answer value FROM TO',
      );
  }
  return nameRule({
    mode,
    match,
    from: match === 'regex' ? from.text : name(from.text),
    to: name(to.text),
    pattern,
    auto,
    answers,
  });
}

function ednsRuleOf(mode: Rule['mode'], words: readonly Token[]): Rule {
  const [kind, action, code, data] = words;
  const what = action!.text.toLowerCase();
  const number = /^(0x[0-9a-f]+|\d+)$/i.test(code?.text ?? '') ? Number(code!.text) : Number.NaN;
  if (
    kind!.text !== 'local' ||
    (what !== 'set' && what !== 'replace' && what !== 'append') ||
    !(number <= 65_535)
  )
    throw fault(kind!, 'rewrite edns0 sets local options', 'write: edns0 local set 0xffee 0x61626364');
  const text = data?.text ?? '';
  const hex = /^0x((?:[0-9a-f]{2})+)$/i.exec(text)?.[1];
  const bytes = hex === undefined ? Buffer.from(text) : Buffer.from(hex, 'hex');
  return ednsRule(mode, what, number, new Uint8Array(bytes));
}
