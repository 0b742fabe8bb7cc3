// errors { stacktrace; consolidate DURATION REGEXP [LEVEL] [show_first] } (CoreDNS plugin/errors/setup.go).
import { duration, expectArgs, fault, type Line, unknownProperty, words } from '../../corefile/dispenser.ts';
import type { Log } from '../../host.ts';
import { type Controller, onlyLine } from '../../server/config.ts';
import { Errors, type Pattern } from './handler.ts';

const LEVELS: readonly string[] = ['warning', 'error', 'info', 'debug'] satisfies (keyof Log)[];

export function setup(c: Controller): void {
  const line = onlyLine(c);
  // "errors stdout" is of old Corefiles: it goes there in any case.
  if (line.args[0]?.text !== 'stdout') expectArgs(line, 0, 0, 'errors');
  const patterns: Pattern[] = [];
  for (const property of line.block ?? [])
    if (property.name === 'stacktrace') {
      expectArgs(property, 0, 0, 'stacktrace');
      c.block.stacktrace = true;
    } else if (property.name === 'consolidate') patterns.push(consolidate(property));
    else throw unknownProperty(property, ['stacktrace', 'consolidate']);
  c.add((next) => {
    const handler = new Errors(patterns, c.log, c.host.clock, next);
    c.onShutdown(() => handler.stop());
    return handler;
  });
}

function consolidate(line: Line): Pattern {
  const usage = 'consolidate DURATION REGEXP [LEVEL] [show_first]';
  expectArgs(line, 2, 4, usage);
  const period = duration(line.args[0], line);
  if (period < 0) throw fault(line.args[0]!, 'a period cannot be negative', `write: ${usage}`);
  let pattern: RegExp;
  try {
    pattern = new RegExp(line.args[1]!.text);
  } catch {
    throw fault(line.args[1]!, `'${line.args[1]!.text}' is no regular expression`, 'correct it');
  }
  let level: keyof Log = 'error';
  let showFirst = false;
  for (const word of words(line).slice(2))
    if (word === 'show_first') showFirst = true;
    else if (LEVELS.includes(word)) level = word as keyof Log;
    else throw fault(line, `'${word}' is no level`, `write ${LEVELS.join(', ')} or show_first`);
  return { pattern, period, level, showFirst };
}
