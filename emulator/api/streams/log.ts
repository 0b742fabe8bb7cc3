// /log: what a container wrote, as plain text, once or for as long as it writes. pkg/registry/core/pod/rest/log.go.
import type { Exchange } from '../http/exchange.ts';
import type { Registry, Target } from '../registry.ts';
import { badRequest, invalid, invalidValue, methodNotAllowed } from '../status-error.ts';
import type { Pod } from '../types/pod.ts';
import { locate, open, type PodStreams } from './pod-streams.ts';

export async function handleLog(
  registry: Registry,
  streams: PodStreams | undefined,
  exchange: Exchange,
  target: Target,
): Promise<void> {
  if (exchange.method !== 'GET') throw methodNotAllowed();
  const { pod, container } = locate(registry, target, exchange.query.get('container'));
  const previous = exchange.flag('previous');
  checkStarted(pod, container, previous);
  const stream = await open(streams, pod, container, {
    type: 'logs',
    follow: exchange.flag('follow'),
    previous,
    timestamps: exchange.flag('timestamps'),
    ...optional(exchange, 'tailLines', 'tailLines'),
    ...optional(exchange, 'limitBytes', 'limitBytes'),
    ...since(registry, exchange),
  });
  const { res } = exchange;
  res.writeHead(200, { ...exchange.commonHeaders(), 'content-type': 'text/plain' });
  res.flushHeaders();
  res.on('close', () => stream.kill());
  stream.onData = (_channel, data) => {
    if (data === undefined) return;
    if (res.writableEnded || res.destroyed) stream.taken(data.length);
    else res.write(Buffer.from(data), () => stream.taken(data.length));
  };
  await stream.exit;
  res.end();
}

/** A number of the query, which may not be negative: PodLogOptions. */
function optional(exchange: Exchange, parameter: string, name: string): object {
  const text = exchange.query.get(parameter);
  if (text === null || text === '') return {};
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0)
    throw invalid({ group: '', kind: 'PodLogOptions' }, '', [
      invalidValue(parameter, text, 'must be greater than or equal to 0'),
    ]);
  return { [name]: value };
}

function since(registry: Registry, exchange: Exchange): { sinceTime?: number } {
  const { clock } = registry;
  const seconds = exchange.query.get('sinceSeconds');
  if (seconds !== null) return { sinceTime: clock.epoch + clock.now() - Number(seconds) * 1000 };
  const time = exchange.query.get('sinceTime');
  return time === null ? {} : { sinceTime: Date.parse(time) };
}

/** The kubelet's words for a container that has nothing to show yet. */
function checkStarted(pod: Pod, container: string, previous: boolean): void {
  const statuses = [
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.initContainerStatuses ?? []),
    ...(pod.status?.ephemeralContainerStatuses ?? []),
  ];
  const status = statuses.find((s) => s.name === container);
  const { name } = pod.metadata;
  if (previous && status?.lastState?.terminated === undefined)
    throw badRequest(
      `previous terminated container ${JSON.stringify(container)} in pod ${JSON.stringify(name)} not found`,
    );
  const waiting = status?.state?.waiting;
  if (status === undefined || (waiting !== undefined && status.lastState?.terminated === undefined))
    throw badRequest(
      `container ${JSON.stringify(container)} in pod ${JSON.stringify(name)} is waiting to start: ${waiting?.message ?? waiting?.reason ?? 'ContainerCreating'}`,
    );
}
