// Carries out what a reconcile decided, one action after another. A conflict or a missing object ends the round: the
// change that caused it makes the key due again, and the next look decides anew.
import type { Clock } from '../../api/clock.ts';
import { copy, type Fields } from '../../api/fields.ts';
import { bindPod, finalizeNamespace } from '../../api/operations.ts';
import type { Registry, Target } from '../../api/registry.ts';
import { StatusError } from '../../api/status-error.ts';
import type { Action, Ref } from './controller.ts';
import { refOf } from './controller.ts';
import type { EventRecorder } from './events.ts';

export interface Applier {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly events: EventRecorder;
  readonly controller: string;
}

/** Resolves with the milliseconds after which to look again, if an action says so. */
export async function applyAll(applier: Applier, actions: readonly Action[]): Promise<number | undefined> {
  let again: number | undefined;
  for (const action of actions) {
    if (action.do === 'again') again = Math.min(again ?? action.afterMs, action.afterMs);
    else await apply(applier, action);
  }
  return again;
}

async function apply({ registry, events, controller }: Applier, action: Action): Promise<void> {
  const options = { fieldManager: 'kube-controller-manager' };
  switch (action.do) {
    case 'create': {
      const { apiVersion, kind, metadata } = action.object;
      const { info } = targetOf(registry, { apiVersion, kind, name: '' });
      const body = copy(action.object) as unknown as Fields;
      try {
        await registry.create(info, info.namespaced ? metadata.namespace : undefined, body, options);
      } catch (error) {
        if (action.unlessThere !== true || !isReason(error, 'AlreadyExists')) throw error;
      }
      return;
    }
    case 'update':
    case 'status': {
      const target = targetOf(registry, refOf(action.object));
      const next = (): Fields => copy(action.object) as unknown as Fields;
      await registry.update(
        target,
        next,
        action.do === 'status' ? { ...options, subresource: 'status' } : options,
      );
      return;
    }
    case 'finalize':
      await finalizeNamespace(
        registry,
        targetOf(registry, { apiVersion: 'v1', kind: 'Namespace', name: action.name }),
        {},
      );
      return;
    case 'delete': {
      const { ref, do: _, ...rest } = action;
      try {
        await registry.delete(targetOf(registry, ref), rest);
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error;
      }
      return;
    }
    case 'bind':
      await bindPod(
        registry,
        targetOf(registry, { apiVersion: 'v1', kind: 'Pod', namespace: action.namespace, name: action.name }),
        action.node,
      );
      return;
    case 'event':
      await events.record(controller, action.about, action.type, action.reason, action.message);
      return;
    case 'again':
      return;
  }
}

function targetOf(registry: Registry, ref: Ref): Target {
  const slash = ref.apiVersion.indexOf('/');
  const group = slash < 0 ? '' : ref.apiVersion.slice(0, slash);
  const info = registry.catalogue.findKind(group, ref.apiVersion.slice(slash + 1), ref.kind);
  if (info === undefined) throw new Error(`no resource serves ${ref.apiVersion} ${ref.kind}`);
  return { info, namespace: info.namespaced ? ref.namespace : undefined, name: ref.name };
}

const isReason = (error: unknown, reason: string): boolean =>
  error instanceof StatusError && error.status.reason === reason;
