// The runtime's half of CNI (containernetworking/cni libcni/api.go): runs the plugins of a list in order, hands each the result
// of the one before, and keeps the last one on disk for DEL and CHECK.
import { CNI_BIN_DIR, execPlugin, execWithResult } from './invoke.ts';
import type { CniHost } from './plugin.ts';
import { compareVersions, parseResult, resultAsVersion } from './result.ts';
import {
  type CniCommand,
  type CniEnv,
  type CniResult,
  type NetworkConfList,
  type PluginConf,
  quote,
} from './types.ts';

const CACHE_DIR = '/var/lib/cni/results';

/** libcni.RuntimeConf. */
export interface RuntimeConf {
  readonly containerID: string;
  /** Path of the namespace; empty on DEL when it is gone. */
  readonly netns: string;
  readonly ifName: string;
  readonly args: Readonly<Record<string, string>>;
  /** What plugins with the capability get as runtimeConfig: {portMappings: […]}. */
  readonly capabilityArgs: Readonly<Record<string, unknown>>;
}

export async function addNetworkList(
  host: CniHost,
  list: NetworkConfList,
  rt: RuntimeConf,
): Promise<CniResult> {
  let result: CniResult | undefined;
  for (const plugin of list.plugins) {
    const conf = buildConf(list, plugin, rt, result);
    try {
      result = await execWithResult(host, plugin.type!, environment('ADD', rt), conf);
    } catch (error) {
      throw wrapped(plugin, 'add', error);
    }
  }
  if (result === undefined) throw new Error(`no plugins in network ${quote(list.name)}`);
  writeCache(host, list, rt, result);
  return result;
}

/** Reverse order; the first plugin that fails ends it, and the runtime calls again later. */
export async function delNetworkList(host: CniHost, list: NetworkConfList, rt: RuntimeConf): Promise<void> {
  // Before 0.4.0 plugins were not given prevResult on DEL.
  const cached = compareVersions(list.cniVersion, '0.4.0') >= 0 ? cachedResult(host, list, rt) : undefined;
  for (const plugin of [...list.plugins].reverse())
    try {
      await execPlugin(host, plugin.type!, environment('DEL', rt), buildConf(list, plugin, rt, cached));
    } catch (error) {
      throw wrapped(plugin, 'delete', error);
    }
  const path = cachePath(list, rt);
  if (host.fs.exists(path)) host.fs.remove(path);
}

export async function checkNetworkList(host: CniHost, list: NetworkConfList, rt: RuntimeConf): Promise<void> {
  if (compareVersions(list.cniVersion, '0.4.0') < 0)
    throw new Error(`configuration version ${quote(list.cniVersion)} does not support CHECK command`);
  if (list.disableCheck) return;
  const cached = cachedResult(host, list, rt);
  if (cached === undefined)
    throw new Error(`failed to get network ${quote(list.name)} cached result: no cached result`);
  for (const plugin of list.plugins)
    await execPlugin(host, plugin.type!, environment('CHECK', rt), buildConf(list, plugin, rt, cached));
}

function wrapped(plugin: PluginConf, what: string, error: unknown): Error {
  const name = plugin.name === undefined ? '' : ` name=${quote(plugin.name)}`;
  return new Error(`plugin type=${quote(plugin.type!)}${name} failed (${what}): ${(error as Error).message}`);
}

/** buildOneConfig and injectRuntimeConfig. */
function buildConf(
  list: NetworkConfList,
  plugin: PluginConf,
  rt: RuntimeConf,
  prev: CniResult | undefined,
): PluginConf {
  const wanted = Object.entries(plugin.capabilities ?? {})
    .filter(([name, on]) => on && rt.capabilityArgs[name] !== undefined)
    .map(([name]) => [name, rt.capabilityArgs[name]] as const);
  return {
    ...plugin,
    name: list.name,
    cniVersion: list.cniVersion,
    ...(prev === undefined ? {} : { prevResult: resultAsVersion(prev, list.cniVersion) }),
    ...(wanted.length === 0 ? {} : { runtimeConfig: Object.fromEntries(wanted) }),
  };
}

const environment = (command: CniCommand, rt: RuntimeConf): CniEnv => ({
  CNI_COMMAND: command,
  CNI_CONTAINERID: rt.containerID,
  CNI_NETNS: rt.netns,
  CNI_IFNAME: rt.ifName,
  CNI_ARGS: Object.entries(rt.args)
    .map(([key, value]) => `${key}=${value}`)
    .join(';'),
  CNI_PATH: CNI_BIN_DIR,
});

const cachePath = (list: NetworkConfList, rt: RuntimeConf): string =>
  `${CACHE_DIR}/${list.name}-${rt.containerID}-${rt.ifName}`;

function writeCache(host: CniHost, list: NetworkConfList, rt: RuntimeConf, result: CniResult): void {
  const cached = {
    kind: 'cniCacheV1',
    containerId: rt.containerID,
    config: Buffer.from(JSON.stringify(list)).toString('base64'),
    ifName: rt.ifName,
    networkName: list.name,
    cniArgs: Object.entries(rt.args),
    ...(Object.keys(rt.capabilityArgs).length > 0 ? { capabilityArgs: rt.capabilityArgs } : {}),
    result: resultAsVersion(result, list.cniVersion),
  };
  host.fs.write(cachePath(list, rt), JSON.stringify(cached), { mode: 0o600 });
}

/** GetNetworkListCachedResult. */
export function cachedResult(host: CniHost, list: NetworkConfList, rt: RuntimeConf): CniResult | undefined {
  const path = cachePath(list, rt);
  if (!host.fs.exists(path)) return undefined;
  const { result } = JSON.parse(host.fs.readText(path)) as { result: unknown };
  return parseResult(result, list.cniVersion);
}
