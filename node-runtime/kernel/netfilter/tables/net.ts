// The tables of a namespace, made and hooked in when they are first written to (ipt_register_table, xt_hook_ops_alloc).
import { type HookFn, NF_ACCEPT, NF_INET_LOCAL_OUT, NF_STOLEN } from '../../netns/hooks.ts';
import type { Netns } from '../../netns/netns.ts';
import { perNet } from '../../netns/per-net.ts';
import * as ip from '../../wire/ipv4.ts';
import { Conntrack } from '../conntrack/conntrack.ts';
import { registerNatLookup } from '../nat/hooks.ts';
import { BUILTIN_HOOKS, PRIORITY, type TableName } from './names.ts';
import { Table } from './table.ts';

const loaded = perNet('iptables', () => new Map<TableName, Table>());

/** ipt_mangle_out: a local packet whose address, mark or TOS a rule changed is routed again. */
function mangleOut(table: Table): HookFn {
  const { ns } = table;
  return (skb, state) => {
    const { mark } = skb;
    const src = ip.src(skb.bytes, skb.network);
    const dst = ip.dst(skb.bytes, skb.network);
    const tos = ip.tos(skb.bytes, skb.network);
    if (!table.run(skb, state)) return NF_STOLEN;
    const b = skb.bytes;
    const at = skb.network;
    if (skb.mark === mark && ip.src(b, at) === src && ip.dst(b, at) === dst && ip.tos(b, at) === tos)
      return NF_ACCEPT;
    if (ns.kernel.ipv4.reroute(skb, ns)) return NF_ACCEPT;
    if (skb.ct instanceof Conntrack) skb.ct.forget(skb);
    ns.kernel.drop(skb, 'IP_OUTNOROUTES', ns, 'after the mangle table');
    return NF_STOLEN;
  };
}

/** The table if it was ever written to. */
export const loadedTable = (ns: Netns, name: TableName): Table | undefined => loaded(ns).get(name);

/** The table, made and hooked in if it was not. */
export function tableOf(ns: Netns, name: TableName): Table {
  const tables = loaded(ns);
  const found = tables.get(name);
  if (found !== undefined) return found;
  const table = new Table(ns, name);
  tables.set(name, table);
  for (const hook of BUILTIN_HOOKS[name]) {
    if (name === 'nat') registerNatLookup(ns, hook, (skb, state) => table.run(skb, state));
    else if (name === 'mangle' && hook === NF_INET_LOCAL_OUT)
      ns.hooks.register(hook, PRIORITY.mangle, mangleOut(table));
    else
      ns.hooks.register(hook, PRIORITY[name], (skb, state) =>
        table.run(skb, state) ? NF_ACCEPT : NF_STOLEN,
      );
  }
  return table;
}
