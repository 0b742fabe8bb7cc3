// whoami, without arguments (CoreDNS plugin/whoami/setup.go).
import { expectArgs } from '../../corefile/dispenser.ts';
import { type Controller, onlyLine } from '../../server/config.ts';
import { Whoami } from './handler.ts';

export function setup(c: Controller): void {
  expectArgs(onlyLine(c), 0, 0, 'whoami');
  c.add(() => new Whoami());
}
