// netem's line in `tc qdisc show`: netem_print_opt of iproute2's tc/q_netem.c.
import { formatPercent, formatRate, formatTime } from './format.ts';
import type { LossModel, NetemOptions, SlotOptions } from './netem-options.ts';

export const NETEM_LIMIT = 1000;

export function netemText(o: NetemOptions): string {
  let text = `netem limit ${o.limit ?? NETEM_LIMIT}`;
  if ((o.delay ?? 0) > 0) {
    text += ` delay ${formatTime(o.delay!)}`;
    if ((o.jitter ?? 0) > 0) text += `  ${formatTime(o.jitter!)}${correlation(o.delayCorrelation)}`;
  }
  if (o.loss !== undefined) text += lossText(o.loss);
  for (const name of ['duplicate', 'reorder', 'corrupt'] as const) {
    const feature = o[name];
    if (feature !== undefined && feature.share > 0)
      text += ` ${name} ${formatPercent(feature.share)}${correlation(feature.correlation)}`;
  }
  if ((o.rate ?? 0) > 0) {
    text += ` rate ${formatRate(o.rate!)}`;
    if ((o.packetOverhead ?? 0) !== 0) text += ` packetoverhead ${o.packetOverhead}`;
    if ((o.cellSize ?? 0) > 0) text += ` cellsize ${o.cellSize}`;
    if ((o.cellOverhead ?? 0) !== 0) text += ` celloverhead ${o.cellOverhead}`;
  }
  if (o.slot !== undefined) text += slotText(o.slot);
  if (o.ecn === true) text += ' ecn ';
  if (o.reorder !== undefined) text += ` gap ${o.reorder.gap ?? 1}`;
  return text;
}

const correlation = (share = 0): string => (share > 0 ? ` ${formatPercent(share)}` : '');

function lossText(loss: LossModel): string {
  if (loss.model === 'random')
    return loss.share > 0 ? ` loss ${formatPercent(loss.share)}${correlation(loss.correlation)}` : '';
  if (loss.model === 'gemodel') {
    const { p, r = 1 - p, h1 = 1, k1 = 0 } = loss;
    return ` loss gemodel p ${formatPercent(p)} r ${formatPercent(r)} 1-h ${formatPercent(h1)} 1-k ${formatPercent(k1)}`;
  }
  const { p13, p31 = 1 - p13, p32 = 0, p23 = 1, p14 = 0 } = loss;
  const named = Object.entries({ p13, p31, p32, p23, p14 }).map(([name, p]) => `${name} ${formatPercent(p)}`);
  return ` loss state ${named.join(' ')}`;
}

function slotText(slot: SlotOptions): string {
  let text =
    (slot.jitter ?? 0) > 0
      ? ` slot distribution ${formatTime(slot.delay ?? 0)} ${formatTime(slot.jitter!)}`
      : ` slot ${formatTime(slot.min ?? 0)} ${formatTime(slot.max ?? slot.min ?? 0)}`;
  if ((slot.packets ?? 0) > 0) text += ` packets ${slot.packets}`;
  if ((slot.bytes ?? 0) > 0) text += ` bytes ${slot.bytes}`;
  return text;
}
