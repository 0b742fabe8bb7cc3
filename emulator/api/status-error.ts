// Errors as answers: a StatusError carries the metav1.Status that the client gets. The words are those of
// k8s.io/apimachinery/pkg/api/errors, since kubectl prints them and people search for them.
import type { Status, StatusCause } from './types/meta.ts';

/** How a resource is named in messages: "deployments.apps". */
export interface Named {
  readonly group: string;
  readonly resource: string;
}

export class StatusError extends Error {
  readonly status: Status;
  constructor(code: number, reason: string, message: string, details?: Status['details']) {
    super(message);
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason,
      ...(details === undefined ? {} : { details }),
      code,
    };
  }
  get code(): number {
    return this.status.code ?? 500;
  }
}

export const qualified = (named: Named): string =>
  named.group === '' ? named.resource : `${named.resource}.${named.group}`;

const details = (named: Named, name: string, more: object = {}): NonNullable<Status['details']> => ({
  name,
  ...(named.group === '' ? {} : { group: named.group }),
  kind: named.resource,
  ...more,
});

export const notFound = (named: Named, name: string): StatusError =>
  new StatusError(
    404,
    'NotFound',
    `${qualified(named)} ${JSON.stringify(name)} not found`,
    details(named, name),
  );

/** A path that names no resource we have. */
export const noSuchPath = (): StatusError =>
  new StatusError(404, 'NotFound', 'the server could not find the requested resource', {});

export const alreadyExists = (named: Named, name: string): StatusError =>
  new StatusError(
    409,
    'AlreadyExists',
    `${qualified(named)} ${JSON.stringify(name)} already exists`,
    details(named, name),
  );

export const conflict = (named: Named, name: string, why: string): StatusError =>
  new StatusError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(named)} ${JSON.stringify(name)}: ${why}`,
    details(named, name),
  );

export const OBJECT_MODIFIED =
  'the object has been modified; please apply your changes to the latest version and try again';

export const badRequest = (message: string): StatusError => new StatusError(400, 'BadRequest', message);

export const forbidden = (named: Named, name: string, why: string): StatusError =>
  new StatusError(
    403,
    'Forbidden',
    `${qualified(named)} ${JSON.stringify(name)} is forbidden: ${why}`,
    details(named, name),
  );

export const unauthorized = (): StatusError => new StatusError(401, 'Unauthorized', 'Unauthorized');

export const methodNotSupported = (named: Named, action: string): StatusError =>
  new StatusError(
    405,
    'MethodNotAllowed',
    `${action} is not supported on resources of kind ${JSON.stringify(qualified(named))}`,
    {
      ...(named.group === '' ? {} : { group: named.group }),
      kind: named.resource,
    },
  );

export const methodNotAllowed = (): StatusError =>
  new StatusError(
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  );

export const unsupportedMediaType = (accepted: readonly string[]): StatusError =>
  new StatusError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
    {},
  );

export const notAcceptable = (served: readonly string[]): StatusError =>
  new StatusError(
    406,
    'NotAcceptable',
    `only the following media types are accepted: ${served.join(', ')}`,
    {},
  );

export const tooLarge = (limit: number): StatusError =>
  new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limit}`, {});

/** The past was forgotten: a watch or a continue token is too old. */
export const expired = (message: string): StatusError => new StatusError(410, 'Expired', message);

export const tooManyRequests = (message: string, retryAfterSeconds: number): StatusError =>
  new StatusError(429, 'TooManyRequests', message, { retryAfterSeconds });

export const internal = (message: string): StatusError =>
  new StatusError(500, 'InternalError', `Internal error occurred: ${message}`, {
    causes: [{ message }],
  });

/** One fault of one field, in the words of apimachinery/pkg/util/validation/field. */
export interface FieldError extends StatusCause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

export const required = (field: string, detail = ''): FieldError => ({
  reason: 'FieldValueRequired',
  message: `Required value${detail === '' ? '' : `: ${detail}`}`,
  field,
});

export const invalidValue = (field: string, value: unknown, detail: string): FieldError => ({
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${shown(value)}${detail === '' ? '' : `: ${detail}`}`,
  field,
});

export const notSupported = (field: string, value: unknown, supported: readonly string[]): FieldError => ({
  reason: 'FieldValueNotSupported',
  message: `Unsupported value: ${shown(value)}: supported values: ${supported.map((s) => JSON.stringify(s)).join(', ')}`,
  field,
});

export const duplicate = (field: string, value: unknown): FieldError => ({
  reason: 'FieldValueDuplicate',
  message: `Duplicate value: ${shown(value)}`,
  field,
});

export const forbiddenField = (field: string, detail: string): FieldError => ({
  reason: 'FieldValueForbidden',
  message: `Forbidden: ${detail}`,
  field,
});

export const tooLong = (field: string, limit: number): FieldError => ({
  reason: 'FieldValueTooLong',
  message: `Too long: may not be more than ${limit} bytes`,
  field,
});

export const notFoundField = (field: string, value: unknown): FieldError => ({
  reason: 'FieldValueNotFound',
  message: `Not found: ${shown(value)}`,
  field,
});

const shown = (value: unknown): string => (value === undefined ? 'null' : JSON.stringify(value));

/** 422 with each fault; apierrors.NewInvalid. */
export function invalid(
  kind: { readonly group: string; readonly kind: string },
  name: string,
  errors: readonly FieldError[],
): StatusError {
  const faults = errors.map((e) => `${e.field}: ${e.message}`);
  const text = faults.length === 1 ? faults[0]! : `[${faults.join(', ')}]`;
  const qualifiedKind = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  return new StatusError(422, 'Invalid', `${qualifiedKind} ${JSON.stringify(name)} is invalid: ${text}`, {
    name,
    ...(kind.group === '' ? {} : { group: kind.group }),
    kind: kind.kind,
    causes: errors,
  });
}
