// Events that controllers record: k8s.io/client-go/tools/record. One that says the same of the same object again is
// counted up instead of stored anew, and Events go after an hour, as kube-apiserver's --event-ttl has it.
import { hashText } from '../../api/chance.ts';
import { type Clock, timestamp } from '../../api/clock.ts';
import { copy, type Fields } from '../../api/fields.ts';
import type { Registry } from '../../api/registry.ts';
import { StatusError } from '../../api/status-error.ts';
import type { Event } from '../../api/types/core.ts';
import type { KubeObject } from '../../api/types/meta.ts';

export class EventRecorder {
  #registry: Registry;
  #clock: Clock;

  constructor(registry: Registry, clock: Clock) {
    this.#registry = registry;
    this.#clock = clock;
  }

  /** Never fails its caller: an event that cannot be stored is lost, as upstream's are. */
  async record(
    component: string,
    about: KubeObject,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): Promise<void> {
    const { name, namespace = 'default', uid = '' } = about.metadata;
    const eventName = `${name}.${hashText(`${uid} ${component} ${type} ${reason} ${message}`)}`;
    const info = this.#registry.catalogue.find('', 'v1', 'events')!;
    const now = timestamp(this.#clock);
    try {
      await this.#registry.create(info, namespace, {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name: eventName, namespace },
        involvedObject: {
          kind: about.kind,
          ...(about.metadata.namespace === undefined ? {} : { namespace }),
          name,
          uid,
          apiVersion: about.apiVersion,
          resourceVersion: about.metadata.resourceVersion,
        },
        reason,
        message,
        source: { component },
        firstTimestamp: now,
        lastTimestamp: now,
        count: 1,
        type,
        eventTime: null,
        reportingComponent: component,
        reportingInstance: '',
      });
    } catch (error) {
      if (!(error instanceof StatusError) || error.status.reason !== 'AlreadyExists') return;
      await this.#countUp(eventName, namespace, now);
    }
  }

  async #countUp(name: string, namespace: string, now: string): Promise<void> {
    const info = this.#registry.catalogue.find('', 'v1', 'events')!;
    await this.#registry
      .update({ info, namespace, name }, (latest) => {
        const next = copy(latest as Event) as unknown as Fields;
        next['count'] = ((latest as Event).count ?? 1) + 1;
        next['lastTimestamp'] = now;
        return next;
      })
      .catch(() => {});
  }
}
