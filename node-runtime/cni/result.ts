// Results in the form of each protocol version (containernetworking/cni pkg/types/{020,040,100}): one record inside,
// converted where it is printed and where it is read.
import {
  type CniDns,
  CniError,
  type CniInterface,
  type CniIp,
  type CniResult,
  type CniRoute,
  ERR_DECODING_FAILURE,
  ERR_INCOMPATIBLE_VERSION,
} from './types.ts';

export const RESULT_VERSIONS = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0'] as const;

interface Result020 {
  readonly ip4?: { readonly ip: string; readonly gateway?: string; readonly routes?: readonly CniRoute[] };
  readonly dns?: CniDns;
}

/** Order of two versions: below, at or above zero. */
export function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let i = 0; i < 3; i++) {
    const d = (left[i] ?? 0) - (right[i] ?? 0);
    if (d !== 0) return d;
  }
  return 0;
}

/** The JSON value of `result` as version `version` has it. */
export function resultAsVersion(result: CniResult, version: string): object {
  if (!(RESULT_VERSIONS as readonly string[]).includes(version))
    throw new CniError(ERR_INCOMPATIBLE_VERSION, `unsupported CNI result version "${version}"`);
  if (compareVersions(version, '0.3.0') < 0) {
    const ip = result.ips[0];
    if (ip === undefined) throw new CniError(ERR_DECODING_FAILURE, 'cannot convert: no valid IP addresses');
    const routes = result.routes.length > 0 ? { routes: result.routes } : {};
    const gateway = ip.gateway === undefined ? {} : { gateway: ip.gateway };
    return { cniVersion: version, ip4: { ip: ip.address, ...gateway, ...routes }, dns: result.dns };
  }
  const withVersion = compareVersions(version, '1.0.0') < 0;
  return {
    cniVersion: version,
    ...(result.interfaces.length > 0 ? { interfaces: result.interfaces } : {}),
    ...(result.ips.length > 0
      ? {
          ips: result.ips.map(({ version: _, ...ip }) => (withVersion ? { version: '4', ...ip } : ip)),
        }
      : {}),
    ...(result.routes.length > 0 ? { routes: result.routes } : {}),
    dns: result.dns,
  };
}

/** types.PrettyPrint: what a plugin writes on stdout. */
export const printResult = (result: CniResult, version: string): string =>
  JSON.stringify(resultAsVersion(result, version), undefined, 4);

/** Reads a result of any version. Throws CniError 6 when it is none. */
export function parseResult(value: unknown, version: string): CniResult {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new CniError(ERR_DECODING_FAILURE, 'could not parse prevResult: not an object');
  const raw = value as Partial<CniResult> & Result020;
  const dns = raw.dns ?? {};
  if (compareVersions(raw.cniVersion ?? version, '0.3.0') < 0) {
    const { ip4 } = raw;
    const gateway = ip4?.gateway === undefined ? {} : { gateway: ip4.gateway };
    const ips = ip4 === undefined ? [] : [{ address: ip4.ip, ...gateway }];
    return { cniVersion: version, interfaces: [], ips, routes: ip4?.routes ?? [], dns };
  }
  const list = <T>(items: readonly T[] | undefined): readonly T[] => (Array.isArray(items) ? items : []);
  return {
    cniVersion: version,
    interfaces: list<CniInterface>(raw.interfaces),
    ips: list<CniIp>(raw.ips).map(({ version: _, ...ip }) => ip),
    routes: list<CniRoute>(raw.routes),
    dns,
  };
}

export const emptyResult = (cniVersion: string): CniResult => ({
  cniVersion,
  interfaces: [],
  ips: [],
  routes: [],
  dns: {},
});
