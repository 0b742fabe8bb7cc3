// "${pod/b}" in a command stands for the thing's address: scenarios name things, addresses are theirs to get.
import { type Cluster, parseRef } from '../emulator/client.ts';

const NAMED = /\$\{([a-z-]+(?:\/[a-z0-9.-]+)*)\}/g;

export const references = (text: string): string[] => [...text.matchAll(NAMED)].map((m) => m[1]!);

export async function substitute(text: string, cluster: Cluster): Promise<string> {
  const addresses = new Map<string, string>();
  for (const name of references(text)) addresses.set(name, await cluster.address(parseRef(name)));
  return text.replace(NAMED, (_, name: string) => addresses.get(name)!);
}
