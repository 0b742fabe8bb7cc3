// log [NAMES…] [FORMAT] { class all|success|denial|error… } (CoreDNS plugin/log/setup.go). A format is what holds a brace.
import { expectArgs, fault, unknownProperty } from '../../corefile/dispenser.ts';
import { type Controller, zonesOf } from '../../server/config.ts';
import { COMBINED, COMMON, type LogClass, LogHandler, type Rule } from './handler.ts';

const CLASSES: readonly string[] = ['all', 'success', 'denial', 'error'] satisfies LogClass[];

export function setup(c: Controller): void {
  const rules: Rule[] = [];
  for (const line of c.lines) {
    const args = [...line.args];
    const last = args.at(-1)?.text;
    let format = COMMON;
    if (last?.includes('{')) {
      format = last === '{combined}' ? COMBINED : last === '{common}' ? COMMON : last;
      args.pop();
    }
    const classes = new Set<LogClass>();
    for (const property of line.block ?? []) {
      if (property.name !== 'class') throw unknownProperty(property, ['class']);
      expectArgs(property, 1, 4, `class ${CLASSES.join('|')}`);
      for (const { text, ...at } of property.args)
        if (CLASSES.includes(text)) classes.add(text as LogClass);
        else throw fault(at, `'${text}' is no class of replies`, `write ${CLASSES.join(', ')}`);
    }
    if (classes.size === 0) classes.add('all');
    const scopes = args.length === 0 ? ['.'] : args.flatMap(zonesOf);
    for (const scope of scopes) rules.push({ scope, format, classes });
  }
  const bare = { ...c.log, info: (text: string) => c.host.log(`[INFO] ${text}`) };
  c.add((next) => new LogHandler(rules, bare, c.host.clock, next));
}
