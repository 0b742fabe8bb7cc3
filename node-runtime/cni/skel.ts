// The part that all plugins share (containernetworking/cni pkg/skel): reads the environment and stdin, checks versions and
// names, calls the command, and turns whatever went wrong into the error record on stdout and a non-zero exit.
import type { CmdArgs, CniHost, Plugin } from './plugin.ts';
import { printResult } from './result.ts';
import {
  type CniEnv,
  CniError,
  ERR_DECODING_FAILURE,
  ERR_INCOMPATIBLE_VERSION,
  ERR_INTERNAL,
  ERR_INVALID_ENVIRONMENT,
  ERR_INVALID_NETWORK_CONFIG,
  type PluginConf,
  quote,
} from './types.ts';

export interface PluginOutput {
  readonly exitCode: number;
  readonly stdout: string;
}

/** Variables each command cannot do without. */
const REQUIRED: Readonly<Record<string, readonly (keyof CniEnv)[]>> = {
  ADD: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'],
  CHECK: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'],
  DEL: ['CNI_CONTAINERID', 'CNI_IFNAME', 'CNI_PATH'],
  VERSION: [],
};

/** Runs a plugin as the runtime would run its program. */
export async function runPlugin(
  plugin: Plugin,
  env: CniEnv,
  stdin: string,
  host: CniHost,
): Promise<PluginOutput> {
  try {
    return { exitCode: 0, stdout: await dispatch(plugin, env, stdin, host) };
  } catch (error) {
    const known =
      error instanceof CniError
        ? error
        : new CniError(ERR_INTERNAL, (error as Error).message ?? String(error));
    const details = known.details === '' ? {} : { details: known.details };
    const record = { cniVersion: versionOf(stdin), code: known.code, msg: known.msg, ...details };
    return { exitCode: 1, stdout: JSON.stringify(record, undefined, 4) };
  }
}

async function dispatch(plugin: Plugin, env: CniEnv, stdin: string, host: CniHost): Promise<string> {
  const command = env.CNI_COMMAND ?? '';
  if (command === 'VERSION')
    return JSON.stringify({ cniVersion: '1.0.0', supportedVersions: plugin.versions });
  const required = REQUIRED[command];
  if (required === undefined) {
    const what =
      command === '' ? 'required env variables [CNI_COMMAND] missing' : `unknown CNI_COMMAND: ${command}`;
    throw new CniError(ERR_INVALID_ENVIRONMENT, what);
  }
  const missing = required.filter((key) => (env[key] ?? '') === '');
  if (missing.length > 0)
    throw new CniError(ERR_INVALID_ENVIRONMENT, `required env variables [${missing.join(',')}] missing`);
  validateContainerId(env.CNI_CONTAINERID!);
  validateIfName(env.CNI_IFNAME!);
  const args = cmdArgs(env, stdin);
  if (!plugin.versions.includes(args.cniVersion)) {
    const supported = plugin.versions.map(quote).join(' ');
    const details = `config is ${quote(args.cniVersion)}, plugin supports [${supported}]`;
    throw new CniError(ERR_INCOMPATIBLE_VERSION, 'incompatible CNI versions', details);
  }
  if (command === 'ADD') return printResult(await plugin.add(args, host), args.cniVersion);
  if (command === 'CHECK') await plugin.check(args, host);
  else await plugin.del(args, host);
  return '';
}

function cmdArgs(env: CniEnv, stdin: string): CmdArgs {
  const conf = decodeConf(stdin);
  if (typeof conf.name !== 'string' || conf.name === '')
    throw new CniError(ERR_INVALID_NETWORK_CONFIG, 'missing network name');
  return {
    env,
    containerID: env.CNI_CONTAINERID!,
    netns: env.CNI_NETNS ?? '',
    ifName: env.CNI_IFNAME!,
    args: parseCniArgs(env.CNI_ARGS ?? ''),
    conf,
    cniVersion: conf.cniVersion ?? '0.1.0',
  };
}

function decodeConf(stdin: string): PluginConf {
  let value: unknown;
  try {
    value = JSON.parse(stdin);
  } catch (error) {
    throw new CniError(
      ERR_DECODING_FAILURE,
      `decoding version from network config: ${(error as Error).message}`,
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new CniError(ERR_DECODING_FAILURE, 'decoding version from network config: not an object');
  return value as PluginConf;
}

/** "K=V;K=V" (SPEC.md, "CNI_ARGS"). */
export function parseCniArgs(text: string): Readonly<Record<string, string>> {
  const args: Record<string, string> = {};
  for (const pair of text.split(';')) {
    if (pair === '') continue;
    const at = pair.indexOf('=');
    if (at <= 0) throw new CniError(ERR_INVALID_ENVIRONMENT, `ARGS: invalid pair ${quote(pair)}`);
    args[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return args;
}

function validateContainerId(id: string): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(id))
    throw new CniError(ERR_INVALID_ENVIRONMENT, 'invalid characters in containerID', id);
}

function validateIfName(name: string): void {
  const bad = (why: string): never => {
    throw new CniError(ERR_INVALID_ENVIRONMENT, why, '');
  };
  if (name.length > 15) bad('interface name is too long: maximum is 15 characters');
  if (name === '.' || name === '..') bad('interface name is . or ..');
  if (/[/:\s]/.test(name)) bad('interface name contains / or : or whitespace characters');
}

function versionOf(stdin: string): string {
  try {
    const { cniVersion } = JSON.parse(stdin) as PluginConf;
    return typeof cniVersion === 'string' ? cniVersion : '0.1.0';
  } catch {
    return '0.1.0';
  }
}
