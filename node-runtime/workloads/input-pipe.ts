// The standard input of a container's main process: what attached clients send, in the order it comes. It stays open while
// clients come and go, and ends with the process.

export class InputPipe implements AsyncIterable<Uint8Array> {
  readonly #chunks: Uint8Array[] = [];
  #waiting: ((item: IteratorResult<Uint8Array>) => void)[] = [];
  #ended = false;

  /** Takes all that a client sends. */
  async feed(input: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of input) {
      if (this.#ended) return;
      const next = this.#waiting.shift();
      if (next === undefined) this.#chunks.push(chunk);
      else next({ done: false, value: chunk });
    }
  }

  end(): void {
    this.#ended = true;
    for (const next of this.#waiting) next({ done: true, value: undefined });
    this.#waiting = [];
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: () => {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) return Promise.resolve({ done: false, value: chunk });
        if (this.#ended) return Promise.resolve({ done: true, value: undefined });
        return new Promise((resolve) => this.#waiting.push(resolve));
      },
    };
  }
}
