// `podwire node kill|pause|resume|restart NODE`.
import { Cluster } from '../cluster/cluster.ts';
import { EXIT, warn } from './exit.ts';

export async function nodeAction(
  node: string,
  action: 'kill' | 'pause' | 'resume' | 'restart',
  flags: { readonly name: string },
): Promise<number> {
  const cluster = await Cluster.attach(flags.name);
  try {
    await cluster.node(node.replace(/^node\//, ''))[action]();
    warn(`node/${node}: ${action} done`);
    return EXIT.ok;
  } finally {
    await cluster.stop();
  }
}
