// The flannel plugin (flannel-io/cni-plugin flannel.go, flannel_linux.go): no network of its own. It reads what flanneld left in
// subnet.env, writes the bridge plugin's configuration from it, keeps that for DEL, and runs the bridge plugin.
import { formatPrefix, network, parsePrefix } from '../../kernel/wire/addr.ts';
import { FsError, type NodeFs } from '../../node-fs.ts';
import { delegateAdd, delegateDel } from '../invoke.ts';
import type { Plugin } from '../plugin.ts';
import type { CniRoute, PluginConf } from '../types.ts';

const SUBNET_FILE = '/run/flannel/subnet.env';
const DATA_DIR = '/var/lib/cni/flannel';

interface FlannelConf extends PluginConf {
  readonly subnetFile?: string;
  readonly dataDir?: string;
  readonly delegate?: Readonly<Record<string, unknown>>;
}

export interface SubnetEnv {
  readonly network: string;
  /** With the bridge's address: "10.244.1.1/24". */
  readonly subnet: string;
  readonly mtu: number;
  readonly ipMasq: boolean;
}

export const flannel: Plugin = {
  type: 'flannel',
  versions: ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0'],

  async add(args, host) {
    const conf = args.conf as FlannelConf;
    refuseReserved(conf);
    const env = loadSubnetEnv(host.fs, conf.subnetFile ?? SUBNET_FILE);
    const delegate = delegateConf(conf, env);
    host.fs.write(`${conf.dataDir ?? DATA_DIR}/${args.containerID}`, JSON.stringify(delegate), {
      mode: 0o600,
    });
    try {
      return await delegateAdd(host, args, delegate.type!, delegate);
    } catch (error) {
      throw new Error(`failed to delegate add: ${(error as Error).message}`);
    }
  },

  async del(args, host) {
    const conf = args.conf as FlannelConf;
    const path = `${conf.dataDir ?? DATA_DIR}/${args.containerID}`;
    // Nothing saved: ADD never came this far, or DEL has been here.
    if (!host.fs.exists(path)) return;
    const delegate = JSON.parse(host.fs.readText(path)) as PluginConf;
    try {
      await delegateDel(host, args, delegate.type!, delegate);
    } catch (error) {
      throw new Error(`failed to delegate del: ${(error as Error).message}`);
    }
    host.fs.remove(path);
  },

  check() {},
};

function refuseReserved(conf: FlannelConf): void {
  const { delegate } = conf;
  if (delegate === undefined) return;
  if ('type' in delegate && typeof delegate['type'] !== 'string')
    throw new Error("'delegate' dictionary, if present, must have (string) 'type' field");
  for (const key of ['name', 'ipam'])
    if (key in delegate)
      throw new Error(`'delegate' dictionary must not have '${key}' field, it'll be set by flannel`);
}

/** What the user wrote under `delegate` wins over what flannel would choose. */
export function delegateConf(conf: FlannelConf, env: SubnetEnv): PluginConf {
  const own = conf.delegate ?? {};
  const type = (own['type'] as string | undefined) ?? 'bridge';
  const subnet = parsePrefix(env.subnet)!;
  const routes = [...((conf.ipam?.['routes'] as CniRoute[] | undefined) ?? []), { dst: env.network }];
  return {
    ipMasq: !env.ipMasq,
    mtu: env.mtu,
    ...(type === 'bridge' ? { isGateway: true } : {}),
    ...own,
    type,
    name: conf.name!,
    ...(conf.cniVersion === undefined ? {} : { cniVersion: conf.cniVersion }),
    ...(conf.runtimeConfig === undefined ? {} : { runtimeConfig: conf.runtimeConfig }),
    ipam: {
      type: 'host-local',
      ...conf.ipam,
      ranges: [[{ subnet: formatPrefix({ addr: network(subnet), len: subnet.len }) }]],
      routes,
    },
  };
}

/** Throws with upstream's sentence when the file is missing or lacks a key. */
export function loadSubnetEnv(fs: NodeFs, path: string): SubnetEnv {
  let text: string;
  try {
    text = fs.readText(path);
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    throw new Error(
      `failed to load flannel 'subnet.env' file: ${error.message}. Check the flannel pod log for this node.`,
    );
  }
  const env = parseSubnetEnv(text);
  const missing = ['NETWORK', 'SUBNET', 'MTU', 'IPMASQ']
    .map((key) => `FLANNEL_${key}`)
    .filter((key) => !env.has(key));
  if (missing.length > 0)
    throw new Error(`failed to load flannel 'subnet.env' file: ${path} is missing ${missing.join(', ')}`);
  const subnet = env.get('FLANNEL_SUBNET')!;
  if (parsePrefix(subnet) === undefined)
    throw new Error(`failed to load flannel 'subnet.env' file: invalid CIDR address: ${subnet}`);
  return {
    network: env.get('FLANNEL_NETWORK')!,
    subnet,
    mtu: Number(env.get('FLANNEL_MTU')),
    ipMasq: env.get('FLANNEL_IPMASQ') === 'true',
  };
}

/** KEY=value lines; anything else is passed over. */
export function parseSubnetEnv(text: string): Map<string, string> {
  const env = new Map<string, string>();
  for (const line of text.split('\n')) {
    const at = line.indexOf('=');
    if (at > 0) env.set(line.slice(0, at).trim(), line.slice(at + 1).trim());
  }
  return env;
}
