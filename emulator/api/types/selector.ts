// Label and field selectors: k8s.io/apimachinery/pkg/labels and pkg/fields. Parsing and matching are pure; what cannot be
// parsed throws a SelectorError whose message is upstream's.
import type { LabelSelector } from './meta.ts';

export type LabelRequirement =
  | { readonly op: '=' | '!='; readonly key: string; readonly value: string }
  | { readonly op: 'in' | 'notin'; readonly key: string; readonly values: readonly string[] }
  | { readonly op: 'exists' | '!'; readonly key: string }
  | { readonly op: 'gt' | 'lt'; readonly key: string; readonly value: string };

export class SelectorError extends Error {}

type Labels = Readonly<Record<string, string>>;

const QUALIFIED_NAME = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;

/** "app=web,tier in (a, b),!old" as kubectl's -l takes it; labels.Parse. */
export function parseLabelSelector(text: string): LabelRequirement[] {
  const requirements: LabelRequirement[] = [];
  const lexer = new Lexer(text);
  if (lexer.peek() === '') return requirements;
  for (;;) {
    requirements.push(parseRequirement(lexer));
    const next = lexer.next();
    if (next === '') return requirements;
    if (next !== ',') throw new SelectorError(`found '${next}', expected: ',' or 'end of string'`);
    const after = lexer.peek();
    if (after === '' || after === ',')
      throw new SelectorError(`found '${after}', expected: identifier after ','`);
  }
}

function parseRequirement(lexer: Lexer): LabelRequirement {
  const first = lexer.next();
  if (first === '!') return { op: '!', key: checkKey(lexer.next()) };
  const key = checkKey(first);
  const peeked = lexer.peek();
  if (peeked === '' || peeked === ',') return { op: 'exists', key };
  const op = lexer.next();
  switch (op) {
    case '=':
    case '==':
      return { op: '=', key, value: parseValue(lexer) };
    case '!=':
      return { op: '!=', key, value: parseValue(lexer) };
    case 'in':
    case 'notin':
      return { op, key, values: parseValues(lexer) };
    case '>':
    case '<': {
      const value = parseValue(lexer);
      if (!/^-?\d+$/.test(value))
        throw new SelectorError(
          'values[0][' +
            key +
            ']: Invalid value: "' +
            value +
            "\": for 'Gt', 'Lt' operators, the value must be an integer",
        );
      return { op: op === '>' ? 'gt' : 'lt', key, value };
    }
    default:
      throw new SelectorError(
        `unable to parse requirement: found '${op}', expected: in, notin, =, ==, !=, gt, lt`,
      );
  }
}

function parseValue(lexer: Lexer): string {
  const next = lexer.peek();
  if (next === '' || next === ',') return '';
  return checkValue(lexer.next());
}

function parseValues(lexer: Lexer): string[] {
  const open = lexer.next();
  if (open !== '(') throw new SelectorError(`unable to parse requirement: found '${open}', expected: '('`);
  const values: string[] = [];
  for (;;) {
    const token = lexer.next();
    if (token === ')') return values;
    if (token === '') throw new SelectorError("unable to parse requirement: found '', expected: ',', or ')'");
    if (token === ',') {
      values.push('');
      continue;
    }
    values.push(checkValue(token));
    const after = lexer.next();
    if (after === ')') return values;
    if (after !== ',')
      throw new SelectorError(`unable to parse requirement: found '${after}', expected: ',', or ')'`);
  }
}

function checkKey(key: string): string {
  if (!QUALIFIED_NAME.test(key))
    throw new SelectorError(
      `unable to parse requirement: <nil>: Invalid value: ${JSON.stringify(key)}: name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
    );
  return key;
}

function checkValue(value: string): string {
  if (value.length > 63 || !LABEL_VALUE.test(value))
    throw new SelectorError(
      `unable to parse requirement: values[0]: Invalid value: ${JSON.stringify(value)}: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
    );
  return value;
}

