// Rows of nodes, namespaces, configuration and events: printers.go.
import type { ConfigMap, Event, Namespace, Secret, ServiceAccount } from '../types/core.ts';
import type { KubeObject } from '../types/meta.ts';
import type { Lease, Node } from '../types/node.ts';
import { columns, type TableDef } from './columns.ts';
import { age } from './duration.ts';

const node: TableDef<Node> = {
  columns: columns(
    'Name:name Status Roles Age Version Internal-IP? External-IP? OS-Image? Kernel-Version? Container-Runtime?',
  ),
  cells(object, now) {
    const info = object.status?.nodeInfo;
    const address = (type: string): string =>
      object.status?.addresses?.find((a) => a.type === type)?.address ?? '<none>';
    return [
      object.metadata.name,
      nodeStatus(object),
      roles(object),
      age(object.metadata.creationTimestamp, now),
      info?.kubeletVersion ?? '',
      address('InternalIP'),
      address('ExternalIP'),
      info?.osImage || '<unknown>',
      info?.kernelVersion || '<unknown>',
      info?.containerRuntimeVersion || '<unknown>',
    ];
  },
};

function nodeStatus(object: Node): string {
  const ready = object.status?.conditions?.find((c) => c.type === 'Ready')?.status;
  const text = ready === undefined ? 'Unknown' : ready === 'True' ? 'Ready' : 'NotReady';
  return object.spec.unschedulable === true ? `${text},SchedulingDisabled` : text;
}

const ROLE = 'node-role.kubernetes.io/';

function roles(object: Node): string {
  const found = new Set<string>();
  for (const [key, value] of Object.entries(object.metadata.labels ?? {})) {
    if (key.startsWith(ROLE) && key.length > ROLE.length) found.add(key.slice(ROLE.length));
    else if (key === 'kubernetes.io/role' && value !== '') found.add(value);
  }
  return found.size === 0 ? '<none>' : [...found].sort().join(',');
}

const namespace: TableDef<Namespace> = {
  columns: columns('Name:name Status Age'),
  cells: (object, now) => [
    object.metadata.name,
    object.status?.phase ?? '',
    age(object.metadata.creationTimestamp, now),
  ],
};

const configMap: TableDef<ConfigMap> = {
  columns: columns('Name:name Data Age'),
  cells: (object, now) => [
    object.metadata.name,
    Object.keys(object.data ?? {}).length + Object.keys(object.binaryData ?? {}).length,
    age(object.metadata.creationTimestamp, now),
  ],
};

const secret: TableDef<Secret> = {
  columns: columns('Name:name Type Data Age'),
  cells: (object, now) => [
    object.metadata.name,
    object.type ?? '',
    Object.keys(object.data ?? {}).length,
    age(object.metadata.creationTimestamp, now),
  ],
};

const serviceAccount: TableDef<ServiceAccount> = {
  columns: columns('Name:name Secrets Age'),
  cells: (object, now) => [
    object.metadata.name,
    object.secrets?.length ?? 0,
    age(object.metadata.creationTimestamp, now),
  ],
};

const lease: TableDef<Lease> = {
  columns: columns('Name:name Holder Age'),
  cells: (object, now) => [
    object.metadata.name,
    object.spec?.holderIdentity ?? '',
    age(object.metadata.creationTimestamp, now),
  ],
};

const event: TableDef<Event> = {
  columns: columns('Last_Seen Type Reason Object Subobject? Source? Message First_Seen? Count? Name:name?'),
  cells(object, now) {
    const { involvedObject: about, source } = object;
    const count = object.series?.count ?? object.count ?? 1;
    const first = object.firstTimestamp ?? object.eventTime;
    const last = object.series?.lastObservedTime ?? object.lastTimestamp ?? first;
    const firstSeen = age(first ?? undefined, now);
    return [
      age(last ?? undefined, now),
      object.type ?? '',
      object.reason ?? '',
      `${(about.kind ?? '').toLowerCase()}/${about.name ?? ''}`,
      about.fieldPath ?? '',
      [source?.component || object.reportingComponent, source?.host]
        .filter((s) => s !== undefined && s !== '')
        .join(', '),
      (object.message ?? '').trim(),
      firstSeen,
      String(count),
      object.metadata.name,
    ];
  },
};

/** Stored and shown, without behaviour. */
const plain = <T extends KubeObject>(
  names: string,
  cells: (object: T & { spec: never; status: never }) => readonly (string | number | boolean)[],
): TableDef<T> => ({
  columns: columns(`Name:name ${names} Age`),
  cells: (object, now) => [
    object.metadata.name,
    ...cells(object as never),
    age(object.metadata.creationTimestamp, now),
  ],
});

interface Loose extends KubeObject {
  readonly [name: string]: unknown;
}
const at = (object: unknown, ...path: string[]): string => {
  let value = object;
  for (const step of path) value = (value as Record<string, unknown> | undefined)?.[step];
  return value === undefined || value === null ? '' : String(value);
};

const createdAt: TableDef = {
  columns: columns('Name:name Created_At:date'),
  cells: (object) => [object.metadata.name, object.metadata.creationTimestamp ?? ''],
};

const binding: TableDef<Loose> = {
  columns: columns('Name:name Role Age'),
  cells: (object, now) => [
    object.metadata.name,
    `${at(object, 'roleRef', 'kind')}/${at(object, 'roleRef', 'name')}`,
    age(object.metadata.creationTimestamp, now),
  ],
};

export const clusterTables: Readonly<Record<string, TableDef<never>>> = {
  Node: node,
  Namespace: namespace,
  ConfigMap: configMap,
  Secret: secret,
  ServiceAccount: serviceAccount,
  Lease: lease,
  Event: event,
  PriorityClass: {
    columns: columns('Name:name Value# Global-Default Age PreemptionPolicy'),
    cells: (object: Loose, now: number) => [
      object.metadata.name,
      Number(object['value'] ?? 0),
      at(object, 'globalDefault') || 'false',
      age(object.metadata.creationTimestamp, now),
      at(object, 'preemptionPolicy'),
    ],
  } as TableDef<never>,
  StorageClass: plain<Loose>('Provisioner ReclaimPolicy VolumeBindingMode AllowVolumeExpansion', (o) => [
    at(o, 'provisioner'),
    at(o, 'reclaimPolicy') || 'Delete',
    at(o, 'volumeBindingMode') || 'Immediate',
    at(o, 'allowVolumeExpansion') || 'false',
  ]) as TableDef<never>,
  PersistentVolumeClaim: plain<Loose>('Status Volume Capacity Access_Modes StorageClass', (o) => [
    at(o, 'status', 'phase'),
    at(o, 'spec', 'volumeName'),
    at(o, 'status', 'capacity', 'storage'),
    at(o, 'status', 'accessModes'),
    at(o, 'spec', 'storageClassName'),
  ]) as TableDef<never>,
  Role: createdAt as TableDef<never>,
  ClusterRole: createdAt as TableDef<never>,
  RoleBinding: binding as TableDef<never>,
  ClusterRoleBinding: binding as TableDef<never>,
  CustomResourceDefinition: createdAt as TableDef<never>,
};
