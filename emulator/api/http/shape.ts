// The forms in which objects are answered, by the Accept header: themselves, as Tables, or as their metadata alone.
import type { Stored } from '../../store/store.ts';
import type { Clock } from '../clock.ts';
import { apiVersionOf, type ResourceInfo } from '../resources/resource.ts';
import { notAcceptable } from '../status-error.ts';
import { type IncludeObject, renderTable, tableFor } from '../table/table.ts';
import type { KubeObject } from '../types/meta.ts';
import type { Exchange } from './exchange.ts';
import { encodeList, listMeta, type Page } from './listing.ts';
import type { WatchForm } from './watch.ts';

export interface Shape extends WatchForm {
  list(page: Page): Buffer;
  object(stored: Stored): Buffer;
  /** An object that is not, or not exactly, what is stored: the answer to a dry run. */
  plain(object: KubeObject): Buffer;
}

const SERVED = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];

export function shapeFor(exchange: Exchange, info: ResourceInfo, clock: Clock): Shape {
  for (const range of (exchange.req.headers.accept ?? '*/*').split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    if (type !== 'application/json' && type !== '*/*' && type !== 'application/*' && type !== '') continue;
    const value = (name: string): string | undefined =>
      parameters.find((p) => p.startsWith(`${name}=`))?.slice(name.length + 1);
    const as = value('as');
    if (as === undefined) return plainShape(info);
    if (value('g') !== 'meta.k8s.io') continue;
    const version = value('v') ?? 'v1';
    if (as === 'Table') return tableShape(exchange, info, clock, version);
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList')
      return metadataShape(version, as);
  }
  throw notAcceptable(SERVED);
}

/** An object as JSON; one that was read in a version other than it is stored in says that version. */
function plainShape(info: ResourceInfo): Shape {
  const convert = info.storedAs?.fromStored;
  const json =
    convert === undefined
      ? (stored: Stored): Buffer => stored.json
      : (stored: Stored): Buffer => Buffer.from(JSON.stringify(convert(stored.object as never)));
  return {
    contentType: 'application/json',
    key: `json ${apiVersionOf(info)}`,
    list: (page) => encodeList(info, page, json),
    object: json,
    plain: (object) => Buffer.from(JSON.stringify(convert === undefined ? object : convert(object as never))),
    encode: json,
    bookmark: (revision, annotations) => bookmark(info.kind, apiVersionOf(info), revision, annotations),
  };
}

function tableShape(exchange: Exchange, info: ResourceInfo, clock: Clock, version: string): Shape {
  const include = (exchange.query.get('includeObject') ?? 'Metadata') as IncludeObject;
  const table = tableFor(info.kind, info.table);
  const render = (objects: readonly KubeObject[], metadata: object): Buffer =>
    Buffer.from(
      renderTable(table, objects, metadata, {
        version,
        include,
        now: clock.epoch + clock.now(),
        columns: true,
      }),
    );
  const one = (object: KubeObject): Buffer =>
    render([object], { resourceVersion: object.metadata.resourceVersion });
  return {
    contentType: `application/json`,
    // Ages differ from moment to moment, but not within the event that is being sent.
    key: `table ${version} ${include} ${apiVersionOf(info)}`,
    list: ({ items, ...meta }) =>
      render(
        items.map((stored) => stored.object),
        listMeta(meta),
      ),
    object: (stored) => one(stored.object),
    plain: one,
    encode: (stored) => one(stored.object),
    bookmark: (revision) => render([], { resourceVersion: String(revision) }),
  };
}

function metadataShape(version: string, as: string): Shape {
  const apiVersion = `meta.k8s.io/${version}`;
  const one = (object: KubeObject): Buffer =>
    Buffer.from(JSON.stringify({ kind: 'PartialObjectMetadata', apiVersion, metadata: object.metadata }));
  return {
    contentType: `application/json;as=${as};g=meta.k8s.io;v=${version}`,
    key: `metadata ${version}`,
    list: ({ items, ...meta }) =>
      Buffer.from(
        JSON.stringify({
          kind: 'PartialObjectMetadataList',
          apiVersion,
          metadata: listMeta(meta),
          items: items.map(({ object }) => ({ metadata: object.metadata })),
        }),
      ),
    object: (stored) => one(stored.object),
    plain: one,
    encode: (stored) => one(stored.object),
    bookmark: (revision, annotations) => bookmark('PartialObjectMetadata', apiVersion, revision, annotations),
  };
}

function bookmark(
  kind: string,
  apiVersion: string,
  revision: number,
  annotations: Record<string, string> | undefined,
): Buffer {
  return Buffer.from(
    JSON.stringify({
      kind,
      apiVersion,
      metadata: {
        resourceVersion: String(revision),
        ...(annotations === undefined ? {} : { annotations }),
        creationTimestamp: null,
      },
    }),
  );
}
