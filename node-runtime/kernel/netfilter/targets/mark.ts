// MARK and CONNMARK: net/netfilter/xt_mark.c, xt_connmark.c. All forms of --set-mark come down to one: clear the bits of a
// mask, then exclusive-or with a value.
import { connMark, setConnMark } from '../conntrack/of-skb.ts';
import { hex, type MarkValue, parseMark, parseUint } from '../matches/values.ts';
import { type Action, type Given, type TargetExtension, XT_CONTINUE, XtError } from '../tables/extension.ts';

export interface MarkTarget extends MarkValue {
  readonly name: 'MARK';
}
export type ConnmarkTarget = { readonly name: 'CONNMARK' } & (
  | { readonly mode: 'set'; readonly value: number; readonly mask: number }
  | { readonly mode: 'save' | 'restore'; readonly nfmask: number; readonly ctmask: number }
);

const ALL = 0xffff_ffff;
const SETTERS = ['set-xmark', 'set-mark', 'and-mark', 'or-mark', 'xor-mark'] as const;
type Setter = (typeof SETTERS)[number];

/** As value and mask of --set-xmark. */
function setter(extension: string, option: Setter, text: string): MarkValue {
  if (option === 'set-xmark' || option === 'set-mark') {
    const m = parseMark(extension, option, text);
    return option === 'set-mark' ? { value: m.value, mask: (m.mask | m.value) >>> 0 } : m;
  }
  const n = parseUint(text, ALL);
  if (n === undefined)
    throw new XtError(`${extension}: bad value for option "--${option}", or out of range (0-${ALL}).\n`);
  if (option === 'and-mark') return { value: 0, mask: ~n >>> 0 };
  return option === 'or-mark' ? { value: n, mask: n } : { value: n, mask: 0 };
}

/** "set 0x5", "or 0x4000": how `-L` tells the forms apart again. */
function setterText({ value, mask }: MarkValue): string {
  if (value === 0) return `and ${hex(~mask)}`;
  if (value === mask) return `or ${hex(value)}`;
  if (mask === 0) return `xor ${hex(value)}`;
  return mask === ALL ? `set ${hex(value)}` : `xset ${hex(value)}/${hex(mask)}`;
}

const find = (given: readonly Given[]): Given | undefined =>
  given.find((g) => SETTERS.some((s) => s === g.name));

export const mark: TargetExtension<MarkTarget> = {
  name: 'MARK',
  options: SETTERS.map((name) => ({ name, args: 1 })),
  parse(given) {
    const g = find(given);
    if (g === undefined)
      throw new XtError('MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required');
    return { name: 'MARK', ...setter('MARK', g.name as Setter, g.value) };
  },
  save: (t) => `--set-xmark ${hex(t.value)}/${hex(t.mask)}`,
  list: (t) => `MARK ${setterText(t)}`,
  compile({ value, mask }): Action {
    return (p) => {
      p.skb.mark = ((p.skb.mark & ~mask) ^ value) >>> 0;
      return XT_CONTINUE;
    };
  },
};

export const connmark: TargetExtension<ConnmarkTarget> = {
  name: 'CONNMARK',
  options: [
    ...SETTERS.map((name) => ({ name, args: 1 as const })),
    { name: 'save-mark' },
    { name: 'restore-mark' },
    { name: 'mask', args: 1 },
    { name: 'nfmask', args: 1 },
    { name: 'ctmask', args: 1 },
  ],
  conntrack: true,
  parse(given) {
    const g = find(given);
    if (g !== undefined)
      return { name: 'CONNMARK', mode: 'set', ...setter('CONNMARK', g.name as Setter, g.value) };
    const mode = given.find((x) => x.name === 'save-mark' || x.name === 'restore-mark');
    if (mode === undefined)
      throw new XtError(
        'CONNMARK target: No operation specified (--set-mark, --save-mark or --restore-mark)',
      );
    const maskOf = (name: string): number | undefined => {
      const m = given.find((x) => x.name === name);
      if (m === undefined) return undefined;
      const n = parseUint(m.value, ALL);
      if (n === undefined)
        throw new XtError(`CONNMARK: bad value for option "--${name}", or out of range (0-${ALL}).\n`);
      return n;
    };
    const both = maskOf('mask');
    return {
      name: 'CONNMARK',
      mode: mode.name === 'save-mark' ? 'save' : 'restore',
      nfmask: both ?? maskOf('nfmask') ?? ALL,
      ctmask: both ?? maskOf('ctmask') ?? ALL,
    };
  },
  save: (t) =>
    t.mode === 'set'
      ? `--set-xmark ${hex(t.value)}/${hex(t.mask)}`
      : `--${t.mode}-mark --nfmask ${hex(t.nfmask)} --ctmask ${hex(t.ctmask)}`,
  list(t) {
    if (t.mode === 'set') return `CONNMARK ${setterText(t)}`;
    if (t.nfmask === ALL && t.ctmask === ALL) return `CONNMARK ${t.mode}`;
    if (t.nfmask === t.ctmask) return `CONNMARK ${t.mode} mask ${hex(t.nfmask)}`;
    const tilde = t.mode === 'save' ? ['', '~'] : ['~', ''];
    return t.mode === 'save'
      ? `CONNMARK save nfmask ${tilde[0]}${hex(t.nfmask)} ctmask ${tilde[1]}${hex(t.ctmask)}`
      : `CONNMARK restore ctmask ${tilde[1]}${hex(t.ctmask)} nfmask ${tilde[0]}${hex(t.nfmask)}`;
  },
  compile(t): Action {
    if (t.mode === 'set')
      return (p) => {
        const old = connMark(p.skb);
        if (old !== undefined) setConnMark(p.skb, (old & ~t.mask) ^ t.value);
        return XT_CONTINUE;
      };
    const { nfmask, ctmask } = t;
    if (t.mode === 'save')
      return (p) => {
        const old = connMark(p.skb);
        if (old !== undefined) setConnMark(p.skb, (old & ~ctmask) ^ (p.skb.mark & nfmask));
        return XT_CONTINUE;
      };
    return (p) => {
      const old = connMark(p.skb);
      if (old !== undefined) p.skb.mark = ((p.skb.mark & ~nfmask) ^ (old & ctmask)) >>> 0;
      return XT_CONTINUE;
    };
  },
};
