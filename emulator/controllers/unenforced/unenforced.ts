// Says of each object that bears on traffic but has no effect here that it has none, as a Warning event.
import { type Unenforced, unenforcedText } from '../../api/resources/unenforced.ts';
import type { KubeObject } from '../../api/types/meta.ts';
import type { Controller } from '../runtime/controller.ts';

const RESOURCES: Readonly<Record<string, string>> = {
  Service: 'services',
  NetworkPolicy: 'networkpolicies.networking.k8s.io',
  Ingress: 'ingresses.networking.k8s.io',
};

export function unenforcedController(reasons: Unenforced): Controller {
  const told = new Map<string, string>();
  const kinds = Object.keys(reasons).filter((kind) => RESOURCES[kind] !== undefined);
  return {
    name: 'podwire',
    follows: kinds.map((kind) => ({
      resource: RESOURCES[kind]!,
      keys: (object) => [`${RESOURCES[kind]} ${object.metadata.namespace}/${object.metadata.name}`],
    })),
    reconcile: (key, { view }) => {
      const space = key.indexOf(' ');
      const object = view.get<KubeObject>(key.slice(0, space), key.slice(space + 1));
      const message = object === undefined ? undefined : unenforcedText(object, reasons);
      if (object === undefined || message === undefined) {
        told.delete(key);
        return [];
      }
      // Once for each object, however often it changes.
      if (told.get(key) === object.metadata.uid) return [];
      told.set(key, object.metadata.uid ?? '');
      return [{ do: 'event', about: object, type: 'Warning', reason: 'NotEnforced', message }];
    },
  };
}
