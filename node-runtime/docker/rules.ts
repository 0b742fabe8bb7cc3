// The iptables rules of docker's bridge driver (moby libnetwork/drivers/bridge/setup_ip_tables.go, as of 20.10 to 27): one
// jump list for the daemon, one set for docker0, one per published port. Since 1.13 the policy of FORWARD is DROP when docker
// itself turned forwarding on.
import { IptablesError, type IptablesTool } from '../cni/iptables-tool.ts';
import { formatIpv4, type Ipv4 } from '../kernel/wire/addr.ts';
import { type DockerConfig, subnetOf } from './config.ts';

export const BRIDGE = 'docker0';

export interface DockerRule {
  readonly table: 'nat' | 'filter';
  readonly chain: string;
  readonly rule: readonly string[];
  /** Put first rather than last. */
  readonly first?: true;
}

export interface PortMapping {
  readonly protocol: 'tcp' | 'udp';
  /** 0.0.0.0: every address of the host. */
  readonly hostIp: Ipv4;
  readonly hostPort: number;
  readonly containerPort: number;
}

const words = (text: string): string[] => text.split(' ');
const nat = (chain: string, rule: string): DockerRule => ({ table: 'nat', chain, rule: words(rule) });
const filter = (chain: string, rule: string): DockerRule => ({ table: 'filter', chain, rule: words(rule) });

export const CHAINS: readonly (readonly ['nat' | 'filter', string])[] = [
  ['nat', 'DOCKER'],
  ['filter', 'DOCKER'],
  ['filter', 'DOCKER-ISOLATION-STAGE-1'],
  ['filter', 'DOCKER-ISOLATION-STAGE-2'],
  ['filter', 'DOCKER-USER'],
];

/** What stands as long as dockerd has run at all, in the order in which it is to be evaluated. */
export function daemonRules(): DockerRule[] {
  return [
    nat('PREROUTING', '-m addrtype --dst-type LOCAL -j DOCKER'),
    nat('OUTPUT', '! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER'),
    filter('DOCKER-ISOLATION-STAGE-1', '-j RETURN'),
    filter('DOCKER-ISOLATION-STAGE-2', '-j RETURN'),
    filter('DOCKER-USER', '-j RETURN'),
    { ...filter('FORWARD', '-j DOCKER-ISOLATION-STAGE-1'), first: true },
    { ...filter('FORWARD', '-j DOCKER-USER'), first: true },
  ];
}

/** docker0's. */
export function bridgeRules(config: DockerConfig): DockerRule[] {
  return [
    ...(config.ipMasq ? [nat('POSTROUTING', `-s ${subnetOf(config)} ! -o ${BRIDGE} -j MASQUERADE`)] : []),
    // Without its proxy, docker lets a container reach its own host's published ports by the rule itself.
    ...(config.userlandProxy ? [nat('DOCKER', `-i ${BRIDGE} -j RETURN`)] : []),
    filter('FORWARD', `-o ${BRIDGE} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`),
    filter('FORWARD', `-o ${BRIDGE} -j DOCKER`),
    filter('FORWARD', `-i ${BRIDGE} ! -o ${BRIDGE} -j ACCEPT`),
    filter('FORWARD', `-i ${BRIDGE} -o ${BRIDGE} -j ${config.icc ? 'ACCEPT' : 'DROP'}`),
    {
      ...filter('DOCKER-ISOLATION-STAGE-1', `-i ${BRIDGE} ! -o ${BRIDGE} -j DOCKER-ISOLATION-STAGE-2`),
      first: true,
    },
    { ...filter('DOCKER-ISOLATION-STAGE-2', `-o ${BRIDGE} -j DROP`), first: true },
  ];
}

/** One published port's: the way in, the way through, and the way back to itself. */
export function portRules(config: DockerConfig, container: Ipv4, port: PortMapping): DockerRule[] {
  const { protocol, hostIp, hostPort, containerPort } = port;
  const to = formatIpv4(container);
  const at = hostIp === 0 ? '' : `-d ${formatIpv4(hostIp)}/32 `;
  const notFrom = config.userlandProxy ? `! -i ${BRIDGE} ` : '';
  return [
    nat(
      'DOCKER',
      `${at}${notFrom}-p ${protocol} -m ${protocol} --dport ${hostPort} -j DNAT --to-destination ${to}:${containerPort}`,
    ),
    filter(
      'DOCKER',
      `-d ${to}/32 ! -i ${BRIDGE} -o ${BRIDGE} -p ${protocol} -m ${protocol} --dport ${containerPort} -j ACCEPT`,
    ),
    nat(
      'POSTROUTING',
      `-s ${to}/32 -d ${to}/32 -p ${protocol} -m ${protocol} --dport ${containerPort} -j MASQUERADE`,
    ),
  ];
}

export function install(tool: IptablesTool, rules: readonly DockerRule[]): void {
  for (const { table, chain, rule, first } of rules) {
    if (first === true) tool.insertUnique(table, chain, 1, rule);
    else tool.appendUnique(table, chain, rule);
  }
}

export function uninstall(tool: IptablesTool, rules: readonly DockerRule[]): void {
  for (const { table, chain, rule } of rules)
    try {
      tool.deleteIfExists(table, chain, rule);
    } catch (error) {
      if (!(error instanceof IptablesError)) throw error; // somebody flushed the chain
    }
}

export function ensureChains(tool: IptablesTool): void {
  for (const [table, chain] of CHAINS) tool.ensureChain(table, chain);
}
