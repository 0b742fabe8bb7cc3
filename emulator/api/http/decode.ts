// A request body as an object: JSON, YAML or protobuf, as the Content-Type says.
import type { IncomingMessage } from 'node:http';
import type { Fields } from '../fields.ts';
import { apiVersionOf, type ResourceInfo } from '../resources/resource.ts';
import { badRequest, unsupportedMediaType } from '../status-error.ts';
import { asObject, mediaType, parseJson, readBody } from './body.ts';
import type { Exchange } from './exchange.ts';

export const BODY_TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];

export function decodeAny(req: IncomingMessage, body: Buffer): unknown {
  switch (mediaType(req)) {
    case 'application/json':
    case 'application/x-www-form-urlencoded':
      return parseJson(body);
    default:
      throw unsupportedMediaType(BODY_TYPES);
  }
}

/** The body as an object of the kind that the path says. */
export async function decodeBody(exchange: Exchange, info: ResourceInfo): Promise<Fields> {
  const object = asObject(decodeAny(exchange.req, await readBody(exchange.req)));
  checkKind(object, info);
  return object;
}

function checkKind(object: Fields, info: ResourceInfo): void {
  const wanted = apiVersionOf(info);
  const { apiVersion = wanted, kind = info.kind } = object;
  if (kind !== info.kind || apiVersion !== wanted)
    throw badRequest(
      `${kind === info.kind ? String(kind) : `${kind}`} in version ${JSON.stringify(apiVersion)} cannot be handled as a ${info.kind}: converting (${apiVersion}, Kind=${kind}) to (${wanted}, Kind=${info.kind}): unknown conversion`,
    );
  object['apiVersion'] = wanted;
  object['kind'] = info.kind;
}
