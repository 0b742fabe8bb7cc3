// Checks on the metadata of every object: k8s.io/apimachinery/pkg/api/validation/objectmeta.go.
import { type Fields, fieldsOf, isFields, listOf, textOf } from './fields.ts';
import { checkLabels, checkName, qualifiedNameFaults } from './names.ts';
import type { ResourceInfo } from './resources/resource.ts';
import { type FieldError, invalidValue, required, tooLong } from './status-error.ts';

const ANNOTATIONS_LIMIT = 256 * 1024;

export function checkMeta(object: Fields, info: ResourceInfo): FieldError[] {
  const metadata = fieldsOf(object['metadata']);
  const errors = checkName(textOf(metadata['name']), info.strategy.names ?? 'dns-subdomain');
  if (isFields(metadata['labels'])) errors.push(...checkLabels(metadata['labels'], 'metadata.labels'));
  if (isFields(metadata['annotations'])) errors.push(...checkAnnotations(metadata['annotations']));
  listOf(metadata['ownerReferences']).forEach((owner, i) => {
    errors.push(...checkOwner(fieldsOf(owner), `metadata.ownerReferences[${i}]`));
  });
  for (const finalizer of listOf(metadata['finalizers']))
    for (const fault of qualifiedNameFaults(String(finalizer)))
      errors.push(invalidValue('metadata.finalizers', finalizer, fault));
  return errors;
}

function checkAnnotations(annotations: Fields): FieldError[] {
  const errors: FieldError[] = [];
  let size = 0;
  for (const [key, value] of Object.entries(annotations)) {
    for (const fault of qualifiedNameFaults(key.toLowerCase()))
      errors.push(invalidValue('metadata.annotations', key, fault));
    size += key.length + String(value).length;
  }
  if (size > ANNOTATIONS_LIMIT) errors.push(tooLong('metadata.annotations', ANNOTATIONS_LIMIT));
  return errors;
}

function checkOwner(owner: Fields, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (textOf(owner['apiVersion']) === '')
    errors.push(invalidValue(`${path}.apiVersion`, owner['apiVersion'] ?? '', 'version must not be empty'));
  if (textOf(owner['kind']) === '')
    errors.push(invalidValue(`${path}.kind`, owner['kind'] ?? '', 'must not be empty'));
  if (textOf(owner['name']) === '')
    errors.push(invalidValue(`${path}.name`, owner['name'] ?? '', 'must not be empty'));
  if (textOf(owner['uid']) === '') errors.push(required(`${path}.uid`, 'must not be empty'));
  return errors;
}
