// The emulator: store, API server, controllers and supervisor of one cluster, put together and taken apart again.

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './api/bootstrap.ts';
import { bootstrapDns } from './api/bootstrap-dns.ts';
import type { Clock } from './api/clock.ts';
import { duplexPair } from './api/duplex-pair.ts';
import { UNENFORCED, type Unenforced } from './api/resources/unenforced.ts';
import { ApiServer } from './api/server.ts';
import { formatAddress, parseRange } from './cluster/prefix.ts';
import { type Caller, localCaller, type Operations } from './control/caller.ts';
import { startControlPlane } from './controllers/control-plane.ts';
import { credentials } from './credentials.ts';
import { hostClock } from './host-clock.ts';
import { listen } from './listen.ts';
import { nodesOff, nodesUp } from './nodes-up.ts';
import { captureOperations } from './operations/capture.ts';
import type { OperationContext } from './operations/context.ts';
import { execOperations } from './operations/exec.ts';
import { exposeOperations } from './operations/expose.ts';
import { impairOperations } from './operations/impair.ts';
import { nodeOperations } from './operations/node.ts';
import { objectOperations } from './operations/objects.ts';
import { podStreams } from './operations/pod-streams.ts';
import { traceOperations } from './operations/trace.ts';
import type { ClusterSpec } from './protocol/cluster.ts';
import type { InlineWorld } from './protocol/inline.ts';
import { openStore } from './store/lmdb-store.ts';
import type { MemberEvent } from './supervisor/member.ts';
import { inlinePlacement, loadInline } from './supervisor/place-inline.ts';
import { processPlacement } from './supervisor/place-process.ts';
import { threadPlacement } from './supervisor/place-thread.ts';
import type { Placement } from './supervisor/placement.ts';
import { RunDirectory } from './supervisor/run-directory.ts';
import { FABRIC, Supervisor } from './supervisor/supervisor.ts';

/** Where a background cluster keeps what the next emulator needs. */
export interface Background {
  readonly folder: string;
  /** Milliseconds that nodes go on without an emulator. */
  readonly orphanTimeout: number;
  /** Told, in words for the user, of what cannot be as it should. */
  readonly warn: (text: string) => void;
}

export interface Emulator {
  readonly caller: Caller;
  readonly operations: Operations;
  /** What `now` and `sleep` of the cluster go by; undefined: the host's own. */
  readonly time: { now(): number; sleep(ms: number): Promise<void> } | undefined;
}

/** Whom the nodes' token stands for. */
const NODES = { name: 'system:masters', groups: ['system:masters', 'system:authenticated'] };

