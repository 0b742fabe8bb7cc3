// debug, without arguments (CoreDNS plugin/debug): debug lines are logged, and a fault in a plugin ends the process instead of one query.
import { expectArgs } from '../../corefile/dispenser.ts';
import { type Controller, onlyLine } from '../../server/config.ts';

export function setup(c: Controller): void {
  expectArgs(onlyLine(c), 0, 0, 'debug');
  c.block.debug = true;
}
