// metadata [ZONES…] (CoreDNS plugin/metadata): lets the plugins that can set values on a query (kubernetes) do so before the chain runs,
// for those that print or match them (log, template, rewrite).
import { matchZone } from '../../dns/name.ts';
import { type Controller, onlyLine, origins } from '../../server/config.ts';
import { type Handler, nextOrFailure, type Request, type Result, type Writer } from '../../server/plugin.ts';

export function setup(c: Controller): void {
  const zones = origins(c, onlyLine(c).args);
  c.add((next) => new Metadata(zones, () => c.block.handlers, next));
}

class Metadata implements Handler {
  readonly name = 'metadata';
  readonly #zones: readonly string[];
  readonly #providers: () => readonly Handler[];
  readonly #next: Handler | undefined;

  constructor(zones: readonly string[], providers: () => readonly Handler[], next: Handler | undefined) {
    this.#zones = zones;
    this.#providers = providers;
    this.#next = next;
  }

  serve(w: Writer, r: Request): Result {
    if (matchZone(this.#zones, r.lower) !== undefined)
      for (const provider of this.#providers()) provider.metadata?.(r);
    return nextOrFailure(this.name, this.#next, w, r);
  }
}
