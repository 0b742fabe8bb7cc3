// How a connection between two processes of a cluster begins, seen from the side that dials: the WebSocket upgrade,
// the mutual challenge (challenge.ts), then the socket is the caller's.
import WebSocket from 'ws';
import {
  CHALLENGE_TIMEOUT,
  isNonce,
  NAME_HEADER,
  NONCE_HEADER,
  newNonce,
  proof,
  proves,
} from './challenge.ts';
import { ProtocolError } from './errors.ts';

export interface DialOptions {
  /** "ws://127.0.0.1:40211", without a path. */
  readonly url: string;
  readonly path: string;
  readonly secret: string;
  /** Who we are, and who must answer. */
  readonly name: string;
  readonly peer: string;
  /** Where the other side may dial us: said to it once it has proved itself. */
  readonly own?: string;
  readonly maxPayload: number;
}

/**
 * Calls `opened` once, when both sides have proved themselves, in the turn in which that is known, so that no message is
 * missed; or `failed` once. Returns a function that gives up.
 */
export function dial(
  options: DialOptions,
  opened: (socket: WebSocket) => void,
  failed: (error: ProtocolError) => void,
): () => void {
  const { path, secret, name, peer } = options;
  const diallerNonce = newNonce();
  let socket: WebSocket;
  try {
    socket = new WebSocket(options.url + path, {
      perMessageDeflate: false,
      handshakeTimeout: CHALLENGE_TIMEOUT,
      maxPayload: options.maxPayload,
      skipUTF8Validation: true,
      headers: { [NONCE_HEADER]: diallerNonce, [NAME_HEADER]: name },
    });
  } catch (error) {
    queueMicrotask(() => failed(new ProtocolError('E_CLOSED', String(error))));
    return () => {};
  }
  const timer = setTimeout(
    () => end(new ProtocolError('E_TIMEOUT', `${peer} does not answer`)),
    CHALLENGE_TIMEOUT,
  );
  let over = false;
  const end = (error: ProtocolError | undefined): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    socket.off('message', challenge);
    if (error === undefined) return;
    // Late errors of a socket that was given up concern nobody.
    socket.on('error', () => {});
    socket.terminate();
    failed(error);
  };
  const challenge = (data: WebSocket.RawData): void => {
    const { nonce, proof: said } = parseSaid(data);
    const acceptorNonce = isNonce(nonce) ? nonce : '';
    const handshake = { path, dialler: name, acceptor: peer, diallerNonce, acceptorNonce };
    if (acceptorNonce === '' || !proves(secret, 'accept', handshake, said)) {
      end(new ProtocolError('E_AUTH', peer));
      return;
    }
    socket.send(JSON.stringify({ proof: proof(secret, 'dial', handshake), url: options.own ?? '' }));
    end(undefined);
    opened(socket);
  };
  socket.on('message', challenge);
  socket.once('error', (error) => end(new ProtocolError('E_CLOSED', `${peer}: ${error.message}`)));
  socket.once('close', () => end(new ProtocolError('E_CLOSED', `${peer} hung up`)));
  return () => end(new ProtocolError('E_CLOSED', 'given up'));
}

/** A step of the challenge: a small JSON object of texts; anything else reads as an empty one. */
export function parseSaid(data: WebSocket.RawData): Readonly<Record<string, unknown>> {
  const text = data.toString();
  if (text.length > 4096) return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
