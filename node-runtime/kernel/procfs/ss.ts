// `ss` (iproute2, misc/ss.c) and `netstat` (net-tools): the sockets of a namespace in columns. Numbers are never turned into names.
import type { Netns } from '../netns/netns.ts';
import { type SocketInfo, sockets } from '../transport/listing.ts';
import {
  STATE_NAMES,
  TCP_CLOSE,
  TCP_ESTABLISHED,
  TCP_LISTEN,
  TCP_SYN_RECV,
  TCP_TIME_WAIT,
} from '../transport/tcp/state.ts';
import { ANY, formatIpv4, type Ipv4 } from '../wire/addr.ts';

export interface SocketFilter {
  readonly tcp: boolean;
  readonly udp: boolean;
  readonly raw?: boolean;
  readonly listening: boolean;
  readonly all: boolean;
  /** `ss state NAME`: only these, by the names that ss prints, in lower case. */
  readonly states?: ReadonlySet<string> | undefined;
  readonly matches?: ((s: SocketInfo) => boolean) | undefined;
}

export interface SsView extends SocketFilter {
  readonly processes: boolean;
  readonly noHeader: boolean;
}

/** UDP and raw sockets stand where TCP's CLOSE does. */
export const stateName = (s: SocketInfo): string => STATE_NAMES[s.state] ?? 'UNKNOWN';

function chosen(ns: Netns, f: SocketFilter): SocketInfo[] {
  const any = !f.tcp && !f.udp && f.raw !== true;
  const wanted: Readonly<Record<string, boolean>> = {
    tcp: any || f.tcp,
    udp: any || f.udp,
    raw: any || f.raw === true,
    icmp: any,
  };
  return sockets(ns).filter((s) => {
    if (wanted[s.proto] !== true || f.matches?.(s) === false) return false;
    if (f.states !== undefined) return f.states.has(stateName(s).toLowerCase());
    const passive = s.state === TCP_LISTEN || s.state === TCP_CLOSE;
    // Neither half-open connections nor what is left of closed ones, unless all are asked for.
    const remains = s.proto === 'tcp' && (s.state === TCP_TIME_WAIT || s.state === TCP_SYN_RECV);
    return f.all || (f.listening ? passive : !passive && !remains);
  });
}

const address = (a: Ipv4): string => formatIpv4(a);
const port = (n: number): string => (n === 0 ? '*' : String(n));
const pad = (text: string, width: number, right: boolean): string =>
  right ? text.padStart(width) : text.padEnd(width);

/** `ss -n`. */
export function ss(ns: Netns, view: SsView): string {
  const rows = chosen(ns, view);
  const both = [view.tcp, view.udp, view.raw === true].filter((on) => on).length !== 1;
  const columns: {
    readonly head: string;
    readonly right?: boolean;
    readonly before: string;
    readonly cell: (s: SocketInfo) => string;
  }[] = [
    ...(both ? [{ head: 'Netid', before: '', cell: (s: SocketInfo) => s.proto }] : []),
    ...(view.states !== undefined ? [] : [{ head: 'State', before: both ? ' ' : '', cell: stateName }]),
    {
      head: 'Recv-Q',
      before: both || view.states === undefined ? ' ' : '',
      cell: (s) => String(s.rxQueue).padEnd(6),
    },
    { head: 'Send-Q', before: ' ', cell: (s) => String(s.txQueue).padEnd(6) },
    { head: 'Local Address', right: true, before: ' ', cell: (s) => address(s.local) },
    { head: 'Port', before: ':', cell: (s) => port(s.lport) },
    { head: 'Peer Address', right: true, before: ' ', cell: (s) => address(s.remote) },
    { head: 'Port', before: ':', cell: (s) => port(s.rport) },
    {
      head: 'Process',
      before: '',
      cell: (s) => (view.processes && s.owner !== '' ? ` users:(("${s.owner}",pid=1,fd=3))` : ''),
    },
  ];
  const table = [
    ...(view.noHeader ? [] : [columns.map((c) => c.head)]),
    ...rows.map((s) => columns.map((c) => c.cell(s))),
  ];
  const widths = columns.map((_, i) => Math.max(0, ...table.map((cells) => cells[i]!.length)));
  return table
    .map((cells) => {
      const line = columns.map((c, i) => c.before + pad(cells[i]!, widths[i]!, c.right === true)).join('');
      return `${cells === table[0] && !view.noHeader ? line.trimEnd() : line}\n`;
    })
    .join('');
}

