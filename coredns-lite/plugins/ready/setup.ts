// ready [ADDRESS] { monitor until-ready|continuously } (CoreDNS plugin/ready): 200 when every plugin that can tell is ready, else 503 with
// the names of those that are not.
import { expectArgs, fault, unknownProperty } from '../../corefile/dispenser.ts';
import { type Controller, onlyLine } from '../../server/config.ts';

export function setup(c: Controller): void {
  const line = onlyLine(c);
  expectArgs(line, 0, 1, 'ready [ADDRESS]');
  const address = line.args[0]?.text ?? ':8181';
  if (!/:\d{1,5}$/.test(address))
    throw fault(line, `'${address}' has no port`, 'write :8181 or 127.0.0.1:8181');
  let continuously = false;
  for (const property of line.block ?? []) {
    if (property.name !== 'monitor') throw unknownProperty(property, ['monitor']);
    expectArgs(property, 1, 1, 'monitor until-ready|continuously');
    const mode = property.args[0]!.text;
    if (mode !== 'until-ready' && mode !== 'continuously')
      throw fault(property.args[0]!, `'${mode}' is no way to monitor`, 'write until-ready or continuously');
    continuously = mode === 'continuously';
  }
  const done = new Set<string>();
  let ending = false;
  /** Once ready, a plugin is taken for ready unless it is to be asked each time. */
  const waiting = (): string[] =>
    c.block.handlers.flatMap((handler) => {
      if (handler.ready === undefined || (!continuously && done.has(handler.name))) return [];
      if (!handler.ready()) return [handler.name];
      done.add(handler.name);
      return [];
    });
  let release: (() => void) | undefined;
  c.onStartup(async () => {
    release = await c.shared.http.serve(address, '/ready', (_request, response) => {
      const left = waiting();
      const ok = !ending && left.length === 0;
      const text = ok ? 'OK' : ending ? 'Shutting down' : [...new Set(left)].sort().join(',');
      response.writeHead(ok ? 200 : 503, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
    });
  });
  c.onFinalShutdown(() => {
    ending = true;
  });
  c.onShutdown(() => release?.());
}
