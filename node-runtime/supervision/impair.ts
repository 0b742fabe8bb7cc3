// What the emulator asks links to do, as queue disciplines on devices: the whole list each time. Shares come in percent.
import { ProtocolError } from '../../emulator/protocol/errors.ts';
import type { Impairment as ImpairmentRecord, NetemRecord } from '../../emulator/protocol/records.ts';
import { Veth } from '../kernel/netdev/veth.ts';
import type { NetDevice } from '../kernel/netns/device.ts';
import { type Impairment, setQdisc } from '../kernel/qdisc/impairment.ts';
import { type Match, MatchQdisc, type MatchRule } from '../kernel/qdisc/match.ts';
import { checkNetem, type NetemOptions, type Share } from '../kernel/qdisc/netem-options.ts';
import { parseMac, parsePrefix } from '../kernel/wire/addr.ts';
import { findDevice } from './observe.ts';
import type { Places } from './places.ts';
import type { Supervision } from './supervision.ts';

export function impairments(supervision: Supervision, places: Places): void {
  let impaired = new Set<NetDevice>();
  supervision.on('impair', ({ impairments: list }) => {
    const rules = new Map<NetDevice, MatchRule[]>();
    for (const record of list) {
      const dev = senderOf(findDevice(places, record.at), record.direction);
      rules.set(dev, [...(rules.get(dev) ?? []), ruleOf(record)]);
    }
    for (const dev of impaired) if (!rules.has(dev)) setQdisc(dev, undefined);
    for (const [dev, list] of rules) setQdisc(dev, new MatchQdisc(dev, list));
    impaired = new Set(rules.keys());
    return null;
  });
}

/** A queue discipline works on what a device sends; what a veth receives, its peer sends. */
function senderOf(dev: NetDevice, direction: ImpairmentRecord['direction']): NetDevice {
  if (direction === 'egress') return dev;
  const peer = dev instanceof Veth ? dev.peer : undefined;
  if (peer === undefined)
    throw new ProtocolError('E_UNSUPPORTED', `what ${dev.name} receives cannot be impaired`);
  return peer;
}

function ruleOf({ name, match, effect }: ImpairmentRecord): MatchRule {
  const matches: Match[] = [];
  const dst = (match.peerIps ?? []).map((text) => parsePrefix(text) ?? bad(text));
  const macs = (match.peerMacs ?? []).map((text) => parseMac(text) ?? bad(text));
  if (macs.length === 0) matches.push(dst.length === 0 ? {} : { dst });
  for (const dstMac of macs) matches.push(dst.length === 0 ? { dstMac } : { dstMac, dst });
  const impairment: Impairment =
    effect.type === 'partition'
      ? { partition: true }
      : effect.type === 'tbf'
        ? { tbf: { rate: effect.rate, burst: effect.burst, limit: effect.limit } }
        : { netem: netemOf(effect) };
  return { name, match: matches, impairment };
}

function bad(text: string): never {
  throw new ProtocolError('E_INVALID', text);
}

const share = (percent: number, correlation: number | undefined): Share => ({
  share: percent / 100,
  ...(correlation === undefined ? {} : { correlation: correlation / 100 }),
});

function netemOf(r: NetemRecord): NetemOptions {
  const [p, recover, h1, k1] = (r.lossGemodel ?? []).map((n) => n / 100);
  const options: NetemOptions = {
    ...(r.limit === undefined ? {} : { limit: r.limit }),
    ...(r.delay === undefined ? {} : { delay: r.delay }),
    ...(r.jitter === undefined ? {} : { jitter: r.jitter }),
    ...(r.delayCorrelation === undefined ? {} : { delayCorrelation: r.delayCorrelation / 100 }),
    ...(r.distribution === undefined ? {} : { distribution: r.distribution }),
    ...(r.loss === undefined ? {} : { loss: { model: 'random', ...share(r.loss, r.lossCorrelation) } }),
    ...(p === undefined
      ? {}
      : {
          loss: {
            model: 'gemodel',
            p,
            ...(recover === undefined ? {} : { r: recover }),
            ...(h1 === undefined ? {} : { h1 }),
            ...(k1 === undefined ? {} : { k1 }),
          },
        }),
    ...(r.duplicate === undefined ? {} : { duplicate: share(r.duplicate, r.duplicateCorrelation) }),
    ...(r.corrupt === undefined ? {} : { corrupt: share(r.corrupt, r.corruptCorrelation) }),
    ...(r.reorder === undefined
      ? {}
      : {
          reorder: {
            ...share(r.reorder, r.reorderCorrelation),
            ...(r.gap === undefined ? {} : { gap: r.gap }),
          },
        }),
    ...(r.rate === undefined ? {} : { rate: r.rate }),
    ...(r.ecn === undefined ? {} : { ecn: r.ecn }),
  };
  const wrong = checkNetem(options);
  if (wrong !== undefined) throw new ProtocolError('E_INVALID', wrong);
  return options;
}
