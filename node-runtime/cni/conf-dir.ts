// Which network a node has: the first file, by name, of /etc/cni/net.d (libcni/conf.go; containerd's go-cni, opts.go). Without
// one the node is NotReady and pods wait in ContainerCreating.
import type { NodeFs } from '../node-fs.ts';
import { type NetworkConfList, type PluginConf, quote } from './types.ts';

export const CNI_CONF_DIR = '/etc/cni/net.d';
const EXTENSIONS = ['.conf', '.conflist', '.json'];

/** What containerd answers while there is no configuration; the kubelet shows it in the Ready condition. */
export const CNI_NOT_INITIALIZED = 'cni plugin not initialized';

/** Reads the directory anew. Throws CNI_NOT_INITIALIZED when it holds no usable file. */
export function loadDefaultNetwork(fs: NodeFs, dir = CNI_CONF_DIR): NetworkConfList {
  const names = fs.exists(dir) ? fs.list(dir) : [];
  for (const name of names.filter((n) => EXTENSIONS.some((ext) => n.endsWith(ext)))) {
    try {
      const text = fs.readText(`${dir}/${name}`);
      const list = name.endsWith('.conflist') ? parseConfList(text) : singlePlugin(text);
      // go-cni passes over files that name no plugin and goes on with the next.
      if (list.plugins.length > 0) return list;
    } catch {}
  }
  throw new Error(CNI_NOT_INITIALIZED);
}

export function parseConfList(text: string): NetworkConfList {
  const raw = decode(text);
  if (typeof raw['name'] !== 'string' || raw['name'] === '')
    throw new Error('error parsing configuration list: no name');
  const plugins = raw['plugins'];
  if (plugins === undefined) throw new Error("error parsing configuration list: no 'plugins' key");
  if (!Array.isArray(plugins)) throw new Error("error parsing configuration list: invalid 'plugins' type");
  if (plugins.length === 0) throw new Error('error parsing configuration list: no plugins in list');
  for (const [i, plugin] of plugins.entries())
    if (typeof plugin !== 'object' || plugin === null || typeof (plugin as PluginConf).type !== 'string')
      throw new Error(`failed to parse plugin config ${i}: error parsing configuration: missing 'type'`);
  const version = raw['cniVersion'];
  if (version !== undefined && typeof version !== 'string')
    throw new Error(`error parsing configuration list: invalid cniVersion type ${typeof version}`);
  return {
    cniVersion: version ?? '0.1.0',
    name: raw['name'],
    disableCheck: raw['disableCheck'] === true || raw['disableCheck'] === 'true',
    plugins: plugins as PluginConf[],
  };
}

/** ConfListFromConf: a single plugin's file is a list of one. */
function singlePlugin(text: string): NetworkConfList {
  const conf = decode(text) as PluginConf;
  if (typeof conf.type !== 'string' || conf.type === '')
    throw new Error("error parsing configuration: missing 'type'");
  return {
    cniVersion: conf.cniVersion ?? '0.1.0',
    name: conf.name ?? '',
    disableCheck: false,
    plugins: [conf],
  };
}

function decode(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`error parsing configuration list: ${(error as Error).message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`error parsing configuration list: ${quote(String(value))} is not an object`);
  return value as Record<string, unknown>;
}
