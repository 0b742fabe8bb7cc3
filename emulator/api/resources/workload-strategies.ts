// Deployment, ReplicaSet, StatefulSet, DaemonSet, Job and CronJob: what is filled in (pkg/apis/apps/v1/defaults.go,
// pkg/apis/batch/v1/defaults.go) and what is refused.
import { child, type Fields, fieldsOf, isFields, listOf, same, textOf } from '../fields.ts';
import { type FieldError, invalidValue, required } from '../status-error.ts';
import type { LabelSelector } from '../types/meta.ts';
import { matchesSelector } from '../types/selector.ts';
import { fill, podSpecDefaults } from './pod-defaults.ts';
import { validatePodSpec } from './pod-validation.ts';
import type { Strategy } from './resource.ts';

function templateDefaults(spec: Fields): void {
  const template = spec['template'];
  if (isFields(template) && isFields(template['spec'])) podSpecDefaults(template['spec']);
}

const withSpec = (defaults: (spec: Fields) => void): Strategy => ({
  status: true,
  generation: true,
  defaults(object) {
    const spec = child(object, 'spec');
    defaults(spec);
    templateDefaults(spec);
  },
  validate: (object) => validateWorkload(object),
  validateUpdate: (next, old) => selectorStays(next, old),
});

function validateWorkload(object: Fields): FieldError[] {
  const spec = fieldsOf(object['spec']);
  const errors: FieldError[] = [];
  const replicas = spec['replicas'];
  if (typeof replicas === 'number' && replicas < 0)
    errors.push(invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0'));
  const template = fieldsOf(spec['template']);
  const labels = fieldsOf(fieldsOf(template['metadata'])['labels']) as Record<string, string>;
  const selector = spec['selector'];
  if (!isFields(selector)) errors.push(required('spec.selector'));
  else if (
    Object.keys(fieldsOf(selector['matchLabels'])).length + listOf(selector['matchExpressions']).length ===
    0
  )
    errors.push(
      invalidValue(
        'spec.selector',
        {},
        `empty selector is invalid for ${textOf(object['kind']).toLowerCase()}`,
      ),
    );
  else if (!matchesSelector(selector as LabelSelector, labels))
    errors.push(
      invalidValue('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'),
    );
  errors.push(...validatePodSpec(fieldsOf(template['spec']), 'spec.template.spec'));
  const policy = fieldsOf(template['spec'])['restartPolicy'];
  if (policy !== undefined && policy !== 'Always')
    errors.push({
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${JSON.stringify(policy)}: supported values: "Always"`,
      field: 'spec.template.spec.restartPolicy',
    });
  return errors;
}

function selectorStays(next: Fields, old: Fields): FieldError[] {
  const now = fieldsOf(next['spec'])['selector'];
  const before = fieldsOf(old['spec'])['selector'];
  return same(now, before) ? [] : [invalidValue('spec.selector', now, 'field is immutable')];
}

export const deploymentStrategy = withSpec((spec) => {
  fill(spec, { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 });
  const strategy = child(spec, 'strategy');
  fill(strategy, { type: 'RollingUpdate' });
  if (strategy['type'] === 'RollingUpdate')
    fill(child(strategy, 'rollingUpdate'), { maxUnavailable: '25%', maxSurge: '25%' });
});

export const replicaSetStrategy = withSpec((spec) => fill(spec, { replicas: 1 }));

export const statefulSetStrategy = withSpec((spec) => {
  fill(spec, { replicas: 1, revisionHistoryLimit: 10, podManagementPolicy: 'OrderedReady' });
  const strategy = child(spec, 'updateStrategy');
  fill(strategy, { type: 'RollingUpdate' });
  if (strategy['type'] === 'RollingUpdate') fill(child(strategy, 'rollingUpdate'), { partition: 0 });
  fill(child(spec, 'persistentVolumeClaimRetentionPolicy'), { whenDeleted: 'Retain', whenScaled: 'Retain' });
});

export const daemonSetStrategy = withSpec((spec) => {
  fill(spec, { revisionHistoryLimit: 10 });
  const strategy = child(spec, 'updateStrategy');
  fill(strategy, { type: 'RollingUpdate' });
  if (strategy['type'] === 'RollingUpdate')
    fill(child(strategy, 'rollingUpdate'), { maxUnavailable: 1, maxSurge: 0 });
});

function jobDefaults(spec: Fields): void {
  if (spec['completions'] === undefined && spec['parallelism'] === undefined)
    fill(spec, { completions: 1, parallelism: 1 });
  fill(spec, {
    parallelism: 1,
    backoffLimit: 6,
    completionMode: 'NonIndexed',
    suspend: false,
    podReplacementPolicy: 'TerminatingOrFailed',
  });
  templateDefaults(spec);
}

const UID_LABELS = ['batch.kubernetes.io/controller-uid', 'controller-uid'];
const NAME_LABELS = ['batch.kubernetes.io/job-name', 'job-name'];

export const jobStrategy: Strategy = {
  status: true,
  generation: true,
  selectable: ['status.successful'],
  defaults: (object) => jobDefaults(child(object, 'spec')),
  /** generateSelector: a job's pods are known by the job's uid. */
  prepareCreate(object) {
    const spec = child(object, 'spec');
    if (spec['manualSelector'] === true) return;
    const { uid, name } = fieldsOf(object['metadata']);
    const labels = child(child(child(spec, 'template'), 'metadata'), 'labels');
    for (const label of UID_LABELS) labels[label] = uid;
    for (const label of NAME_LABELS) labels[label] = name;
    if (spec['selector'] === undefined) spec['selector'] = { matchLabels: { [UID_LABELS[0]!]: uid } };
  },
  validate(object) {
    const template = fieldsOf(fieldsOf(object['spec'])['template']);
    const errors = validatePodSpec(fieldsOf(template['spec']), 'spec.template.spec');
    const policy = fieldsOf(template['spec'])['restartPolicy'];
    if (policy !== 'OnFailure' && policy !== 'Never')
      errors.push({
        reason: 'FieldValueNotSupported',
        message: `Unsupported value: ${JSON.stringify(policy)}: supported values: "OnFailure", "Never"`,
        field: 'spec.template.spec.restartPolicy',
      });
    return errors;
  },
  validateUpdate(next, old) {
    const now = fieldsOf(next['spec']);
    const before = fieldsOf(old['spec']);
    return ['selector', 'completions', 'template', 'completionMode'].flatMap((field) =>
      same(now[field], before[field]) || (field === 'template' && before['suspend'] === true)
        ? []
        : [invalidValue(`spec.${field}`, now[field], 'field is immutable')],
    );
  },
};

export const cronJobStrategy: Strategy = {
  status: true,
  generation: true,
  defaults(object) {
    const spec = child(object, 'spec');
    fill(spec, {
      concurrencyPolicy: 'Allow',
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
    });
    const jobSpec = fieldsOf(spec['jobTemplate'])['spec'];
    if (isFields(jobSpec)) templateDefaults(jobSpec);
  },
};
