// What is wrong with a Corefile: where, what, and how to mend it.

export interface Place {
  readonly file: string;
  readonly line: number;
}

export class CorefileError extends Error {
  readonly place: Place;
  readonly mend: string;

  constructor(place: Place, what: string, mend = '') {
    super(`${place.file}:${place.line}: ${what}${mend === '' ? '' : ` (${mend})`}`);
    this.name = 'CorefileError';
    this.place = place;
    this.mend = mend;
  }
}
