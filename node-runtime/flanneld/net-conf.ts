// The network configuration (flannel pkg/subnet/config.go): /etc/kube-flannel/net-conf.json, or the value that etcd holds. Keys
// match whatever their case, as Go's decoder has it. IPv6 is refused in plain words: the emulator has none yet.
import {
  formatIpv4,
  type Ipv4,
  inPrefix,
  ip4,
  netmask,
  type Prefix,
  parseIpv4,
  parsePrefix,
} from '../kernel/wire/addr.ts';

export const NET_CONF = '/etc/kube-flannel/net-conf.json';

export interface NetConf {
  readonly network: Prefix;
  readonly subnetLen: number;
  readonly subnetMin: Ipv4 | undefined;
  readonly subnetMax: Ipv4 | undefined;
  readonly enableNFTables: boolean;
  /** "udp" when the file has no Backend at all, whatever the documentation says. */
  readonly backendType: string;
  /** The Backend object's keys in lower case. */
  readonly backend: Readonly<Record<string, unknown>>;
}

type Json = Readonly<Record<string, unknown>>;

/** subnet.ParseConfig. Throws an Error with its sentence. */
export function parseNetConf(text: string): NetConf {
  const raw = lowerKeys(object(decode(text), 'Config'));
  if (raw['enableipv6'] === true)
    throw new Error('EnableIPv6: IPv6 networks are not emulated yet; set EnableIPv6 to false');
  const backend = raw['backend'];
  const keys = backend === undefined ? {} : lowerKeys(backendObject(backend));
  const type = keys['type'];
  return {
    network: prefixField(raw['network']),
    subnetLen: numberField(raw['subnetlen'], 'SubnetLen'),
    subnetMin: addressField(raw['subnetmin'], 'SubnetMin'),
    subnetMax: addressField(raw['subnetmax'], 'SubnetMax'),
    enableNFTables: raw['enablenftables'] === true,
    backendType: backend === undefined ? 'udp' : typeof type === 'string' ? type : '',
    backend: keys,
  };
}

/** subnet.CheckNetworkConfig: fills in the subnet fields. Not run in kube mode, where the node's podCIDR is the subnet. */
export function checkNetConf(
  conf: NetConf,
): NetConf & { readonly subnetMin: Ipv4; readonly subnetMax: Ipv4 } {
  const { network } = conf;
  const subnetLen = checkedSubnetLen(conf);
  const size = 2 ** (32 - subnetLen);
  const subnetMin = conf.subnetMin ?? ip4(network.addr + size);
  const subnetMax = conf.subnetMax ?? ip4(network.addr + 2 ** (32 - network.len) - size);
  if (!inPrefix(subnetMin, network)) throw new Error('SubnetMin is not in the range of the Network');
  if (!inPrefix(subnetMax, network)) throw new Error('SubnetMax is not in the range of the Network');
  const mask = netmask(subnetLen);
  if (ip4(subnetMin & mask) !== subnetMin)
    throw new Error(`SubnetMin is not on a SubnetLen boundary: ${formatIpv4(subnetMin)}`);
  if (ip4(subnetMax & mask) !== subnetMax)
    throw new Error(`SubnetMax is not on a SubnetLen boundary: ${formatIpv4(subnetMax)}`);
  return { ...conf, subnetLen, subnetMin, subnetMax };
}

function checkedSubnetLen({ subnetLen, network }: NetConf): number {
  if (subnetLen > 0) {
    if (subnetLen > 30) throw new Error('SubnetLen must be less than /31');
    // More than two must fit: the first one is not used.
    if (subnetLen < network.len + 2)
      throw new Error('network must be able to accommodate at least four subnets');
    return subnetLen;
  }
  if (network.len > 28) throw new Error('network is too small. Minimum useful network prefix is /28');
  return network.len <= 22 ? 24 : network.len + 2;
}

function decode(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`error parsing subnet config: ${(error as Error).message}`);
  }
}

function object(value: unknown, what: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`error parsing subnet config: cannot decode into ${what}`);
  return value as Json;
}

function backendObject(value: unknown): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error('error decoding Backend property of config: not an object');
  return value as Json;
}

const lowerKeys = (value: Json): Json =>
  Object.fromEntries(Object.entries(value).map(([key, v]) => [key.toLowerCase(), v]));

function prefixField(value: unknown): Prefix {
  if (value === undefined || value === '')
    throw new Error('please define a correct Network parameter in the flannel config');
  const prefix = typeof value === 'string' && value.includes('/') ? parsePrefix(value) : undefined;
  if (prefix === undefined)
    throw new Error(`error parsing subnet config: invalid CIDR address: ${String(value)}`);
  return { addr: ip4(prefix.addr & netmask(prefix.len)), len: prefix.len };
}

function addressField(value: unknown, field: string): Ipv4 | undefined {
  if (value === undefined) return undefined;
  const addr = typeof value === 'string' ? parseIpv4(value) : undefined;
  if (addr === undefined)
    throw new Error(`error parsing subnet config: ${field}: invalid IP address ${String(value)}`);
  return addr;
}

function numberField(value: unknown, field: string): number {
  if (value === undefined) return 0;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 128)
    throw new Error(`error parsing subnet config: ${field}: ${String(value)} is not a prefix length`);
  return value;
}

/** A back end's own option: a number with a default. Throws when it is something else. */
export function backendNumber(conf: NetConf, key: string, otherwise: number): number {
  const value = conf.backend[key.toLowerCase()];
  if (value === undefined) return otherwise;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0)
    throw new Error(
      `error decoding ${conf.backendType} backend config: ${key}: ${String(value)} is not a number`,
    );
  return value;
}

export function backendFlag(conf: NetConf, key: string): boolean {
  const value = conf.backend[key.toLowerCase()];
  if (value !== undefined && typeof value !== 'boolean')
    throw new Error(
      `error decoding ${conf.backendType} backend config: ${key}: ${String(value)} is not a boolean`,
    );
  return value === true;
}
