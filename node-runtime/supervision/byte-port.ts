// A supervision connection inside one process: the same encoded messages as over a socket, so that neither side can hold
// on to what the other changes. A paused node's messages wait, as in the socket of a stopped process.
import { nodeCodec } from '../../emulator/protocol/codec.ts';
import type { BytePort } from '../../emulator/protocol/inline.ts';
import type { Channel } from './channel.ts';

export interface PortPair {
  /** The emulator's end. */
  readonly port: BytePort;
  /** The node's. */
  readonly channel: Channel;
  /** Lets what is for the node wait, or go on. */
  hold(on: boolean): void;
  /** Both ends are told that it is over. */
  cut(): void;
}

/** `active` is called for each message that arrives on either side. */
export function portPair(active: () => void): PortPair {
  const codec = nodeCodec();
  let open = true;
  let held = false;
  let toNode: Uint8Array[] = [];
  let toEmulator: Uint8Array[] = [];
  const deliver = (): void => {
    if (held || toNode.length === 0) return;
    const messages = toNode;
    toNode = [];
    active();
    for (const data of messages) channel.onMessage(codec.decode(data));
  };
  const report = (): void => {
    const messages = toEmulator;
    toEmulator = [];
    active();
    for (const data of messages) port.onData(data);
  };
  const over = (): void => {
    if (!open) return;
    open = false;
    // After what was sent before it, and not from within the caller.
    queueMicrotask(() => {
      port.onClose();
      channel.onClose();
    });
  };
  let onData: BytePort['onData'] | undefined;
  const port: BytePort = {
    send(data) {
      if (open && toNode.push(data) === 1) queueMicrotask(deliver);
    },
    // What the node said before anybody listened is kept.
    get onData() {
      return onData ?? (() => {});
    },
    set onData(fn) {
      const first = onData === undefined;
      onData = fn;
      if (first && toEmulator.length > 0) queueMicrotask(report);
    },
    onClose() {},
    close: over,
  };
  const channel: Channel = {
    buffered: 0,
    send(message) {
      if (open && toEmulator.push(codec.encode(message)) === 1 && onData !== undefined)
        queueMicrotask(report);
    },
    onMessage() {},
    onClose() {},
    close: over,
  };
  return {
    port,
    channel,
    hold(on) {
      held = on;
      if (!on) queueMicrotask(deliver);
    },
    cut: over,
  };
}
