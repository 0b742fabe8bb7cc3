// The handler of every request, whatever brought it: health, version, discovery, and resources.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ANONYMOUS, type Authenticator } from '../auth/authenticate.ts';
import type { OpenApi } from '../openapi/openapi.ts';
import { parseResourcePath } from '../request-info.ts';
import { noSuchPath, unauthorized } from '../status-error.ts';
import type { Discovery } from './discovery.ts';
import { Exchange } from './exchange.ts';
import type { ResourceHandler } from './resource-handler.ts';

export interface HandlerOptions {
  readonly resources: ResourceHandler;
  readonly discovery: Discovery;
  readonly openapi: OpenApi;
  readonly version: object;
  readonly authenticate: Authenticator;
}

export function createHandler(options: HandlerOptions): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    const exchange = new Exchange(req, res);
    res.sendDate = false;
    handle(options, exchange).catch((error: unknown) => exchange.fail(error));
  };
}

async function handle(options: HandlerOptions, exchange: Exchange): Promise<void> {
  const user = options.authenticate(exchange.req);
  if (user === undefined) throw unauthorized();
  exchange.user = user;
  const { path } = exchange;
  const health = /^\/(healthz|livez|readyz)(\/.*)?$/.exec(path);
  if (health !== null) return answerHealth(exchange, health[1]!);
  if (path === '/version' || path === '/version/') return exchange.json(200, options.version);
  if (user === ANONYMOUS) throw unauthorized();
  if (options.discovery.handle(exchange) || options.openapi.handle(exchange)) return;
  const resource = parseResourcePath(path);
  if (resource === undefined) throw noSuchPath();
  return options.resources.handle(exchange, resource);
}

function answerHealth(exchange: Exchange, name: string): void {
  const verbose = exchange.query.has('verbose');
  exchange.send(
    200,
    verbose ? `[+]ping ok\n[+]log ok\n[+]store ok\n${name} check passed\n` : 'ok',
    'text/plain; charset=utf-8',
  );
}
