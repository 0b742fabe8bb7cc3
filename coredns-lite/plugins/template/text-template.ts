// Go's text/template as far as records need it: fields of what matched, groups by name or number, index and parseInt.
//   {{ .Name }}  {{ .Group.ip }}  {{ index .Match 1 }}  {{ parseInt .Group.hex 16 8 }}  {{ .Meta "kubernetes/namespace" }}

export interface TemplateData {
  readonly name: string;
  readonly zone: string;
  readonly class: string;
  readonly type: string;
  readonly remote: string;
  readonly match: readonly string[];
  readonly group: Readonly<Record<string, string>>;
  meta(label: string): string;
}

type Part = (data: TemplateData) => string;

const SIMPLE: Readonly<Record<string, Part>> = {
  '.Name': (d) => d.name,
  '.Zone': (d) => d.zone,
  '.Class': (d) => d.class,
  '.Type': (d) => d.type,
  '.Remote': (d) => d.remote,
  '.Question.Name': (d) => d.name,
};

/** Undefined for an expression that is not understood. */
function compileExpression(text: string): Part | undefined {
  const simple = SIMPLE[text];
  if (simple !== undefined) return simple;
  const group = /^\.Group\.(\w+)$/.exec(text) ?? /^index \.Group "(\w+)"$/.exec(text);
  if (group !== null) return (d) => d.group[group[1]!] ?? '<no value>';
  const index = /^index \.Match (\d+)$/.exec(text);
  if (index !== null) return (d) => d.match[Number(index[1])] ?? '';
  const meta = /^\.Meta "([^"]*)"$/.exec(text);
  if (meta !== null) return (d) => d.meta(meta[1]!);
  const number = /^parseInt (.+) (\d+) (\d+)$/.exec(text);
  const of = number === null ? undefined : compileExpression(number[1]!.replace(/^\((.*)\)$/, '$1').trim());
  if (of !== undefined) return (d) => String(Number.parseInt(of(d), Number(number![2])));
  const quoted = /^"([^"]*)"$/.exec(text);
  return quoted === null ? undefined : () => quoted[1]!;
}

/** Throws with the expression that is not understood. */
export function compileTemplate(text: string): Part {
  const parts: Part[] = [];
  let from = 0;
  for (const m of text.matchAll(/\{\{-?\s*(.*?)\s*-?\}\}/g)) {
    const before = text.slice(from, m.index);
    if (before !== '') parts.push(() => before);
    const part = compileExpression(m[1]!);
    if (part === undefined) throw new Error(`{{ ${m[1]} }} is not understood`);
    parts.push(part);
    from = m.index + m[0].length;
  }
  const rest = text.slice(from);
  if (rest.includes('{{')) throw new Error('{{ is not closed by }}');
  if (rest !== '') parts.push(() => rest);
  return (data) => parts.map((part) => part(data)).join('');
}
