// The API server as one value: a store, a clock and credentials go in; connections of any kind are served. It opens no
// port of its own: the emulator hands it sockets of its loopback listener, streams the fabric relays, and in-memory
// pairs for nodes that live in the same process.
import { createServer, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ObjectStore } from '../store/store.ts';
import { createAuthenticator, tokenUser } from './auth/authenticate.ts';
import type { Pki } from './auth/pki.ts';
import { TokenSigner } from './auth/token.ts';
import { Catalogue } from './catalogue.ts';
import { Chance } from './chance.ts';
import type { Clock } from './clock.ts';
import { Connections } from './http/connections.ts';
import { Discovery } from './http/discovery.ts';
import type { User } from './http/exchange.ts';
import { createHandler } from './http/handler.ts';
import { ResourceHandler } from './http/resource-handler.ts';
import { Subresources } from './http/subresources.ts';
import { WatchHub } from './http/watch.ts';
import { OpenApi } from './openapi/openapi.ts';
import { Registry } from './registry.ts';
import { UNENFORCED, type Unenforced } from './resources/unenforced.ts';
import type { PodStreams } from './streams/pod-streams.ts';
import { awaitUpgrade } from './streams/upgrade.ts';
import { versionInfo } from './version.ts';

export interface ApiServerOptions {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly seed: number;
  /** Bearer tokens, and whom they stand for. */
  readonly tokens: ReadonlyMap<string, User>;
  /** For TLS, client certificates and service account tokens; without it connections are plain HTTP. */
  readonly pki?: Pki;
  /** Where Services get their addresses: "10.96.0.0/12". */
  readonly serviceCIDR?: string;
  /** Kinds that have no effect in this cluster, and why; what is said when this is not. */
  readonly unenforced?: Unenforced;
  /** Execs, logs and forwarded ports; without it they answer that no node is there. */
  readonly streams?: PodStreams;
  /** What /version says: "1.32". */
  readonly kubernetesVersion?: string;
}

export class ApiServer {
  readonly registry: Registry;
  readonly catalogue = new Catalogue();
  #http: Server;
  #watches: WatchHub;
  #connections: Connections;

  constructor(options: ApiServerOptions) {
    const { store, clock } = options;
    this.registry = new Registry({
      store,
      clock,
      chance: new Chance(options.seed, store.revision),
      catalogue: this.catalogue,
      serviceCIDR: options.serviceCIDR ?? '10.96.0.0/12',
      unenforced: options.unenforced ?? UNENFORCED,
      serviceAccounts: options.pki !== undefined,
    });
    const signer = options.pki === undefined ? undefined : new TokenSigner(options.pki.serviceAccountKey);
    const credentials = { tokens: options.tokens, signer, store, clock };
    this.#watches = new WatchHub(store, clock);
    const resources = new ResourceHandler({
      registry: this.registry,
      catalogue: this.catalogue,
      watches: this.#watches,
      subresources: new Subresources({
        registry: this.registry,
        signer,
        userOf: (token) => tokenUser(token, credentials),
        streams: options.streams,
      }),
    });
    const handler = createHandler({
      resources,
      discovery: new Discovery(this.catalogue),
      openapi: new OpenApi(this.catalogue),
      version: versionInfo(options.kubernetesVersion ?? '1.32'),
      authenticate: createAuthenticator(credentials),
    });
    // Timeouts of node:http run on the host's clock; a virtual cluster's requests take none of that time.
    this.#http = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 }, handler);
    this.#http.timeout = 0;
    // An upgrade is a request like any other, until it is answered.
    this.#http.on('upgrade', (req, socket, head) => {
      handler(req, awaitUpgrade(req, socket, head));
    });
    this.#connections = new Connections(this.#http, options.pki);
  }

  /** Serves one connection, TLS or plain HTTP, whatever carries it. */
  serve(stream: Duplex): void {
    this.#connections.accept(stream);
  }

  /** Ends watches and connections. The store stays open: it is its owner's. */
  close(): void {
    this.#watches.close();
    this.#connections.destroy();
    this.#http.close();
  }
}
