// Runs controllers: follows what each of them follows, queues the keys, and applies what their reconciles decide. One
// runtime per control plane; stopping it leaves the objects as they are.
import { Chance } from '../../api/chance.ts';
import type { Clock, Timer } from '../../api/clock.ts';
import type { Registry } from '../../api/registry.ts';
import { StatusError } from '../../api/status-error.ts';
import { applyAll } from './apply.ts';
import type { Controller } from './controller.ts';
import { EventRecorder } from './events.ts';
import { StoreView } from './view.ts';
import { WorkQueue } from './work-queue.ts';

export interface RuntimeLog {
  warn(fields: object, message: string): void;
}

export interface RuntimeOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly seed: number;
  readonly log?: RuntimeLog;
  /** Keys of one controller that are worked on at once. */
  readonly concurrency?: number;
}

export interface Running {
  stop(): void;
}

export function runControllers(controllers: readonly Controller[], options: RuntimeOptions): Running {
  const { registry, clock } = options;
  const view = new StoreView(registry.store);
  const events = new EventRecorder(registry, clock);
  const stops = controllers.map((controller, i) => {
    const chance = new Chance(options.seed, registry.store.revision * 64 + i);
    return runOne(controller, view, events, chance, options);
  });
  return {
    stop: () => {
      for (const stop of stops) stop();
      view.stop();
    },
  };
}

function runOne(
  controller: Controller,
  view: StoreView,
  events: EventRecorder,
  chance: Chance,
  { registry, clock, log, concurrency = 16 }: RuntimeOptions,
): () => void {
  const { store } = registry;
  const queue = new WorkQueue(clock, concurrency, async (key) => {
    try {
      const actions = controller.reconcile(key, { view, now: clock.epoch + clock.now(), chance });
      const applier = { registry, clock, events, controller: controller.name };
      const again = await applyAll(applier, actions);
      if (again !== undefined) queue.addAfter(key, again);
    } catch (error) {
      if (!expectable(error))
        log?.warn({ controller: controller.name, key, err: String(error) }, 'reconcile failed; trying again');
      throw error;
    }
  });
  const enqueueAll = (): void => {
    for (const follow of controller.follows)
      for (const { object } of store.list(follow.resource))
        for (const key of follow.keys(object, view)) queue.add(key);
  };
  const watches = controller.follows.map((follow) =>
    store.watch(follow.resource, store.revision, (event) => {
      for (const key of follow.keys(event.stored.object, view)) queue.add(key);
      if (event.previous !== undefined)
        for (const key of follow.keys(event.previous.object, view)) queue.add(key);
    }),
  );
  enqueueAll();
  let timer: Timer | undefined;
  const resync = (): void => {
    enqueueAll();
    timer = clock.after(controller.resyncMs!, resync);
  };
  if (controller.resyncMs !== undefined) timer = clock.after(controller.resyncMs, resync);
  return () => {
    timer?.cancel();
    for (const watch of watches) watch.stop();
    queue.stop();
  };
}

/** Races that the next look settles: nothing to tell anyone about. */
const expectable = (error: unknown): boolean =>
  error instanceof StatusError && (error.code === 409 || error.code === 404);
