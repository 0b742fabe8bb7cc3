// What is stored but has no effect in this cluster, and why: said in a Warning header, which kubectl prints, and in a Warning
// event. Nobody may take silence for safety.
import { type Fields, fieldsOf, textOf } from '../fields.ts';
import type { KubeObject } from '../types/meta.ts';

/** Kinds without effect, and the reason in words. */
export type Unenforced = Readonly<Record<string, string>>;

/** What holds until kube-proxy, policies and ingress controllers run in the nodes. */
export const UNENFORCED: Unenforced = {
  Service: 'no kube-proxy runs on the nodes',
  NetworkPolicy: 'nothing in this cluster filters by policies',
  Ingress: 'no ingress controller runs in this cluster',
};

/** "NetworkPolicy shop/deny-all is stored but not enforced: …"; undefined: it has the effect that it should. */
export function unenforcedText(object: KubeObject, reasons: Unenforced): string | undefined {
  const why = reasons[object.kind];
  if (why === undefined || withoutTraffic(object)) return undefined;
  const { namespace, name } = object.metadata;
  return `${object.kind} ${namespace === undefined ? name : `${namespace}/${name}`} is stored but not enforced: ${why}`;
}

/** A Service that no proxy has anything to do with. */
function withoutTraffic(object: KubeObject): boolean {
  if (object.kind !== 'Service') return false;
  const spec: Fields = fieldsOf((object as KubeObject & { spec?: unknown }).spec);
  return (
    spec['type'] === 'ExternalName' ||
    textOf(spec['clusterIP']) === 'None' ||
    object.metadata.labels?.['provider'] === 'kubernetes'
  );
}
