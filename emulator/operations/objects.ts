// Operations on Kubernetes objects, through the same registry as HTTP clients.
import { copy, type Fields } from '../api/fields.ts';
import { applyMergePatch } from '../api/patch/merge-patch.ts';
import { keyOf } from '../api/registry.ts';
import { storageName } from '../api/resources/resource.ts';
import { StatusError } from '../api/status-error.ts';
import type { KubeObject } from '../api/types/meta.ts';
import type { Ref } from '../cluster/ref.ts';
import type { Operations } from '../control/caller.ts';
import { InputError } from '../input/error.ts';
import { addressOf, findObject, type OperationContext, targetOf } from './context.ts';

const MANAGER = { fieldManager: 'podwire' };

export function objectOperations(context: OperationContext): Operations {
  const { registry, spec } = context;
  return {
    spec: async () => spec,
    apply: async ({ objects }: { objects: readonly KubeObject[] }) => {
      const applied: KubeObject[] = [];
      for (const object of objects) applied.push(await applyOne(context, object));
      return applied;
    },
    get: async ({ ref }: { ref: Ref }) => findObject(registry, ref) ?? null,
    list: async ({ kind, namespace }: { kind: string; namespace?: string }) => {
      for (const info of registry.catalogue.all())
        if (info.kind === kind) return registry.store.list(storageName(info), namespace).map((s) => s.object);
      throw new InputError(`unknown kind "${kind}"`, {
        mend: 'write it as in a manifest: Pod, Node, Namespace',
      });
    },
    delete: async ({ ref }: { ref: Ref }) => {
      const target = targetOf(registry, ref);
      if (target === undefined || findObject(registry, ref) === undefined) return false;
      await registry.delete(target, { propagationPolicy: 'Background' });
      return true;
    },
    address: ({ ref }: { ref: Ref }) => addressOf(context, ref),
  };
}

/** What `kubectl apply` comes to for an object made by nobody else: created, or merged into what is there. */
async function applyOne({ registry, spec }: OperationContext, object: KubeObject): Promise<KubeObject> {
  const [group, version] = object.apiVersion.includes('/')
    ? (object.apiVersion.split('/') as [string, string])
    : (['', object.apiVersion] as const);
  const info = registry.catalogue.findKind(group, version, object.kind);
  if (info === undefined)
    throw new InputError(`no matches for kind "${object.kind}" in version "${object.apiVersion}"`, {
      mend: 'write a kind and version that Kubernetes has',
    });
  const namespace = info.namespaced ? (object.metadata.namespace ?? 'default') : undefined;
  const target = { info, namespace, name: object.metadata.name };
  const warnings: string[] = [];
  const options = { ...MANAGER, warn: (text: string) => warnings.push(text) };
  const exists =
    object.metadata.name !== undefined &&
    registry.store.get(storageName(info), keyOf(namespace, object.metadata.name)) !== undefined;
  try {
    const applied = exists
      ? await registry.update(target, (latest) => applyMergePatch(copy(latest), object) as Fields, options)
      : await registry.create(info, namespace, copy(object) as unknown as Fields, options);
    const unenforced = warnings.find((w) => w.includes('not enforced'));
    if (unenforced !== undefined && !spec.allowUnenforced)
      throw new InputError(unenforced, { mend: 'take it out, or say allowUnenforced: true' });
    return applied;
  } catch (error) {
    if (error instanceof StatusError && (error.status.code === 422 || error.status.code === 400))
      throw new InputError(error.message, { mend: 'mend the manifest' });
    throw error;
  }
}
