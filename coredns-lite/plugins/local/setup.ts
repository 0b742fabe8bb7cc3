// local { localhost_prefix on|off } (CoreDNS plugin/local/setup.go).
import { expectArgs, fault, unknownProperty } from '../../corefile/dispenser.ts';
import { type Controller, onlyLine } from '../../server/config.ts';
import { Local } from './handler.ts';

export function setup(c: Controller): void {
  const line = onlyLine(c);
  expectArgs(line, 0, 0, 'local');
  let prefix = true;
  for (const property of line.block ?? []) {
    if (property.name !== 'localhost_prefix') throw unknownProperty(property, ['localhost_prefix']);
    expectArgs(property, 1, 1, 'localhost_prefix on|off');
    const word = property.args[0]!.text;
    if (word !== 'on' && word !== 'off')
      throw fault(property.args[0]!, `'${word}' is neither on nor off`, 'write on or off');
    prefix = word === 'on';
  }
  c.add((next) => new Local(prefix, next));
}
