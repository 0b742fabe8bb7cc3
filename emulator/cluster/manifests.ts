// Manifests: YAML or JSON documents of Kubernetes objects, Lists taken apart. Only what every object needs is looked at
// here; the API server judges the rest.
import type { KubeObject } from '../api/types/meta.ts';
import { type Reader, readDocuments } from '../input/reader.ts';

export function readManifests(text: string, source: string): KubeObject[] {
  return readDocuments(text, source).flatMap(readObject);
}

function readObject(at: Reader): KubeObject[] {
  const fields = new Map(at.entries());
  const need = (name: string): Reader =>
    fields.get(name) ??
    at.fail(`has no ${name}`, 'write apiVersion, kind and metadata.name, as every Kubernetes object has');
  const kind = need('kind').text();
  need('apiVersion').text();
  if (kind === 'List')
    return need('items')
      .list((item) => readObject(item))
      .flat();
  const metadata = new Map(need('metadata').entries());
  if (!metadata.has('name') && !metadata.has('generateName'))
    need('metadata').fail('has no name', 'give the object a name');
  return [at.value() as KubeObject];
}
