// Rows of pods: printers.go, printPod.
import type { ContainerStatus, Pod } from '../types/pod.ts';
import { columns, type TableDef } from './columns.ts';
import { age, humanDuration } from './duration.ts';

export const podTable: TableDef<Pod> = {
  columns: columns('Name:name Ready Status Restarts Age IP? Node? Nominated_Node? Readiness_Gates?'),
  cells(pod, now) {
    const statuses = pod.status?.containerStatuses ?? [];
    const { reason, restarts, last } = summary(pod);
    const sidecars = (pod.spec.initContainers ?? [])
      .filter((c) => c.restartPolicy === 'Always')
      .map((c) => c.name);
    const readySidecars = (pod.status?.initContainerStatuses ?? []).filter(
      (s) => sidecars.includes(s.name) && s.ready,
    ).length;
    const ready = statuses.filter((s) => s.ready && s.state?.running !== undefined).length + readySidecars;
    return [
      pod.metadata.name,
      `${ready}/${pod.spec.containers.length + sidecars.length}`,
      reason,
      restarts > 0 && last !== undefined
        ? `${restarts} (${humanDuration(now - last)} ago)`
        : String(restarts),
      age(pod.metadata.creationTimestamp, now),
      pod.status?.podIP ?? '<none>',
      pod.spec.nodeName ?? '<none>',
      pod.status?.nominatedNodeName ?? '<none>',
      gates(pod),
    ];
  },
  conditions(pod) {
    const phase = pod.status?.phase;
    if (phase === 'Succeeded')
      return [
        {
          type: 'Completed',
          status: 'True',
          reason: 'Succeeded',
          message: 'The pod has completed successfully.',
        },
      ];
    if (phase === 'Failed')
      return [{ type: 'Completed', status: 'True', reason: 'Failed', message: 'The pod failed.' }];
    return undefined;
  },
};

interface Summary {
  readonly reason: string;
  readonly restarts: number;
  /** When a container last ended, in wall-clock ms. */
  readonly last: number | undefined;
}

export function summary(pod: Pod): Summary {
  const { status } = pod;
  let reason: string = status?.reason || status?.phase || '';
  if ((pod.spec.schedulingGates ?? []).length > 0) reason = 'SchedulingGated';
  const init = initReason(pod);
  if (init !== undefined) reason = init;
  else reason = containersReason(pod, reason);
  if (pod.metadata.deletionTimestamp !== undefined)
    reason = status?.reason === 'NodeLost' ? 'Unknown' : isOver(pod) ? reason : 'Terminating';
  // While it initializes, the restarts shown are those of the init containers.
  const counted =
    init === undefined
      ? [...(status?.containerStatuses ?? []), ...restartable(pod)]
      : (status?.initContainerStatuses ?? []);
  let restarts = 0;
  let last: number | undefined;
  for (const s of counted) {
    restarts += s.restartCount;
    const ended = Date.parse(s.lastState?.terminated?.finishedAt ?? '');
    if (!Number.isNaN(ended)) last = Math.max(last ?? 0, ended);
  }
  return { reason, restarts, last };
}

const isOver = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

const restartable = (pod: Pod): ContainerStatus[] => {
  const names = (pod.spec.initContainers ?? [])
    .filter((c) => c.restartPolicy === 'Always')
    .map((c) => c.name);
  return (pod.status?.initContainerStatuses ?? []).filter((s) => names.includes(s.name));
};

/** The first init container that is not done says what the pod waits for. */
function initReason(pod: Pod): string | undefined {
  const total = pod.spec.initContainers?.length ?? 0;
  const statuses = pod.status?.initContainerStatuses ?? [];
  for (const [i, s] of statuses.entries()) {
    const { terminated, waiting } = s.state ?? {};
    if (terminated?.exitCode === 0) continue;
    const spec = pod.spec.initContainers?.find((c) => c.name === s.name);
    if (spec?.restartPolicy === 'Always' && s.started === true) continue;
    if (terminated !== undefined) {
      if (terminated.reason !== undefined && terminated.reason !== '') return `Init:${terminated.reason}`;
      return terminated.signal ? `Init:Signal:${terminated.signal}` : `Init:ExitCode:${terminated.exitCode}`;
    }
    if (waiting?.reason !== undefined && waiting.reason !== '' && waiting.reason !== 'PodInitializing')
      return `Init:${waiting.reason}`;
    return `Init:${i}/${total}`;
  }
  return undefined;
}

function containersReason(pod: Pod, start: string): string {
  let reason = start;
  let running = false;
  for (const s of [...(pod.status?.containerStatuses ?? [])].reverse()) {
    const { waiting, terminated, running: runs } = s.state ?? {};
    if (waiting?.reason) reason = waiting.reason;
    else if (terminated?.reason) reason = terminated.reason;
    else if (terminated !== undefined)
      reason = terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`;
    else if (s.ready && runs !== undefined) running = true;
  }
  if (reason === 'Completed' && running) {
    const ready = pod.status?.conditions?.find((c) => c.type === 'Ready')?.status === 'True';
    return ready ? 'Running' : 'NotReady';
  }
  return reason;
}

function gates(pod: Pod): string {
  const wanted = pod.spec.readinessGates ?? [];
  if (wanted.length === 0) return '<none>';
  const met = wanted.filter(({ conditionType }) =>
    pod.status?.conditions?.some((c) => c.type === conditionType && c.status === 'True'),
  ).length;
  return `${met}/${wanted.length}`;
}
