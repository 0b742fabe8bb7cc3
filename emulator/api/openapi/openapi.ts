// OpenAPI v3, one document per group version, made from the same definitions that bodies are read by: what kubectl needs to
// validate, to explain and to leave field validation to the server. k8s.io/kube-openapi.
import { createHash } from 'node:crypto';
import type { Catalogue } from '../catalogue.ts';
import type { Exchange } from '../http/exchange.ts';
import { apiVersionOf, type ResourceInfo } from '../resources/resource.ts';
import {
  definitionOf,
  type FieldDef,
  type FieldType,
  kubernetes,
  type Scalar,
} from '../schema/definitions.ts';

interface Document {
  readonly body: string;
  readonly hash: string;
}

export class OpenApi {
  #catalogue: Catalogue;
  #documents = new Map<string, Document>();
  #revision = -1;

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  /** False: not one of its paths. v2 stays unserved, as kubectl goes on without it. */
  handle(exchange: Exchange): boolean {
    const { path } = exchange;
    if (path === '/openapi/v3') {
      exchange.json(200, { paths: this.#index() });
      return true;
    }
    if (!path.startsWith('/openapi/v3/')) return false;
    const document = this.#document(path.slice('/openapi/v3/'.length));
    if (document === undefined) return false;
    exchange.send(200, document.body, 'application/json', { etag: `"${document.hash}"` });
    return true;
  }

  #index(): Record<string, { serverRelativeURL: string }> {
    const paths: Record<string, { serverRelativeURL: string }> = {};
    for (const info of this.#catalogue.all()) {
      const path = pathOf(info);
      if (paths[path] !== undefined) continue;
      paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${this.#document(path)!.hash}` };
    }
    return paths;
  }

  #document(path: string): Document | undefined {
    if (this.#revision !== this.#catalogue.revision) {
      this.#documents.clear();
      this.#revision = this.#catalogue.revision;
    }
    let document = this.#documents.get(path);
    if (document === undefined) {
      const infos = [...this.#catalogue.all()].filter((info) => pathOf(info) === path);
      if (infos.length === 0) return undefined;
      const body = JSON.stringify(describe(infos));
      document = { body, hash: createHash('sha256').update(body).digest('hex').slice(0, 32).toUpperCase() };
      this.#documents.set(path, document);
    }
    return document;
  }
}

const pathOf = (info: ResourceInfo): string =>
  info.group === '' ? `api/${info.version}` : `apis/${apiVersionOf(info)}`;

function describe(infos: readonly ResourceInfo[]): object {
  const schemas: Record<string, unknown> = {};
  const paths: Record<string, unknown> = {};
  for (const info of infos) {
    const name = addKind(info, schemas);
    if (info.verbs.includes('get')) addPaths(info, name, paths);
    else paths[collection(info)] = { post: operation(info, name, 'post') };
  }
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.32.0' },
    paths,
    components: { schemas },
  };
}

const gvk = (info: ResourceInfo): object => ({ group: info.group, version: info.version, kind: info.kind });

function addKind(info: ResourceInfo, schemas: Record<string, unknown>): string {
  const definition = definitionOf(info);
  const name =
    definition === undefined
      ? `${info.group.split('.').reverse().join('.')}.${info.version}.${info.kind}`
      : schemaName(definition.name);
  if (definition === undefined) schemas[name] = { ...customSchema(info, schemas) };
  else addType(definition.name, schemas);
  const schema = schemas[name] as Record<string, unknown>;
  schemas[name] = {
    ...schema,
    properties: {
      apiVersion: { type: 'string', description: API_VERSION },
      kind: { type: 'string', description: KIND },
      ...(schema['properties'] as object),
    },
    'x-kubernetes-group-version-kind': [gvk(info)],
  };
  return name;
}

const API_VERSION = 'APIVersion defines the versioned schema of this representation of an object.';
const KIND = 'Kind is a string value representing the REST resource this object represents.';

function customSchema(info: ResourceInfo, schemas: Record<string, unknown>): object {
  addType('meta.v1.ObjectMeta', schemas);
  const given = (info.schema ?? {}) as { properties?: object };
  return {
    type: 'object',
    ...given,
    properties: {
      ...given.properties,
      metadata: { $ref: `#/components/schemas/${schemaName('meta.v1.ObjectMeta')}` },
    },
  };
}

/** "io.k8s.api.core.v1.Pod". */
function schemaName(type: string): string {
  if (type.startsWith('meta.')) return `io.k8s.apimachinery.pkg.apis.${type}`;
  if (type.startsWith('apiextensions.')) return `io.k8s.apiextensions-apiserver.pkg.apis.${type}`;
  return `io.k8s.api.${type}`;
}

function addType(type: string, schemas: Record<string, unknown>): void {
  const name = schemaName(type);
  if (schemas[name] !== undefined) return;
  const definition = kubernetes().get(type)!;
  const properties: Record<string, unknown> = {};
  schemas[name] = { type: 'object', properties };
  const required: string[] = [];
  for (const [field, def] of definition.fields) {
    properties[field] = { ...schemaOf(def.type, schemas), ...listMarks(def) };
    if (def.required) required.push(field);
  }
  if (required.length > 0) schemas[name] = { type: 'object', required, properties };
}

function listMarks(field: FieldDef): object {
  const marks: Record<string, unknown> = {};
  if (field.keys !== undefined) {
    marks['x-kubernetes-list-map-keys'] = field.keys;
    marks['x-kubernetes-list-type'] = 'map';
  } else if (field.set) marks['x-kubernetes-list-type'] = 'set';
  else if (field.atomic)
    marks[field.type.is === 'list' ? 'x-kubernetes-list-type' : 'x-kubernetes-map-type'] = 'atomic';
  if (field.mergeKey !== undefined) {
    if (field.mergeKey !== '') marks['x-kubernetes-patch-merge-key'] = field.mergeKey;
    marks['x-kubernetes-patch-strategy'] = field.retainKeys ? 'merge,retainKeys' : 'merge';
  } else if (field.retainKeys) marks['x-kubernetes-patch-strategy'] = 'retainKeys';
  return marks;
}

function schemaOf(type: FieldType, schemas: Record<string, unknown>): object {
  switch (type.is) {
    case 'scalar':
      return SCALARS[type.scalar];
    case 'list':
      return { type: 'array', items: schemaOf(type.of, schemas) };
    case 'map':
      return { type: 'object', additionalProperties: schemaOf(type.of, schemas) };
    case 'object':
      addType(type.type, schemas);
      return { allOf: [{ $ref: `#/components/schemas/${schemaName(type.type)}` }], default: {} };
  }
}

const SCALARS: Readonly<Record<Scalar, object>> = {
  string: { type: 'string' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  bool: { type: 'boolean' },
  bytes: { type: 'string', format: 'byte' },
  double: { type: 'number', format: 'double' },
  Quantity: { oneOf: [{ type: 'string' }, { type: 'number' }] },
  IntOrString: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  RawExtension: { type: 'object' },
  Time: { type: 'string', format: 'date-time' },
  MicroTime: { type: 'string', format: 'date-time' },
  FieldsV1: { type: 'object' },
  Duration: { type: 'string' },
  JSON: { 'x-kubernetes-preserve-unknown-fields': true },
  StringList: { type: 'array', items: { type: 'string' } },
};

const collection = (info: ResourceInfo): string =>
  `/${pathOf(info)}/${info.namespaced ? 'namespaces/{namespace}/' : ''}${info.resource}`;

const query = (name: string): object => ({
  in: 'query',
  name,
  schema: { type: 'string', uniqueItems: true },
});
const WRITE = ['dryRun', 'fieldManager', 'fieldValidation'].map(query);

function operation(info: ResourceInfo, name: string, action: string): object {
  const content = { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } };
  return {
    parameters:
      action === 'get' || action === 'list' ? [] : action === 'patch' ? [...WRITE, query('force')] : WRITE,
    responses: { 200: { description: 'OK', content } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk(info),
  };
}

function addPaths(info: ResourceInfo, name: string, paths: Record<string, unknown>): void {
  const path = collection(info);
  paths[path] = { get: operation(info, name, 'list'), post: operation(info, name, 'post') };
  const one: Record<string, unknown> = {};
  for (const action of ['get', 'put', 'patch', 'delete']) one[action] = operation(info, name, action);
  paths[`${path}/{name}`] = one;
}
