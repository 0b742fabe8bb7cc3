// Addresses for Services of type LoadBalancer: the service controller of cloud-controller-manager with a provider that has a
// range of addresses, as MetalLB's controller is. Who routes them to a node is the fabric's business.
import type { Service } from '../../api/types/service.ts';
import { formatAddress, parseAddress, parseRange, type Range } from '../../cluster/prefix.ts';
import { type Action, type Controller, each, keyOf, type Situation } from '../runtime/controller.ts';

const RETRY = 5000;
const textOf = ({ first, bits }: Range): string => `${formatAddress(first)}/${bits}`;

export function serviceLbController(pool: string): Controller {
  const range = parseRange(pool)!;
  return {
    name: 'service-controller',
    follows: [each('services')],
    reconcile: (key, { view }: Situation) => {
      const service = view.get<Service>('services', key);
      return service === undefined ? [] : reconcile(service, view.list<Service>('services'), range);
    },
  };
}

const inRange = (text: string, range: Range): boolean => {
  const n = parseAddress(text);
  return n !== undefined && n > range.first && n < range.last;
};

export function reconcile(service: Service, all: readonly Service[], range: Range): readonly Action[] {
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  const { type, loadBalancerClass, loadBalancerIP } = service.spec;
  // Somebody else's: a class is for the controller that knows it.
  if (loadBalancerClass !== undefined) return [];
  const going = service.metadata.deletionTimestamp !== undefined;
  if (type !== 'LoadBalancer' || going) return going || ingress.length === 0 ? [] : [status(service, {})];
  if (ingress.length > 0) return [];
  const taken = new Set(
    all.flatMap((s) =>
      (s.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip])),
    ),
  );
  const asked = loadBalancerIP ?? '';
  const why = asked === '' ? undefined : refusal(asked, taken, range);
  const ip = asked === '' ? firstFree(taken, range) : why === undefined ? asked : undefined;
  if (ip === undefined)
    return [
      {
        do: 'event',
        about: service,
        type: 'Warning',
        reason: 'SyncLoadBalancerFailed',
        message: `Error syncing load balancer: ${why ?? `no address is left in ${textOf(range)}`}`,
      },
      { do: 'again', afterMs: RETRY },
    ];
  return [
    status(service, { ingress: [{ ip, ipMode: 'VIP' }] }),
    {
      do: 'event',
      about: service,
      type: 'Normal',
      reason: 'EnsuredLoadBalancer',
      message: `Ensured load balancer: ${ip} for ${keyOf(service)}`,
    },
  ];
}

function refusal(asked: string, taken: ReadonlySet<string>, range: Range): string | undefined {
  if (!inRange(asked, range)) return `${asked} is not in ${textOf(range)}`;
  return taken.has(asked) ? `${asked} is another Service's` : undefined;
}

function firstFree(taken: ReadonlySet<string>, range: Range): string | undefined {
  for (let n = range.first + 1; n < range.last; n++)
    if (!taken.has(formatAddress(n))) return formatAddress(n);
  return undefined;
}

const status = (
  service: Service,
  loadBalancer: NonNullable<NonNullable<Service['status']>['loadBalancer']>,
): Action => ({
  do: 'status',
  object: { ...service, status: { ...service.status, loadBalancer } } as Service,
});
