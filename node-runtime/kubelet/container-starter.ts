// Starts one container of a pod: image, environment, mounts, start (pkg/kubelet/kuberuntime/kuberuntime_container.go, startContainer).
// Failures carry the reason that the container's status shows: ErrImagePull, CreateContainerConfigError, StartError.
import type { Container, Pod } from '../../emulator/api/types/pod.ts';
import type { Service } from '../../emulator/api/types/service.ts';
import type { Netns } from '../kernel/netns/netns.ts';
import type { NodeFs } from '../node-fs.ts';
import { ContainerLog } from './container-log.ts';
import { ConfigError, containerEnv, type EnvContext, expand, type References } from './env.ts';
import { type DnsSettings, hostsFile, podHostname, podResolvConf, resolvConfText } from './etc-files.ts';
import {
  ContainerError,
  type ContainerHandle,
  type ContainerRuntime,
  type ContainerSpec,
  type Mount,
} from './runtime.ts';
import { podDir, setUpVolumes, volumeMounts } from './volumes.ts';

export interface StarterOptions {
  readonly runtime: ContainerRuntime;
  readonly fs: NodeFs;
  readonly nodeName: string;
  readonly hostIP: string;
  readonly dns: DnsSettings;
  /** Wall-clock milliseconds. */
  readonly now: () => number;
  readonly randomHex: (n: number) => string;
  references(namespace: string): References;
  services(): readonly Service[];
  /** A token of the pod's service account that holds for so many seconds. */
  token(pod: Pod, seconds: number): Promise<string>;
}

export interface StartedContainer {
  readonly id: string;
  readonly handle: ContainerHandle;
  readonly log: ContainerLog;
}

export interface StartRequest {
  readonly pod: Pod;
  readonly container: Container;
  readonly netns: Netns;
  readonly podIP: string | undefined;
}

export class ContainerStarter {
  readonly #options: StarterOptions;
  constructor(options: StarterOptions) {
    this.#options = options;
  }

  get runtimeVersion(): string {
    return this.#options.runtime.version;
  }

  /** Rejects with a ContainerError. */
  async pull(image: string): Promise<{ imageID: string; notice?: string }> {
    try {
      return await this.#options.runtime.pull(image);
    } catch (error) {
      throw error instanceof ContainerError
        ? error
        : new ContainerError('ErrImagePull', (error as Error).message);
    }
  }

  /** Writes the pod's volumes. Rejects with a ContainerError ("FailedMount" as an event; the containers wait). */
  async prepare(request: Omit<StartRequest, 'container' | 'netns'>): Promise<void> {
    const { fs, token } = this.#options;
    await setUpVolumes({ ...this.#context(request), fs, token: (seconds) => token(request.pod, seconds) });
  }

  /** Hands the container to the runtime; its `ready` says how it went. Rejects with a ContainerError. */
  async start(request: StartRequest): Promise<StartedContainer> {
    const { pod, container, netns } = request;
    const { runtime, fs, now, randomHex, nodeName } = this.#options;
    try {
      const env = await containerEnv(container, this.#context(request));
      const hostname = podHostname(pod, nodeName);
      const id = randomHex(64);
      const log = new ContainerLog(now);
      const spec: ContainerSpec = {
        id,
        name: container.name,
        pod: {
          namespace: pod.metadata.namespace ?? 'default',
          name: pod.metadata.name,
          uid: pod.metadata.uid ?? '',
          labels: pod.metadata.labels ?? {},
          annotations: pod.metadata.annotations ?? {},
        },
        image: container.image ?? '',
        command: (container.command ?? []).map((word) => expand(word, env)),
        args: (container.args ?? []).map((word) => expand(word, env)),
        env: { HOSTNAME: hostname, ...env },
        workingDir: container.workingDir,
        ports: (container.ports ?? []).map((port) => ({
          name: port.name ?? '',
          containerPort: port.containerPort,
          protocol: port.protocol ?? 'TCP',
        })),
        netns,
        hostNetwork: pod.spec.hostNetwork === true,
        hostname,
        nodeFs: fs,
        mounts: [...this.#etc(request), ...volumeMounts(pod, container)],
        stdin: container.stdin === true,
        tty: container.tty === true,
        log,
      };
      return { id, handle: runtime.start(spec), log };
    } catch (error) {
      if (error instanceof ConfigError) throw new ContainerError('CreateContainerConfigError', error.message);
      throw error instanceof ContainerError
        ? error
        : new ContainerError('CreateContainerError', (error as Error).message);
    }
  }

  /** /etc/hosts, /etc/resolv.conf and /etc/hostname, one of each per pod. */
  #etc({ pod, podIP }: Pick<StartRequest, 'pod' | 'podIP'>): Mount[] {
    const { fs, dns, nodeName } = this.#options;
    const dir = podDir(pod.metadata.uid ?? '');
    const nodeHosts = fs.exists('/etc/hosts')
      ? fs.readText('/etc/hosts')
      : `127.0.0.1\tlocalhost\n127.0.1.1\t${nodeName}\n`;
    fs.write(`${dir}/etc-hosts`, hostsFile(pod, podIP, dns.clusterDomain, nodeHosts));
    fs.write(`${dir}/resolv.conf`, resolvConfText(podResolvConf(pod, dns)));
    fs.write(`${dir}/hostname`, `${podHostname(pod, nodeName)}\n`);
    return [
      { target: '/etc/hosts', source: `${dir}/etc-hosts`, readOnly: false },
      { target: '/etc/resolv.conf', source: `${dir}/resolv.conf`, readOnly: false },
      { target: '/etc/hostname', source: `${dir}/hostname`, readOnly: true },
    ];
  }

  #context({ pod, podIP }: Pick<StartRequest, 'pod' | 'podIP'>): EnvContext {
    const { nodeName, hostIP, references, services } = this.#options;
    return {
      pod,
      podIP,
      hostIP,
      nodeName,
      references: references(pod.metadata.namespace ?? 'default'),
      services: services(),
    };
  }
}
