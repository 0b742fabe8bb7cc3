// A first-in-first-out queue of pairs of 32-bit numbers, for the two lists of slots that conntrack keeps in the order of
// time. A ring over an Int32Array: nothing is allocated but when it grows.

export class IntPairQueue {
  #ring = new Int32Array(128);
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(a: number, b: number): void {
    if (this.#size * 2 === this.#ring.length) this.#grow();
    const at = ((this.#head + this.#size++) * 2) & (this.#ring.length - 1);
    this.#ring[at] = a;
    this.#ring[at + 1] = b;
  }

  /** The two numbers of the oldest pair; meaningless when empty. */
  get first(): number {
    return this.#ring[(this.#head * 2) & (this.#ring.length - 1)]!;
  }
  get second(): number {
    return this.#ring[((this.#head * 2) & (this.#ring.length - 1)) + 1]!;
  }

  shift(): void {
    this.#head = (this.#head + 1) & (this.#ring.length / 2 - 1);
    this.#size--;
  }

  #grow(): void {
    const from = this.#ring;
    const to = new Int32Array(from.length * 2);
    const head = this.#head * 2;
    to.set(from.subarray(head), 0);
    to.set(from.subarray(0, head), from.length - head);
    this.#ring = to;
    this.#head = 0;
  }
}
