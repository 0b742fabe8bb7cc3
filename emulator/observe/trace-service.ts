// What kube-proxy's rules did to a traced packet, read from the rules it matched: they carry the Service's name in their
// comments (pkg/proxy/iptables/proxier.go), so a trace can speak of Services and endpoints instead of chains.
import type { Hop } from './trace-result.ts';

/** One Service met on one node. */
export interface ServiceStep {
  readonly node: string;
  /** "default/web:http". */
  readonly port: string;
  readonly namespace: string;
  readonly name: string;
  readonly frontEnd: 'cluster IP' | 'external IP' | 'load balancer IP' | 'node port';
  /** Chains passed, in order. */
  readonly chains: readonly string[];
  /** "10.244.1.3:80". */
  readonly endpoint?: string;
  /** The rule that chose it: "nat KUBE-SVC-… rule 2". */
  readonly chosenBy?: string;
  /** Of that rule; 1 when it was the last of its chain. */
  readonly probability?: number;
  /** Chosen because it was before: ClientIP affinity. */
  readonly affinity?: boolean;
  /** The source became this node's: "192.168.100.11:41234". */
  readonly masqueradedTo?: string;
  /** Why: the comment of the rule that marked it. */
  readonly masqueradedBy?: string;
  /** The connection as conntrack has it: both tuples. */
  readonly connection?: { readonly original: string; readonly reply: string };
  /** On the way back: "source 10.244.1.3:80 becomes 10.96.0.50:80". */
  readonly translatedBack?: readonly string[];
  readonly refused?: 'rejected' | 'dropped';
  /** The comment of the rule that refused it. */
  readonly refusedBy?: string;
}

type Draft = { -readonly [K in keyof ServiceStep]: ServiceStep[K] } & {
  chains: string[];
  translatedBack?: string[];
};

const COMMENT = /--comment "((?:[^"\\]|\\.)*)"|--comment (\S+)/;
const commentOf = (rule: string): string => {
  const found = COMMENT.exec(rule);
  return found?.[1] ?? found?.[2] ?? '';
};
const FRONT_ENDS: readonly (readonly [RegExp, ServiceStep['frontEnd']])[] = [
  [/^(\S+) cluster IP$/, 'cluster IP'],
  [/^(\S+) external IP$/, 'external IP'],
  [/^(\S+) loadbalancer IP$/, 'load balancer IP'],
];
const REFUSALS: readonly RegExp[] = [
  /^(\S+) has no endpoints$/,
  /^(\S+) has no local endpoints$/,
  /^(\S+) traffic not accepted by KUBE-FW-\w+$/,
];
const OWN_CHAIN = /^KUBE-(SVC|SVL|EXT|FW|SEP)-/;

const begin = (hop: Hop, port: string, frontEnd: ServiceStep['frontEnd'], chain: string): Draft => {
  const [service = ''] = port.split(':');
  const [namespace = '', name = ''] = service.split('/');
  return { node: hop.node, port, namespace, name, frontEnd, chains: [chain] };
};

/** Every Service the packet met, in order; empty when it met none. */
export function serviceSteps(hops: readonly Hop[]): readonly ServiceStep[] {
  const steps: Draft[] = [];
  const lastOf = (node: string): Draft | undefined => steps.findLast((step) => step.node === node);
  const connections = new Map<string, { original: string; reply: string }>();
  for (const hop of hops) {
    const { facts, node } = hop;
    if (hop.netns !== 'host') continue;
    const rule = typeof facts['rule'] === 'string' ? facts['rule'] : undefined;
    if (rule !== undefined) matched(hop, rule, steps, lastOf(node));
    else if (hop.stage === 'nat') translated(hop, lastOf(node));
    else if (hop.stage === 'conntrack' && typeof facts['original'] === 'string')
      connections.set(`${node} ${facts['original']}`, {
        original: facts['original'],
        reply: String(facts['reply']),
      });
  }
  for (const step of steps) {
    // The last word of a node on a connection is the complete one.
    const own = [...connections].findLast(
      ([key, { reply }]) =>
        key.startsWith(`${step.node} `) &&
        step.endpoint !== undefined &&
        reply.includes(` ${step.endpoint} > `),
    );
    if (own !== undefined) step.connection = own[1];
  }
  return steps;
}

