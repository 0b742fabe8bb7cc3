// Two streams, each of which reads what is written to the other: a connection without a network, for tests and for nodes
// that live in the emulator's process.
import { Duplex } from 'node:stream';

class Side extends Duplex {
  peer!: Side;
  #waiting: (() => void) | undefined;

  override _read(): void {
    const resume = this.#waiting;
    this.#waiting = undefined;
    resume?.();
  }
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const { peer } = this;
    if (peer.destroyed) {
      done(new Error('write EPIPE'));
      return;
    }
    if (peer.push(chunk)) done();
    else peer.#waiting = () => done();
  }
  override _final(done: (error?: Error | null) => void): void {
    if (!this.peer.destroyed) this.peer.push(null);
    done();
  }
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const { peer } = this;
    if (!peer.destroyed && !peer.readableEnded) queueMicrotask(() => peer.destroy());
    done(error);
  }
}

export function duplexPair(): [Duplex, Duplex] {
  const a = new Side({ allowHalfOpen: true });
  const b = new Side({ allowHalfOpen: true });
  a.peer = b;
  b.peer = a;
  return [a, b];
}
