// How a runtime, and a plugin that delegates, runs a plugin's program (containernetworking/cni pkg/invoke): environment and
// stdin in, stdout decoded, a failure turned back into the error it printed.
import type { CmdArgs, CniHost } from './plugin.ts';
import { parseResult } from './result.ts';
import { runPlugin } from './skel.ts';
import { type CniEnv, CniError, type CniResult, ERR_DECODING_FAILURE, quote } from './types.ts';

export const CNI_BIN_DIR = '/opt/cni/bin';

/** Runs `type` and returns its stdout. Throws the CniError it printed. */
export async function execPlugin(host: CniHost, type: string, env: CniEnv, conf: object): Promise<string> {
  const plugin = host.plugins.get(type);
  if (plugin === undefined)
    throw new Error(`failed to find plugin ${quote(type)} in path [${env.CNI_PATH ?? CNI_BIN_DIR}]`);
  const { exitCode, stdout } = await runPlugin(plugin, env, JSON.stringify(conf), host);
  if (exitCode === 0) return stdout;
  const { code, msg, details } = JSON.parse(stdout) as { code: number; msg: string; details?: string };
  throw new CniError(code, msg, details);
}

export async function execWithResult(
  host: CniHost,
  type: string,
  env: CniEnv,
  conf: { readonly cniVersion?: string },
): Promise<CniResult> {
  const stdout = await execPlugin(host, type, env, conf);
  let value: unknown;
  try {
    value = JSON.parse(stdout);
  } catch (error) {
    throw new CniError(ERR_DECODING_FAILURE, `error decoding result: ${(error as Error).message}`);
  }
  return parseResult(value, conf.cniVersion ?? '0.1.0');
}

/** invoke.DelegateAdd and ipam.ExecAdd: another plugin, in the same environment. */
export const delegateAdd = (host: CniHost, args: CmdArgs, type: string, conf: object): Promise<CniResult> =>
  execWithResult(host, type, { ...args.env, CNI_COMMAND: 'ADD' }, conf);

export async function delegateDel(host: CniHost, args: CmdArgs, type: string, conf: object): Promise<void> {
  await execPlugin(host, type, { ...args.env, CNI_COMMAND: 'DEL' }, conf);
}

export async function delegateCheck(host: CniHost, args: CmdArgs, type: string, conf: object): Promise<void> {
  await execPlugin(host, type, { ...args.env, CNI_COMMAND: 'CHECK' }, conf);
}
