// template CLASS TYPE [ZONES…] { match REGEXP…; answer|additional|authority RR; rcode CODE; ederror CODE [TEXT]; upstream; fallthrough }
// (CoreDNS plugin/template/setup.go). Several stand in the order of the file.
import { expectArgs, fault, integer, type Line, unknownProperty } from '../../corefile/dispenser.ts';
import { goRegExp } from '../../corefile/go-regexp.ts';
import type { Token } from '../../corefile/lexer.ts';
import { CLASS, classOf, rcodeOf, TYPE, typeOf } from '../../dns/types.ts';
import { type Controller, type Fall, fallOf, origins } from '../../server/config.ts';
import { type Template, TemplateHandler } from './handler.ts';
import { compileTemplate, type TemplateData } from './text-template.ts';

const KNOWN = ['match', 'answer', 'additional', 'authority', 'rcode', 'ederror', 'upstream', 'fallthrough'];

export function setup(c: Controller): void {
  const templates = c.lines.map((line) => templateOf(c, line));
  c.add((next) => new TemplateHandler(templates, next));
}

function templateOf(c: Controller, line: Line): Template {
  expectArgs(line, 2, 1000, 'template CLASS TYPE [ZONES…]');
  const [cls, type, ...zones] = line.args;
  const classNumber = cls!.text.toUpperCase() === 'ANY' ? CLASS.ANY : classOf(cls!.text);
  const typeNumber = type!.text.toUpperCase() === 'ANY' ? TYPE.ANY : typeOf(type!.text);
  if (classNumber === undefined) throw fault(cls!, `'${cls!.text}' is no class`, 'write IN, CH or ANY');
  if (typeNumber === undefined) throw fault(type!, `'${type!.text}' is no type`, 'write A, AAAA, ANY …');
  const regexps: RegExp[] = [];
  type Section = ((data: TemplateData) => string)[];
  const sections: Record<'answer' | 'additional' | 'authority', Section> = {
    answer: [],
    additional: [],
    authority: [],
  };
  let rcode = 0;
  let ede: Template['ede'];
  let upstream = false;
  let fall: Fall | undefined;
  for (const property of line.block ?? []) {
    const { name, args } = property;
    if (name === 'match') {
      expectArgs(property, 1, 1000, 'match REGEXP…');
      regexps.push(...args.map(goRegExp));
    } else if (name === 'answer' || name === 'additional' || name === 'authority') {
      expectArgs(property, 1, 1000, `${name} "RR"…`);
      sections[name].push(...args.map(compiled));
    } else if (name === 'rcode') {
      expectArgs(property, 1, 1, 'rcode CODE');
      const number = rcodeOf(args[0]!.text);
      if (number === undefined)
        throw fault(args[0]!, `'${args[0]!.text}' is no rcode`, 'write NOERROR, NXDOMAIN, REFUSED …');
      rcode = number;
    } else if (name === 'ederror') {
      expectArgs(property, 1, 2, 'ederror CODE [TEXT]');
      ede = { code: integer(args[0], property, 0, 65_535), text: args[1]?.text ?? '' };
    } else if (name === 'upstream') upstream = true;
    else if (name === 'fallthrough') fall = fallOf(property);
    else throw unknownProperty(property, KNOWN);
  }
  return {
    ...sections,
    zones: origins(c, zones),
    class: classNumber,
    type: typeNumber,
    regexps: regexps.length > 0 ? regexps : [/.*/],
    rcode,
    ede,
    upstream: upstream || sections.answer.length > 0,
    fall,
  };
}

function compiled(token: Token): (data: TemplateData) => string {
  try {
    return compileTemplate(token.text);
  } catch (error) {
    throw fault(
      token,
      error instanceof Error ? error.message : String(error),
      'write fields as {{ .Name }} or {{ .Group.x }}',
    );
  }
}
