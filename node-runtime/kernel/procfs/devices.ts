// /proc/net/dev, `brctl show`, `brctl showmacs`, `bridge link`, `tc qdisc show` and `lsns -t net`.
import { Bridge } from '../netdev/bridge.ts';
import type { Kernel } from '../netns/kernel.ts';
import type { Netns } from '../netns/netns.ts';
import { qdiscText } from '../qdisc/default.ts';
import { MatchQdisc } from '../qdisc/match.ts';
import { formatMac } from '../wire/addr.ts';
import { linkFlags, linkName } from './ip-addr.ts';

/** /proc/net/dev. */
export function procDev(ns: Netns): string {
  const head =
    'Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n';
  const rows = [...ns.devices.values()].map(({ name, stats: s }) => {
    const rx = `${String(s.rxBytes).padStart(7)} ${String(s.rxPackets).padStart(7)} ${String(s.rxErrors).padStart(4)} ${String(s.rxDropped).padStart(4)}    0     0          0         0`;
    const tx = `${String(s.txBytes).padStart(8)} ${String(s.txPackets).padStart(7)} ${String(s.txErrors).padStart(4)} ${String(s.txDropped).padStart(4)}    0     0       0          0`;
    return `${name.padStart(6)}: ${rx} ${tx}\n`;
  });
  return head + rows.join('');
}

const bridges = (ns: Netns): Bridge[] =>
  [...ns.devices.values()].filter((d): d is Bridge => d instanceof Bridge);

/** `brctl show` (bridge-utils 1.7). */
export function brctlShow(ns: Netns): string {
  const lines = ['bridge name\tbridge id\t\tSTP enabled\tinterfaces'];
  for (const bridge of bridges(ns)) {
    const id = `8000.${formatMac(bridge.mac).replaceAll(':', '')}`;
    const [first = '', ...others] = bridge.ports.map((p) => p.dev.name);
    lines.push(`${bridge.name}\t\t${id}\tno\t\t${first}`, ...others.map((name) => `\t\t\t\t\t\t\t${name}`));
  }
  return lines.map((l) => `${l}\n`).join('');
}

/** `brctl showmacs BRIDGE`; undefined when there is no such bridge. */
export function brctlShowmacs(ns: Netns, name: string): string | undefined {
  const bridge = bridges(ns).find((b) => b.name === name);
  if (bridge === undefined) return undefined;
  const now = bridge.kernel.clock.now();
  const rows = [...bridge.fdb.entries()]
    .filter((e) => e.port !== undefined)
    .map(
      (e) =>
        `  ${e.port!.portNo}\t${formatMac(e.mac)}\t${e.local ? 'yes' : 'no'}\t\t${e.local ? '   0.00' : ((now - e.updated) / 1000).toFixed(2).padStart(7)}`,
    );
  return ['port no\tmac addr\t\tis local?\tageing timer', ...rows].map((l) => `${l}\n`).join('');
}

/** `bridge link`. */
export function bridgeLink(ns: Netns): string {
  return bridges(ns)
    .flatMap((b) =>
      b.ports.map(
        (p) =>
          `${p.dev.ifindex}: ${linkName(p.dev)}: <${linkFlags(p.dev)}> mtu ${p.dev.mtu} master ${b.name} state ${p.state} priority 32 cost 2 \n`,
      ),
    )
    .join('');
}

/** `tc qdisc show`. */
export function tcQdisc(ns: Netns, only?: string): string {
  return [...ns.devices.values()]
    .filter((d) => only === undefined || d.name === only)
    .flatMap((d) => {
      const [kind, ...options] = qdiscText(d).split(' ');
      const root = `qdisc ${kind} ${kind === 'noqueue' || d.qdisc === undefined ? '0' : '1'}: dev ${d.name} root refcnt 2 ${options.join(' ')}`;
      const bands =
        d.qdisc instanceof MatchQdisc
          ? d.qdisc.children.map(
              (text, i) => `qdisc ${text.replace(' ', ` ${10 * (i + 1)}: dev ${d.name} parent 1:${i + 1} `)}`,
            )
          : [];
      return [root, ...bands];
    })
    .map((l) => `${l.trimEnd()} \n`)
    .join('');
}

/** `lsns -t net`: one process stands for each namespace. */
export function lsns(kernel: Kernel): string {
  const rows = [...kernel.namespaces.values()].map((ns, i) => [
    String(ns.inum),
    'net',
    '1',
    String(i + 1),
    'root',
    i === 0 ? 'unassigned' : String(i - 1),
    i === 0 ? '' : `/run/netns/${ns.name}`,
    i === 0 ? '/sbin/init' : '/pause',
  ]);
  const head = ['NS', 'TYPE', 'NPROCS', 'PID', 'USER', 'NETNSID', 'NSFS', 'COMMAND'];
  const widths = head.map((h, i) => Math.max(h.length, ...rows.map((r) => r[i]!.length)));
  const right = new Set([0, 2, 3, 5]);
  return [head, ...rows]
    .map((r) => {
      const cells = r.map((c, i) => (right.has(i) ? c.padStart(widths[i]!) : c.padEnd(widths[i]!)));
      return `${cells.join(' ').trimEnd()}\n`;
    })
    .join('');
}
