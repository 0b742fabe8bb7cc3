// The seam between the kubelet (or dockerd) and what runs in a container: the part of the CRI's RuntimeService and
// ImageService (k8s.io/cri-api) that deals with containers. Sandboxes, network namespaces and CNI are the caller's side; the
// implementation, which turns an image into behaviour, is workloads/.
import type { Netns } from '../kernel/netns/netns.ts';
import type { NodeFs } from '../node-fs.ts';
import type { ContainerLog } from './container-log.ts';

export interface ContainerPort {
  readonly name: string;
  readonly containerPort: number;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
}

/** A file or directory of the node's file tree that the container sees at `target`. */
export interface Mount {
  /** Path in the container: "/etc/hosts". */
  readonly target: string;
  /** Path in the node's NodeFs: "/var/lib/kubelet/pods/<uid>/etc-hosts". */
  readonly source: string;
  readonly readOnly: boolean;
}

/** The pod a container belongs to; a docker container has none. */
export interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ContainerSpec {
  /** 64 hexadecimal digits. */
  readonly id: string;
  /** The container's name in its pod, or the docker container's name. */
  readonly name: string;
  readonly pod: PodIdentity | undefined;
  readonly image: string;
  /** Replaces the image's entrypoint; empty: the image's own. */
  readonly command: readonly string[];
  /** Replaces the image's default arguments; empty with an empty command: the image's own. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string | undefined;
  readonly ports: readonly ContainerPort[];
  /** The namespace its sockets live in: shared by the containers of a pod; the node's own for host networking. */
  readonly netns: Netns;
  readonly hostNetwork: boolean;
  readonly hostname: string;
  /** The node's file tree, where the mounts' sources are. */
  readonly nodeFs: NodeFs;
  readonly mounts: readonly Mount[];
  readonly stdin: boolean;
  readonly tty: boolean;
  /** Where its output goes; `end()` is called by the caller, after `exited`. */
  readonly log: ContainerLog;
}

export interface ContainerExit {
  /** 0..255; 137 after SIGKILL, 143 after SIGTERM. */
  readonly exitCode: number;
  readonly signal?: number;
  /** Its last words, which are in the log already: "listen tcp :80: bind: address already in use". */
  readonly message?: string;
}

export interface ExecIo {
  /** Input as it comes; ends where the client's does. Undefined: /dev/null. */
  readonly stdin: AsyncIterable<Uint8Array> | undefined;
  stdout(chunk: Uint8Array): void;
  stderr(chunk: Uint8Array): void;
  /** Present when a terminal was asked for. */
  readonly tty?: { readonly columns: number; readonly rows: number };
}

export interface ExecHandle {
  readonly exited: Promise<{ readonly exitCode: number }>;
  resize(columns: number, rows: number): void;
  /** The client has gone, or a probe timed out. */
  kill(): void;
}

export interface ContainerHandle {
  /**
   * Resolves when its process runs and, for an image that is a server, its sockets listen. Rejects with a ContainerError when
   * the container could not be started at all; `exited` then never settles.
   */
  readonly ready: Promise<void>;
  readonly exited: Promise<ContainerExit>;
  /** SIGTERM, and SIGKILL after `graceMs` of the node's clock; 0 kills at once. Harmless when repeated or late. */
  stop(graceMs: number): void;
  /** Runs a command in the container. Unknown commands exit 127, those that cannot be run 126. */
  exec(argv: readonly string[], io: ExecIo): ExecHandle;
  /** The main process's own streams; undefined where it has none to attach to. */
  attach?(io: ExecIo): ExecHandle;
}

export interface ImageInfo {
  /** "docker.io/library/nginx@sha256:…" */
  readonly imageID: string;
  /** What people are told once per pod: "image example.org/x is not known to Podwire: …". */
  readonly notice?: string;
}

export interface ContainerRuntime {
  /** For nodeInfo.containerRuntimeVersion: "containerd://2.0.0". */
  readonly version: string;
  /** Looks an image up. Rejects with a ContainerError (InvalidImageName, ErrImagePull). */
  pull(image: string): Promise<ImageInfo>;
  /** Starts a container; never throws: trouble comes by `ready`. */
  start(spec: ContainerSpec): ContainerHandle;
}

/** Why a container does not run, with the reason that shows in its status: "InvalidImageName", "RunContainerError". */
export class ContainerError extends Error {
  readonly reason: string;
  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}
