// The netfilter room as kernel/boot.ts sees it. Nothing is registered until a rule or an explicit wish asks for it, as in
// Linux; what a namespace starts with is therefore nothing.
import type { Netns } from '../netns/netns.ts';
import { conntrackGet } from './conntrack/enable.ts';

/** Tracks connections in a namespace although no rule asks for it. */
export const enableConntrack = (ns: Netns): void => conntrackGet(ns);
