// The resources a Kubernetes 1.32 API server has from the start, as far as Podwire serves them, with the names, verbs and
// subresources that discovery shows for them.
import { ALL_VERBS, type ResourceInfo, type Strategy, type SubresourceInfo, type Verb } from './resource.ts';
import { strategies } from './strategies.ts';

interface Row {
  readonly kind: string;
  readonly short?: string;
  readonly categories?: string;
  readonly cluster?: true;
  readonly verbs?: readonly Verb[];
  readonly sub?: readonly SubresourceInfo[];
}

const RW = ['get', 'patch', 'update'] as const;

const status = (kind: string): SubresourceInfo => ({ name: 'status', kind, verbs: RW });
const scale: SubresourceInfo = {
  name: 'scale',
  kind: 'Scale',
  group: 'autoscaling',
  version: 'v1',
  verbs: RW,
};
const stream = (name: string, kind: string): SubresourceInfo => ({ name, kind, verbs: ['create', 'get'] });
const create = (name: string, kind: string, group: string, version: string): SubresourceInfo => ({
  name,
  kind,
  group,
  version,
  verbs: ['create'],
});

const POD_SUBRESOURCES: readonly SubresourceInfo[] = [
  stream('attach', 'PodAttachOptions'),
  create('binding', 'Binding', '', 'v1'),
  { name: 'ephemeralcontainers', kind: 'Pod', verbs: RW },
  create('eviction', 'Eviction', 'policy', 'v1'),
  stream('exec', 'PodExecOptions'),
  { name: 'log', kind: 'Pod', verbs: ['get'] },
  stream('portforward', 'PodPortForwardOptions'),
  { name: 'proxy', kind: 'PodProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] },
  status('Pod'),
];

const workload = (kind: string, short: string): Row => ({
  kind,
  short,
  categories: 'all',
  sub: [scale, status(kind)],
});

const CREATE_ONLY: readonly Verb[] = ['create'];

const TABLE: Readonly<Record<string, Readonly<Record<string, Row>>>> = {
  v1: {
    bindings: { kind: 'Binding', verbs: CREATE_ONLY },
    configmaps: { kind: 'ConfigMap', short: 'cm' },
    endpoints: { kind: 'Endpoints', short: 'ep' },
    events: { kind: 'Event', short: 'ev' },
    limitranges: { kind: 'LimitRange', short: 'limits' },
    namespaces: {
      kind: 'Namespace',
      short: 'ns',
      cluster: true,
      verbs: ALL_VERBS.filter((verb) => verb !== 'deletecollection'),
      sub: [{ name: 'finalize', kind: 'Namespace', verbs: ['update'] }, status('Namespace')],
    },
    nodes: { kind: 'Node', short: 'no', cluster: true, sub: [status('Node')] },
    persistentvolumeclaims: {
      kind: 'PersistentVolumeClaim',
      short: 'pvc',
      sub: [status('PersistentVolumeClaim')],
    },
    persistentvolumes: {
      kind: 'PersistentVolume',
      short: 'pv',
      cluster: true,
      sub: [status('PersistentVolume')],
    },
    pods: { kind: 'Pod', short: 'po', categories: 'all', sub: POD_SUBRESOURCES },
    podtemplates: { kind: 'PodTemplate' },
    replicationcontrollers: workload('ReplicationController', 'rc'),
    resourcequotas: { kind: 'ResourceQuota', short: 'quota', sub: [status('ResourceQuota')] },
    secrets: { kind: 'Secret' },
    serviceaccounts: {
      kind: 'ServiceAccount',
      short: 'sa',
      sub: [create('token', 'TokenRequest', 'authentication.k8s.io', 'v1')],
    },
    services: { kind: 'Service', short: 'svc', categories: 'all', sub: [status('Service')] },
  },
  'apps/v1': {
    controllerrevisions: { kind: 'ControllerRevision' },
    daemonsets: { kind: 'DaemonSet', short: 'ds', categories: 'all', sub: [status('DaemonSet')] },
    deployments: workload('Deployment', 'deploy'),
    replicasets: workload('ReplicaSet', 'rs'),
    statefulsets: workload('StatefulSet', 'sts'),
  },
  'batch/v1': {
    cronjobs: { kind: 'CronJob', short: 'cj', categories: 'all', sub: [status('CronJob')] },
    jobs: { kind: 'Job', categories: 'all', sub: [status('Job')] },
  },
  'autoscaling/v2': {
    horizontalpodautoscalers: {
      kind: 'HorizontalPodAutoscaler',
      short: 'hpa',
      categories: 'all',
      sub: [status('HorizontalPodAutoscaler')],
    },
  },
  'coordination.k8s.io/v1': { leases: { kind: 'Lease' } },
  'discovery.k8s.io/v1': { endpointslices: { kind: 'EndpointSlice' } },
  'events.k8s.io/v1': { events: { kind: 'Event', short: 'ev' } },
  'networking.k8s.io/v1': {
    ingressclasses: { kind: 'IngressClass', cluster: true },
    ingresses: { kind: 'Ingress', short: 'ing', sub: [status('Ingress')] },
    networkpolicies: { kind: 'NetworkPolicy', short: 'netpol' },
  },
  'networking.k8s.io/v1beta1': {
    ipaddresses: { kind: 'IPAddress', short: 'ip', cluster: true },
    servicecidrs: { kind: 'ServiceCIDR', cluster: true, sub: [status('ServiceCIDR')] },
  },
  'policy/v1': {
    poddisruptionbudgets: { kind: 'PodDisruptionBudget', short: 'pdb', sub: [status('PodDisruptionBudget')] },
  },
  'rbac.authorization.k8s.io/v1': {
    clusterrolebindings: { kind: 'ClusterRoleBinding', cluster: true },
    clusterroles: { kind: 'ClusterRole', cluster: true },
    rolebindings: { kind: 'RoleBinding' },
    roles: { kind: 'Role' },
  },
  'scheduling.k8s.io/v1': { priorityclasses: { kind: 'PriorityClass', short: 'pc', cluster: true } },
  'storage.k8s.io/v1': { storageclasses: { kind: 'StorageClass', short: 'sc', cluster: true } },
  'apiextensions.k8s.io/v1': {
    customresourcedefinitions: {
      kind: 'CustomResourceDefinition',
      short: 'crd,crds',
      categories: 'api-extensions',
      cluster: true,
      sub: [status('CustomResourceDefinition')],
    },
  },
  'authentication.k8s.io/v1': {
    selfsubjectreviews: { kind: 'SelfSubjectReview', cluster: true, verbs: CREATE_ONLY },
    tokenreviews: { kind: 'TokenReview', cluster: true, verbs: CREATE_ONLY },
  },
  'authorization.k8s.io/v1': {
    localsubjectaccessreviews: { kind: 'LocalSubjectAccessReview', verbs: CREATE_ONLY },
    selfsubjectaccessreviews: { kind: 'SelfSubjectAccessReview', cluster: true, verbs: CREATE_ONLY },
    selfsubjectrulesreviews: { kind: 'SelfSubjectRulesReview', cluster: true, verbs: CREATE_ONLY },
    subjectaccessreviews: { kind: 'SubjectAccessReview', cluster: true, verbs: CREATE_ONLY },
  },
};

const NONE: Strategy = {};

export function builtinResources(): ResourceInfo[] {
  return Object.entries(TABLE).flatMap(([groupVersion, rows]) => {
    const slash = groupVersion.indexOf('/');
    const group = slash < 0 ? '' : groupVersion.slice(0, slash);
    const version = groupVersion.slice(slash + 1);
    return Object.entries(rows).map(([resource, row]) => resourceInfo(group, version, resource, row));
  });
}

function resourceInfo(group: string, version: string, resource: string, row: Row): ResourceInfo {
  return {
    group,
    version,
    resource,
    kind: row.kind,
    singular: row.kind.toLowerCase(),
    shortNames: row.short?.split(',') ?? [],
    categories: row.categories?.split(',') ?? [],
    namespaced: row.cluster !== true,
    verbs: row.verbs ?? ALL_VERBS,
    subresources: row.sub ?? [],
    strategy: strategies[row.kind] ?? NONE,
  };
}
