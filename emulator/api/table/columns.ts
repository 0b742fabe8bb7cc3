// What a column is, and how the tables of each kind write theirs down: k8s.io/kubernetes/pkg/printers/internalversion/printers.go, AddHandlers.
import type { KubeObject } from '../types/meta.ts';

export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date' | 'boolean' | 'number';
  readonly format: string;
  readonly description: string;
  /** 0 is always shown, 1 with -o wide. */
  readonly priority: number;
}

export type Cell = string | number | boolean;

export interface TableDef<T extends KubeObject = KubeObject> {
  readonly columns: readonly Column[];
  /** `now`: wall-clock milliseconds. */
  cells(object: T, now: number): readonly Cell[];
  /** Of the row: a pod that is over says so. */
  conditions?(object: T): readonly object[] | undefined;
}

/** "Name:name Ready Restarts#1": format after a colon, # an integer, ? priority 1, spaces as underscores. */
export function columns(text: string): Column[] {
  return text.split(' ').map((item) => {
    const m = /^([^:#?]+)(?::(\w+))?(#)?(\?)?$/.exec(item)!;
    return {
      name: m[1]!.replaceAll('_', ' '),
      type: m[3] === undefined ? 'string' : 'integer',
      format: m[2] ?? '',
      description: '',
      priority: m[4] === undefined ? 0 : 1,
    };
  });
}
