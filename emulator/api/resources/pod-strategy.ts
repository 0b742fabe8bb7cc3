// Pod: pkg/registry/core/pod/strategy.go, and what pkg/apis/core/v1/defaults.go fills in.
import { child, copy, type Fields, fieldsOf, listOf, same } from '../fields.ts';
import { type FieldError, forbiddenField } from '../status-error.ts';
import { podSpecDefaults } from './pod-defaults.ts';
import { validatePodSpec } from './pod-validation.ts';
import type { Strategy } from './resource.ts';

export const podStrategy: Strategy = {
  status: true,
  selectable: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.podIPs',
    'status.nominatedNodeName',
  ],
  defaults(object) {
    const spec = child(object, 'spec');
    podSpecDefaults(spec);
    if (spec['enableServiceLinks'] === undefined) spec['enableServiceLinks'] = true;
    // Limits without requests are requests: SetDefaults_Pod.
    for (const list of ['containers', 'initContainers'])
      for (const container of listOf(spec[list])) requestsFromLimits(fieldsOf(container));
  },
  prepareCreate(object) {
    defaultTolerations(fieldsOf(object['spec']));
    object['status'] = { phase: 'Pending', qosClass: qosClass(fieldsOf(object['spec'])) };
  },
  validate: (object) => validatePodSpec(fieldsOf(object['spec']), 'spec'),
  validateUpdate: (next, old) => immutableSpec(next, old),
  grace(object, asked) {
    const spec = fieldsOf(object['spec']);
    const phase = fieldsOf(object['status'])['phase'];
    const usual = spec['terminationGracePeriodSeconds'];
    const seconds = asked ?? (typeof usual === 'number' ? usual : 30);
    // Nobody would ever answer for a pod that no kubelet has, or that is over.
    if (!spec['nodeName'] || phase === 'Succeeded' || phase === 'Failed') return 0;
    return seconds;
  },
};

/** plugin/pkg/admission/defaulttolerationseconds: a pod stays five minutes on a node that is not there. */
function defaultTolerations(spec: Fields): void {
  const given = listOf(spec['tolerations']).map(fieldsOf);
  const tolerated = (key: string): boolean =>
    given.some(
      (t) =>
        (t['key'] === key || t['key'] === undefined || t['key'] === '') &&
        (t['effect'] === 'NoExecute' || t['effect'] === undefined || t['effect'] === ''),
    );
  const missing = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'].filter(
    (key) => !tolerated(key),
  );
  if (missing.length > 0)
    spec['tolerations'] = [
      ...given,
      ...missing.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 })),
    ];
}

function requestsFromLimits(container: Fields): void {
  const resources = fieldsOf(container['resources']);
  const limits = fieldsOf(resources['limits']);
  if (Object.keys(limits).length === 0) return;
  resources['requests'] = { ...limits, ...fieldsOf(resources['requests']) };
}

/** pkg/apis/core/v1/helper/qos: by cpu and memory alone. */
export function qosClass(spec: Fields): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  let any = false;
  let all = true;
  for (const list of ['containers', 'initContainers'])
    for (const container of listOf(spec[list])) {
      const resources = fieldsOf(fieldsOf(container)['resources']);
      const requests = fieldsOf(resources['requests']);
      const limits = fieldsOf(resources['limits']);
      for (const name of ['cpu', 'memory']) {
        if (requests[name] !== undefined || limits[name] !== undefined) any = true;
        if (limits[name] === undefined || !same(requests[name] ?? limits[name], limits[name])) all = false;
      }
    }
  return !any ? 'BestEffort' : all ? 'Guaranteed' : 'Burstable';
}

/** What of a pod's spec may change: images, activeDeadlineSeconds, added tolerations, and nodeName once, by binding. */
function immutableSpec(next: Fields, old: Fields): FieldError[] {
  const a = copy(fieldsOf(next['spec']));
  const b = copy(fieldsOf(old['spec']));
  for (const spec of [a, b]) {
    delete spec['activeDeadlineSeconds'];
    delete spec['tolerations'];
    delete spec['ephemeralContainers'];
    delete spec['schedulingGates'];
    delete spec['terminationGracePeriodSeconds'];
    for (const list of ['containers', 'initContainers'])
      for (const container of listOf(spec[list])) delete fieldsOf(container)['image'];
  }
  if (b['nodeName'] === undefined) delete a['nodeName'];
  if (same(a, b)) return [];
  return [
    forbiddenField(
      'spec',
      'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
    ),
  ];
}
