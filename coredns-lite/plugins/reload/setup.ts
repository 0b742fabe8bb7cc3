// reload [INTERVAL] [JITTER] (CoreDNS plugin/reload): looks at the Corefile and what it imports now and then, and starts anew from it when it
// has changed. A file that is no good leaves what runs as it is.
import { duration, expectArgs, fault } from '../../corefile/dispenser.ts';
import type { Timer } from '../../host.ts';
import { type Controller, onlyLine } from '../../server/config.ts';

const INTERVAL = 30_000;
const MIN_INTERVAL = 2000;
const MIN_JITTER = 1000;

export function setup(c: Controller): void {
  const line = onlyLine(c);
  expectArgs(line, 0, 2, 'reload [INTERVAL] [JITTER]');
  const [first, second] = line.args;
  const interval = first === undefined ? INTERVAL : Math.max(MIN_INTERVAL, duration(first, line));
  if (first !== undefined && duration(first, line) <= 0)
    throw fault(first, 'the interval of reload must be positive', 'write a duration such as 30s');
  const asked =
    second === undefined ? (interval === INTERVAL ? 15_000 : interval / 2) : duration(second, line);
  const jitter = Math.min(Math.max(asked, MIN_JITTER), interval / 2);
  const { clock } = c.host;
  let timer: Timer | undefined;
  let seen = c.shared.digest;
  const again = (): void => {
    timer = clock.after(interval + c.host.random() * jitter, () => {
      const now = c.shared.currentDigest();
      // A file that was refused is not tried again before it changes again.
      if (now === undefined || now === seen) return again();
      seen = now;
      void c.shared.reload().then((changed) => {
        if (!changed) again();
      });
    });
  };
  c.onStartup(again);
  c.onShutdown(() => timer?.cancel());
}
