// The conntrack and state matches: net/netfilter/xt_conntrack.c, xt_state.c.
import { formatIpv4, ip4 } from '../../wire/addr.ts';
import { Conntrack } from '../conntrack/conntrack.ts';
import {
  DST,
  dirOf,
  INFO_BITS,
  IP_CT_UNTRACKED,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DST_NAT,
  IPS_EXPECTED,
  IPS_SEEN_REPLY,
  IPS_SRC_NAT,
  infoOf,
  PORTS,
  PROTO,
  REPLY_TUPLE,
  SRC,
  STATUS,
  TIMEOUT,
} from '../conntrack/entry.ts';
import { parseAddr, prefixLength } from '../tables/address.ts';
import { type Given, type MatchExtension, type Test, XtError } from '../tables/extension.ts';
import type { Packet } from '../tables/packet.ts';
import { protocolNumber } from '../tables/protocols.ts';
import type { AddrSpec } from '../tables/rule.ts';
import { type PortRange, parsePortRange, parseUint, savePorts } from './values.ts';

/** Bits as of XT_CONNTRACK_STATE_*, in the order in which they are printed. */
const STATES: readonly (readonly [string, number])[] = [
  ['INVALID', 1],
  ['NEW', 8],
  ['RELATED', 4],
  ['ESTABLISHED', 2],
  ['UNTRACKED', 64],
  ['SNAT', 16],
  ['DNAT', 32],
];
const STATUSES: readonly (readonly [string, number])[] = [
  ['NONE', 0],
  ['EXPECTED', IPS_EXPECTED],
  ['SEEN_REPLY', IPS_SEEN_REPLY],
  ['ASSURED', IPS_ASSURED],
  ['CONFIRMED', IPS_CONFIRMED],
];

interface Bits {
  readonly bits: number;
  readonly invert: boolean;
}
export interface StateMatch extends Bits {
  readonly name: 'state';
}
export interface ConntrackMatch {
  readonly name: 'conntrack';
  readonly state: Bits | undefined;
  readonly proto: { readonly num: number; readonly invert: boolean } | undefined;
  readonly origsrc: AddrSpec | undefined;
  readonly origdst: AddrSpec | undefined;
  readonly replsrc: AddrSpec | undefined;
  readonly repldst: AddrSpec | undefined;
  readonly origsrcport: PortRange | undefined;
  readonly origdstport: PortRange | undefined;
  readonly replsrcport: PortRange | undefined;
  readonly repldstport: PortRange | undefined;
  readonly status: Bits | undefined;
  /** Seconds left. */
  readonly expire: { readonly min: number; readonly max: number; readonly invert: boolean } | undefined;
  readonly dir: 'ORIGINAL' | 'REPLY' | undefined;
}

function parseBits(g: Given, names: readonly (readonly [string, number])[], what: string): Bits {
  let bits = 0;
  for (const word of g.value.split(',')) {
    const found = names.find(([name]) => name === word.toUpperCase());
    if (found === undefined) throw new XtError(`Bad ${what} "${word}"`);
    bits |= found[1];
  }
  return { bits, invert: g.invert };
}

const bitsText = (bits: number, names: readonly (readonly [string, number])[]): string =>
  names
    .filter(([, bit]) => (bits & bit) !== 0)
    .map(([name]) => name)
    .join(',');

/** The packet's state as a bit; INVALID when it has no connection. */
function stateBit(p: Packet): number {
  const { ct, ctinfo } = p.skb;
  if (!(ct instanceof Conntrack)) return 1;
  switch (infoOf(ctinfo)) {
    case 0:
    case 3:
      return 2;
    case 1:
    case 4:
      return 4;
    case 2:
      return 8;
    default:
      return 64;
  }
}

const STATE_NAMES = STATES.filter(([name]) => name !== 'SNAT' && name !== 'DNAT');

export const state: MatchExtension<StateMatch> = {
  name: 'state',
  options: [{ name: 'state', args: 1, invert: true }],
  conntrack: true,
  parse(given) {
    const g = given[0];
    if (g === undefined) throw new XtError('state: option "--state" must be specified\n');
    return { name: 'state', ...parseBits(g, STATE_NAMES, 'state') };
  },
  save: (m) => `${m.invert ? '! ' : ''}--state ${bitsText(m.bits, STATE_NAMES)}`,
  list: (m) => `${m.invert ? '! ' : ''}state ${bitsText(m.bits, STATE_NAMES)}`,
  compile:
    ({ bits, invert }) =>
    (p) =>
      ((stateBit(p) & bits) !== 0) !== invert,
};

