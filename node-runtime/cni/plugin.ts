// What a CNI plugin is given and may use. A real plugin is a program that reaches the kernel by netlink and the disk by
// files; ours reaches both by what is handed in here, and nothing else.
import type { Netns } from '../kernel/netns/netns.ts';
import type { NodeFs } from '../node-fs.ts';
import type { IptablesTool } from './iptables-tool.ts';
import type { CniEnv, CniResult, PluginConf } from './types.ts';

export interface CniHost {
  readonly fs: NodeFs;
  /** The namespace plugins run in: the node's own. */
  readonly ns: Netns;
  /** The namespace that a path such as /var/run/netns/cni-… names, while it exists. */
  netns(path: string): Netns | undefined;
  /** iptables in the node's namespace. */
  readonly iptables: IptablesTool;
  /** Programs in /opt/cni/bin, by name. */
  readonly plugins: ReadonlyMap<string, Plugin>;
  /** `n` random hexadecimal digits. */
  randomHex(n: number): string;
  /** `conntrack -D -p udp --orig-port-dst PORT`. */
  flushUdpConntrack?(port: number): void;
}

/** skel.CmdArgs, with the configuration decoded. */
export interface CmdArgs {
  readonly env: CniEnv;
  readonly containerID: string;
  /** Empty when the namespace is gone already (DEL). */
  readonly netns: string;
  readonly ifName: string;
  /** CNI_ARGS: "K8S_POD_NAME=web;IP=10.244.1.9" as a record. */
  readonly args: Readonly<Record<string, string>>;
  readonly conf: PluginConf;
  readonly cniVersion: string;
}

export interface Plugin {
  readonly type: string;
  /** Protocol versions it speaks, lowest first. */
  readonly versions: readonly string[];
  add(args: CmdArgs, host: CniHost): CniResult | Promise<CniResult>;
  /** Must succeed when what it would remove is gone. */
  del(args: CmdArgs, host: CniHost): void | Promise<void>;
  /** Throws when something that ADD made is not as it was. */
  check(args: CmdArgs, host: CniHost): void | Promise<void>;
}
