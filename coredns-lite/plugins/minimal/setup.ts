// minimal, without arguments (CoreDNS plugin/minimal/setup.go).
import { expectArgs } from '../../corefile/dispenser.ts';
import { type Controller, onlyLine } from '../../server/config.ts';
import { Minimal } from './handler.ts';

export function setup(c: Controller): void {
  expectArgs(onlyLine(c), 0, 0, 'minimal');
  c.add((next) => new Minimal(next));
}
