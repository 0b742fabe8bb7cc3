// A request body as an object: JSON, YAML or protobuf, as the Content-Type says.
import type { IncomingMessage } from 'node:http';
import type { Fields } from '../fields.ts';
import type { ResourceInfo } from '../resources/resource.ts';
import { kubernetes } from '../schema/definitions.ts';
import { decodeProtobuf, ProtobufError } from '../schema/protobuf.ts';
import { checkKind, fieldValidationOf, readAs } from '../schema/read-object.ts';
import { badRequest, unsupportedMediaType } from '../status-error.ts';
import { asObject, mediaType, parseJson, parseYaml, readBody } from './body.ts';
import type { Exchange } from './exchange.ts';

const BODY_TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];

export async function decodeAny(req: IncomingMessage, body: Buffer): Promise<Fields> {
  switch (mediaType(req)) {
    case 'application/json':
      return asObject(parseJson(body));
    case 'application/yaml':
      return asObject(await parseYaml(body));
    case 'application/vnd.kubernetes.protobuf':
      try {
        return decodeProtobuf(body, kubernetes());
      } catch (error) {
        if (error instanceof ProtobufError) throw badRequest(`error decoding: ${error.message}`);
        throw error;
      }
    default:
      throw unsupportedMediaType(BODY_TYPES);
  }
}

/** The body as an object of the kind that the path says. */
export async function decodeBody(exchange: Exchange, info: ResourceInfo): Promise<Fields> {
  const object = await decodeAny(exchange.req, await readBody(exchange.req));
  checkKind(object, info);
  const validation = fieldValidationOf(exchange.query.get('fieldValidation'));
  readAs(object, info, validation, (text) => exchange.warn(text));
  return object;
}
