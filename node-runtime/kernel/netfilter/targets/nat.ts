// DNAT, SNAT, MASQUERADE and REDIRECT: net/netfilter/xt_nat.c, xt_MASQUERADE.c, xt_REDIRECT.c and their libxtables sides.
import {
  NF_INET_LOCAL_IN,
  NF_INET_LOCAL_OUT,
  NF_INET_POST_ROUTING,
  NF_INET_PRE_ROUTING,
} from '../../netns/hooks.ts';
import { formatIpv4, ip4, LOOPBACK } from '../../wire/addr.ts';
import { slotOf } from '../conntrack/entry.ts';
import { ctOf } from '../conntrack/of-skb.ts';
import { masquerade as masqueradeSkb, watchAddresses } from '../nat/masquerade.ts';
import { nat } from '../nat/nat.ts';
import { type Manip, type NatRange, NF_NAT_MANIP_DST, NF_NAT_MANIP_SRC } from '../nat/range.ts';
import { parseHostAddr } from '../tables/address.ts';
import {
  type Action,
  type Given,
  type RuleContext,
  type TargetExtension,
  XT_ACCEPT,
  XT_DROP,
  XtError,
} from '../tables/extension.ts';

interface NatSpec<N extends string> extends NatRange {
  readonly name: N;
}
export type DnatTarget = NatSpec<'DNAT'>;
export type SnatTarget = NatSpec<'SNAT'>;
export type MasqueradeTarget = NatSpec<'MASQUERADE'>;
export type RedirectTarget = NatSpec<'REDIRECT'>;

/** TCP, UDP, SCTP, DCCP: what has ports (ICMP's id counts for the kernel, not for iptables). */
const WITH_PORTS: readonly number[] = [6, 17, 132, 33];
const portsAllowed = (rule: RuleContext): boolean =>
  rule.proto !== undefined && !rule.proto.invert && WITH_PORTS.includes(rule.proto.num);

function parsePort(text: string): number {
  const n = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(n > 0 && n <= 65_535)) throw new XtError(`Port \`${text}' not valid`);
  return n;
}

function parsePorts(text: string): { ports: { min: number; max: number }; basePort: number | undefined } {
  const [range, base] = text.split('/');
  const [low, high, ...rest] = (range ?? '').split('-');
  if (rest.length > 0) throw new XtError(`Port range \`${text}' funky`);
  const min = parsePort(low ?? '');
  const max = high === undefined ? min : parsePort(high);
  if (min > max) throw new XtError(`Port range \`${text}' funky`);
  return { ports: { min, max }, basePort: base === undefined ? undefined : parsePort(base) };
}

/** "[addr[-addr]][:port[-port[/base]]]". */
function parseTo(text: string, rule: RuleContext): Pick<NatRange, 'ips' | 'ports' | 'basePort'> {
  const colon = text.indexOf(':');
  const addrs = colon === -1 ? text : text.slice(0, colon);
  if (colon !== -1 && !portsAllowed(rule))
    throw new XtError('Need TCP, UDP, SCTP or DCCP with port specification');
  if (text === '') throw new XtError('Bad IP address ""');
  const { ports, basePort } =
    colon === -1 ? { ports: undefined, basePort: undefined } : parsePorts(text.slice(colon + 1));
  if (addrs === '') return { ips: undefined, ports, basePort };
  const [low, high] = addrs.split('-');
  const min = parseHostAddr(low ?? '');
  if (min === undefined) throw new XtError(`Bad IP address "${low}"`);
  const max = high === undefined ? min : parseHostAddr(high);
  if (max === undefined) throw new XtError(`Bad IP address "${high}"`);
  return { ips: { min, max }, ports, basePort };
}

const flag = (given: readonly Given[], name: string): boolean => given.some((g) => g.name === name);

function portsText(r: NatRange): string {
  if (r.ports === undefined) return '';
  const { min, max } = r.ports;
  return (min === max ? `${min}` : `${min}-${max}`) + (r.basePort === undefined ? '' : `/${r.basePort}`);
}

function toText(r: NatRange): string {
  let text = '';
  if (r.ips !== undefined) {
    text = formatIpv4(ip4(r.ips.min));
    if (r.ips.max !== r.ips.min) text += `-${formatIpv4(ip4(r.ips.max))}`;
  }
  return r.ports === undefined ? text : `${text}:${portsText(r)}`;
}

const flagsText = (r: NatRange, dash: string): string =>
  [
    r.random ? ` ${dash}random` : '',
    r.randomFully ? ` ${dash}random-fully` : '',
    r.persistent ? ` ${dash}persistent` : '',
  ].join('');

const action =
  (manip: Manip, range: NatRange): Action =>
  (p) => {
    const ct = ctOf(p.skb);
    // Invalid and untracked packets have nothing to be translated by.
    if (ct === undefined) return XT_DROP;
    return nat(ct.ns).setup(slotOf(p.skb.ctinfo), range, manip) ? XT_ACCEPT : XT_DROP;
  };

