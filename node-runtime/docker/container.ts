// What dockerd remembers of a container, and how `docker inspect` shows it.

import type { Netns } from '../kernel/netns/netns.ts';
import { formatIpv4, formatMac, type Ipv4 } from '../kernel/wire/addr.ts';
import type { ContainerLog } from '../kubelet/container-log.ts';
import type { ContainerHandle } from '../kubelet/runtime.ts';
import type { Attachment } from './bridge-network.ts';
import type { DockerConfig } from './config.ts';
import type { PortProxy } from './proxy.ts';
import type { PortMapping } from './rules.ts';

export interface RunOptions {
  readonly name: string | undefined;
  readonly image: string;
  readonly command: readonly string[];
  readonly entrypoint: readonly string[] | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly hostname: string | undefined;
  readonly network: 'bridge' | 'host' | 'none';
  readonly publish: readonly PortMapping[];
  readonly restart: 'no' | 'always' | 'unless-stopped' | 'on-failure';
  readonly remove: boolean;
  readonly detach: boolean;
}

export interface DockerContainer {
  readonly id: string;
  readonly name: string;
  readonly options: RunOptions;
  readonly created: number;
  readonly log: ContainerLog;
  state: 'created' | 'running' | 'exited' | 'restarting';
  exitCode: number;
  restarts: number;
  /** Set while it runs. */
  netns: Netns | undefined;
  attachment: Attachment | undefined;
  handle: ContainerHandle | undefined;
  proxies: PortProxy[];
}

export const shortId = (c: DockerContainer): string => c.id.slice(0, 12);
export const hostnameOf = (c: DockerContainer): string => c.options.hostname ?? shortId(c);

/** The parts of a container's inspection that bear on its network. */
export function inspect(c: DockerContainer, config: DockerConfig): object {
  const eth0 = c.attachment === undefined ? undefined : c.netns?.device('eth0');
  const address = c.attachment === undefined ? '' : formatIpv4(c.attachment.address);
  const network = {
    Gateway: address === '' ? '' : formatIpv4(config.bip.addr),
    IPAddress: address,
    IPPrefixLen: address === '' ? 0 : config.bip.len,
    MacAddress: eth0 === undefined ? '' : formatMac(eth0.mac),
  };
  return {
    Id: c.id,
    Created: new Date(c.created).toISOString(),
    Name: `/${c.name}`,
    State: { Status: c.state, Running: c.state === 'running', ExitCode: c.exitCode },
    RestartCount: c.restarts,
    Config: {
      Hostname: hostnameOf(c),
      Image: c.options.image,
      Env: Object.entries(c.options.env).map(([k, v]) => `${k}=${v}`),
      Cmd: c.options.command,
    },
    HostConfig: { NetworkMode: c.options.network, RestartPolicy: { Name: c.options.restart } },
    NetworkSettings: {
      SandboxKey: c.netns === undefined ? '' : `/var/run/docker/netns/${shortId(c)}`,
      Ports: portBindings(c.options.publish),
      ...network,
      Networks: { [c.options.network]: network },
    },
  };
}

function portBindings(publish: readonly PortMapping[]): Record<string, object[]> {
  const bindings: Record<string, object[]> = {};
  for (const p of publish) {
    const key = `${p.containerPort}/${p.protocol}`;
    bindings[key] = [
      ...(bindings[key] ?? []),
      { HostIp: formatIpv4(p.hostIp as Ipv4), HostPort: String(p.hostPort) },
    ];
  }
  return bindings;
}

/** "0.0.0.0:8080->80/tcp": the PORTS column of docker ps. */
export const portText = (p: PortMapping): string =>
  `${formatIpv4(p.hostIp)}:${p.hostPort}->${p.containerPort}/${p.protocol}`;
