// LOG: a line in the kernel's log: net/netfilter/xt_LOG.c, net/netfilter/nf_log_syslog.c.
import { formatIpv4 } from '../../wire/addr.ts';
import { u8, u16, u32 } from '../../wire/bytes.ts';
import * as icmp from '../../wire/icmp.ts';
import * as ip from '../../wire/ipv4.ts';
import * as tcp from '../../wire/tcp.ts';
import { parseUint } from '../matches/values.ts';
import { type TargetExtension, XT_CONTINUE, XtError } from '../tables/extension.ts';
import type { Packet } from '../tables/packet.ts';
import { quoted } from '../tables/quote.ts';

export interface LogTarget {
  readonly name: 'LOG';
  readonly level: number;
  readonly prefix: string;
  readonly tcpSequence: boolean;
  readonly tcpOptions: boolean;
  readonly ipOptions: boolean;
  readonly uid: boolean;
  readonly macdecode: boolean;
}

const LEVELS = ['emerg', 'alert', 'crit', 'error', 'warning', 'notice', 'info', 'debug'] as const;
/** As `-L` without -n names them. */
const SHOWN = ['emerg', 'alert', 'crit', 'error', 'warn', 'notice', 'info', 'debug'] as const;
const MAX_PREFIX = 29;
const DEFAULT_LEVEL = 4;

function parseLevel(text: string): number {
  const n = parseUint(text, 7);
  if (n !== undefined) return n;
  const lower = text.toLowerCase();
  const at = lower === 'panic' ? 0 : lower === 'err' ? 3 : LEVELS.findIndex((l) => l.startsWith(lower));
  if (at < 0) throw new XtError(`log-level "${text}" ambiguous`);
  return at;
}

const OPTIONS = [
  ['tcpSequence', 'tcp-sequence', 1],
  ['tcpOptions', 'tcp-options', 2],
  ['ipOptions', 'ip-options', 4],
  ['uid', 'uid', 8],
  ['macdecode', 'macdecode', 32],
] as const;

function transport(t: LogTarget, p: Packet, out: string[]): void {
  const { b, l4 } = p;
  const proto = { 1: 'ICMP', 6: 'TCP', 17: 'UDP', 50: 'ESP', 51: 'AH', 132: 'SCTP' }[p.proto];
  out.push(`PROTO=${proto ?? p.proto}`);
  if (p.fragOff !== 0) return;
  const need = p.proto === ip.PROTO_TCP ? 20 : 8;
  if ((p.proto === 1 || p.proto === 6 || p.proto === 17) && !p.has(need)) {
    out.push(`INCOMPLETE [${p.end - l4} bytes]`);
    return;
  }
  if (p.proto === ip.PROTO_UDP) out.push(`SPT=${u16(b, l4)} DPT=${u16(b, l4 + 2)} LEN=${u16(b, l4 + 4)}`);
  else if (p.proto === ip.PROTO_TCP) {
    out.push(`SPT=${u16(b, l4)} DPT=${u16(b, l4 + 2)}`);
    if (t.tcpSequence) out.push(`SEQ=${u32(b, l4 + 4)} ACK=${u32(b, l4 + 8)}`);
    out.push(`WINDOW=${tcp.window(b, l4)}`);
    out.push(
      `RES=0x${(((u8(b, l4 + 12) & 15) << 2) | (tcp.flags(b, l4) >>> 6)).toString(16).padStart(2, '0')}`,
    );
    for (const [name, bit] of [
      ['CWR', 128],
      ['ECE', 64],
      ['URG', 32],
      ['ACK', 16],
      ['PSH', 8],
      ['RST', 4],
      ['SYN', 2],
      ['FIN', 1],
    ] as const)
      if ((tcp.flags(b, l4) & bit) !== 0) out.push(name);
    out.push(`URGP=${tcp.urgent(b, l4)}`);
    const hlen = tcp.dataOffset(b, l4);
    if (t.tcpOptions && hlen > 20 && l4 + hlen <= p.end) out.push(`OPT (${hexBytes(b, l4 + 20, l4 + hlen)})`);
  } else if (p.proto === ip.PROTO_ICMP) {
    const type = icmp.type(b, l4);
    out.push(`TYPE=${type} CODE=${icmp.code(b, l4)}`);
    if (type === icmp.ECHO || type === icmp.ECHO_REPLY)
      out.push(`ID=${icmp.id(b, l4)} SEQ=${icmp.seq(b, l4)}`);
    else if (type === icmp.REDIRECT) out.push(`GATEWAY=${formatIpv4(icmp.gateway(b, l4))}`);
    if (type === icmp.DEST_UNREACH && icmp.code(b, l4) === icmp.FRAG_NEEDED)
      out.push(`MTU=${icmp.mtu(b, l4)}`);
  }
}

