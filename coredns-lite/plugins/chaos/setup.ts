// chaos [VERSION] [AUTHORS…] (CoreDNS plugin/chaos/setup.go).
import { words } from '../../corefile/dispenser.ts';
import { type Controller, onlyLine } from '../../server/config.ts';
import { Chaos } from './handler.ts';

export function setup(c: Controller): void {
  const [version = 'CoreDNS-lite', ...authors] = words(onlyLine(c));
  const options = {
    version,
    authors: authors.length > 0 ? [...new Set(authors)] : ['podwire'],
    hostname: c.host.hostname,
    random: () => c.host.random(),
  };
  c.add((next) => new Chaos(options, next));
}
