// How the API server's exec, attach, log and port-forward reach a pod: a stream of the supervisor to the process of the pod's
// node, as an API server dials the kubelet's port 10250.
import type { PodRequest, PodStream, PodStreams } from '../api/streams/pod-streams.ts';
import type { Pod } from '../api/types/pod.ts';
import type { Place } from '../protocol/records.ts';
import type { Member } from '../supervisor/member.ts';

/** A terminal's size until its client says another. */
const TTY = { cols: 80, rows: 24 };

export function podStreams(memberOf: (node: string) => Member): PodStreams {
  return {
    open: async (pod, container, request) =>
      openOn(memberOf(pod.spec.nodeName ?? ''), placeOf(pod, container), request),
  };
}

const placeOf = ({ metadata }: Pod, container: string): Place => ({
  kind: 'pod',
  namespace: metadata.namespace ?? 'default',
  pod: metadata.name,
  container,
});

function openOn(member: Member, place: Place, request: PodRequest): Promise<PodStream> {
  switch (request.type) {
    case 'exec': {
      const { argv, stdin, tty } = request;
      return member.stream('exec', { place, argv, env: {}, stdin, ...(tty ? { tty: TTY } : {}) });
    }
    case 'attach':
      return member.stream('attach', { place, stdin: request.stdin });
    case 'logs': {
      const { type: _, ...options } = request;
      return member.stream('logs', { place, ...options });
    }
    case 'forward':
      return member.stream('forward', { place, port: request.port });
  }
}
