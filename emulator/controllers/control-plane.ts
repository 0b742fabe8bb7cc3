// All controllers of a control plane, put together: kube-controller-manager and kube-scheduler.
import { storageName } from '../api/resources/resource.ts';
import { daemonSetController } from './daemonset/daemonset.ts';
import { deploymentController } from './deployment/deployment.ts';
import { endpointsController } from './endpoints/endpoints.ts';
import { mirroringController } from './endpoints/mirroring.ts';
import { endpointSliceController } from './endpointslice/endpointslice.ts';
import { type GarbageOptions, garbageCollector } from './garbage-collector/garbage-collector.ts';
import { jobController } from './job/job.ts';
import { namespaceController } from './namespace/namespace.ts';
import { nodeIpamController } from './node-ipam/node-ipam.ts';
import { nodeLifecycleController } from './node-lifecycle/node-lifecycle.ts';
import { podGcController } from './pod-gc/pod-gc.ts';
import { replicaSetController } from './replicaset/replicaset.ts';
import type { Controller } from './runtime/controller.ts';
import { type Running, type RuntimeOptions, runControllers } from './runtime/runtime.ts';
import { schedulerController } from './scheduler/scheduler.ts';
import { serviceLbController } from './service-lb/service-lb.ts';
import { statefulSetController } from './statefulset/statefulset.ts';
import { taintEvictionController } from './taint-eviction/taint-eviction.ts';
import { unenforcedController } from './unenforced/unenforced.ts';

export interface ControlPlaneOptions extends RuntimeOptions {
  /** "10.244.0.0/16"; undefined leaves nodes without podCIDR. */
  readonly podCIDR: string | undefined;
  readonly nodeMaskSize: number;
  /** Node names in the order in which they get their shares of podCIDR. */
  readonly nodeOrder: readonly string[];
  /** In ms: 40 000 and 5 000 upstream. */
  readonly nodeMonitorGrace: number;
  readonly nodeMonitorPeriod: number;
  /** "198.51.100.0/24"; undefined where nobody gives addresses to Services of type LoadBalancer. */
  readonly loadBalancerPool?: string | undefined;
  /** PEM, published to every namespace. */
  readonly caCertificate: string | undefined;
}

export function startControlPlane(options: ControlPlaneOptions): Running {
  return runControllers(controllers(options), options);
}

function controllers(options: ControlPlaneOptions): Controller[] {
  const { podCIDR, nodeMaskSize, registry } = options;
  const namespacedResources = (): string[] => {
    const names = new Set<string>();
    for (const info of registry.catalogue.all())
      if (info.namespaced && info.verbs.includes('list')) names.add(storageName(info));
    return [...names];
  };
  return [
    namespaceController({ caCertificate: options.caCertificate, resources: namespacedResources }),
    ...(podCIDR === undefined
      ? []
      : [nodeIpamController({ podCIDR, nodeMaskSize, order: options.nodeOrder })]),
    nodeLifecycleController({ graceMs: options.nodeMonitorGrace, periodMs: options.nodeMonitorPeriod }),
    taintEvictionController,
    podGcController(),
    schedulerController(),
    endpointSliceController,
    endpointsController,
    mirroringController,
    ...(options.loadBalancerPool === undefined ? [] : [serviceLbController(options.loadBalancerPool)]),
    replicaSetController,
    deploymentController,
    statefulSetController,
    daemonSetController,
    jobController,
    garbageCollector(garbageOptions(registry)),
    unenforcedController(registry.unenforced),
  ];
}

/** Heartbeats and events own nothing and are owned by nothing. */
const UNOWNED = new Set(['events', 'leases.coordination.k8s.io']);

function garbageOptions({ catalogue }: RuntimeOptions['registry']): GarbageOptions {
  const resources = new Set<string>();
  for (const info of catalogue.all())
    if (info.verbs.includes('list') && !UNOWNED.has(storageName(info))) resources.add(storageName(info));
  return {
    resources: [...resources],
    resourceOf: (apiVersion, kind) => {
      const slash = apiVersion.indexOf('/');
      const group = slash < 0 ? '' : apiVersion.slice(0, slash);
      const info = catalogue.findKind(group, apiVersion.slice(slash + 1), kind);
      return info === undefined ? undefined : { resource: storageName(info), namespaced: info.namespaced };
    },
  };
}
