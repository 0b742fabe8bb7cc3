// The forms in which objects are answered, by the Accept header: themselves, or as Tables.
import type { Stored } from '../../store/store.ts';
import type { Clock } from '../clock.ts';
import { apiVersionOf, type ResourceInfo } from '../resources/resource.ts';
import type { KubeObject } from '../types/meta.ts';
import type { Exchange } from './exchange.ts';
import { encodeList, type Page } from './listing.ts';
import type { WatchForm } from './watch.ts';

export interface Shape extends WatchForm {
  list(page: Page): Buffer;
  object(stored: Stored): Buffer;
  /** An object that is not, or not exactly, what is stored: the answer to a dry run. */
  plain(object: KubeObject): Buffer;
}

export function shapeFor(_exchange: Exchange, info: ResourceInfo, _clock: Clock): Shape {
  return plainShape(info);
}

function plainShape(info: ResourceInfo): Shape {
  return {
    contentType: 'application/json',
    key: 'json',
    list: (page) => encodeList(info, page),
    object: (stored) => stored.json,
    plain: (object) => Buffer.from(JSON.stringify(object)),
    encode: (stored) => stored.json,
    bookmark: (revision, annotations) => bookmark(info, revision, annotations),
  };
}

export function bookmark(
  info: ResourceInfo,
  revision: number,
  annotations: Record<string, string> | undefined,
): Buffer {
  return Buffer.from(
    JSON.stringify({
      kind: info.kind,
      apiVersion: apiVersionOf(info),
      metadata: {
        resourceVersion: String(revision),
        ...(annotations === undefined ? {} : { annotations }),
        creationTimestamp: null,
      },
    }),
  );
}
