// cancel [TIMEOUT] (CoreDNS plugin/cancel/setup.go).
import { duration, expectArgs, fault } from '../../corefile/dispenser.ts';
import { type Controller, onlyLine } from '../../server/config.ts';
import { Cancel } from './handler.ts';

const DEFAULT = 5001;

export function setup(c: Controller): void {
  const line = onlyLine(c);
  expectArgs(line, 0, 1, 'cancel [TIMEOUT]');
  const timeout = line.args[0] === undefined ? DEFAULT : duration(line.args[0], line);
  if (timeout <= 0) throw fault(line, 'a timeout must be positive', 'write a duration such as 1s');
  c.add((next) => new Cancel(timeout, c.host.clock, next));
}
