// A supervision connection over a WebSocket, as bytes in order.
import type WebSocket from 'ws';
import { MAX_MESSAGE } from '../protocol/codec.ts';
import { dial } from '../protocol/dial.ts';
import type { BytePort } from '../protocol/inline.ts';

/** Our name in the challenge. */
const EMULATOR = 'emulator';

export function dialSupervise(url: string, peer: string, secret: string): Promise<BytePort> {
  return new Promise((resolve, reject) => {
    const opened = (socket: WebSocket): void => resolve(socketPort(socket));
    dial({ url, path: '/supervise', secret, name: EMULATOR, peer, maxPayload: MAX_MESSAGE }, opened, reject);
  });
}

function socketPort(socket: WebSocket): BytePort {
  // What comes before somebody listens is kept: the node's hello follows the challenge at once.
  let early: Uint8Array[] | undefined = [];
  let closed = false;
  let onData: BytePort['onData'] = (data) => early?.push(data);
  let onClose: BytePort['onClose'] = () => {};
  socket.on('message', (data: Buffer, binary: boolean) => {
    if (binary) onData(data);
  });
  socket.on('error', () => socket.terminate());
  socket.once('close', () => {
    closed = true;
    onClose();
  });
  return {
    send: (data) => socket.send(data),
    get onData() {
      return onData;
    },
    set onData(fn) {
      onData = fn;
      const missed = early ?? [];
      early = undefined;
      for (const data of missed) fn(data);
    },
    get onClose() {
      return onClose;
    },
    set onClose(fn) {
      onClose = fn;
      if (closed) fn();
    },
    close: () => socket.close(),
  };
}
