// Names of per-container iptables chains (containernetworking/plugins pkg/utils/utils.go): a prefix and as much of a SHA-512
// of network name and container id as iptables' 28 characters leave.
import { createHash } from 'node:crypto';

const MAX_CHAIN_LENGTH = 28;

export function chainName(name: string, containerID: string, prefix = ''): string {
  const head = `CNI-${prefix}`;
  const hash = createHash('sha512')
    .update(name + containerID)
    .digest('hex');
  return head + hash.slice(0, MAX_CHAIN_LENGTH - head.length);
}

export const chainComment = (name: string, containerID: string): string =>
  `name: "${name}" id: "${containerID}"`;
