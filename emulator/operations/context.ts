// What the operations work on, and how a name becomes a process and a place in it.
import type { Clock } from '../api/clock.ts';
import { keyOf, type Registry, type Target } from '../api/registry.ts';
import { storageName } from '../api/resources/resource.ts';
import type { KubeObject } from '../api/types/meta.ts';
import type { Pod } from '../api/types/pod.ts';
import { contains, formatAddress, parseAddress, parseRange } from '../cluster/prefix.ts';
import { OUTSIDE } from '../cluster/read.ts';
import { formatRef, type Ref } from '../cluster/ref.ts';
import type { ClusterSpec, NodeSpec } from '../protocol/cluster.ts';
import { ProtocolError } from '../protocol/errors.ts';
import type { Place } from '../protocol/records.ts';
import type { Member, MemberEvent } from '../supervisor/member.ts';
import { FABRIC, type Supervisor } from '../supervisor/supervisor.ts';

export interface OperationContext {
  readonly spec: ClusterSpec;
  readonly supervisor: Supervisor;
  readonly registry: Registry;
  readonly clock: Clock;
  /** Hears what members do; returns how to stop. */
  onEvent(listener: (name: string, event: MemberEvent) => void): () => void;
}

const notFound = (what: string): ProtocolError =>
  Object.assign(new ProtocolError('E_NOT_FOUND'), { message: what });

/** The object a Ref names; undefined for what is no object or does not exist. */
export function findObject(registry: Registry, ref: Ref): KubeObject | undefined {
  const target = targetOf(registry, ref);
  return target === undefined
    ? undefined
    : registry.store.get(storageName(target.info), keyOf(target.namespace, target.name))?.object;
}

export function targetOf(registry: Registry, ref: Ref): Target | undefined {
  const kind = { pod: 'Pod', service: 'Service', node: 'Node' }[ref.kind as string];
  if (kind === undefined) return undefined;
  const info = registry.catalogue.findKind('', 'v1', kind)!;
  const { name, namespace } = ref as { name: string; namespace?: string };
  return { info, namespace: info.namespaced ? namespace : undefined, name };
}

export function nodeSpec({ spec }: OperationContext, name: string): NodeSpec {
  const node = spec.nodes.find((n) => n.name === name);
  if (node === undefined)
    throw notFound(`there is no node "${name}"; the cluster has ${spec.nodes.map((n) => n.name).join(', ')}`);
  return node;
}

function podOf(context: OperationContext, ref: Extract<Ref, { kind: 'pod' }>): Pod {
  const pod = findObject(context.registry, ref) as Pod | undefined;
  if (pod === undefined) throw notFound(`there is no ${formatRef(ref)} in namespace ${ref.namespace}`);
  return pod;
}

/** Which process a thing lives in, and where there. */
export function locate(
  context: OperationContext,
  ref: Ref,
  container?: string,
): { readonly member: Member; readonly place: Place; readonly netns: string } {
  const { supervisor, spec } = context;
  switch (ref.kind) {
    case 'pod': {
      const pod = podOf(context, ref);
      const node = pod.spec.nodeName;
      if (node === undefined || node === '') throw notFound(`${formatRef(ref)} has no node yet`);
      const place: Place = {
        kind: 'pod',
        namespace: ref.namespace,
        pod: ref.name,
        ...(container === undefined ? {} : { container }),
      };
      return {
        member: supervisor.member(node),
        place,
        netns: pod.spec.hostNetwork === true ? 'host' : `${ref.namespace}/${ref.name}`,
      };
    }
    case 'node':
      nodeSpec(context, ref.name);
      return { member: supervisor.member(ref.name), place: { kind: 'node' }, netns: 'host' };
    case 'container':
      nodeSpec(context, ref.node);
      return {
        member: supervisor.member(ref.node),
        place: { kind: 'docker', container: ref.name },
        netns: ref.name,
      };
    case 'external':
      return inFabric(supervisor, externalOf(spec, ref.name).name);
    case 'router':
    case 'control-plane':
      return inFabric(supervisor, ref.kind);
    case 'service':
      throw new ProtocolError('E_INVALID', `${formatRef(ref)} is no place: name one of its pods`);
  }
}

/** A host outside by its name or address; an address of the outside network that is none's is that of a host that runs nothing. */
function externalOf(spec: ClusterSpec, name: string): { readonly name: string; readonly address: string } {
  const host = spec.external.find((e) => e.name === name || e.address === name);
  if (host !== undefined) return host;
  const address = parseAddress(name);
  if (address === undefined) throw notFound(`there is no external host "${name}"`);
  const range = parseRange(OUTSIDE)!;
  if (!contains(range, address) || address <= range.first + 1 || address >= range.last)
    throw notFound(
      `${name} is not on the outside network ${OUTSIDE}; from another source address a host there sends with --src-ip`,
    );
  return { name, address: name };
}

const inFabric = (supervisor: Supervisor, netns: string) => ({
  member: supervisor.member(FABRIC),
  place: { kind: 'netns', netns } as const,
  netns,
});

/** The address by which others reach a thing. */
export async function addressOf(context: OperationContext, ref: Ref): Promise<string> {
  const { spec, supervisor } = context;
  const segment = parseRange(spec.segments[0]!.cidr)!;
  switch (ref.kind) {
    case 'pod': {
      const ip = podOf(context, ref).status?.podIP;
      if (ip === undefined) throw notFound(`${formatRef(ref)} has no address yet`);
      return ip;
    }
    case 'service': {
      const ip = (findObject(context.registry, ref) as { spec?: { clusterIP?: string } } | undefined)?.spec
        ?.clusterIP;
      if (ip === undefined || ip === 'None' || ip === '')
        throw notFound(`${formatRef(ref)} has no cluster address`);
      return ip;
    }
    case 'node':
      return nodeSpec(context, ref.name).address;
    case 'external':
      return externalOf(spec, ref.name).address;
    case 'container': {
      nodeSpec(context, ref.node);
      const { code, stdout, stderr } = await supervisor
        .member(ref.node)
        .request('docker', { argv: ['inspect', '-f', '{{.NetworkSettings.IPAddress}}', ref.name] });
      const address = stdout.trim();
      if (code !== 0) throw notFound(stderr.trim());
      return address === '' ? nodeSpec(context, ref.node).address : address; // --net=host
    }
    case 'router':
      return formatAddress(segment.first + 1);
    case 'control-plane':
      return formatAddress(segment.first + 2);
  }
}
