// What the server does with objects, whoever asks: HTTP clients and the controllers of this process alike.
// k8s.io/apiserver/pkg/registry/generic/registry/store.go. Each write is one decision on the latest version, so nothing
// can come between what a patch read and what it writes.
import type { ObjectStore, Stored } from '../store/store.ts';
import { accountFor, namespaceAdmits } from './admission.ts';
import type { Catalogue } from './catalogue.ts';
import type { Chance } from './chance.ts';
import { type Clock, timestamp } from './clock.ts';
import { copy, type Fields, fieldsOf, same, textOf } from './fields.ts';
import { trackUpdate } from './managed/managers.ts';
import { checkMeta } from './meta-validation.ts';
import { giveAccount } from './resources/pod-service-account.ts';
import { apiVersionOf, type Realm, type ResourceInfo, storageName } from './resources/resource.ts';
import { ServiceAddresses, serviceRange } from './resources/service-addresses.ts';
import { type Unenforced, unenforcedText } from './resources/unenforced.ts';
import { definitionOf } from './schema/definitions.ts';
import { alreadyExists, badRequest, conflict, invalid, notFound, OBJECT_MODIFIED } from './status-error.ts';
import type { KubeObject } from './types/meta.ts';

export interface WriteOptions {
  readonly dryRun?: boolean;
  readonly fieldManager?: string;
  /** Which part is written: "" for the object, "status", "scale" … */
  readonly subresource?: string;
  readonly warn?: (text: string) => void;
  /** A server-side apply, which has seen to metadata.managedFields itself. */
  readonly applied?: boolean;
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly dryRun?: boolean;
}

export interface Target {
  readonly info: ResourceInfo;
  /** undefined for what has none. */
  readonly namespace: string | undefined;
  readonly name: string;
}

/** Computes the next version from the latest. The latest must not be changed; `next` is the caller's to change. */
export type Change = (latest: KubeObject) => Fields;

export interface RegistryOptions {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly catalogue: Catalogue;
  /** "10.96.0.0/12". */
  readonly serviceCIDR: string;
  readonly unenforced: Unenforced;
  /** Pods have a service account and its token: the server signs tokens. */
  readonly serviceAccounts: boolean;
  /** Called on the way into the store, inside the write: field ownership, admission. */
  readonly observe?: (
    next: Fields,
    old: KubeObject | undefined,
    target: Target,
    options: WriteOptions,
  ) => void;
}

/** Field managers of the control plane and of nodes. */
const OWN_WRITERS = new Set(['kube-apiserver', 'kube-controller-manager', 'podwire-node']);

export const keyOf = (namespace: string | undefined, name: string): string =>
  namespace === undefined ? name : `${namespace}/${name}`;

export class Registry {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly catalogue: Catalogue;
  readonly addresses: ServiceAddresses;
  readonly unenforced: Unenforced;
  readonly #serviceAccounts: boolean;

  constructor(options: RegistryOptions) {
    this.store = options.store;
    this.clock = options.clock;
    this.chance = options.chance;
    this.catalogue = options.catalogue;
    this.unenforced = options.unenforced;
    this.#serviceAccounts = options.serviceAccounts;
    this.addresses = new ServiceAddresses(serviceRange(options.serviceCIDR), this.store, this.chance);
  }

  get(target: Target): Stored {
    const stored = this.store.get(storageName(target.info), keyOf(target.namespace, target.name));
    if (stored === undefined) throw notFound(target.info, target.name);
    return stored;
  }

