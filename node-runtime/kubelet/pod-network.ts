// Pod sandboxes: a network namespace each, and CNI to connect it (what containerd does for the CRI's RunPodSandbox and
// StopPodSandbox: internal/cri/server/sandbox_run.go). Which sandboxes exist is kept on the node's disk, as containerd does, so that a
// node that was killed still gives back the addresses of the pods it had.
import type { Pod } from '../../emulator/api/types/pod.ts';
import { CNI_NOT_INITIALIZED, loadDefaultNetwork } from '../cni/conf-dir.ts';
import { addNetworkList, delNetworkList, type RuntimeConf } from '../cni/libcni.ts';
import type { CniHost } from '../cni/plugin.ts';
import type { NetworkConfList } from '../cni/types.ts';
import type { Netns } from '../kernel/netns/netns.ts';
import type { NetnsMounts } from './netns-mounts.ts';

const SANDBOX_DIR = '/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes';
const LOOPBACK: NetworkConfList = {
  cniVersion: '0.3.1',
  name: 'cni-loopback',
  disableCheck: false,
  plugins: [{ type: 'loopback' }],
};

export interface SandboxRecord {
  readonly id: string;
  readonly attempt: number;
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly hostNetwork: boolean;
  /** Path of the namespace; empty for host networking. */
  readonly netns: string;
}

export interface RunningSandbox {
  readonly record: SandboxRecord;
  readonly netns: Netns;
  /** Undefined for host networking. */
  readonly ip: string | undefined;
}

export interface PodNetworkOptions {
  readonly cni: CniHost;
  readonly mounts: NetnsMounts;
}

export class PodNetwork {
  readonly #cni: CniHost;
  readonly #mounts: NetnsMounts;

  constructor({ cni, mounts }: PodNetworkOptions) {
    this.#cni = cni;
    this.#mounts = mounts;
  }

  /** Why the network is not ready, in the CRI's words, or undefined. */
  notReady(): string | undefined {
    try {
      loadDefaultNetwork(this.#cni.fs);
      return undefined;
    } catch {
      return `NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: ${CNI_NOT_INITIALIZED}`;
    }
  }

  /** Sandboxes of an earlier life of this node, by pod uid; the newest of each. */
  remembered(): Map<string, SandboxRecord> {
    const { fs } = this.#cni;
    const found = new Map<string, SandboxRecord>();
    for (const id of fs.exists(SANDBOX_DIR) ? fs.list(SANDBOX_DIR) : []) {
      const record = JSON.parse(fs.readText(`${SANDBOX_DIR}/${id}/metadata`)) as SandboxRecord;
      const known = found.get(record.uid);
      if (known === undefined || known.attempt < record.attempt) found.set(record.uid, record);
    }
    return found;
  }

  /** Makes the namespace and connects it. Rejects with CRI's words; nothing is left behind then. */
  async run(pod: Pod, attempt: number, rt: Pick<RuntimeConf, 'capabilityArgs'>): Promise<RunningSandbox> {
    const id = this.#cni.randomHex(64);
    const hostNetwork = pod.spec.hostNetwork === true;
    const { namespace = 'default', name, uid = '' } = pod.metadata;
    if (hostNetwork) {
      const record = { id, attempt, uid, namespace, name, hostNetwork, netns: '' };
      this.#save(record);
      return { record, netns: this.#cni.ns, ip: undefined };
    }
    const { path, netns } = this.#mounts.create(`${namespace}/${name}`);
    const record = { id, attempt, uid, namespace, name, hostNetwork, netns: path };
    this.#save(record);
    try {
      await addNetworkList(this.#cni, LOOPBACK, { ...this.#rt(record, rt.capabilityArgs), ifName: 'lo' });
      const list = loadDefaultNetwork(this.#cni.fs);
      const result = await addNetworkList(this.#cni, list, this.#rt(record, rt.capabilityArgs));
      const ip = result.ips[0]?.address.split('/')[0];
      if (ip === undefined) throw new Error(`failed to find network info for sandbox ${JSON.stringify(id)}`);
      return { record, netns, ip };
    } catch (error) {
      const why = (error as Error).message;
      await this.stop(record).catch(() => {});
      throw new Error(
        `rpc error: code = Unknown desc = failed to setup network for sandbox ${JSON.stringify(id)}: ${why}`,
      );
    }
  }

  /** Disconnects and removes it. May be repeated; rejects when a plugin refuses, and is then to be called again. */
  async stop(record: SandboxRecord): Promise<void> {
    if (!record.hostNetwork) {
      const alive = this.#mounts.get(record.netns) !== undefined;
      const list = this.#network();
      if (list !== undefined)
        await delNetworkList(this.#cni, list, this.#rt({ ...record, netns: alive ? record.netns : '' }, {}));
      this.#mounts.remove(record.netns);
    }
    this.#cni.fs.removeTree(`${SANDBOX_DIR}/${record.id}`);
  }

  #network(): NetworkConfList | undefined {
    try {
      return loadDefaultNetwork(this.#cni.fs);
    } catch {
      return undefined;
    }
  }

  #save(record: SandboxRecord): void {
    this.#cni.fs.write(`${SANDBOX_DIR}/${record.id}/metadata`, JSON.stringify(record), { mode: 0o600 });
  }

  #rt(record: SandboxRecord, capabilityArgs: Readonly<Record<string, unknown>>): RuntimeConf {
    return {
      containerID: record.id,
      netns: record.netns,
      ifName: 'eth0',
      args: {
        IgnoreUnknown: '1',
        K8S_POD_NAMESPACE: record.namespace,
        K8S_POD_NAME: record.name,
        K8S_POD_INFRA_CONTAINER_ID: record.id,
        K8S_POD_UID: record.uid,
      },
      capabilityArgs,
    };
  }
}

/** The hostPorts of a pod, as the portmap plugin takes them. */
export function portMappings(pod: Pod): Readonly<Record<string, unknown>> {
  const maps = pod.spec.containers.flatMap((container) =>
    (container.ports ?? [])
      .filter((port) => port.hostPort !== undefined && port.hostPort > 0)
      .map((port) => ({
        hostPort: port.hostPort,
        containerPort: port.containerPort,
        protocol: (port.protocol ?? 'TCP').toLowerCase(),
        hostIP: port.hostIP ?? '',
      })),
  );
  return maps.length === 0 ? {} : { portMappings: maps };
}
