// How the API server reaches into pods: a byte stream per command, log or forwarded port. The supervisor's streams to the
// nodes have this shape; what brings the bytes there is none of the API's business.
import type { Registry, Target } from '../registry.ts';
import { badRequest, StatusError } from '../status-error.ts';
import type { Pod } from '../types/pod.ts';

export interface PodStream {
  /** Output; undefined: no more on this channel. Say `taken` when it has been used. */
  set onData(listener: (channel: 'stdout' | 'stderr', data: Uint8Array | undefined) => void);
  /** The window for input is open again. */
  onDrain: () => void;
  readonly exit: Promise<{ readonly code: number; readonly reason: string | undefined }>;
  /** False: the window is full; what was written waits for `onDrain`. */
  write(data: Uint8Array): boolean;
  end(): void;
  taken(bytes: number): void;
  resize(columns: number, rows: number): void;
  kill(signal?: string): void;
}

export type PodRequest =
  | {
      readonly type: 'exec';
      readonly argv: readonly string[];
      readonly stdin: boolean;
      readonly tty: boolean;
    }
  | { readonly type: 'attach'; readonly stdin: boolean }
  | {
      readonly type: 'logs';
      readonly follow: boolean;
      readonly previous: boolean;
      readonly timestamps: boolean;
      readonly tailLines?: number;
      /** Wall-clock ms since 1970. */
      readonly sinceTime?: number;
      readonly limitBytes?: number;
    }
  | { readonly type: 'forward'; readonly port: number };

export interface PodStreams {
  open(pod: Pod, container: string, request: PodRequest): Promise<PodStream>;
}

/** The pod and the container that a request means: pkg/registry/core/pod/strategy.go, streamLocation and podContainer. */
export function locate(
  registry: Registry,
  target: Target,
  asked: string | null,
): { readonly pod: Pod; readonly container: string } {
  const pod = registry.get(target).object as Pod;
  const names = [
    ...pod.spec.containers,
    ...(pod.spec.initContainers ?? []),
    ...(pod.spec.ephemeralContainers ?? []),
  ].map((c) => c.name);
  const first = pod.metadata.annotations?.['kubectl.kubernetes.io/default-container'];
  let container = asked === null || asked === '' ? undefined : asked;
  if (container === undefined) {
    if (pod.spec.containers.length > 1 && first === undefined)
      throw badRequest(
        `a container name must be specified for pod ${target.name}, choose one of: [${pod.spec.containers.map((c) => c.name).join(' ')}]`,
      );
    container = first ?? pod.spec.containers[0]!.name;
  }
  if (!names.includes(container))
    throw badRequest(`container ${container} is not valid for pod ${target.name}`);
  if (pod.spec.nodeName === undefined || pod.spec.nodeName === '')
    throw badRequest(`pod ${target.name} does not have a host assigned`);
  return { pod, container };
}

export async function open(
  streams: PodStreams | undefined,
  pod: Pod,
  container: string,
  request: PodRequest,
): Promise<PodStream> {
  if (streams === undefined) throw unreachable(pod, 'no node is connected');
  try {
    return await streams.open(pod, container, request);
  } catch (error) {
    if (error instanceof StatusError) throw error;
    throw unreachable(pod, error instanceof Error ? error.message : String(error));
  }
}

const unreachable = (pod: Pod, why: string): StatusError =>
  new StatusError(
    500,
    'InternalError',
    `Internal error occurred: error dialing node ${pod.spec.nodeName}: ${why}`,
    {
      causes: [{ message: why }],
    },
  );
