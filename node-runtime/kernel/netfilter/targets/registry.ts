// Every target that is an extension; ACCEPT, DROP and RETURN are the walk's own.
import type { TargetExtension } from '../tables/extension.ts';
import { type LogTarget, log } from './log.ts';
import { type ConnmarkTarget, connmark, type MarkTarget, mark } from './mark.ts';
import {
  type DnatTarget,
  dnat,
  type MasqueradeTarget,
  masquerade,
  type RedirectTarget,
  redirect,
  type SnatTarget,
  snat,
} from './nat.ts';
import { type CtTarget, ct, type NotrackTarget, notrack } from './notrack.ts';
import { type RejectTarget, reject } from './reject.ts';
import { type TcpmssTarget, tcpmss } from './tcpmss.ts';

export type TargetSpec =
  | ConnmarkTarget
  | CtTarget
  | DnatTarget
  | LogTarget
  | MarkTarget
  | MasqueradeTarget
  | NotrackTarget
  | RedirectTarget
  | RejectTarget
  | SnatTarget
  | TcpmssTarget;

export type TargetName = TargetSpec['name'];

const EXTENSIONS: { readonly [N in TargetName]: TargetExtension<Extract<TargetSpec, { name: N }>> } = {
  CONNMARK: connmark,
  CT: ct,
  DNAT: dnat,
  LOG: log,
  MARK: mark,
  MASQUERADE: masquerade,
  NOTRACK: notrack,
  REDIRECT: redirect,
  REJECT: reject,
  SNAT: snat,
  TCPMSS: tcpmss,
};

export const isTargetName = (name: string): name is TargetName => Object.hasOwn(EXTENSIONS, name);

/** The extension of a name, to be used with specs of that name only. */
export const targetExtension = (name: TargetName): TargetExtension<TargetSpec> =>
  EXTENSIONS[name] as unknown as TargetExtension<TargetSpec>;
