// bufsize [SIZE] (CoreDNS plugin/bufsize/setup.go).
import { expectArgs, integer } from '../../corefile/dispenser.ts';
import { type Controller, onlyLine } from '../../server/config.ts';
import { Bufsize } from './handler.ts';

const DEFAULT = 1232;

export function setup(c: Controller): void {
  const line = onlyLine(c);
  expectArgs(line, 0, 1, 'bufsize [SIZE]');
  const size = line.args[0] === undefined ? DEFAULT : integer(line.args[0], line, 512, 4096);
  c.add((next) => new Bufsize(size, next));
}
