// The bytes a program wrote and the peer has not acknowledged yet: sk_write_queue's and tcp_rtx_queue's data in one
// ring, addressed by sequence number. Written once, copied into a packet at each transmission; Linux keeps skbs and
// clones them, which only pays where headers and data lie apart.

const MIN = 16_384;

export class SendRing {
  #bytes = new Uint8Array(0);
  /** Sequence number of the first byte held, and where it lies. */
  start: number;
  #head = 0;
  #len = 0;

  constructor(start: number) {
    this.start = start;
  }

  get length(): number {
    return this.#len;
  }
  /** Sequence number behind the last byte held. */
  get end(): number {
    return (this.start + this.#len) | 0;
  }
  /** Bytes of memory that it takes. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** Appends data[from..from+n). */
  write(data: Uint8Array, from: number, n: number): void {
    if (this.#len + n > this.#bytes.length) this.#grow(this.#len + n);
    const size = this.#bytes.length;
    const at = (this.#head + this.#len) & (size - 1);
    const first = Math.min(n, size - at);
    const whole = from === 0 && n === data.length;
    if (first === n) this.#bytes.set(whole ? data : data.subarray(from, from + n), at);
    else {
      this.#bytes.set(data.subarray(from, from + first), at);
      this.#bytes.set(data.subarray(from + first, from + n), 0);
    }
    this.#len += n;
  }

  /** Copies the `n` bytes from sequence number `seq` on to `to[at..]`. */
  copy(seq: number, n: number, to: Uint8Array, at: number): void {
    const size = this.#bytes.length;
    const from = (this.#head + ((seq - this.start) | 0)) & (size - 1);
    const first = Math.min(n, size - from);
    if (n <= 64) {
      const b = this.#bytes;
      for (let i = 0; i < n; i++) to[at + i] = b[(from + i) & (size - 1)]!;
      return;
    }
    to.set(this.#bytes.subarray(from, from + first), at);
    if (first < n) to.set(this.#bytes.subarray(0, n - first), at + first);
  }

  /** Forgets what lies before `seq`. */
  release(seq: number): void {
    const n = Math.min((seq - this.start) | 0, this.#len);
    if (n <= 0) return;
    this.start = (this.start + n) | 0;
    this.#len -= n;
    this.#head = this.#len === 0 ? 0 : (this.#head + n) & (this.#bytes.length - 1);
  }

  /** Gives back memory that an idle connection does not need. */
  shrink(): void {
    if (this.#len === 0 && this.#bytes.length > MIN) this.#bytes = new Uint8Array(0);
  }

  #grow(need: number): void {
    let size = Math.max(this.#bytes.length, MIN);
    while (size < need) size *= 2;
    const bytes = new Uint8Array(size);
    if (this.#len > 0) this.copy(this.start, this.#len, bytes, 0);
    this.#bytes = bytes;
    this.#head = 0;
  }
}