export async function startEmulator(
  spec: ClusterSpec,
  signal?: AbortSignal,
  background?: Background,
): Promise<Emulator> {
  const stops: (() => void | Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const fn of stops.splice(0).reverse()) await fn();
  };
  try {
    signal?.throwIfAborted();
    let api: ApiServer | undefined;
    const world = spec.placement === 'inline' ? inlineWorld(spec, () => api!) : undefined;
    const clock: Clock = world?.clock ?? hostClock();
    const folder = background?.folder;
    const controlPlane = {
      address: formatAddress(parseRange(spec.segments[0]!.cidr)!.first + 2),
      port: 6443,
    };
    const now = new Date(clock.epoch + clock.now());
    const { pki, nodeToken } = credentials(spec, controlPlane.address, now, folder);
    const store = await openStore({
      folder: folder === undefined ? undefined : join(folder, 'store'),
      warn: (text) => background?.warn(text),
    });
    stops.push(() => store.close());
    let supervisor: Supervisor | undefined;
    api = new ApiServer({
      store,
      clock,
      seed: spec.seed,
      tokens: new Map([[nodeToken, NODES]]),
      pki,
      serviceCIDR: spec.serviceCIDR,
      unenforced: unenforcedIn(spec),
      streams: podStreams((node) => supervisor!.member(node)),
    });
    stops.push(() => api.close());
    const { registry } = api;
    await bootstrap(registry, { serviceCIDR: spec.serviceCIDR, controlPlane });
    if (spec.dns.enabled && spec.runtime === 'kubernetes')
      await bootstrapDns(registry, { ...spec.dns, serviceCIDR: spec.serviceCIDR });
    const run = folder === undefined ? undefined : new RunDirectory(join(folder, 'run'));
    if (run !== undefined && (await run.states()).length === 0) await nodesOff({ registry });
    const controllers = startControlPlane({
      registry,
      clock,
      seed: spec.seed,
      podCIDR: spec.podCIDR,
      nodeMaskSize: spec.nodeCIDRMaskSize,
      nodeOrder: spec.nodes.map((n) => n.name),
      nodeMonitorGrace: spec.timing.nodeMonitorGrace,
      nodeMonitorPeriod: spec.timing.nodeMonitorPeriod,
      loadBalancerPool: servicesEnforced(spec) ? spec.loadBalancer.pool : undefined,
      caCertificate: pki.ca.certificate,
    });
    stops.push(() => controllers.stop());
    const listening = world === undefined ? await listen(api, folder) : undefined;
    if (listening !== undefined) stops.push(() => listening.close());

    const listeners = new Set<(name: string, event: MemberEvent) => void>();
    const members = new Supervisor({
      cluster: spec,
      placement: placementOf(spec, world),
      api: (name) => ({
        underlay: `${controlPlane.address}:${controlPlane.port}`,
        token: nodeToken,
        ...(name === FABRIC ? { host: `127.0.0.1:${listening?.port ?? 0}` } : {}),
      }),
      lifetime: background === undefined ? 'foreground' : 'background',
      ...(background === undefined
        ? foregroundLogs(spec)
        : {
            run: run!,
            orphanTimeout: background.orphanTimeout,
            logFile: (name: string) => join(background.folder, 'logs', `${name}.log`),
          }),
      event: (name, event) => {
        for (const listener of listeners) listener(name, event);
      },
    });
    supervisor = members;
    const context: OperationContext = {
      spec,
      supervisor: members,
      registry,
      clock,
      onEvent(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    const operations = {
      ...objectOperations(context),
      ...execOperations(context),
      ...traceOperations(context),
      ...captureOperations(context),
      ...exposeOperations(context),
      ...impairOperations(context),
      ...nodeOperations(context),
    };
    stops.push(() => members.stop());
    const waiting = world?.wait();
    try {
      await abortable(members.start(), signal);
      await abortable(nodesUp(context), signal);
    } finally {
      waiting?.();
    }
    const caller = localCaller(operations, stop);
    return world === undefined
      ? { caller, operations, time: undefined }
      : { caller: waitingCaller(caller, world), operations, time: worldTime(world) };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What has no effect in this cluster. Services have theirs where a kube-proxy runs. */
function unenforcedIn(spec: ClusterSpec): Unenforced {
  if (!servicesEnforced(spec)) return UNENFORCED;
  const { Service: _, ...rest } = UNENFORCED;
  return rest;
}

const servicesEnforced = ({ runtime, proxy, nodes }: ClusterSpec): boolean =>
  runtime === 'kubernetes' &&
  nodes.some((n) => (n.proxy.mode ?? proxy.mode) !== 'none' && !n.without.includes('kube-proxy'));

/** Virtual time moves while somebody waits for an answer. */
function waitingCaller(caller: Caller, world: InlineWorld): Caller {
  return {
    async call(...args) {
      const done = world.wait();
      try {
        return await caller.call(...args);
      } finally {
        done();
      }
    },
    async close() {
      const done = world.wait();
      await caller.close();
      done();
      world.stop();
    },
  };
}

const worldTime = (world: InlineWorld) => ({
  now: () => world.clock.now(),
  sleep: (ms: number) =>
    new Promise<void>((resolve) => {
      const done = world.wait();
      world.clock.after(ms, () => {
        done();
        resolve();
      });
    }),
});

function inlineWorld(spec: ClusterSpec, api: () => ApiServer): InlineWorld {
  const { createWorld } = loadInline(bundle('inline.cjs'));
  return createWorld({
    virtualTime: spec.virtualTime,
    dial: () => {
      const [ours, theirs] = duplexPair();
      api().serve(theirs);
      return ours;
    },
  });
}

function placementOf(spec: ClusterSpec, world: InlineWorld | undefined): Placement {
  if (world !== undefined) return inlinePlacement(world);
  const entry = bundle('node.js');
  return spec.placement === 'thread' ? threadPlacement({ entry }) : processPlacement({ entry });
}

/** A foreground run keeps no logs, unless a folder is named for them: PODWIRE_LOGS. */
function foregroundLogs({ placement }: ClusterSpec) {
  const folder = process.env['PODWIRE_LOGS'];
  if (folder !== undefined && folder !== '')
    return { logFile: (name: string) => join(folder, `${name}.log`) };
  // A process's last words are kept for its supervisor; those of a thread would be ours.
  return { logLevel: placement === 'process' ? ('warn' as const) : ('silent' as const) };
}

/** A bundle beside this one; seen from the sources, in dist/. */
export function bundle(name: string): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const beside = join(here, name);
  return existsSync(beside) ? beside : join(here, '..', 'dist', name);
}

async function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  let abort!: () => void;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
