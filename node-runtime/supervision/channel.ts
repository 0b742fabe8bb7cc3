// A connection to the emulator, seen from the node: messages out, messages in, gone. Over a WebSocket for processes and
// threads; between the two ends of one process, the same bytes without a socket.
import type { WebSocket } from 'ws';
import { nodeCodec, type Undecodable } from '../../emulator/protocol/codec.ts';
import type { FromNode, ToNode } from '../../emulator/protocol/messages.ts';

export interface Channel {
  send(message: FromNode): void;
  /** Bytes that the emulator has not taken yet. */
  readonly buffered: number;
  onMessage: (message: ToNode | Undecodable) => void;
  onClose: () => void;
  /** Closes once what was sent has gone out. */
  close(): void;
}

export function socketChannel(socket: WebSocket): Channel {
  const codec = nodeCodec();
  let open = true;
  const channel: Channel = {
    send(message) {
      if (open) socket.send(codec.encode(message));
    },
    get buffered() {
      return socket.bufferedAmount;
    },
    onMessage() {},
    onClose() {},
    close() {
      open = false;
      socket.close();
    },
  };
  socket.on('message', (data: Buffer, binary: boolean) => {
    if (binary) channel.onMessage(codec.decode(data));
  });
  socket.on('error', () => socket.terminate());
  socket.once('close', () => {
    open = false;
    channel.onClose();
  });
  return channel;
}
