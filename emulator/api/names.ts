// What names may be: k8s.io/apimachinery/pkg/util/validation and pkg/api/validation/path, with their words.
import { type FieldError, invalidValue, required } from './status-error.ts';

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

export const SUBDOMAIN_MESSAGE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
export const LABEL_MESSAGE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
export const LABEL_1035_MESSAGE =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const atMost = (n: number): string => `must be no more than ${n} characters`;

export type NameRule = 'dns-label' | 'dns-1035-label' | 'dns-subdomain' | 'path-segment';

/** What is wrong with a name, in upstream's words; nothing when it is good. */
export function nameFaults(name: string, rule: NameRule): string[] {
  switch (rule) {
    case 'dns-label':
      return faults(name, LABEL, LABEL_MESSAGE, 63);
    case 'dns-1035-label':
      return faults(name, LABEL_1035, LABEL_1035_MESSAGE, 63);
    case 'dns-subdomain':
      return faults(name, SUBDOMAIN, SUBDOMAIN_MESSAGE, 253);
    case 'path-segment':
      return segmentFaults(name);
  }
}

function faults(name: string, form: RegExp, message: string, limit: number): string[] {
  const found: string[] = [];
  if (name.length > limit) found.push(atMost(limit));
  if (!form.test(name)) found.push(message);
  return found;
}

function segmentFaults(name: string): string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`];
  return ['/', '%'].filter((c) => name.includes(c)).map((c) => `may not contain '${c}'`);
}

export function checkName(name: string, rule: NameRule, field = 'metadata.name'): FieldError[] {
  if (name === '') return [required(field, 'name or generateName is required')];
  return nameFaults(name, rule).map((fault) => invalidValue(field, name, fault));
}

const QUALIFIED_PART = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const QUALIFIED_MESSAGE =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE_MESSAGE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/** validation.IsQualifiedName. */
export function qualifiedNameFaults(key: string): string[] {
  const parts = key.split('/');
  const name = parts.at(-1)!;
  const found: string[] = [];
  if (parts.length > 2)
    return [
      `a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  if (parts.length === 2) {
    if (parts[0] === '') found.push('prefix part must be non-empty');
    else for (const fault of nameFaults(parts[0]!, 'dns-subdomain')) found.push(`prefix part ${fault}`);
  }
  if (name === '') found.push('name part must be non-empty');
  else if (name.length > 63) found.push(`name part ${atMost(63)}`);
  if (!QUALIFIED_PART.test(name)) found.push(QUALIFIED_MESSAGE);
  return found;
}

export function checkLabels(labels: Readonly<Record<string, unknown>>, field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(labels)) {
    for (const fault of qualifiedNameFaults(key)) errors.push(invalidValue(field, key, fault));
    const text = String(value);
    if (text.length > 63) errors.push(invalidValue(field, text, atMost(63)));
    if (!LABEL_VALUE.test(text)) errors.push(invalidValue(field, text, LABEL_VALUE_MESSAGE));
  }
  return errors;
}
