// What links do to frames, as one list per node that is sent whole whenever it changes: delay, loss and the rest between
// two nodes, on a pod's veth, and partitions between groups.
import { formatAddress, parseRange } from '../cluster/prefix.ts';
import { formatRef, type Ref } from '../cluster/ref.ts';
import type { LinkEffect } from '../cluster/types.ts';
import type { Operations } from '../control/caller.ts';
import { ProtocolError } from '../protocol/errors.ts';
import type { Impairment, ImpairmentEffect, ImpairmentMatch } from '../protocol/records.ts';
import { FABRIC } from '../supervisor/supervisor.ts';
import { locate, nodeSpec, type OperationContext } from './context.ts';

/** An end of a link: where its NIC is, and how a sender knows frames for it. */
interface End {
  readonly name: string;
  readonly member: string;
  readonly netns: string;
  readonly segment: string;
  readonly mac: string;
  readonly address: string;
}

export function impairOperations(context: OperationContext): Operations {
  const { spec, supervisor } = context;
  /** Name of the impairment and member → what is sent to that member. */
  const byMember = new Map<string, Map<string, Impairment>>();

  const send = async (member: string): Promise<void> => {
    const impairments = [...(byMember.get(member)?.values() ?? [])];
    await supervisor.member(member).request('impair', { impairments });
  };
  const set = (member: string, impairment: Impairment): void => {
    if (!byMember.has(member)) byMember.set(member, new Map());
    byMember.get(member)!.set(impairment.name, impairment);
  };
  /** Takes away those whose name begins so; the members that had any. */
  const clear = (prefix: string): string[] => {
    const touched: string[] = [];
    for (const [member, list] of byMember)
      for (const name of [...list.keys()])
        if (name.startsWith(prefix)) {
          list.delete(name);
          if (!touched.includes(member)) touched.push(member);
        }
    return touched;
  };
  const sendAll = async (members: Iterable<string>): Promise<void> => {
    await Promise.all([...new Set(members)].map((m) => send(m)));
  };
  // A node that was started again has no memory of its links.
  context.onEvent((name, event) => {
    if (event.type === 'ready' && (byMember.get(name)?.size ?? 0) > 0) void send(name).catch(() => {});
  });

  const endOf = (name: string): End => {
    if (name === 'control-plane') {
      const segment = spec.segments[0]!;
      return {
        name,
        member: FABRIC,
        netns: name,
        segment: segment.name,
        mac: '',
        address: formatAddress(parseRange(segment.cidr)!.first + 2),
      };
    }
    const node = nodeSpec(context, name);
    return { name, member: name, netns: 'host', segment: node.segment, mac: node.mac, address: node.address };
  };
  const oneWay = (name: string, from: End, to: End, effect: ImpairmentEffect): string => {
    // On one segment frames carry the other's MAC; across a router only the packet says whose it is.
    const match: ImpairmentMatch =
      from.segment === to.segment && to.mac !== ''
        ? { peerMacs: [to.mac] }
        : { peerIps: [`${to.address}/32`] };
    set(from.member, {
      name: `${name} ${from.name}>${to.name}`,
      at: { netns: from.netns, dev: 'eth0' },
      direction: 'egress',
      match,
      effect,
    });
    return from.member;
  };

  return {
    link: async ({ a, b, effect }: { a: string; b: string; effect: LinkEffect | null }) => {
      if (a === b) throw new ProtocolError('E_INVALID', 'a link has two different ends');
      const ends = [endOf(a), endOf(b)].sort((x, y) => (x.name < y.name ? -1 : 1)) as [End, End];
      const name = `link ${ends[0].name}-${ends[1].name}`;
      const touched = clear(`${name} `);
      if (effect !== null)
        for (const [x, y] of [ends, [ends[1], ends[0]]] as const)
          touched.push(oneWay(name, x, y, toEffect(effect)));
      await sendAll(touched);
      return null;
    },
    impairPod: async ({ ref, effect }: { ref: Ref; effect: LinkEffect | null }) => {
      const { member, netns } = locate(context, ref);
      const name = `veth ${formatRef(ref)}`;
      const touched = clear(`${name} `);
      if (effect !== null)
        for (const direction of ['egress', 'ingress'] as const) {
          set(member.name, {
            name: `${name} ${direction}`,
            at: { netns, dev: 'eth0' },
            direction,
            match: {},
            effect: toEffect(effect),
          });
          touched.push(member.name);
        }
      await sendAll(touched);
      return null;
    },
    partition: async ({ groups }: { groups: readonly (readonly string[])[] }) => {
      const touched = clear('partition ');
      const ends = groups.map((group) => group.map(endOf));
      for (const [i, group] of ends.entries())
        for (const [j, other] of ends.entries())
          if (i !== j)
            for (const from of group)
              for (const to of other) touched.push(oneWay('partition', from, to, { type: 'partition' }));
      await sendAll(touched);
      return null;
    },
    heal: async () => {
      await sendAll(clear(''));
      return null;
    },
  };
}

const toEffect = (effect: LinkEffect): ImpairmentEffect =>
  'partition' in effect ? { type: 'partition' } : { type: 'netem', ...effect };