const ADDRS = ['origsrc', 'origdst', 'replsrc', 'repldst'] as const;
const PORT_OPTIONS = ['origsrcport', 'origdstport', 'replsrcport', 'repldstport'] as const;

function ctAddrText(a: AddrSpec): string {
  const text = formatIpv4(ip4(a.addr));
  const len = prefixLength(a.mask);
  if (len === 32) return text;
  return `${text}/${len >= 0 ? len : formatIpv4(ip4(a.mask))}`;
}

function parseExpire(g: Given): ConntrackMatch['expire'] {
  const [low, high] = g.value.split(':');
  const min = parseUint(low ?? '', 0xffff_ffff);
  const max = high === undefined ? min : parseUint(high, 0xffff_ffff);
  if (min === undefined || max === undefined)
    throw new XtError(`conntrack: bad value for option "--ctexpire", or out of range (0-4294967295).\n`);
  return { min, max, invert: g.invert };
}

/** Reads one word of the entry and compares it with an address or a port. */
function addrTest(a: AddrSpec, word: number): (e: Int32Array, at: number) => boolean {
  const mask = a.mask | 0;
  const want = a.addr & mask;
  return (e, at) => ((e[at + word]! & mask) === want) !== a.invert;
}
function portTest(r: PortRange, word: number, high: boolean): (e: Int32Array, at: number) => boolean {
  return (e, at) => {
    const port = high ? e[at + word]! >>> 16 : e[at + word]! & 0xffff;
    return (port >= r.min && port <= r.max) !== r.invert;
  };
}

/** Every part of the match that looks into the entry. */
function entryTests(m: ConntrackMatch): readonly ((e: Int32Array, at: number) => boolean)[] {
  const tests: ((e: Int32Array, at: number) => boolean)[] = [];
  if (m.origsrc) tests.push(addrTest(m.origsrc, SRC));
  if (m.origdst) tests.push(addrTest(m.origdst, DST));
  if (m.replsrc) tests.push(addrTest(m.replsrc, REPLY_TUPLE + SRC));
  if (m.repldst) tests.push(addrTest(m.repldst, REPLY_TUPLE + DST));
  if (m.origsrcport) tests.push(portTest(m.origsrcport, PORTS, true));
  if (m.origdstport) tests.push(portTest(m.origdstport, PORTS, false));
  if (m.replsrcport) tests.push(portTest(m.replsrcport, REPLY_TUPLE + PORTS, true));
  if (m.repldstport) tests.push(portTest(m.repldstport, REPLY_TUPLE + PORTS, false));
  const { proto, status } = m;
  if (proto) tests.push((e, at) => ((e[at + PROTO]! & 255) === proto.num) !== proto.invert);
  if (status) tests.push((e, at) => ((e[at + STATUS]! & status.bits) !== 0) !== status.invert);
  return tests;
}

function compileState(s: Bits): Test {
  const { bits, invert } = s;
  const nat = (bits & 48) !== 0;
  return (p) => {
    let found = stateBit(p);
    if (nat && (found & 65) === 0) {
      const ct = p.skb.ct as Conntrack;
      const slot = p.skb.ctinfo >>> INFO_BITS;
      const status = ct.table.slots.chunk(slot)[ct.table.slots.base(slot) + STATUS]!;
      if ((status & IPS_SRC_NAT) !== 0) found |= 16;
      if ((status & IPS_DST_NAT) !== 0) found |= 32;
    }
    return ((found & bits) !== 0) !== invert;
  };
}