/** Tokens: ( ) , ! = == != > < and words; '' at the end. */
class Lexer {
  #text: string;
  #at = 0;
  constructor(text: string) {
    this.#text = text;
  }
  peek(): string {
    const at = this.#at;
    const token = this.next();
    this.#at = at;
    return token;
  }
  next(): string {
    while (this.#at < this.#text.length && /\s/.test(this.#text[this.#at]!)) this.#at++;
    const rest = this.#text.slice(this.#at);
    const token = /^(==|!=|[(),!=<>]|[^\s(),!=<>]+)/.exec(rest)?.[0] ?? '';
    this.#at += token.length;
    return token;
  }
}

export function matchesLabels(requirements: readonly LabelRequirement[], labels: Labels = {}): boolean {
  for (const r of requirements) if (!matchesRequirement(r, labels[r.key])) return false;
  return true;
}

function matchesRequirement(r: LabelRequirement, value: string | undefined): boolean {
  switch (r.op) {
    case '=':
      return value === r.value;
    case '!=':
      return value !== r.value;
    case 'in':
      return value !== undefined && r.values.includes(value);
    case 'notin':
      return value === undefined || !r.values.includes(value);
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    case 'gt':
      return value !== undefined && Number(value) > Number(r.value);
    case 'lt':
      return value !== undefined && Number(value) < Number(r.value);
  }
}

/** The selector of a Deployment or NetworkPolicy; metav1.LabelSelectorAsSelector: absent matches nothing, empty matches all. */
export function matchesSelector(selector: LabelSelector | undefined, labels: Labels = {}): boolean {
  if (selector === undefined) return false;
  for (const [key, value] of Object.entries(selector.matchLabels ?? {}))
    if (labels[key] !== value) return false;
  for (const e of selector.matchExpressions ?? []) {
    const value = labels[e.key];
    const listed = value !== undefined && (e.values ?? []).includes(value);
    if (e.operator === 'In' && !listed) return false;
    if (e.operator === 'NotIn' && listed) return false;
    if (e.operator === 'Exists' && value === undefined) return false;
    if (e.operator === 'DoesNotExist' && value !== undefined) return false;
  }
  return true;
}

/** The selector of a Service: equality only; the empty one selects nothing. */
export function matchesServiceSelector(selector: Labels | undefined, labels: Labels = {}): boolean {
  if (selector === undefined) return false;
  const wanted = Object.entries(selector);
  return wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value);
}

/** As text, for `labelSelector=`; metav1.FormatLabelSelector. */
export function formatLabelSelector(selector: LabelSelector): string {
  const parts = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  for (const e of selector.matchExpressions ?? []) {
    if (e.operator === 'In') parts.push(`${e.key} in (${[...(e.values ?? [])].sort().join(',')})`);
    else if (e.operator === 'NotIn') parts.push(`${e.key} notin (${[...(e.values ?? [])].sort().join(',')})`);
    else parts.push(e.operator === 'Exists' ? e.key : `!${e.key}`);
  }
  return parts.sort().join(',');
}

export interface FieldRequirement {
  readonly path: string;
  readonly op: '=' | '!=';
  readonly value: string;
}

/** "metadata.name=a,status.phase!=Failed"; fields.ParseSelector, with \\, \, and \= escaped. */
export function parseFieldSelector(text: string): FieldRequirement[] {
  if (text.trim() === '') return [];
  return splitUnescaped(text).map((term) => {
    const m = /^([^=!]+)(==|!=|=)(.*)$/s.exec(term);
    if (m === null)
      throw new SelectorError(`invalid field selector: ${JSON.stringify(term)}: can't understand '${term}'`);
    const value = m[3]!.replace(/\\([\\,=])/g, '$1');
    return { path: m[1]!.trim(), op: m[2] === '!=' ? '!=' : '=', value };
  });
}

function splitUnescaped(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === ',') {
      terms.push(text.slice(start, i));
      start = i + 1;
    }
  }
  terms.push(text.slice(start));
  return terms.filter((term) => term !== '');
}

/** A field that is absent counts as empty text, as in upstream's field sets. */
export function matchesFields(requirements: readonly FieldRequirement[], object: object): boolean {
  for (const r of requirements) if ((fieldText(object, r.path) === r.value) !== (r.op === '=')) return false;
  return true;
}

export function fieldText(object: object, path: string): string {
  let value: unknown = object;
  for (const step of path.split('.')) {
    if (typeof value !== 'object' || value === null) return '';
    value = (value as Record<string, unknown>)[step];
  }
  return value === undefined || value === null ? '' : String(value);
}