const DST_HOOKS = [NF_INET_PRE_ROUTING, NF_INET_LOCAL_OUT] as const;

export const dnat: TargetExtension<DnatTarget> = {
  name: 'DNAT',
  options: [{ name: 'to-destination', args: 1 }, { name: 'random' }, { name: 'persistent' }],
  tables: ['nat'],
  hooks: DST_HOOKS,
  conntrack: true,
  parse(given, rule) {
    const to = given.find((g) => g.name === 'to-destination');
    if (to === undefined) throw new XtError('DNAT: option "--to-destination" must be specified\n');
    return {
      name: 'DNAT',
      ...parseTo(to.value, rule),
      random: flag(given, 'random'),
      randomFully: false,
      persistent: flag(given, 'persistent'),
    };
  },
  save: (t) => `--to-destination ${toText(t)}${flagsText(t, '--')}`,
  list: (t) => `to:${toText(t)}${flagsText(t, '')}`,
  compile: (t) => action(NF_NAT_MANIP_DST, t),
};

export const snat: TargetExtension<SnatTarget> = {
  name: 'SNAT',
  options: [
    { name: 'to-source', args: 1 },
    { name: 'random' },
    { name: 'random-fully' },
    { name: 'persistent' },
  ],
  tables: ['nat'],
  hooks: [NF_INET_POST_ROUTING, NF_INET_LOCAL_IN],
  conntrack: true,
  parse(given, rule) {
    const to = given.find((g) => g.name === 'to-source');
    if (to === undefined) throw new XtError('SNAT: option "--to-source" must be specified\n');
    return {
      name: 'SNAT',
      ...parseTo(to.value, rule),
      random: flag(given, 'random'),
      randomFully: flag(given, 'random-fully'),
      persistent: flag(given, 'persistent'),
    };
  },
  save: (t) => `--to-source ${toText(t)}${flagsText(t, '--')}`,
  list: (t) => `to:${toText(t)}${flagsText(t, '')}`,
  compile: (t) => action(NF_NAT_MANIP_SRC, t),
};

/** The options of the two targets that have no address of their own. */
function parsePortsOnly(given: readonly Given[], rule: RuleContext): Omit<NatRange, 'ips'> {
  const to = given.find((g) => g.name === 'to-ports');
  if (to !== undefined && !portsAllowed(rule))
    throw new XtError('Need TCP, UDP, SCTP or DCCP with port specification');
  return {
    ports: to && parsePorts(to.value).ports,
    random: flag(given, 'random'),
    randomFully: flag(given, 'random-fully'),
    persistent: false,
  };
}
const savePortsOnly = (t: NatRange): string =>
  `${t.ports === undefined ? '' : `--to-ports ${portsText(t)}`}${flagsText(t, '--')}`.trimStart();

export const masquerade: TargetExtension<MasqueradeTarget> = {
  name: 'MASQUERADE',
  options: [{ name: 'to-ports', args: 1 }, { name: 'random' }, { name: 'random-fully' }],
  tables: ['nat'],
  hooks: [NF_INET_POST_ROUTING],
  conntrack: true,
  parse: (given, rule) => ({ name: 'MASQUERADE', ips: undefined, ...parsePortsOnly(given, rule) }),
  save: savePortsOnly,
  list: (t) => `${t.ports === undefined ? '' : `masq ports: ${portsText(t)}`}${flagsText(t, '')}`.trimStart(),
  compile(t, { ns }) {
    watchAddresses(ns);
    return (p) => {
      const { out } = p.state;
      if (ctOf(p.skb) === undefined || out === undefined) return XT_DROP;
      return masqueradeSkb(ns, p.skb, out, t) ? XT_ACCEPT : XT_DROP;
    };
  },
};

export const redirect: TargetExtension<RedirectTarget> = {
  name: 'REDIRECT',
  options: [{ name: 'to-ports', args: 1 }, { name: 'random' }],
  tables: ['nat'],
  hooks: DST_HOOKS,
  conntrack: true,
  parse: (given, rule) => ({ name: 'REDIRECT', ips: undefined, ...parsePortsOnly(given, rule) }),
  save: savePortsOnly,
  list: (t) => `${t.ports === undefined ? '' : `redir ports ${portsText(t)}`}${flagsText(t, '')}`.trimStart(),
  compile: (t) => (p) => {
    const ct = ctOf(p.skb);
    if (ct === undefined) return XT_DROP;
    const { state } = p;
    const addr = state.hook === NF_INET_LOCAL_OUT ? LOOPBACK : state.in?.addrs[0]?.addr;
    if (addr === undefined) return XT_DROP;
    const range: NatRange = { ...t, ips: { min: addr, max: addr } };
    return nat(ct.ns).setup(slotOf(p.skb.ctinfo), range, NF_NAT_MANIP_DST) ? XT_ACCEPT : XT_DROP;
  },
};
