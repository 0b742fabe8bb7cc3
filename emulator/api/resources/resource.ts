// What the server knows of one resource: its names, what can be done with it, and the strategy by which objects of its
// kind are defaulted, checked and changed (k8s.io/kubernetes/pkg/registry/<group>/<resource>/strategy.go).

import type { ObjectStore } from '../../store/store.ts';
import type { Chance } from '../chance.ts';
import type { Clock } from '../clock.ts';
import type { Fields } from '../fields.ts';
import type { FieldError } from '../status-error.ts';
import type { TableDef } from '../table/columns.ts';
import type { ServiceAddresses } from './service-addresses.ts';

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

export interface SubresourceInfo {
  readonly name: string;
  readonly kind: string;
  /** Where the subresource's kind differs from the resource's in group or version: Scale, Eviction. */
  readonly group?: string;
  readonly version?: string;
  readonly verbs: readonly ('create' | 'get' | 'patch' | 'update' | 'delete')[];
}

export interface ResourceInfo {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly kind: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly verbs: readonly Verb[];
  readonly subresources: readonly SubresourceInfo[];
  readonly strategy: Strategy;
  /** Set for a version that is stored as another: events.k8s.io/v1 Events are core/v1 Events. */
  readonly storedAs?: StoredAs;
  /** A custom resource, whose schema is in its definition. */
  readonly custom?: boolean;
  /** openAPIV3Schema of a custom resource. */
  readonly schema?: Fields;
  /** Columns of a custom resource. */
  readonly table?: TableDef;
}

export interface StoredAs {
  readonly group: string;
  readonly resource: string;
  toStored(object: Fields): Fields;
  fromStored(object: Fields): Fields;
}

/** What strategies may use of the server they run in. */
export interface Realm {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly addresses: ServiceAddresses;
  /** Nothing that is decided will be stored. */
  readonly dryRun: boolean;
  /** Text for the Warning header of the request in hand. */
  warn(text: string): void;
}

export interface Strategy {
  /** metadata.generation counts changes of the spec. */
  readonly generation?: boolean;
  /** Status is written through /status only: elsewhere what a body says of it is ignored. */
  readonly status?: boolean;
  /** PUT to a name that is not there creates it. */
  readonly createOnUpdate?: boolean;
  /** Which names are allowed; a DNS subdomain when not said. */
  readonly names?: 'dns-label' | 'dns-1035-label' | 'dns-subdomain' | 'path-segment';
  /** Fields that `fieldSelector` may name besides metadata.name and metadata.namespace. */
  readonly selectable?: readonly string[];
  /** Fills in what a body left out: pkg/apis/<group>/<version>/defaults.go. */
  defaults?(object: Fields): void;
  prepareCreate?(object: Fields, realm: Realm): void;
  prepareUpdate?(next: Fields, old: Fields, realm: Realm): void;
  validate?(object: Fields, realm: Realm): FieldError[];
  validateUpdate?(next: Fields, old: Fields): FieldError[];
  /** Takes and gives back what objects of the kind occupy: addresses and ports. Runs inside the write, last. */
  reserve?(next: Fields | undefined, old: Fields | undefined, realm: Realm): void;
  /** Seconds to leave an object that is being deleted; undefined: gone at once. */
  grace?(object: Fields, asked: number | undefined): number | undefined;
}

export const ALL_VERBS: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];

/** "deployments.apps": how the store names a resource. */
export const storageName = (info: ResourceInfo): string => {
  const { group, resource } = info.storedAs ?? info;
  return group === '' ? resource : `${resource}.${group}`;
};

export const apiVersionOf = (info: { readonly group: string; readonly version: string }): string =>
  info.group === '' ? info.version : `${info.group}/${info.version}`;
