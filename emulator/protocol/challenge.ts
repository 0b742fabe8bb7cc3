// How two processes of a cluster prove to each other that they know its secret without saying it: each sends a nonce
// and answers the other's with an HMAC (RFC 2104, SHA-256) over both nonces, both names, what the connection is for,
// and which of the two sides is answering, so that no answer can be played back to the side that made it.
//
//   dialler ── upgrade, x-podwire-nonce: D ──> acceptor
//   dialler <── {nonce: A, proof: accept(D, A, …)} ──
//   dialler ── {proof: dial(D, A, …)} ──> acceptor
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

export const NONCE_HEADER = 'x-podwire-nonce';
export const NAME_HEADER = 'x-podwire-name';
/** Bytes of a nonce; in text twice as many hexadecimal digits. */
const NONCE_BYTES = 16;
/** How long either side waits for the other's next step, in milliseconds. */
export const CHALLENGE_TIMEOUT = 5000;

export interface Handshake {
  /** "/link" or "/supervise". */
  readonly path: string;
  readonly dialler: string;
  readonly acceptor: string;
  readonly diallerNonce: string;
  readonly acceptorNonce: string;
}

export const newNonce = (): string => randomBytes(NONCE_BYTES).toString('hex');
export const newSecret = (): string => randomBytes(32).toString('hex');
export const isNonce = (text: unknown): text is string =>
  typeof text === 'string' && text.length === 2 * NONCE_BYTES && /^[0-9a-f]+$/.test(text);

/** The answer of one side, in hexadecimal. */
export function proof(secret: string, side: 'dial' | 'accept', h: Handshake): string {
  // JSON keeps the fields apart whatever characters they hold.
  const said = JSON.stringify([side, h.path, h.dialler, h.acceptor, h.diallerNonce, h.acceptorNonce]);
  return createHmac('sha256', secret).update(said).digest('hex');
}

export function proves(secret: string, side: 'dial' | 'accept', h: Handshake, said: unknown): boolean {
  if (typeof said !== 'string' || !/^[0-9a-f]{64}$/.test(said)) return false;
  return timingSafeEqual(Buffer.from(said), Buffer.from(proof(secret, side, h)));
}
