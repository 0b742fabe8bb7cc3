// The records of the Container Network Interface (containernetworking/cni SPEC.md; pkg/types/types.go and
// pkg/types/100/types.go): what travels on a plugin's stdin and stdout as JSON.

export interface CniInterface {
  readonly name: string;
  readonly mac?: string;
  /** Path of the network namespace; absent for interfaces of the host. */
  readonly sandbox?: string;
}

export interface CniIp {
  /** "4" up to version 0.4.0; gone in 1.0.0. */
  readonly version?: string;
  /** Index into the result's interfaces. */
  readonly interface?: number;
  /** With prefix length: "10.244.1.2/24". */
  readonly address: string;
  readonly gateway?: string;
}

export interface CniRoute {
  readonly dst: string;
  readonly gw?: string;
}

export interface CniDns {
  readonly nameservers?: readonly string[];
  readonly domain?: string;
  readonly search?: readonly string[];
  readonly options?: readonly string[];
}

/** In memory always of the current form; `result.ts` prints and reads the older ones. */
export interface CniResult {
  readonly cniVersion: string;
  readonly interfaces: readonly CniInterface[];
  readonly ips: readonly CniIp[];
  readonly routes: readonly CniRoute[];
  readonly dns: CniDns;
}

/** A plugin's configuration: whatever its JSON holds, with the keys that all plugins share. */
export interface PluginConf {
  readonly cniVersion?: string;
  readonly name?: string;
  readonly type?: string;
  readonly capabilities?: Readonly<Record<string, boolean>>;
  readonly ipam?: { readonly type?: string } & Readonly<Record<string, unknown>>;
  readonly runtimeConfig?: Readonly<Record<string, unknown>>;
  readonly args?: { readonly cni?: Readonly<Record<string, unknown>> };
  readonly prevResult?: unknown;
  readonly [key: string]: unknown;
}

export interface NetworkConfList {
  readonly cniVersion: string;
  readonly name: string;
  readonly disableCheck: boolean;
  readonly plugins: readonly PluginConf[];
}

export type CniCommand = 'ADD' | 'DEL' | 'CHECK' | 'VERSION';

/** The environment of a plugin. */
export interface CniEnv {
  readonly CNI_COMMAND?: string;
  readonly CNI_CONTAINERID?: string;
  readonly CNI_NETNS?: string;
  readonly CNI_IFNAME?: string;
  readonly CNI_ARGS?: string;
  readonly CNI_PATH?: string;
}

/** Well-known error codes (SPEC.md, "Error"); 100 and above are a plugin's own, 999 is libcni's "internal". */
export const ERR_INCOMPATIBLE_VERSION = 1;
export const ERR_UNSUPPORTED_FIELD = 2;
export const ERR_UNKNOWN_CONTAINER = 3;
export const ERR_INVALID_ENVIRONMENT = 4;
export const ERR_IO_FAILURE = 5;
export const ERR_DECODING_FAILURE = 6;
export const ERR_INVALID_NETWORK_CONFIG = 7;
export const ERR_TRY_AGAIN_LATER = 11;
export const ERR_INTERNAL = 999;

/** types.Error: what a plugin that fails prints. */
export class CniError extends Error {
  readonly code: number;
  readonly msg: string;
  readonly details: string;
  constructor(code: number, msg: string, details = '') {
    super(details === '' ? msg : `${msg}; ${details}`);
    this.code = code;
    this.msg = msg;
    this.details = details;
  }
}

/** A Go `%q`. */
export const quote = (text: string): string => JSON.stringify(text);