function matched(hop: Hop, rule: string, steps: Draft[], last: Draft | undefined): void {
  const chain = String(hop.facts['chain']);
  const goal = String(hop.facts['goal']);
  const comment = commentOf(rule);
  if (hop.facts['table'] === 'nat') {
    if (chain === 'KUBE-SERVICES' && goal !== '-j KUBE-NODEPORTS') {
      for (const [pattern, frontEnd] of FRONT_ENDS) {
        const found = pattern.exec(comment);
        if (found !== null) steps.push(begin(hop, found[1]!, frontEnd, chain));
      }
    } else if (chain === 'KUBE-NODEPORTS') steps.push(begin(hop, comment, 'node port', chain));
    else if (last !== undefined && OWN_CHAIN.test(chain)) within(hop, rule, last, chain, goal, comment);
    return;
  }
  const refusal = REFUSALS.map((pattern) => pattern.exec(comment)).find((found) => found !== null);
  if (refusal === undefined || !/^-j (REJECT|DROP)/.test(goal)) return;
  let step = last?.port === refusal[1] ? last : undefined;
  if (step === undefined) {
    const nodePort = rule.includes('--dst-type LOCAL');
    const frontEnd = nodePort ? 'node port' : chain === 'KUBE-SERVICES' ? 'cluster IP' : 'external IP';
    step = begin(hop, refusal[1]!, frontEnd, chain);
    steps.push(step);
  } else step.chains.push(chain);
  step.refused = goal.startsWith('-j REJECT') ? 'rejected' : 'dropped';
  step.refusedBy = comment;
}

/** A rule of the Service's own chains. */
function within(hop: Hop, rule: string, step: Draft, chain: string, goal: string, comment: string): void {
  if (step.chains.at(-1) !== chain) step.chains.push(chain);
  if (goal === '-j KUBE-MARK-MASQ') {
    step.masqueradedBy = chain.startsWith('KUBE-SEP-') ? 'the endpoint is the sender itself' : comment;
    return;
  }
  if (goal.startsWith('-j KUBE-SEP-')) {
    step.chosenBy = `nat ${chain} rule ${hop.facts['number']}`;
    const chance = /--probability ([\d.]+)/.exec(rule);
    if (rule.includes('-m recent')) step.affinity = true;
    else step.probability = chance === null ? 1 : Number(chance[1]);
  }
  const to = /--to-destination (\S+)/.exec(goal);
  if (to !== null) step.endpoint = to[1]!;
}

function translated(hop: Hop, step: Draft | undefined): void {
  if (step === undefined) return;
  const { side, before, after, reply } = hop.facts;
  if (reply === true) {
    step.translatedBack ??= [];
    const text = `${side} ${before} becomes ${after}`;
    if (!step.translatedBack.includes(text)) step.translatedBack.push(text);
  } else if (side === 'source' && step.masqueradedBy !== undefined) step.masqueradedTo = String(after);
}

/** One line for people. */
export function serviceLine(step: ServiceStep): string {
  const words = [`on ${step.node} Service ${step.port} by its ${step.frontEnd}`];
  if (step.endpoint !== undefined) {
    const how =
      step.affinity === true
        ? 'affinity'
        : step.probability === 1
          ? 'the last rule, no chance left'
          : `probability ${step.probability?.toFixed(4)}`;
    words.push(
      `endpoint ${step.endpoint}${step.chosenBy === undefined ? '' : ` (${step.chosenBy}: ${how})`}`,
    );
  }
  if (step.masqueradedTo !== undefined)
    words.push(`masqueraded to ${step.masqueradedTo} (${step.masqueradedBy})`);
  else if (step.endpoint !== undefined) words.push('source kept');
  if (step.connection !== undefined)
    words.push(`conntrack ${step.connection.original}, reply ${step.connection.reply}`);
  for (const back of step.translatedBack ?? []) words.push(`back: ${back}`);
  if (step.refused !== undefined) words.push(`${step.refused} by "${step.refusedBy}"`);
  return words.join('; ');
}
