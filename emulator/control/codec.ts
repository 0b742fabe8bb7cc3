// Frames of the control connection, msgpack with fixed small shapes. Both ends are the same program, but the bytes come
// over a socket: what is not of these shapes closes it.
import { Packr, Unpackr } from 'msgpackr';

export type ToEmulator =
  | { readonly t: 'call'; readonly id: number; readonly method: string; readonly params: unknown }
  | { readonly t: 'data'; readonly id: number; readonly message: unknown }
  | { readonly t: 'cancel'; readonly id: number };
export type FromEmulator =
  | { readonly t: 'result'; readonly id: number; readonly value: unknown }
  | { readonly t: 'error'; readonly id: number; readonly code: string; readonly message: string }
  | { readonly t: 'data'; readonly id: number; readonly message: unknown };

export const MAX_MESSAGE = 64 << 20;
const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: false });
const unpackr = new Unpackr({ useRecords: false });

export const encode = (message: ToEmulator | FromEmulator): Uint8Array => packr.pack(message);

/** Undefined when the bytes are no message. */
export function decode<T extends ToEmulator | FromEmulator>(bytes: Uint8Array): T | undefined {
  try {
    const m = unpackr.unpack(bytes) as T;
    return typeof m === 'object' && m !== null && typeof m.t === 'string' && Number.isInteger(m.id)
      ? m
      : undefined;
  } catch {
    return undefined;
  }
}
