// Rows of what makes pods: printers.go.
import type { LabelSelector } from '../types/meta.ts';
import type { PodTemplateSpec } from '../types/pod.ts';
import { formatLabelSelector } from '../types/selector.ts';
import type {
  ControllerRevision,
  CronJob,
  DaemonSet,
  Deployment,
  Job,
  ReplicaSet,
  StatefulSet,
} from '../types/workload.ts';
import { columns, type TableDef } from './columns.ts';
import { age, humanDuration } from './duration.ts';

const containers = (template: PodTemplateSpec | undefined): [string, string] => {
  const list = template?.spec.containers ?? [];
  return [list.map((c) => c.name).join(','), list.map((c) => c.image ?? '').join(',')];
};
const selector = (s: LabelSelector | undefined): string => formatLabelSelector(s ?? {}) || '<none>';

const deployment: TableDef<Deployment> = {
  columns: columns('Name:name Ready Up-to-date Available Age Containers? Images? Selector?'),
  cells: (object, now) => [
    object.metadata.name,
    `${object.status?.readyReplicas ?? 0}/${object.spec.replicas ?? 1}`,
    object.status?.updatedReplicas ?? 0,
    object.status?.availableReplicas ?? 0,
    age(object.metadata.creationTimestamp, now),
    ...containers(object.spec.template),
    selector(object.spec.selector),
  ],
};

const replicaSet: TableDef<ReplicaSet> = {
  columns: columns('Name:name Desired# Current# Ready# Age Containers? Images? Selector?'),
  cells: (object, now) => [
    object.metadata.name,
    object.spec.replicas ?? 1,
    object.status?.replicas ?? 0,
    object.status?.readyReplicas ?? 0,
    age(object.metadata.creationTimestamp, now),
    ...containers(object.spec.template),
    selector(object.spec.selector),
  ],
};

const daemonSet: TableDef<DaemonSet> = {
  columns: columns(
    'Name:name Desired# Current# Ready# Up-to-date# Available# Node_Selector Age Containers? Images? Selector?',
  ),
  cells(object, now) {
    const pairs = Object.entries(object.spec.template.spec.nodeSelector ?? {}).map(([k, v]) => `${k}=${v}`);
    return [
      object.metadata.name,
      object.status?.desiredNumberScheduled ?? 0,
      object.status?.currentNumberScheduled ?? 0,
      object.status?.numberReady ?? 0,
      object.status?.updatedNumberScheduled ?? 0,
      object.status?.numberAvailable ?? 0,
      pairs.length === 0 ? '<none>' : pairs.sort().join(','),
      age(object.metadata.creationTimestamp, now),
      ...containers(object.spec.template),
      selector(object.spec.selector),
    ];
  },
};

const statefulSet: TableDef<StatefulSet> = {
  columns: columns('Name:name Ready Age Containers? Images?'),
  cells: (object, now) => [
    object.metadata.name,
    `${object.status?.readyReplicas ?? 0}/${object.spec.replicas ?? 1}`,
    age(object.metadata.creationTimestamp, now),
    ...containers(object.spec.template),
  ],
};

const job: TableDef<Job> = {
  columns: columns('Name:name Status Completions Duration Age Containers? Images? Selector?'),
  cells: (object, now) => [
    object.metadata.name,
    jobStatus(object),
    completions(object),
    duration(object, now),
    age(object.metadata.creationTimestamp, now),
    ...containers(object.spec.template),
    selector(object.spec.selector),
  ],
};

function jobStatus({ metadata, status }: Job): string {
  const is = (type: string): boolean =>
    (status?.conditions ?? []).some((c) => c.type === type && c.status === 'True');
  if (is('Complete')) return 'Complete';
  if (is('Failed')) return 'Failed';
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  if (is('Suspended')) return 'Suspended';
  if (is('FailureTarget')) return 'FailureTarget';
  if (is('SuccessCriteriaMet')) return 'SuccessCriteriaMet';
  return 'Running';
}

function completions({ spec, status }: Job): string {
  const done = status?.succeeded ?? 0;
  if (spec.completions !== undefined) return `${done}/${spec.completions}`;
  const parallel = spec.parallelism ?? 0;
  return parallel > 1 ? `${done}/1 of ${parallel}` : `${done}/1`;
}

function duration({ status }: Job, now: number): string {
  if (status?.startTime === undefined) return '';
  const end = status.completionTime === undefined ? now : Date.parse(status.completionTime);
  return humanDuration(end - Date.parse(status.startTime));
}

const cronJob: TableDef<CronJob> = {
  columns: columns(
    'Name:name Schedule Timezone Suspend Active# Last_Schedule Age Containers? Images? Selector?',
  ),
  cells: (object, now) => [
    object.metadata.name,
    object.spec.schedule,
    '<none>',
    object.spec.suspend === true ? 'True' : 'False',
    0,
    '<none>',
    age(object.metadata.creationTimestamp, now),
    ...containers(object.spec.jobTemplate.spec.template),
    selector(object.spec.jobTemplate.spec.selector),
  ],
};

const controllerRevision: TableDef<ControllerRevision> = {
  columns: columns('Name:name Controller Revision# Age'),
  cells(object, now) {
    const owner = object.metadata.ownerReferences?.find((o) => o.controller === true);
    const group = owner?.apiVersion.split('/')[0];
    const text = owner === undefined ? '<none>' : `${owner.kind.toLowerCase()}.${group}/${owner.name}`;
    return [object.metadata.name, text, object.revision, age(object.metadata.creationTimestamp, now)];
  },
};

export const workloadTables: Readonly<Record<string, TableDef<never>>> = {
  Deployment: deployment,
  ReplicaSet: replicaSet,
  ReplicationController: replicaSet as TableDef<never>,
  DaemonSet: daemonSet,
  StatefulSet: statefulSet,
  Job: job,
  CronJob: cronJob,
  ControllerRevision: controllerRevision,
};
