// dockerd's settings (moby daemon/config): daemon.json, over it what flannel's mk-docker-opts.sh made of subnet.env, as the
// systemd drop-in `EnvironmentFile=/run/docker_opts.env` hands it over.
import {
  formatPrefix,
  type Ipv4,
  inPrefix,
  ip4,
  network,
  type Prefix,
  parsePrefix,
} from '../kernel/wire/addr.ts';
import type { NodeFs } from '../node-fs.ts';

export interface DockerConfig {
  /** The bridge's own address: "172.17.0.1/16". */
  readonly bip: Prefix;
  readonly mtu: number;
  readonly ipMasq: boolean;
  /** Inter-container communication on the bridge. */
  readonly icc: boolean;
  readonly userlandProxy: boolean;
}

export const DAEMON_JSON = '/etc/docker/daemon.json';
export const SUBNET_ENV = '/run/flannel/subnet.env';
export const DOCKER_OPTS = '/run/docker_opts.env';

/** libnetwork's ipamutils: 172.17 to 172.31 as /16, then /20 blocks of 192.168. */
function* pools(): Generator<Prefix> {
  for (let i = 17; i <= 31; i++) yield { addr: ip4((172 << 24) | (i << 16)), len: 16 };
  for (let i = 0; i < 16; i++) yield { addr: ip4((192 << 24) | (168 << 16) | (i << 12)), len: 20 };
}

/** The first pool that no route of the host overlaps, with its first address for the bridge. */
export function defaultBip(routes: readonly Prefix[]): Prefix {
  for (const pool of pools()) {
    const taken = routes.some((r) => r.len > 0 && (inPrefix(r.addr, pool) || inPrefix(pool.addr, r)));
    if (!taken) return { addr: ip4(pool.addr + 1), len: pool.len };
  }
  throw new Error(
    'could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network',
  );
}

/** A setting that dockerd would refuse to start with. */
export class DockerConfigError extends Error {}

export function readConfig(
  files: NodeFs,
  fromSpec: Readonly<Record<string, string | number | boolean>>,
  routes: readonly Prefix[],
): DockerConfig {
  const json = files.exists(DAEMON_JSON) ? parseDaemonJson(files.readText(DAEMON_JSON)) : {};
  const settings: Readonly<Record<string, unknown>> = { ...json, ...fromSpec, ...dockerOpts(files) };
  const text = settings['bip'];
  const bip = text === undefined ? defaultBip(routes) : parsePrefix(String(text));
  if (bip === undefined || network(bip) === bip.addr)
    throw new DockerConfigError(
      `invalid bip: ${text}: write an address of the bridge and its prefix length, as 10.5.1.1/24`,
    );
  const mtu = Number(settings['mtu'] ?? 1500);
  if (!Number.isInteger(mtu) || mtu < 68 || mtu > 65_535)
    throw new DockerConfigError(`invalid mtu: ${settings['mtu']}`);
  const bool = (key: string, fallback: boolean): boolean =>
    settings[key] === undefined ? fallback : settings[key] === true || settings[key] === 'true';
  return {
    bip,
    mtu,
    ipMasq: bool('ip-masq', true),
    icc: bool('icc', true),
    userlandProxy: bool('userland-proxy', true),
  };
}

function parseDaemonJson(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw new DockerConfigError(
      `unable to configure the Docker daemon with file ${DAEMON_JSON}: ${(error as Error).message}`,
    );
  }
}

/** What mk-docker-opts.sh writes for a subnet.env: flannel masquerades or docker does, never both. */
export function makeDockerOpts(subnetEnv: string): string {
  const env = new Map(subnetEnv.split('\n').map((line) => line.split('=', 2) as [string, string]));
  const opts = [
    ['BIP', `--bip=${env.get('FLANNEL_SUBNET')}`],
    ['IPMASQ', `--ip-masq=${env.get('FLANNEL_IPMASQ') !== 'true'}`],
    ['MTU', `--mtu=${env.get('FLANNEL_MTU')}`],
  ];
  const all = opts.map(([, value]) => value).join(' ');
  return `${opts.map(([name, value]) => `DOCKER_OPT_${name}="${value}"`).join('\n')}\nDOCKER_OPTS=" ${all}"\n`;
}

/** The flags in /run/docker_opts.env, which is made anew from subnet.env where flannel has written one. */
function dockerOpts(files: NodeFs): Record<string, unknown> {
  if (!files.exists(SUBNET_ENV)) return {};
  files.write(DOCKER_OPTS, makeDockerOpts(files.readText(SUBNET_ENV)));
  const flags = [...files.readText(DOCKER_OPTS).matchAll(/^DOCKER_OPT_\w+="--([\w-]+)=(.*)"$/gm)];
  return Object.fromEntries(flags.map(([, flag, value]) => [flag, value]));
}

/** docker0's network: "172.17.0.0/16". */
export const subnetOf = (config: DockerConfig): string =>
  formatPrefix({ addr: network(config.bip), len: config.bip.len });
export const gatewayOf = (config: DockerConfig): Ipv4 => config.bip.addr;
