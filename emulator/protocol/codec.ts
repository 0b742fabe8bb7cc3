// Messages as bytes: one MessagePack map per WebSocket message. Decoding trusts nothing: size, then structure (skim),
// then msgpackr, then the shape of the message's type; what fails is an answer for the sender, never an exception.
import { Packr } from 'msgpackr/pack';
import type { ErrorCode } from './errors.ts';
import { type FromNode, fromNode, type ToNode, toNode } from './messages.ts';
import type { Check } from './shape.ts';
import { skim } from './skim.ts';

/** Bytes of one message. Captures, the largest, are cut into messages well below it. */
export const MAX_MESSAGE = 8 << 20;

export interface Undecodable {
  readonly type: 'undecodable';
  readonly code: ErrorCode;
  readonly message: string;
  /** The id that the message carried, if that much could be read; else 0. */
  readonly id: number;
}

export interface Codec<Out, In> {
  encode(message: Out): Buffer;
  decode(data: Uint8Array): In | Undecodable;
}

export const nodeCodec = (): Codec<FromNode, ToNode> => codec(toNode);
export const emulatorCodec = (): Codec<ToNode, FromNode> => codec(fromNode);

function codec<Out, In extends object>(check: Check<In>): Codec<Out, In> {
  // Maps with their field names: readable with any MessagePack tool, and without state between messages.
  const packr = new Packr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });
  return {
    encode: (message) => packr.pack(message),
    decode(data) {
      if (data.length > MAX_MESSAGE) return undecodable('E_TOO_LARGE', `${data.length} bytes`);
      const wrong = skim(data);
      if (wrong !== undefined) return undecodable('E_MALFORMED', wrong);
      let value: unknown;
      try {
        value = packr.unpack(data);
      } catch (error) {
        return undecodable('E_MALFORMED', String(error));
      }
      const misshapen = check(value, '');
      if (misshapen === undefined) return value as In;
      const { id, type } = value !== null && typeof value === 'object' ? (value as Ided) : {};
      const replyTo = typeof id === 'number' && Number.isInteger(id) && id >= 0 && id <= 0xffff_ffff ? id : 0;
      const unknown = typeof type === 'string' && misshapen.startsWith('type: expected one of');
      return unknown
        ? undecodable('E_UNKNOWN_TYPE', type.slice(0, 64), replyTo)
        : undecodable('E_MALFORMED', misshapen, replyTo);
    },
  };
}
interface Ided {
  readonly id?: unknown;
  readonly type?: unknown;
}

const undecodable = (code: ErrorCode, message: string, id = 0): Undecodable => ({
  type: 'undecodable',
  code,
  message,
  id,
});