/** `ss -s`. */
export function ssSummary(ns: Netns): string {
  const all = sockets(ns);
  const tcp = all.filter((s) => s.proto === 'tcp');
  const count = (state: number): number => tcp.filter((s) => s.state === state).length;
  const live = tcp.filter((s) => s.state !== TCP_TIME_WAIT).length;
  const raw = all.filter((s) => s.proto === 'raw').length;
  const udp = all.filter((s) => s.proto === 'udp').length;
  const row = (name: string, n: number): string =>
    `${name}\t  ${String(n).padEnd(9)} ${String(n).padEnd(9)} ${'0'.padEnd(9)}\n`;
  return [
    `Total: ${live + raw + udp}\n`,
    `TCP:   ${tcp.length} (estab ${count(TCP_ESTABLISHED)}, closed ${count(TCP_TIME_WAIT)}, orphaned ${tcp.filter((s) => s.ino === 0 && s.sock !== undefined).length}, timewait ${count(TCP_TIME_WAIT)})\n\n`,
    'Transport Total     IP        IPv6\n',
    row('RAW', raw),
    row('UDP', udp),
    row('TCP', live),
    row('INET', raw + udp + live),
    row('FRAG', 0),
  ].join('');
}

const NETSTAT_STATES: Readonly<Record<string, string>> = {
  ESTAB: 'ESTABLISHED',
  'SYN-SENT': 'SYN_SENT',
  'SYN-RECV': 'SYN_RECV',
  'FIN-WAIT-1': 'FIN_WAIT1',
  'FIN-WAIT-2': 'FIN_WAIT2',
  'TIME-WAIT': 'TIME_WAIT',
  'CLOSE-WAIT': 'CLOSE_WAIT',
  'LAST-ACK': 'LAST_ACK',
  LISTEN: 'LISTEN',
  CLOSING: 'CLOSING',
};

/** `netstat -n`. */
export function netstat(ns: Netns, view: SocketFilter & { readonly processes: boolean }): string {
  const which = view.listening ? 'only servers' : view.all ? 'servers and established' : 'w/o servers';
  const head = `Active Internet connections (${which})\nProto Recv-Q Send-Q Local Address           Foreign Address         State      ${view.processes ? ' PID/Program name    ' : ''}\n`;
  const at = (a: Ipv4, n: number): string =>
    `${a === ANY && n === 0 ? '0.0.0.0' : address(a)}:${port(n)}`.padEnd(23);
  return (
    head +
    chosen(ns, view)
      .filter((s) => s.proto !== 'icmp')
      .map((s) => {
        const state =
          s.proto === 'tcp'
            ? NETSTAT_STATES[stateName(s)]!
            : s.state === TCP_ESTABLISHED
              ? 'ESTABLISHED'
              : '';
        const queues = `${String(s.rxQueue).padStart(6)} ${String(s.state === TCP_LISTEN ? 0 : s.txQueue).padStart(6)}`;
        const owner = view.processes ? ` ${(s.owner === '' ? '-' : `1/${s.owner}`).padEnd(20)}` : '';
        return `${s.proto.padEnd(5)} ${queues} ${at(s.local, s.lport)} ${at(s.remote, s.rport)} ${state.padEnd(11)}${owner}\n`;
      })
      .join('')
  );
}