  async create(
    info: ResourceInfo,
    namespace: string | undefined,
    body: Fields,
    options: WriteOptions = {},
  ): Promise<KubeObject> {
    const realm = this.#realm(options);
    const object = body;
    const metadata = this.#prepareMeta(info, namespace, object);
    const generated = metadata['name'] === undefined || metadata['name'] === '';
    if (generated && textOf(metadata['generateName']) !== '') metadata['name'] = this.#generate(metadata);
    if (this.#serviceAccounts && info.kind === 'Pod' && info.group === '') {
      const pod = { info, namespace, name: textOf(metadata['name']) };
      const account = await accountFor(object, pod, this.store, this.clock);
      if (account !== undefined) giveAccount(object, account, () => this.chance.suffix());
    }
    info.strategy.defaults?.(object);
    if (info.strategy.status === true) delete object['status'];
    info.strategy.prepareCreate?.(object, realm);
    const name = textOf(metadata['name']);
    const target: Target = { info, namespace, name };
    const faults = [...checkMeta(object, info), ...(info.strategy.validate?.(object, realm) ?? [])];
    if (faults.length > 0) throw invalid(info, name, faults);
    return this.#commit(target, options, (latest) => {
      if (latest !== undefined) throw alreadyExists(info, name);
      namespaceAdmits(this.store, target);
      info.strategy.reserve?.(object, undefined, realm);
      this.#track(object, undefined, target, options);
      this.#warnUnenforced(object, options);
      return object;
    });
  }

  #prepareMeta(info: ResourceInfo, namespace: string | undefined, object: Fields): Fields {
    const metadata: Fields = { ...fieldsOf(object['metadata']) };
    object['metadata'] = metadata;
    const said = metadata['namespace'];
    if (namespace === undefined) delete metadata['namespace'];
    else if (said === undefined || said === '') metadata['namespace'] = namespace;
    else if (said !== namespace)
      throw badRequest(
        'the namespace of the provided object does not match the namespace sent on the request',
      );
    if (textOf(metadata['resourceVersion']) !== '')
      throw badRequest('resourceVersion should not be set on objects to be created');
    for (const field of ['resourceVersion', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'selfLink'])
      delete metadata[field];
    metadata['uid'] = this.chance.uuid();
    metadata['creationTimestamp'] = timestamp(this.clock);
    if (info.strategy.generation === true || info.custom === true) metadata['generation'] = 1;
    else delete metadata['generation'];
    return metadata;
  }

  /** names.SimpleNameGenerator: the base cut to 58 characters, and five more. */
  #generate(metadata: Fields): string {
    return textOf(metadata['generateName']).slice(0, 58) + this.chance.suffix();
  }

  /** Replaces what `change` returns for the latest version: PUT, PATCH and what controllers write. */
  async update(target: Target, change: Change, options: WriteOptions = {}): Promise<KubeObject> {
    const { info, name } = target;
    const realm = this.#realm(options);
    return this.#commit(target, options, (latest) => {
      if (latest === undefined) throw notFound(info, name);
      const old = latest as KubeObject & Fields;
      const next = change(latest);
      this.#keepMeta(target, next, old);
      const part = options.subresource ?? '';
      this.#keepOtherPart(info, next, old, part);
      if (part === '') {
        info.strategy.defaults?.(next);
        info.strategy.prepareUpdate?.(next, old, realm);
      }
      this.#countGeneration(info, next, old);
      const faults = checkMeta(next, info);
      if (part !== 'status') faults.push(...(info.strategy.validate?.(next, realm) ?? []));
      if (part === '') faults.push(...(info.strategy.validateUpdate?.(next, old) ?? []));
      if (faults.length > 0) throw invalid(info, name, faults);
      if (part === '') info.strategy.reserve?.(next, old, realm);
      this.#track(next, latest, target, options);
      if (part === '') this.#warnUnenforced(next, options);
      return unchanged(next, old) ? undefined : next;
    });
  }

  #warnUnenforced(object: Fields, { warn }: WriteOptions): void {
    const text = unenforcedText(object as unknown as KubeObject, this.unenforced);
    if (text !== undefined) warn?.(text);
  }

  /**
   * Field ownership. Nodes and controllers write often and apply nothing: on an object that no client's ownership is kept
   * for, theirs is not kept either, which upstream does at the price of half of each object's size.
   */
  #track(next: Fields, old: KubeObject | undefined, { info }: Target, options: WriteOptions): void {
    if (options.applied === true) return;
    const manager = options.fieldManager ?? '';
    const kept = old?.metadata.managedFields;
    if (manager === '' || (kept === undefined && OWN_WRITERS.has(manager))) {
      const metadata = next['metadata'] as Fields;
      if (kept === undefined) delete metadata['managedFields'];
      else metadata['managedFields'] = kept;
      return;
    }
    const writer = {
      manager,
      apiVersion: apiVersionOf(info),
      subresource: options.subresource ?? '',
      time: timestamp(this.clock),
    };
    trackUpdate(next, old as (KubeObject & Fields) | undefined, writer, definitionOf(info));
  }

  /** What an update may not change, or what a stale one must be told. */
  #keepMeta(target: Target, next: Fields, old: KubeObject): void {
    const { info, name } = target;
    const metadata: Fields = { ...fieldsOf(next['metadata']) };
    next['metadata'] = metadata;
    const said = textOf(metadata['resourceVersion']);
    if (said !== '' && said !== old.metadata.resourceVersion) throw conflict(info, name, OBJECT_MODIFIED);
    const uid = textOf(metadata['uid']);
    if (uid !== '' && uid !== old.metadata.uid)
      throw conflict(
        info,
        name,
        `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`,
      );
    if (metadata['name'] !== undefined && metadata['name'] !== name)
      throw badRequest(
        `the name of the object (${metadata['name']}) does not match the name on the URL (${name})`,
      );
    if (
      metadata['namespace'] !== undefined &&
      metadata['namespace'] !== target.namespace &&
      target.namespace !== undefined
    )
      throw badRequest('the namespace of the object does not match the namespace on the request');
    if (next['kind'] !== undefined && next['kind'] !== old.kind)
      throw badRequest('the kind of the object may not change');
    next['apiVersion'] = old.apiVersion;
    next['kind'] = old.kind;
    const kept = old.metadata as unknown as Fields;
    for (const field of [
      'name',
      'namespace',
      'uid',
      'creationTimestamp',
      'generation',
      'generateName',
      'resourceVersion',
      'deletionTimestamp',
      'deletionGracePeriodSeconds',
    ]) {
      if (kept[field] === undefined) delete metadata[field];
      else metadata[field] = kept[field];
    }
  }

  /** A write to the object leaves the status alone, one to a subresource everything else. */
  #keepOtherPart(info: ResourceInfo, next: Fields, old: Fields, part: string): void {
    if (part === '') {
      if (info.strategy.status !== true) return;
      if (old['status'] === undefined) delete next['status'];
      else next['status'] = old['status'];
      return;
    }
    if (part !== 'status') return;
    for (const name of Object.keys(next)) if (name !== 'status' && name !== 'metadata') delete next[name];
    for (const name of Object.keys(old)) if (name !== 'status' && name !== 'metadata') next[name] = old[name];
    const metadata = next['metadata'] as Fields;
    const kept = fieldsOf(old['metadata']);
    for (const field of ['labels', 'ownerReferences', 'finalizers']) {
      if (info.kind === 'Node' && field === 'labels') continue;
      if (kept[field] === undefined) delete metadata[field];
      else metadata[field] = kept[field];
    }
  }

  #countGeneration(info: ResourceInfo, next: Fields, old: Fields): void {
    if (info.strategy.generation !== true && info.custom !== true) return;
    const metadata = next['metadata'] as Fields;
    const before = metadata['generation'];
    const changed =
      info.custom === true || old['spec'] === undefined
        ? !sameButStatus(next, old)
        : !same(next['spec'], old['spec']);
    if (changed) metadata['generation'] = (typeof before === 'number' ? before : 0) + 1;
  }

  async delete(target: Target, options: DeleteOptions = {}): Promise<{ object: KubeObject; gone: boolean }> {
    const { info, name } = target;
    let gone = false;
    let marked: Fields | undefined;
    const resource = storageName(info);
    const key = keyOf(target.namespace, name);
    const decide = (latest: Stored | undefined) => {
      if (latest === undefined) throw notFound(info, name);
      checkPreconditions(target, latest.object, options);
      marked = this.#markDeleted(info, latest.object, options);
      gone = marked === undefined;
      if (gone) {
        info.strategy.reserve?.(undefined, latest.object as KubeObject & Fields, this.#realm({}));
        return { remove: latest.object };
      }
      return same(marked, latest.object)
        ? ({ keep: true } as const)
        : { put: marked as unknown as KubeObject };
    };
    if (options.dryRun === true) {
      const latest = this.store.get(resource, key);
      if (latest === undefined) throw notFound(info, name);
      checkPreconditions(target, latest.object, options);
      return { object: latest.object, gone: true };
    }
    const stored = await this.store.write(resource, key, decide);
    return { object: stored!.object, gone };
  }

  /** The object with its deletion begun, or undefined when nothing holds it: rest.BeforeDelete and finalizers. */
  #markDeleted(info: ResourceInfo, object: KubeObject, options: DeleteOptions): Fields | undefined {
    const finalizers = new Set(object.metadata.finalizers ?? []);
    const policy = options.propagationPolicy;
    if (policy === 'Foreground') finalizers.add('foregroundDeletion').delete('orphan');
    else if (policy === 'Orphan') finalizers.add('orphan').delete('foregroundDeletion');
    else if (policy === 'Background') {
      finalizers.delete('orphan');
      finalizers.delete('foregroundDeletion');
    }
    const before = object.metadata.deletionGracePeriodSeconds;
    let grace = info.strategy.grace?.(object as KubeObject & Fields, options.gracePeriodSeconds) ?? 0;
    // A second delete may shorten the wait, never lengthen it.
    if (before !== undefined) grace = Math.min(before, grace);
    const namespace = info.kind === 'Namespace' && info.group === '';
    const heldBySpec =
      namespace &&
      ((object as KubeObject & { spec?: { finalizers?: string[] } }).spec?.finalizers?.length ?? 0) > 0;
    if (grace <= 0 && finalizers.size === 0 && !heldBySpec) return undefined;
    const next = { ...object } as unknown as Fields;
    const metadata: Fields = { ...object.metadata };
    next['metadata'] = metadata;
    if (metadata['deletionTimestamp'] === undefined || grace < (before ?? 0)) {
      metadata['deletionTimestamp'] = timestamp(this.clock, grace * 1000);
      if (
        info.strategy.generation === true &&
        typeof metadata['generation'] === 'number' &&
        before === undefined
      )
        metadata['generation'] = metadata['generation'] + 1;
    }
    metadata['deletionGracePeriodSeconds'] = grace;
    if (finalizers.size > 0) metadata['finalizers'] = [...finalizers];
    else delete metadata['finalizers'];
    if (namespace) next['status'] = { ...fieldsOf(next['status']), phase: 'Terminating' };
    return next;
  }

  async #commit(
    target: Target,
    options: WriteOptions,
    decide: (latest: KubeObject | undefined) => Fields | undefined,
  ): Promise<KubeObject> {
    const resource = storageName(target.info);
    const key = keyOf(target.namespace, target.name);
    if (options.dryRun === true) {
      const latest = this.store.get(resource, key)?.object;
      const next = decide(latest);
      return (next ?? latest) as KubeObject;
    }
    let removed: KubeObject | undefined;
    const stored = await this.store.write(resource, key, (latest) => {
      const next = decide(latest?.object);
      if (next === undefined) return { keep: true };
      if (latest !== undefined && released(next, target.info)) {
        removed = next as unknown as KubeObject;
        target.info.strategy.reserve?.(undefined, next, this.#realm(options));
        return { remove: removed };
      }
      return { put: next as unknown as KubeObject };
    });
    return stored!.object;
  }

  #realm(options: WriteOptions): Realm {
    return {
      store: this.store,
      clock: this.clock,
      chance: this.chance,
      addresses: this.addresses,
      dryRun: options.dryRun === true,
      warn: options.warn ?? (() => {}),
    };
  }

  /** A copy of the latest version for a caller that changes it. */
  draft(target: Target): Fields {
    return copy(this.get(target).object) as unknown as Fields;
  }

  apiVersion(info: ResourceInfo): string {
    return apiVersionOf(info);
  }
}

