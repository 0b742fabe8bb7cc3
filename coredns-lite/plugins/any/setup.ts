// any, without arguments (CoreDNS plugin/any/setup.go).
import { expectArgs } from '../../corefile/dispenser.ts';
import { type Controller, onlyLine } from '../../server/config.ts';
import { Any } from './handler.ts';

export function setup(c: Controller): void {
  expectArgs(onlyLine(c), 0, 0, 'any');
  c.add((next) => new Any(next));
}