export const conntrack: MatchExtension<ConntrackMatch> = {
  name: 'conntrack',
  options: [
    { name: 'ctstate', args: 1, invert: true },
    { name: 'ctproto', args: 1, invert: true },
    ...ADDRS.map((a) => ({ name: `ct${a}`, args: 1 as const, invert: true })),
    ...PORT_OPTIONS.map((a) => ({ name: `ct${a}`, args: 1 as const, invert: true })),
    { name: 'ctstatus', args: 1, invert: true },
    { name: 'ctexpire', args: 1, invert: true },
    { name: 'ctdir', args: 1 },
  ],
  conntrack: true,
  parse(given) {
    if (given.length === 0) throw new XtError('conntrack: At least one option is required');
    const get = (name: string): Given | undefined => given.find((g) => g.name === name);
    const addr = (name: string): AddrSpec | undefined => {
      const g = get(name);
      return g && { ...parseAddr(g.value), invert: g.invert };
    };
    const port = (name: string): PortRange | undefined => {
      const g = get(name);
      return g && parsePortRange(g);
    };
    const ctstate = get('ctstate');
    const ctproto = get('ctproto');
    const num = ctproto && protocolNumber(ctproto.value);
    if (ctproto !== undefined && num === undefined)
      throw new XtError(`unknown protocol "${ctproto.value}" specified`);
    const status = get('ctstatus');
    const expire = get('ctexpire');
    const dir = get('ctdir')?.value.toUpperCase();
    if (dir !== undefined && dir !== 'ORIGINAL' && dir !== 'REPLY')
      throw new XtError(`conntrack: Bad value for "--ctdir" option: "${get('ctdir')!.value}"`);
    return {
      name: 'conntrack',
      state: ctstate && parseBits(ctstate, STATES, 'ctstate'),
      proto: ctproto && { num: num!, invert: ctproto.invert },
      origsrc: addr('ctorigsrc'),
      origdst: addr('ctorigdst'),
      replsrc: addr('ctreplsrc'),
      repldst: addr('ctrepldst'),
      origsrcport: port('ctorigsrcport'),
      origdstport: port('ctorigdstport'),
      replsrcport: port('ctreplsrcport'),
      repldstport: port('ctrepldstport'),
      status: status && parseBits(status, STATUSES, 'ctstatus'),
      expire: expire && parseExpire(expire),
      dir,
    };
  },
  save: (m) => words(m, '--').join(' '),
  list: (m) => words(m, '').join(' '),
  compile(m): Test {
    if (m.state !== undefined && entryTests(m).length === 0 && !m.expire && !m.dir)
      return compileState(m.state);
    const stateTest = m.state && compileState(m.state);
    const tests = entryTests(m);
    const { expire, dir } = m;
    return (p) => {
      if (stateTest !== undefined && !stateTest(p)) return false;
      const { ct, ctinfo } = p.skb;
      if (!(ct instanceof Conntrack) || infoOf(ctinfo) === IP_CT_UNTRACKED) return false;
      const slot = ctinfo >>> INFO_BITS;
      const e = ct.table.slots.chunk(slot);
      const at = ct.table.slots.base(slot);
      if (dir !== undefined && (dirOf(ctinfo) === 0) !== (dir === 'ORIGINAL')) return false;
      for (const test of tests) if (!test(e, at)) return false;
      if (expire === undefined) return true;
      const confirmed = (e[at + STATUS]! & IPS_CONFIRMED) !== 0;
      const left = Math.floor((confirmed ? ct.table.left(slot, ct.tick()) : e[at + TIMEOUT]!) / 1000);
      return (left >= expire.min && left <= expire.max) !== expire.invert;
    };
  },
};

/** The options in the order in which libxt_conntrack prints them; `dash` is '' for `-L`. */
function words(m: ConntrackMatch, dash: '--' | ''): string[] {
  const out: string[] = [];
  const add = (name: string, value: string, invert: boolean): void => {
    out.push(`${invert ? '! ' : ''}${dash}${name} ${value}`);
  };
  if (m.state) add('ctstate', bitsText(m.state.bits, STATES), m.state.invert);
  if (m.proto) add('ctproto', String(m.proto.num), m.proto.invert);
  for (const a of ADDRS) {
    const spec = m[a];
    if (spec) add(`ct${a}`, ctAddrText(spec), spec.invert);
  }
  for (const o of PORT_OPTIONS) {
    const r = m[o];
    if (r) out.push(savePorts(`${dash}ct${o}`, r));
  }
  if (m.status) add('ctstatus', bitsText(m.status.bits, STATUSES) || 'NONE', m.status.invert);
  if (m.expire) {
    const { min, max } = m.expire;
    add('ctexpire', min === max ? `${min}` : `${min}:${max}`, m.expire.invert);
  }
  if (m.dir) add('ctdir', m.dir, false);
  return out;
}