/** An update that takes away the last finalizer of an object whose deletion waits only for it: the object goes. */
function released(next: Fields, info: ResourceInfo): boolean {
  const metadata = fieldsOf(next['metadata']);
  if (metadata['deletionTimestamp'] === undefined) return false;
  if (((metadata['finalizers'] as readonly string[] | undefined)?.length ?? 0) > 0) return false;
  if (info.kind === 'Namespace' && info.group === '') {
    const left = fieldsOf(next['spec'])['finalizers'];
    return !Array.isArray(left) || left.length === 0;
  }
  return (metadata['deletionGracePeriodSeconds'] ?? 0) === 0;
}

function checkPreconditions(target: Target, object: KubeObject, options: DeleteOptions): void {
  const { uid, resourceVersion } = object.metadata;
  if (options.uid !== undefined && options.uid !== uid)
    throw conflict(
      target.info,
      target.name,
      `Precondition failed: UID in precondition: ${options.uid}, UID in object meta: ${uid}`,
    );
  if (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion)
    throw conflict(
      target.info,
      target.name,
      `Precondition failed: ResourceVersion in precondition: ${options.resourceVersion}, ResourceVersion in object meta: ${resourceVersion}`,
    );
}

/** Nothing but the times of field ownership differs: no new version is made of it. */
function unchanged(next: Fields, old: Fields): boolean {
  const names = new Set([...Object.keys(next), ...Object.keys(old)]);
  for (const name of names) {
    if (name === 'metadata') {
      if (!same(withoutManagers(next[name]), withoutManagers(old[name]))) return false;
      if (!sameManagers(next[name], old[name])) return false;
    } else if (!same(next[name], old[name])) return false;
  }
  return true;
}

function withoutManagers(metadata: unknown): Fields {
  const { managedFields: _, ...rest } = fieldsOf(metadata);
  return rest;
}

function sameManagers(a: unknown, b: unknown): boolean {
  const strip = (metadata: unknown): unknown =>
    ((fieldsOf(metadata)['managedFields'] as Fields[] | undefined) ?? []).map(({ time: _, ...rest }) => rest);
  return same(strip(a), strip(b));
}

function sameButStatus(a: Fields, b: Fields): boolean {
  const strip = ({ status: _, metadata: __, ...rest }: Fields): Fields => rest;
  return same(strip(a), strip(b));
}
