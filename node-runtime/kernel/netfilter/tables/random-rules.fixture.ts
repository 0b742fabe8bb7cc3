// Rule sets and packets at random, from few addresses and ports, so that rules match and shadow one another; and two
// namespaces that get the same of both, one looking rules up, the other walking them.
import type { Stream } from '../../netns/dice.ts';
import * as ip from '../../wire/ipv4.ts';
import { iptablesSave } from '../iptables/save.ts';
import { recentLists } from '../matches/recent.ts';
import { NfLab, show } from '../test-kit.ts';
import { tableOf } from './net.ts';

const pick = <T>(dice: Stream, list: readonly T[]): T => list[dice.below(list.length)]!;
const once = (dice: Stream, n: number): boolean => dice.below(n) === 0;

const ADDRS = [
  '10.0.0.1',
  '10.0.0.2',
  '10.0.0.3',
  '10.96.0.1',
  '10.96.0.2',
  '10.96.0.3',
  '192.168.100.11',
  '192.168.100.200',
  '10.244.1.5',
];
const PORTS = [53, 80, 81, 443, 8080, 30_000];

function header(dice: Stream, base: string): { text: string; proto: string | undefined } {
  const parts: string[] = [];
  const not = (): string => (once(dice, 6) ? '! ' : '');
  const addr = (): string =>
    once(dice, 4)
      ? `${pick(dice, ['10.0.0.0/8', '10.96.0.0/16', '10.0.0.2/31'])}`
      : `${pick(dice, ADDRS)}/32`;
  if (once(dice, 4)) parts.push(`${not()}-s ${addr()}`);
  if (!once(dice, 3)) parts.push(`${not()}-d ${addr()}`);
  if (base !== 'POSTROUTING' && once(dice, 12)) parts.push(`${not()}-i ${pick(dice, ['cni0', 'eth+'])}`);
  const proto = once(dice, 4) ? undefined : pick(dice, ['tcp', 'tcp', 'udp']);
  if (proto !== undefined) parts.push(`${once(dice, 12) ? '! ' : ''}-p ${proto}`);
  else if (once(dice, 6)) parts.push('-f');
  return { text: parts.join(' '), proto: parts.some((p) => p.startsWith('! -p')) ? undefined : proto };
}

function matches(dice: Stream, proto: string | undefined): string {
  const parts: string[] = [];
  const port = (): string =>
    once(dice, 6) ? `${pick(dice, [53, 80])}:${pick(dice, [443, 8080])}` : `${pick(dice, PORTS)}`;
  if (once(dice, 4)) parts.push('-m comment --comment "default/web:http cluster IP"');
  if (once(dice, 10))
    parts.push(
      pick(dice, [
        '-m statistic --mode random --probability 0.5',
        '-m statistic --mode nth --every 3 --packet 0',
      ]),
    );
  if (once(dice, 14))
    parts.push(
      `-m recent --name ${pick(dice, ['a', 'b'])} ${pick(dice, ['--set', '--rcheck --seconds 5', '--update', '--remove'])}`,
    );
  if (proto !== undefined && !once(dice, 3))
    parts.push(
      `-m ${proto} ${once(dice, 8) ? '! ' : ''}--dport ${port()}${once(dice, 8) ? ` --sport ${port()}` : ''}`,
    );
  if (once(dice, 12)) parts.push(`-m mark ${once(dice, 2) ? '! ' : ''}--mark 0x1/0xf`);
  if (once(dice, 16)) parts.push('-m conntrack --ctstate NEW,ESTABLISHED');
  if (once(dice, 16)) parts.push('-m limit --limit 2/sec --limit-burst 2');
  return parts.join(' ');
}

function goal(
  dice: Stream,
  table: string,
  later: readonly string[],
  proto: string | undefined,
  base: string,
): string {
  if (later.length > 0 && once(dice, 3)) return `${once(dice, 6) ? '-g' : '-j'} ${pick(dice, later)}`;
  const ports = proto === undefined ? '' : `:${pick(dice, PORTS)}`;
  if (table === 'mangle')
    return pick(dice, [
      '-j MARK --set-xmark 0x1/0x1',
      '-j MARK --or-mark 0x8',
      '-j ACCEPT',
      '-j RETURN',
      '',
      '-j CONNMARK --save-mark',
    ]);
  if (table === 'nat') {
    const to = `${pick(dice, ADDRS.slice(0, 3))}${ports}`;
    return pick(dice, [
      base === 'PREROUTING' ? `-j DNAT --to-destination ${to}` : `-j SNAT --to-source ${to}`,
      '-j ACCEPT',
      '-j RETURN',
      '',
      '-j RETURN',
    ]);
  }
  return pick(dice, [
    '-j ACCEPT',
    '-j DROP',
    '-j RETURN',
    '',
    '-j LOG --log-prefix "x: "',
    '-j REJECT',
    proto === 'tcp' ? '-j REJECT --reject-with tcp-reset' : '-j ACCEPT',
  ]);
}

