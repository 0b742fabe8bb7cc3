// prometheus [ADDRESS] (CoreDNS plugin/metrics/setup.go): counts, and shows them on /metrics.
import { expectArgs, fault, unknownProperty } from '../../corefile/dispenser.ts';
import { type Controller, onlyLine } from '../../server/config.ts';
import { Prometheus } from './handler.ts';

export function setup(c: Controller): void {
  const line = onlyLine(c);
  expectArgs(line, 0, 1, 'prometheus [ADDRESS]');
  for (const property of line.block ?? []) {
    // Go's runtime has none of these here: nothing to choose from.
    if (property.name !== 'runtime_metrics') throw unknownProperty(property, ['runtime_metrics']);
  }
  const address = line.args[0]?.text ?? 'localhost:9153';
  if (!/:\d{1,5}$/.test(address))
    throw fault(line, `'${address}' has no port`, 'write :9153 or localhost:9153');
  const { metrics, http } = c.shared;
  for (const zone of c.block.zones)
    metrics
      .gauge(
        'coredns_plugin_enabled',
        'A metric that indicates whether a plugin is enabled on per server and zone basis.',
        {
          server: `dns://${c.block.listenHosts[0] ?? ''}:${c.block.port}`,
          zone,
          view: '',
          name: 'prometheus',
        },
      )
      .set(1);
  let release: (() => void) | undefined;
  c.onStartup(async () => {
    release = await http.serve(address, '/metrics', (_request, response) => {
      void import('prom-client').then(async ({ Registry }) => {
        const registry = new Registry();
        metrics.registerWith(registry);
        const text = await registry.metrics();
        response.writeHead(200, { 'content-type': registry.contentType }).end(text);
      });
    });
  });
  c.onShutdown(() => release?.());
  c.add((next) => new Prometheus(metrics, c.host.clock, next));
}
