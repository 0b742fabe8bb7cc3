// The strategies of the built-in kinds, by kind.

import { namespaceStrategy, nodeStrategy } from './cluster-strategies.ts';
import { validateEndpointSlice, validateEndpoints } from './endpoint-validation.ts';
import { podStrategy } from './pod-strategy.ts';
import type { Strategy } from './resource.ts';
import { serviceStrategy } from './service-strategy.ts';
import {
  cronJobStrategy,
  daemonSetStrategy,
  deploymentStrategy,
  jobStrategy,
  replicaSetStrategy,
  statefulSetStrategy,
} from './workload-strategies.ts';

const stored: Strategy = {};
const withStatus: Strategy = { status: true };
const withSpec: Strategy = { status: true, generation: true };

export const strategies: Readonly<Record<string, Strategy>> = {
  ConfigMap: { createOnUpdate: false },
  Endpoints: { createOnUpdate: true, validate: validateEndpoints },
  Event: { createOnUpdate: true, selectable: EVENT_FIELDS() },
  Lease: { createOnUpdate: true },
  Namespace: namespaceStrategy,
  Node: nodeStrategy,
  Pod: podStrategy,
  Secret: { selectable: ['type'] },
  Service: serviceStrategy,
  EndpointSlice: { generation: true, validate: validateEndpointSlice },
  Deployment: deploymentStrategy,
  ReplicaSet: { ...replicaSetStrategy, selectable: ['status.replicas'] },
  ReplicationController: { ...withSpec, selectable: ['status.replicas'] },
  StatefulSet: statefulSetStrategy,
  DaemonSet: daemonSetStrategy,
  Job: jobStrategy,
  CronJob: cronJobStrategy,
  HorizontalPodAutoscaler: withStatus,
  PodDisruptionBudget: withSpec,
  Ingress: withSpec,
  IngressClass: { generation: true },
  NetworkPolicy: { generation: true },
  PersistentVolume: withStatus,
  PersistentVolumeClaim: withStatus,
  ResourceQuota: withStatus,
  ServiceCIDR: withStatus,
  CustomResourceDefinition: withSpec,
  Role: { names: 'path-segment' },
  RoleBinding: { names: 'path-segment' },
  ClusterRole: { names: 'path-segment' },
  ClusterRoleBinding: { names: 'path-segment' },
  IPAddress: stored,
};

function EVENT_FIELDS(): readonly string[] {
  return [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ];
}
