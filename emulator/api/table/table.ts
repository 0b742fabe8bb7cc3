// Objects as Tables, which is what kubectl asks for: rows of cells that the server renders, each with as much of its object
// as was asked for. k8s.io/apimachinery/pkg/apis/meta/v1 Table.
import type { KubeObject } from '../types/meta.ts';
import { clusterTables } from './cluster-tables.ts';
import { columns, type TableDef } from './columns.ts';
import { age } from './duration.ts';
import { networkTables } from './network-tables.ts';
import { podTable } from './pod-table.ts';
import { workloadTables } from './workload-tables.ts';

const tables: Readonly<Record<string, TableDef<never>>> = {
  Pod: podTable,
  ...clusterTables,
  ...networkTables,
  ...workloadTables,
};

export const tableOf = (kind: string): TableDef | undefined => tables[kind] as TableDef | undefined;

export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** What a kind without columns of its own shows. */
const PLAIN: TableDef = {
  columns: columns('Name:name Age'),
  cells: (object, now) => [object.metadata.name, age(object.metadata.creationTimestamp, now)],
};

/** `custom`: additionalPrinterColumns of a CustomResourceDefinition, compiled. */
export const tableFor = (kind: string, custom: TableDef | undefined): TableDef =>
  custom ?? tableOf(kind) ?? PLAIN;

export interface RenderOptions {
  readonly version: string;
  readonly include: IncludeObject;
  readonly now: number;
  readonly columns: boolean;
}

export function renderTable(
  table: TableDef,
  objects: readonly KubeObject[],
  metadata: object,
  { version, include, now, columns: withColumns }: RenderOptions,
): string {
  const apiVersion = `meta.k8s.io/${version}`;
  const head = `{"kind":"Table","apiVersion":"${apiVersion}","metadata":${JSON.stringify(metadata)},"columnDefinitions":${withColumns ? JSON.stringify(table.columns) : '[]'},"rows":[`;
  let rows = '';
  for (const object of objects) {
    if (rows !== '') rows += ',';
    rows += row(table, object, apiVersion, include, now);
  }
  return `${head}${rows}]}`;
}

function row(
  table: TableDef,
  object: KubeObject,
  apiVersion: string,
  include: IncludeObject,
  now: number,
): string {
  const cells = JSON.stringify(table.cells(object, now));
  const conditions = table.conditions?.(object);
  const more = conditions === undefined ? '' : `,"conditions":${JSON.stringify(conditions)}`;
  return `{"cells":${cells}${more}${included(object, apiVersion, include)}}`;
}

function included(object: KubeObject, apiVersion: string, include: IncludeObject): string {
  switch (include) {
    case 'None':
      return '';
    case 'Object':
      return `,"object":${JSON.stringify(object)}`;
    case 'Metadata':
      return `,"object":{"kind":"PartialObjectMetadata","apiVersion":"${apiVersion}","metadata":${JSON.stringify(object.metadata)}}`;
  }
}
