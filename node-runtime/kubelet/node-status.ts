// What a node says of itself (pkg/kubelet/nodestatus/setters.go, kubelet_node_status.go): pure. The numbers of a machine are a
// plain laptop's share, the versions those of the Kubernetes that Podwire behaves as.
import { isDeepStrictEqual } from 'node:util';
import type { Lease, Node, NodeCondition, NodeStatus } from '../../emulator/api/types/node.ts';
import { kubeTime } from './pod-status.ts';

export const LEASE_NAMESPACE = 'kube-node-lease';
export const LEASE_SECONDS = 40;

export interface NodeFacts {
  readonly name: string;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
  /** "v1.32.4" */
  readonly version: string;
  readonly runtimeVersion: string;
  readonly maxPods: number;
  /** 32 hexadecimal digits, the node's for good. */
  readonly machineID: string;
  /** A UUID, new at each boot. */
  readonly bootID: string;
}

export const nodeLabels = ({ name, labels }: NodeFacts): Readonly<Record<string, string>> => ({
  'beta.kubernetes.io/arch': 'amd64',
  'beta.kubernetes.io/os': 'linux',
  'kubernetes.io/arch': 'amd64',
  'kubernetes.io/hostname': name,
  'kubernetes.io/os': 'linux',
  ...labels,
});

export interface NodeStatusInput {
  readonly facts: NodeFacts;
  /** Why the runtime's network is not ready, or undefined. */
  readonly notReady: string | undefined;
  /** The Node's conditions as the API has them. */
  readonly old: readonly NodeCondition[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

export function nodeStatus({ facts, notReady, old, now }: NodeStatusInput): NodeStatus {
  const resources = {
    cpu: '8',
    'ephemeral-storage': '102400Mi',
    'hugepages-1Gi': '0',
    'hugepages-2Mi': '0',
    memory: '16Gi',
    pods: String(facts.maxPods),
  };
  return {
    addresses: [
      { type: 'InternalIP', address: facts.address },
      { type: 'Hostname', address: facts.name },
    ],
    capacity: resources,
    allocatable: resources,
    conditions: nodeConditions(notReady, old, now),
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
    nodeInfo: {
      machineID: facts.machineID,
      systemUUID: facts.machineID,
      bootID: facts.bootID,
      kernelVersion: '6.12.0-podwire',
      osImage: 'Podwire',
      containerRuntimeVersion: facts.runtimeVersion,
      kubeletVersion: facts.version,
      kubeProxyVersion: facts.version,
      operatingSystem: 'linux',
      architecture: 'amd64',
    },
  };
}

/** The kubelet's own, in upstream's order; a condition keeps its transition time while its status stays. */
export function nodeConditions(
  notReady: string | undefined,
  old: readonly NodeCondition[],
  now: number,
): NodeCondition[] {
  const fine = (type: string, reason: string, message: string): NodeCondition => ({
    type,
    status: 'False',
    reason,
    message,
  });
  const ready: NodeCondition =
    notReady === undefined
      ? { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
      : {
          type: 'Ready',
          status: 'False',
          reason: 'KubeletNotReady',
          message: `container runtime network not ready: ${notReady}`,
        };
  const own = [
    fine('MemoryPressure', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
    fine('DiskPressure', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
    fine('PIDPressure', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    ready,
  ];
  return own.map((condition) => {
    const before = old.find((c) => c.type === condition.type);
    const same = before?.status === condition.status && before.lastTransitionTime !== undefined;
    return {
      ...condition,
      lastHeartbeatTime: kubeTime(now),
      lastTransitionTime: same ? before.lastTransitionTime! : kubeTime(now),
    };
  });
}

/** Whether a status is worth sending before its time: anything but heartbeats differs. */
export function statusChanged(has: NodeStatus | undefined, wants: NodeStatus): boolean {
  const { conditions, ...rest } = wants;
  for (const [field, value] of Object.entries(rest))
    if (!isDeepStrictEqual(has?.[field as keyof NodeStatus], value)) return true;
  return (conditions ?? []).some((want) => {
    const is = has?.conditions?.find((c) => c.type === want.type);
    return is?.status !== want.status || is.reason !== want.reason || is.message !== want.message;
  });
}

/** metav1.MicroTime. */
export const microTime = (ms: number): string => `${new Date(Math.floor(ms)).toISOString().slice(0, 23)}000Z`;

export const nodeLease = (node: Node, now: number): Omit<Lease, 'apiVersion' | 'kind'> => ({
  metadata: {
    name: node.metadata.name,
    namespace: LEASE_NAMESPACE,
    ownerReferences: [
      { apiVersion: 'v1', kind: 'Node', name: node.metadata.name, uid: node.metadata.uid ?? '' },
    ],
  },
  spec: {
    holderIdentity: node.metadata.name,
    leaseDurationSeconds: LEASE_SECONDS,
    renewTime: microTime(now),
  },
});
