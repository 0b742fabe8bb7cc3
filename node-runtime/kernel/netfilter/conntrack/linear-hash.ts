// Heads of hash chains that grow by one bucket at a time (W. Litwin, "Linear hashing", 1980): where Linux has a table of
// fixed size (nf_conntrack_buckets) we start small and never stop a packet to rehash a million entries. The links of a
// chain lie in the entries; a link is a positive number and 0 ends a chain.

export abstract class LinearHash {
  heads = new Int32Array(256);
  /** Buckets of the round that is being split, less one. */
  mask = 127;
  /** The next bucket to split; those before it are split already. */
  split = 0;
  links = 0;

  protected abstract hashOf(link: number): number;
  protected abstract next(link: number): number;
  protected abstract setNext(link: number, to: number): void;

  bucket(hash: number): number {
    const wide = hash & (this.mask * 2 + 1);
    return wide <= this.mask + this.split ? wide : hash & this.mask;
  }

  get buckets(): number {
    return this.mask + 1 + this.split;
  }

  add(link: number): void {
    const at = this.bucket(this.hashOf(link));
    this.setNext(link, this.heads[at]!);
    this.heads[at] = link;
    if (++this.links > this.buckets) this.#grow();
  }

  /** False when the link is in no chain. */
  remove(link: number): boolean {
    const at = this.bucket(this.hashOf(link));
    let before = 0;
    for (let l = this.heads[at]!; l !== 0; l = this.next(l)) {
      if (l === link) {
        if (before === 0) this.heads[at] = this.next(l);
        else this.setNext(before, this.next(l));
        this.links--;
        return true;
      }
      before = l;
    }
    return false;
  }

  /** Splits one bucket: its links go either to it or to its twin of the next round. */
  #grow(): void {
    const low = this.split;
    const high = low + this.mask + 1;
    if (high >= this.heads.length) {
      const heads = new Int32Array(this.heads.length * 2);
      heads.set(this.heads);
      this.heads = heads;
    }
    const bit = this.mask + 1;
    let link = this.heads[low]!;
    this.heads[low] = 0;
    while (link !== 0) {
      const next = this.next(link);
      const at = (this.hashOf(link) & bit) === 0 ? low : high;
      this.setNext(link, this.heads[at]!);
      this.heads[at] = link;
      link = next;
    }
    if (++this.split === bit) {
      this.mask = this.mask * 2 + 1;
      this.split = 0;
    }
  }
}
