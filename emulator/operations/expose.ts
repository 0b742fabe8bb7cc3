// A Service on the host's loopback: each connection there goes on into the emulated network, from the router to the Service's
// load balancer address or a node's NodePort. What the Service meets is a client outside the cluster.
import { createServer, type Socket } from 'node:net';
import type { Node } from '../api/types/node.ts';
import type { Service, ServicePort } from '../api/types/service.ts';
import { formatRef, type Ref } from '../cluster/ref.ts';
import type { Operations } from '../control/caller.ts';
import { InputError } from '../input/error.ts';
import type { Place } from '../protocol/records.ts';
import type { Member } from '../supervisor/member.ts';
import { FABRIC } from '../supervisor/supervisor.ts';
import { findObject, type OperationContext } from './context.ts';

export interface ExposeParams {
  readonly ref: Extract<Ref, { kind: 'service' }>;
  /** Of the Service's ports; its first when not said. */
  readonly port?: number;
  /** On the host: "127.0.0.1", and a free port when 0. */
  readonly address: string;
  readonly listen: number;
}
export interface Exposed {
  readonly address: string;
  readonly port: number;
  /** "198.51.100.1:80", "192.168.100.11:30080". */
  readonly target: string;
}

const ROUTER: Place = { kind: 'netns', netns: 'router' };

export function exposeOperations(context: OperationContext): Operations {
  return {
    /** Lasts until it is aborted or told to stop; the first message says where it listens. */
    expose: async ({ ref, port, address, listen }: ExposeParams, out, signal) => {
      const target = (): { host: string; port: number } => frontEnd(context, ref, port);
      const first = target();
      const member = context.supervisor.member(FABRIC);
      const sockets = new Set<Socket>();
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        sockets.add(socket);
        socket.on('close', () => sockets.delete(socket));
        socket.on('error', () => socket.destroy());
        void relay(socket, member, target).catch(() => socket.destroy());
      });
      const failed = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
        server.once('error', resolve);
        server.listen(listen, address, () => resolve(undefined));
      });
      if (failed !== undefined)
        throw new InputError(`${address}:${listen} cannot be listened on: ${failed.message}`, {
          mend: 'take another port with --listen, or leave it out for a free one',
        });
      const bound = server.address() as { address: string; port: number };
      out.send({
        address: bound.address,
        port: bound.port,
        target: `${first.host}:${first.port}`,
      } satisfies Exposed);
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
        if (signal.aborted) resolve();
        out.onMessage(() => resolve());
      });
      server.close();
      for (const socket of sockets) socket.destroy();
      return null;
    },
  };
}

async function relay(
  socket: Socket,
  member: Member,
  target: () => { host: string; port: number },
): Promise<void> {
  socket.pause();
  const stream = await member.stream('forward', { place: ROUTER, ...target() });
  socket.on('data', (data) => {
    if (!stream.write(data)) socket.pause();
  });
  stream.onDrain = () => void socket.resume();
  socket.on('end', () => stream.end());
  socket.on('close', () => stream.kill());
  stream.onData = (_, data) => {
    if (data === undefined) socket.end();
    // A copy: what arrived lies in the buffer of a whole message.
    else socket.write(data.slice(), () => stream.taken(data.length));
  };
  socket.resume();
  const { code } = await stream.exit;
  if (code !== 0) socket.destroy();
}

/** Where a client outside would go: the load balancer's address, or else a Ready node's NodePort. */
function frontEnd(
  { registry }: OperationContext,
  ref: ExposeParams['ref'],
  wanted: number | undefined,
): { host: string; port: number } {
  const service = findObject(registry, ref) as Service | undefined;
  const name = formatRef(ref);
  if (service === undefined)
    throw new InputError(`there is no ${name}`, { mend: 'apply it first, or name its namespace' });
  const ports = (service.spec.ports ?? []).filter((p) => (p.protocol ?? 'TCP') === 'TCP');
  const port: ServicePort | undefined =
    wanted === undefined ? ports[0] : ports.find((p) => p.port === wanted);
  if (port === undefined)
    throw new InputError(
      wanted === undefined ? `${name} has no TCP port` : `${name} has no TCP port ${wanted}`,
      { mend: `use one of ${ports.map((p) => p.port).join(', ')}` },
    );
  const ingress = service.status?.loadBalancer?.ingress?.find(({ ip }) => ip !== undefined);
  if (ingress !== undefined) return { host: ingress.ip!, port: port.port };
  if (port.nodePort === undefined || port.nodePort === 0)
    throw new InputError(`${name} is of type ${service.spec.type} and has no way in from outside`, {
      mend: 'make it type: NodePort or LoadBalancer',
    });
  const ready = registry.store
    .list('nodes')
    .map((s) => s.object as Node)
    .find((n) => n.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true);
  const address = ready?.status?.addresses?.find((a) => a.type === 'InternalIP')?.address;
  if (address === undefined) throw new InputError('no node is Ready', { mend: 'wait for one' });
  return { host: address, port: port.nodePort };
}
