// Every pod to every other, each by its own address: the Kubernetes network model in one check.

import type { Pod } from '../../emulator/api/types/pod.ts';
import { eventually, formatRef, type Ref } from '../../emulator/client.ts';
import type { Verb } from '../step.ts';

interface Mesh {
  readonly proto: 'icmp' | 'udp' | 'tcp';
  readonly port: number | undefined;
  readonly retry: number;
}

export const mesh: Verb<Mesh> = {
  name: 'mesh',
  about: 'checks that every running pod reaches every other by its own address, with no NAT between',
  read(at) {
    const f = at.fields(['proto', 'port', 'retry']);
    const proto = f.proto.or('icmp' as const, (r) => r.choice(['icmp', 'udp', 'tcp']));
    const port = f.port.optional((r) => r.integer(1, 65_535));
    if (proto !== 'icmp' && port === undefined) f.port.fail('is missing', `give the port for ${proto}`);
    return { proto, port, retry: f.retry.or(0, (r) => r.duration()) };
  },
  async run(step, { cluster, report }) {
    const pods = ((await cluster.list('Pod')) as Pod[]).filter(
      (p) => p.status?.podIP !== undefined && p.status.phase === 'Running',
    );
    const refs = pods.map(
      (p): Ref => ({ kind: 'pod', namespace: p.metadata.namespace ?? 'default', name: p.metadata.name }),
    );
    const options = { proto: step.proto, ...(step.port === undefined ? {} : { port: step.port }) };
    const pairs = refs.flatMap((from, i) => refs.flatMap((to, j) => (i === j ? [] : [{ from, to, i, j }])));
    const failed: string[] = [];
    await Promise.all(
      pairs.map(async ({ from, to, i, j }) => {
        let seen = '';
        const good = await eventually(cluster, step.retry, async () => {
          const { outcome } = await cluster.trace(from, { address: pods[j]!.status!.podIP! }, options);
          // A host-network pod is its node: it speaks with its tunnel's address, and flannel masquerades what goes to it.
          const own =
            pods[i]!.spec.hostNetwork === true ||
            pods[j]!.spec.hostNetwork === true ||
            outcome.received?.src === pods[i]!.status!.podIP;
          seen = outcome.result === 'delivered' ? `seen as ${outcome.received?.src}` : outcome.text;
          return outcome.result === 'delivered' && outcome.answered && own ? true : undefined;
        });
        if (good !== true) failed.push(`${formatRef(from)} → ${formatRef(to)}: ${seen}`);
      }),
    );
    report.check({
      name: `every pod reaches every pod (${step.proto})`,
      expected: `${pairs.length} of ${pairs.length} answered, each seen by its own address`,
      seen: `${pairs.length - failed.length} of ${pairs.length}`,
      ok: failed.length === 0 && pairs.length > 0,
      ...(failed.length === 0 ? {} : { detail: failed.slice(0, 10) }),
    });
  },
};
