// The tables and the chains they are born with.
import {
  type HookNum,
  NF_INET_FORWARD,
  NF_INET_LOCAL_IN,
  NF_INET_LOCAL_OUT,
  NF_INET_POST_ROUTING,
  NF_INET_PRE_ROUTING,
  NF_IP_PRI_FILTER,
  NF_IP_PRI_MANGLE,
  NF_IP_PRI_NAT_DST,
  NF_IP_PRI_RAW,
} from '../../netns/hooks.ts';

export type TableName = 'raw' | 'mangle' | 'nat' | 'filter';
/** In the order in which iptables-save prints them. */
export const TABLE_NAMES: readonly TableName[] = ['mangle', 'raw', 'filter', 'nat'];

export const isTableName = (name: string): name is TableName => TABLE_NAMES.some((t) => t === name);

/** Built-in chains in the order in which they are printed. */
export const BUILTIN_HOOKS: Readonly<Record<TableName, readonly HookNum[]>> = {
  raw: [NF_INET_PRE_ROUTING, NF_INET_LOCAL_OUT],
  mangle: [NF_INET_PRE_ROUTING, NF_INET_LOCAL_IN, NF_INET_FORWARD, NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING],
  nat: [NF_INET_PRE_ROUTING, NF_INET_LOCAL_IN, NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING],
  filter: [NF_INET_LOCAL_IN, NF_INET_FORWARD, NF_INET_LOCAL_OUT],
};

/** Where a table stands among the functions of a hook; nat's two places are its own affair (nat/hooks.ts). */
export const PRIORITY: Readonly<Record<TableName, number>> = {
  raw: NF_IP_PRI_RAW,
  mangle: NF_IP_PRI_MANGLE,
  nat: NF_IP_PRI_NAT_DST,
  filter: NF_IP_PRI_FILTER,
};
