// The files a kubelet writes for a pod: /etc/hosts, /etc/resolv.conf, /etc/hostname (pkg/kubelet/kubelet_pods.go ensureHostsFile,
// pkg/kubelet/network/dns/dns.go). Pure text.
import type { Pod } from '../../emulator/api/types/pod.ts';

export interface DnsSettings {
  /** The kube-dns Service's address. */
  readonly clusterDNS: string;
  /** "cluster.local" */
  readonly clusterDomain: string;
  /** The node's own /etc/resolv.conf. */
  readonly host: ResolvConf;
}

export interface ResolvConf {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;

export const podHostname = (pod: Pod, nodeName: string): string =>
  pod.spec.hostNetwork === true
    ? nodeName
    : (pod.spec.hostname ?? pod.metadata.name).slice(0, 63).replace(/[-.]+$/, '');

/** managedHostsFileContent. */
export function hostsFile(pod: Pod, ip: string | undefined, domain: string, nodeHosts: string): string {
  const aliases = (pod.spec.hostAliases ?? []).map(
    (alias) => `${alias.ip}\t${(alias.hostnames ?? []).join('\t')}`,
  );
  const tail = aliases.length === 0 ? [] : ['', '# Entries added by HostAliases.', ...aliases];
  if (pod.spec.hostNetwork === true) return [nodeHosts.trimEnd(), ...tail, ''].join('\n');
  const name = podHostname(pod, '');
  const { subdomain } = pod.spec;
  const fqdn =
    subdomain === undefined ? undefined : `${name}.${subdomain}.${pod.metadata.namespace}.svc.${domain}`;
  const own = ip === undefined ? [] : [`${ip}\t${fqdn === undefined ? '' : `${fqdn}\t`}${name}`];
  return [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    ...own,
    ...tail,
    '',
  ].join('\n');
}

/** GetPodDNS: by policy, with dnsConfig added. */
export function podResolvConf(pod: Pod, dns: DnsSettings): ResolvConf {
  const base = byPolicy(pod, dns);
  const config = pod.spec.dnsConfig;
  const options = new Map(base.options.map((option) => [option.split(':')[0]!, option]));
  for (const { name, value } of config?.options ?? [])
    options.set(name, value === undefined || value === '' ? name : `${name}:${value}`);
  const unique = (list: readonly string[], max: number): string[] => [...new Set(list)].slice(0, max);
  return {
    nameservers: unique([...base.nameservers, ...(config?.nameservers ?? [])], MAX_NAMESERVERS),
    searches: unique([...base.searches, ...(config?.searches ?? [])], MAX_SEARCHES),
    options: [...options.values()],
  };
}

function byPolicy(pod: Pod, { clusterDNS, clusterDomain, host }: DnsSettings): ResolvConf {
  const policy = pod.spec.dnsPolicy ?? 'ClusterFirst';
  if (policy === 'None') return { nameservers: [], searches: [], options: [] };
  if (policy === 'Default' || (policy === 'ClusterFirst' && pod.spec.hostNetwork === true)) return host;
  const space = pod.metadata.namespace ?? 'default';
  return {
    nameservers: [clusterDNS],
    searches: [`${space}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain, ...host.searches],
    options: ['ndots:5'],
  };
}

export function resolvConfText({ nameservers, searches, options }: ResolvConf): string {
  return [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...nameservers.map((server) => `nameserver ${server}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
    '',
  ].join('\n');
}

/** Reads a resolv.conf (resolv.conf(5)): the last `search` or `domain` line counts. */
export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = [];
  const options: string[] = [];
  let searches: string[] = [];
  for (const line of text.split('\n')) {
    const [word, ...values] = line.trim().split(/\s+/);
    if (word === 'nameserver' && values[0] !== undefined) nameservers.push(values[0]);
    else if (word === 'search' || word === 'domain') searches = values;
    else if (word === 'options') options.push(...values);
  }
  return { nameservers, searches, options };
}
