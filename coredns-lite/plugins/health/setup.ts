// health [ADDRESS] { lameduck DURATION } (CoreDNS plugin/health): an HTTP endpoint that says OK as long as the process runs, and a pause before
// it ends in which clients that still find it are served.
import { duration, expectArgs, fault, unknownProperty } from '../../corefile/dispenser.ts';
import { type Controller, onlyLine } from '../../server/config.ts';

export function setup(c: Controller): void {
  const line = onlyLine(c);
  expectArgs(line, 0, 1, 'health [ADDRESS]');
  const address = line.args[0]?.text ?? ':8080';
  if (!/:\d{1,5}$/.test(address))
    throw fault(line, `'${address}' has no port`, 'write :8080 or 127.0.0.1:8080');
  let lameduck = 0;
  for (const property of line.block ?? []) {
    if (property.name !== 'lameduck') throw unknownProperty(property, ['lameduck']);
    expectArgs(property, 1, 1, 'lameduck DURATION');
    lameduck = duration(property.args[0], property);
    if (lameduck < 0) throw fault(property, 'lameduck cannot be negative', 'write a duration such as 5s');
  }
  let release: (() => void) | undefined;
  c.onStartup(async () => {
    release = await c.shared.http.serve(address, '/health', (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end('OK');
    });
  });
  c.onFinalShutdown(async () => {
    if (lameduck === 0) return;
    c.log.info(`Going into lameduck mode for ${lameduck / 1000}s`);
    await new Promise<void>((resolve) => {
      c.host.clock.after(lameduck, resolve);
    });
  });
  c.onShutdown(() => release?.());
}