const BASES = {
  mangle: ['PREROUTING', 'FORWARD'],
  nat: ['PREROUTING', 'POSTROUTING'],
  filter: ['FORWARD'],
} as const;

/** A ruleset that iptables-restore takes: chains long enough to be compiled, jumps only forwards. */
export function randomRules(dice: Stream): string {
  const out: string[] = [];
  for (const [table, bases] of Object.entries(BASES)) {
    out.push(`*${table}`);
    const rules: string[] = [];
    for (const base of bases) {
      const users = Array.from({ length: 3 }, (_, i) => `${base.slice(0, 4)}-${i}`);
      for (const user of users) out.push(`:${user} - [0:0]`);
      [base, ...users].forEach((chain, at) => {
        for (let n = once(dice, 3) ? 3 : 8 + dice.below(20); n > 0; n--) {
          const { text, proto } = header(dice, base);
          rules.push(
            `-A ${chain} ${text} ${matches(dice, proto)} ${goal(dice, table, users.slice(at), proto, base)}`,
          );
        }
      });
    }
    out.push(...rules, 'COMMIT');
  }
  return `${out.join('\n')}\n`;
}

/** A chain or two changed as a daemon changes them: flushed and written anew, the others left. */
export function randomChange(dice: Stream): string {
  const chain = `FORW-${dice.below(3)}`;
  const rules = Array.from({ length: 10 }, () => {
    const { text, proto } = header(dice, 'FORWARD');
    return `-A ${chain} ${text} ${matches(dice, proto)} ${goal(dice, 'filter', [], proto, 'FORWARD')}`;
  });
  return `*filter\n:${chain} - [0:0]\n${rules.join('\n')}\nCOMMIT\n`;
}

/** Two namespaces with the same seed: the first compiles its chains, the second walks them. */
export class Twins {
  readonly labs: readonly [NfLab, NfLab];
  constructor(seed: number) {
    this.labs = [new NfLab(seed), new NfLab(seed)];
    for (const name of ['mangle', 'nat', 'filter'] as const) tableOf(this.labs[1].ns, name).compile = false;
  }

  rules(text: string, noflush = false): void {
    for (const lab of this.labs) lab.rules(text, noflush);
  }

  /** One packet through both; what became of it in each, which should be the same. */
  packet(dice: Stream): [string, string] {
    const kind = pick(dice, ['tcp', 'tcp', 'udp', 'echo'] as const);
    const from = `${pick(dice, ADDRS)}:${pick(dice, PORTS)}`;
    const to = `${pick(dice, ADDRS)}:${once(dice, 6) ? dice.below(65_536) : pick(dice, PORTS)}`;
    const spec = {
      flags: pick(dice, ['S', '.', 'F.', 'R']),
      data: dice.below(20),
      mark: once(dice, 8) ? dice.below(16) : 0,
    };
    const frag = once(dice, 20) ? pick(dice, [1, 2, 0x2000]) : 0;
    const cut = once(dice, 30) ? dice.below(20) : 0;
    const pass = dice.below(200);
    const [a, b] = this.labs.map((lab) => {
      const skb = lab.packet(kind, from, to, spec);
      if (frag !== 0) ip.setFragField(skb.bytes, skb.network, frag);
      if (cut > 0) {
        skb.tail -= Math.min(cut, skb.tail - skb.transport);
        ip.setTotalLen(skb.bytes, skb.network, skb.tail - skb.network);
      }
      ip.updateChecksum(skb.bytes, skb.network);
      const out = lab.forward(skb);
      let text = 'gone';
      if (out !== undefined) {
        text = `${frag === 0 && cut === 0 ? show(out) : ''} mark ${out.mark} ${Buffer.from(out.view()).toString('hex')}`;
        out.free();
      }
      lab.clock.advance(pass);
      return text;
    });
    return [a!, b!];
  }

  /** All else that packets leave behind: counters, connections, what recent remembers, log lines, answers, drops. */
  state(): [string, string] {
    const [a, b] = this.labs.map((lab) =>
      [
        iptablesSave(lab.ns, { counters: true }),
        lab.entries().join('\n'),
        JSON.stringify([...recentLists(lab.ns)].map(([name, list]) => [name, [...list.entries]])),
        lab.log.splice(0).join('\n'),
        lab.sent.splice(0).join('\n'),
        lab.drops().join('\n'),
      ].join('\n--\n'),
    );
    return [a!, b!];
  }
}
