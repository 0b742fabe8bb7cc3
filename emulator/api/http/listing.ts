// GET of a collection: selectors, paging, and the list's bytes put together from those of its items.
import type { Stored } from '../../store/store.ts';
import { apiVersionOf, type ResourceInfo } from '../resources/resource.ts';
import { badRequest, expired } from '../status-error.ts';
import {
  type FieldRequirement,
  type LabelRequirement,
  matchesFields,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
  SelectorError,
} from '../types/selector.ts';

export interface Selection {
  readonly labels: readonly LabelRequirement[];
  readonly fields: readonly FieldRequirement[];
}

export function parseSelection(query: URLSearchParams, info: ResourceInfo): Selection {
  try {
    const selection = {
      labels: parseLabelSelector(query.get('labelSelector') ?? ''),
      fields: parseFieldSelector(query.get('fieldSelector') ?? ''),
    };
    for (const { path } of selection.fields) checkSelectable(info, path);
    return selection;
  } catch (error) {
    if (error instanceof SelectorError) throw badRequest(error.message);
    throw error;
  }
}

function checkSelectable(info: ResourceInfo, path: string): void {
  if (path === 'metadata.name' || (path === 'metadata.namespace' && info.namespaced)) return;
  if (info.strategy.selectable?.includes(path) === true) return;
  throw badRequest(`field label not supported: ${path}`);
}

export const selects = (selection: Selection, stored: Stored): boolean =>
  matchesLabels(selection.labels, stored.object.metadata.labels) &&
  matchesFields(selection.fields, stored.object);

export interface Page {
  readonly items: readonly Stored[];
  readonly continue: string | undefined;
  readonly remaining: number | undefined;
  readonly revision: number;
}

interface Token {
  readonly rv: number;
  readonly start: string;
}

/**
 * One page of what is selected. A continue token names the key to go on after; later pages show what is there now, as a
 * client that got 410 for a forgotten snapshot and went on with the token in it would see it.
 */
export function page(
  all: readonly Stored[],
  selection: Selection,
  revision: number,
  limit: number,
  token: string | undefined,
): Page {
  const start = token === undefined ? undefined : parseToken(token, revision);
  const items: Stored[] = [];
  for (let i = start === undefined ? 0 : after(all, start.start); i < all.length; i++) {
    const stored = all[i]!;
    if (!selects(selection, stored)) continue;
    if (limit > 0 && items.length === limit) {
      const whole = selection.labels.length === 0 && selection.fields.length === 0;
      return {
        items,
        continue: formatToken({ rv: start?.rv ?? revision, start: items.at(-1)!.key }),
        remaining: whole ? all.length - i : undefined,
        revision: start?.rv ?? revision,
      };
    }
    items.push(stored);
  }
  return { items, continue: undefined, remaining: undefined, revision: start?.rv ?? revision };
}

function after(all: readonly Stored[], key: string): number {
  const found = all.findIndex((stored) => stored.key > key);
  return found < 0 ? all.length : found;
}

const formatToken = (token: Token): string =>
  Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', ...token })).toString('base64url');

function parseToken(text: string, revision: number): Token {
  try {
    const token = JSON.parse(Buffer.from(text, 'base64url').toString()) as Token;
    if (typeof token.rv !== 'number' || typeof token.start !== 'string') throw new Error('fields');
    if (token.rv > revision)
      throw expired('The provided continue parameter is too old to display a consistent list result.');
    return token;
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof Error && error.message === 'fields'))
      throw badRequest(`continue key is not valid: ${error.message}`);
    throw error;
  }
}

const COMMA = Buffer.from(',');
const END = Buffer.from(']}');

/** XList as bytes: the items' own, with commas between. */
export function encodeList(
  info: ResourceInfo,
  { items, ...meta }: Page,
  json: (stored: Stored) => Buffer,
): Buffer {
  const head = JSON.stringify({
    kind: `${info.kind}List`,
    apiVersion: apiVersionOf(info),
    metadata: listMeta(meta),
  });
  const parts: Buffer[] = [Buffer.from(`${head.slice(0, -1)},"items":[`)];
  items.forEach((stored, i) => {
    if (i > 0) parts.push(COMMA);
    parts.push(json(stored));
  });
  parts.push(END);
  return Buffer.concat(parts);
}

export function listMeta(meta: Omit<Page, 'items'>): object {
  return {
    resourceVersion: String(meta.revision),
    ...(meta.continue === undefined ? {} : { continue: meta.continue }),
    ...(meta.remaining === undefined ? {} : { remainingItemCount: meta.remaining }),
  };
}
