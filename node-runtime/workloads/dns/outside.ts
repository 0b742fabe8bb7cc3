// The resolver outside of the cluster: what a provider's is to real nodes. It answers for the hosts that the cluster file lists as
// external, and NXDOMAIN for all else, or what the machine's own resolvers say where the cluster file opens that way.
import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import type { Host } from '../../../coredns-lite/host.ts';
import { nodeHost } from '../../../coredns-lite/host-node.ts';
import { Instance } from '../../../coredns-lite/server/instance.ts';
import type { ExternalSpec } from '../../../emulator/protocol/cluster.ts';
import type { Netns } from '../../kernel/netns/netns.ts';
import { NodeFs } from '../../node-fs.ts';
import { socketStack } from '../../sockets/stack.ts';
import { ContainerFs } from '../container-fs.ts';
import { podHost } from './host.ts';

export interface OutsideResolverOptions {
  /** Where it listens, on port 53. */
  readonly ns: Netns;
  readonly external: readonly ExternalSpec[];
  readonly upstream: 'emulated' | 'host';
  log(line: string): void;
}

/** The root zone as far as there is one: each host's names, and its address back to the first. */
export function outsideZone(external: readonly ExternalSpec[]): string {
  const lines = ['$TTL 30', '. SOA outside. hostmaster.outside. 1 7200 1800 86400 30', '. NS outside.'];
  for (const { name, hostnames, address } of external) {
    for (const host of [name, ...hostnames]) lines.push(`${host}. A ${address}`);
    lines.push(`${address.split('.').reverse().join('.')}.in-addr.arpa. PTR ${hostnames[0] ?? name}.`);
  }
  return `${lines.join('\n')}\n`;
}

/** Resolves when it answers. */
export async function startOutsideResolver(options: OutsideResolverOptions): Promise<{ stop(): void }> {
  const { ns, external, upstream, log } = options;
  const { clock } = ns.kernel;
  const root = new NodeFs({ now: () => clock.epoch + clock.now() });
  const servers = upstream === 'host' ? hostServers() : [];
  root.mkdir('/etc');
  root.write('/etc/outside.zone', outsideZone(external));
  root.write(
    '/etc/Corefile',
    [
      '. {',
      `  file /etc/outside.zone . {\n    reload 0\n${servers.length > 0 ? '    fallthrough\n' : ''}  }`,
      ...(servers.length > 0 ? [`  forward . ${servers.join(' ')}`] : []),
      '}',
      '',
    ].join('\n'),
  );
  const stack = socketStack(ns, { owner: 'resolver' });
  const place = {
    ns,
    fs: new ContainerFs(root),
    env: {},
    cwd: '/etc',
    hostname: ns.name,
    out: (chunk: string | Uint8Array) => log(String(chunk).trimEnd()),
  };
  const inside = podHost(place, stack, log);
  // Only forwarded questions leave to the real network, and only where the cluster file says so.
  const host: Host =
    servers.length === 0
      ? inside
      : { ...inside, network: { ...inside.network, ...dialling(nodeHost({ log, fatal: log })) } };
  const instance = new Instance({ host, corefile: '/etc/Corefile', port: 53 });
  await instance.start();
  return {
    stop() {
      void instance.stop();
      stack.stop();
    },
  };
}

const dialling = ({ network: { dialUdp, connectTcp } }: Host) => ({ dialUdp, connectTcp });

/** The real machine's nameservers. */
function hostServers(): string[] {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8')
      .split('\n')
      .flatMap((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? [])
      .filter(isIPv4);
  } catch {
    return [];
  }
}
