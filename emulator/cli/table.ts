// Rows for people and for programs: the -o of every verb that lists.
import { stringify } from 'yaml';

export type OutputFormat = 'table' | 'wide' | 'name' | 'json' | 'yaml';

export interface Column<T> {
  readonly title: string;
  readonly cell: (row: T) => string;
  /** Only with -o wide. */
  readonly wide?: boolean;
}

export function printRows<T>(
  rows: readonly T[],
  format: OutputFormat,
  columns: readonly Column<T>[],
  nameOf: (row: T) => string,
): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(rows, null, 2)}\n`;
    case 'yaml':
      return stringify(rows);
    case 'name':
      return rows.map((r) => `${nameOf(r)}\n`).join('');
    default:
      return table(
        rows,
        columns.filter((c) => c.wide !== true || format === 'wide'),
      );
  }
}

/** kubectl's layout: upper-case titles, columns as wide as their widest cell and three spaces. */
function table<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  const lines = [
    columns.map((c) => c.title.toUpperCase()),
    ...rows.map((r) => columns.map((c) => c.cell(r))),
  ];
  const widths = columns.map((_, i) => Math.max(...lines.map((l) => l[i]!.length)));
  return lines
    .map((l) => `${l.map((cell, i) => (i === l.length - 1 ? cell : cell.padEnd(widths[i]! + 3))).join('')}\n`)
    .join('');
}
