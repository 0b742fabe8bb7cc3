// The health checks that load balancers ask for before they send a node traffic (pkg/proxy/healthcheck/service_health.go), and
// kube-proxy's own (proxy_health.go): /healthz and /livez on port 10256.
import type { Clock } from '../kernel/clock/clock.ts';
import { httpServer } from '../sockets/http.ts';
import type { SocketStack } from '../sockets/stack.ts';
import type { Endpoint, ServicePort } from './types.ts';

export const HEALTHZ_PORT = 10_256;

/** Ports of the Services that have one, and ready endpoints on this node, by Service. */
export function healthChecks(
  units: Iterable<{ readonly port: ServicePort; readonly endpoints: readonly Endpoint[] }>,
): Map<string, { readonly port: number; readonly endpoints: number }> {
  const found = new Map<string, { port: number; ips: Set<string> }>();
  for (const { port, endpoints } of units) {
    if (port.healthCheckNodePort === 0) continue;
    const check = found.get(port.service) ?? { port: port.healthCheckNodePort, ips: new Set<string>() };
    found.set(port.service, check);
    for (const e of endpoints) if (e.local && e.ready) check.ips.add(e.ip);
  }
  return new Map([...found].map(([key, { port, ips }]) => [key, { port, endpoints: ips.size }]));
}

interface Server {
  readonly port: number;
  endpoints: number;
  stop: () => void;
}

export interface HealthOptions {
  readonly stack: SocketStack;
  readonly clock: Clock;
  /** Milliseconds without a finished sync, while one is due, after which the proxy counts as unhealthy. */
  readonly timeout: number;
  readonly log: { error(fields: object, message: string): void };
}

export class HealthServers {
  readonly #options: HealthOptions;
  readonly #services = new Map<string, Server>();
  #stopOwn: (() => void) | undefined;
  #stopped = false;
  #syncedAt = 0;
  #queuedAt: number | undefined;
  #everSynced = false;

  constructor(options: HealthOptions) {
    this.#options = options;
    void this.#own();
  }

  /** A change waits to be written. */
  queued(): void {
    this.#queuedAt ??= this.#options.clock.now();
  }
  synced(): void {
    this.#everSynced = true;
    this.#queuedAt = undefined;
    this.#syncedAt = this.#options.clock.now();
  }
  get healthy(): boolean {
    if (!this.#everSynced) return false;
    return this.#queuedAt === undefined || this.#options.clock.now() - this.#queuedAt < this.#options.timeout;
  }

  sync(wanted: ReadonlyMap<string, { readonly port: number; readonly endpoints: number }>): void {
    for (const [service, server] of this.#services) {
      const now = wanted.get(service);
      if (now?.port === server.port) continue;
      server.stop();
      this.#services.delete(service);
    }
    for (const [service, { port, endpoints }] of wanted) {
      const there = this.#services.get(service);
      if (there !== undefined) there.endpoints = endpoints;
      else this.#open(service, port, endpoints);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#stopOwn?.();
    for (const server of this.#services.values()) server.stop();
    this.#services.clear();
  }

  #open(service: string, port: number, endpoints: number): void {
    const { stack, log } = this.#options;
    const server: Server = { port, endpoints, stop: () => {} };
    this.#services.set(service, server);
    const [namespace, name] = service.split('/');
    httpServer(stack, { port }, (_, response) => {
      const { healthy } = this;
      const count = server.endpoints;
      response.writeHead(count > 0 && healthy ? 200 : 503, {
        'Content-Type': 'application/json',
        'X-Content-Type-Options': 'nosniff',
        'X-Load-Balancing-Endpoint-Weight': String(count),
      });
      const body = { service: { namespace, name }, localEndpoints: count, serviceProxyHealthy: healthy };
      response.end(JSON.stringify(body, undefined, '\t'));
    }).then(
      ({ stop }) => {
        if (this.#services.get(service) === server && !this.#stopped) server.stop = stop;
        else stop();
      },
      (error: Error) => {
        this.#services.delete(service);
        log.error({ service, port, err: error.message }, 'Failed to start healthcheck');
      },
    );
  }

  async #own(): Promise<void> {
    const { stack, clock, log } = this.#options;
    const started = clock.now();
    try {
      const { stop } = await httpServer(stack, { port: HEALTHZ_PORT }, (request, response) => {
        const path = (request.url ?? '').split('?')[0];
        if (path !== '/healthz' && path !== '/livez') {
          response.writeHead(404).end();
          return;
        }
        const at = (ms: number): string => new Date(clock.epoch + ms).toISOString();
        const updated = this.#everSynced ? this.#syncedAt : started;
        response.writeHead(this.healthy ? 200 : 503, {
          'Content-Type': 'application/json',
          'X-Content-Type-Options': 'nosniff',
        });
        response.end(JSON.stringify({ lastUpdated: at(updated), currentTime: at(clock.now()) }));
      });
      if (this.#stopped) stop();
      else this.#stopOwn = stop;
    } catch (error) {
      log.error({ err: (error as Error).message }, 'Healthz server failed');
    }
  }
}