function hexBytes(b: Uint8Array, from: number, to: number): string {
  let text = '';
  for (let i = from; i < to; i++) text += b[i]!.toString(16).padStart(2, '0').toUpperCase();
  return text;
}

/** The line without the prefix: dump_ipv4_packet behind dump_mac_header. */
export function logLine(t: LogTarget, p: Packet): string {
  const { b, at, skb, state } = p;
  const device = (ifindex: number): string => state.netns.devices.get(ifindex)?.name ?? '';
  const out = [`IN=${p.inName} OUT=${p.outName}`];
  if (skb.physin !== 0) out.push(`PHYSIN=${device(skb.physin)}`);
  if (skb.physout !== 0) out.push(`PHYSOUT=${device(skb.physout)}`);
  if (state.in !== undefined) {
    const mac = skb.mac >= 0 && at - skb.mac >= 14 ? hexBytes(b, skb.mac, skb.mac + 14).toLowerCase() : '';
    out.push(`MAC=${mac.replace(/..(?=.)/g, '$&:')}`);
  }
  out.push(`SRC=${formatIpv4(ip.src(b, at))} DST=${formatIpv4(ip.dst(b, at))}`);
  const tos = ip.tos(b, at);
  const two = (n: number): string => n.toString(16).padStart(2, '0').toUpperCase();
  out.push(`LEN=${ip.totalLen(b, at)} TOS=0x${two(tos & 0x1e)} PREC=0x${two(tos & 0xe0)}`);
  out.push(`TTL=${ip.ttl(b, at)} ID=${ip.id(b, at)}`);
  if ((ip.fragField(b, at) & 0x8000) !== 0) out.push('CE');
  if (ip.df(b, at)) out.push('DF');
  if (ip.mf(b, at)) out.push('MF');
  if (p.fragOff !== 0) out.push(`FRAG:${p.fragOff >>> 3}`);
  if (t.ipOptions && p.l4 - at > 20) out.push(`OPT (${hexBytes(b, at + 20, p.l4)})`);
  transport(t, p, out);
  // Each field is printed with a space behind it.
  const line = `${out.join(' ')} `;
  return skb.mark !== 0 ? `${line}MARK=0x${skb.mark.toString(16)} ` : line;
}

export const log: TargetExtension<LogTarget> = {
  name: 'LOG',
  options: [
    { name: 'log-level', args: 1 },
    { name: 'log-prefix', args: 1 },
    { name: 'log-tcp-sequence' },
    { name: 'log-tcp-options' },
    { name: 'log-ip-options' },
    { name: 'log-uid' },
    { name: 'log-macdecode' },
  ],
  parse(given) {
    const has = (name: string): boolean => given.some((g) => g.name === name);
    const level = given.find((g) => g.name === 'log-level')?.value;
    const prefix = given.find((g) => g.name === 'log-prefix')?.value ?? '';
    if (prefix.length > MAX_PREFIX)
      throw new XtError(`LOG: Argument to "--log-prefix" is too long (maximum ${MAX_PREFIX} characters).\n`);
    if (prefix.includes('\n')) throw new XtError('Newlines not allowed in --log-prefix');
    return {
      name: 'LOG',
      level: level === undefined ? DEFAULT_LEVEL : parseLevel(level),
      prefix,
      tcpSequence: has('log-tcp-sequence'),
      tcpOptions: has('log-tcp-options'),
      ipOptions: has('log-ip-options'),
      uid: has('log-uid'),
      macdecode: has('log-macdecode'),
    };
  },
  save(t) {
    const out: string[] = [];
    if (t.prefix !== '') out.push(`--log-prefix ${quoted(t.prefix)}`);
    if (t.level !== DEFAULT_LEVEL) out.push(`--log-level ${t.level}`);
    for (const [key, name] of OPTIONS) if (t[key]) out.push(`--log-${name}`);
    return out.join(' ');
  },
  list(t, numeric) {
    const out = ['LOG'];
    if (numeric) {
      let bits = 0;
      for (const [key, , bit] of OPTIONS) if (t[key]) bits |= bit;
      out.push(`flags ${bits} level ${t.level}`);
    } else {
      out.push(`level ${SHOWN[t.level]}`);
      for (const [key, name] of OPTIONS) if (t[key]) out.push(name);
    }
    if (t.prefix !== '') out.push(`prefix "${t.prefix}"`);
    return out.join(' ');
  },
  compile(t, { ns }) {
    const { log: sink } = ns.kernel;
    return (p) => {
      const fields = { netns: ns.name, level: LEVELS[t.level] };
      const line = `${t.prefix}${logLine(t, p)}`;
      if (t.level <= DEFAULT_LEVEL) sink.warn(fields, line);
      else sink.info(fields, line);
      return XT_CONTINUE;
    };
  },
};
