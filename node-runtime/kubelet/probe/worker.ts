// The probes of one running container (pkg/kubelet/prober/worker.go): each asks at its period on the node's clock; readiness and
// liveness wait for the startup probe; a verdict that changes is reported.
import type { Probe } from '../../../emulator/api/types/pod.ts';
import type { Clock, Timer } from '../../kernel/clock/clock.ts';
import { initialRecord, observe, type ProbeKind, type ProbeRecord, settingsOf } from './policy.ts';
import type { ProbeResult } from './probers.ts';

export interface ProbeWorkerOptions {
  readonly probes: Readonly<Partial<Record<ProbeKind, Probe>>>;
  readonly clock: Clock;
  readonly run: (probe: Probe, timeout: number) => Promise<ProbeResult>;
  readonly onVerdict: (kind: ProbeKind, verdict: boolean) => void;
  /** Every result that is not a success: upstream makes an event of each. */
  readonly onFailure: (kind: ProbeKind, output: string) => void;
}

export class ProbeWorker {
  readonly #options: ProbeWorkerOptions;
  readonly #timers = new Map<ProbeKind, Timer>();
  #stopped = false;

  constructor(options: ProbeWorkerOptions) {
    this.#options = options;
    if (options.probes.startup !== undefined) this.#start('startup', options.probes.startup, this.#begun());
    else this.#startOthers();
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #begun(): number {
    return this.#options.clock.now();
  }

  #startOthers(): void {
    const { readiness, liveness } = this.#options.probes;
    const begun = this.#begun();
    if (readiness !== undefined) this.#start('readiness', readiness, begun);
    if (liveness !== undefined) this.#start('liveness', liveness, begun);
  }

  #start(kind: ProbeKind, probe: Probe, begun: number): void {
    this.#schedule(
      kind,
      begun + settingsOf(probe).initialDelay,
      () => void this.#round(kind, probe, initialRecord(kind)),
    );
  }

  async #round(kind: ProbeKind, probe: Probe, record: ProbeRecord): Promise<void> {
    const settings = settingsOf(probe);
    const began = this.#options.clock.now();
    const result = await this.#options.run(probe, settings.timeout);
    if (this.#stopped) return;
    if (!result.success) this.#options.onFailure(kind, result.output);
    const next = observe(record, result.success, settings);
    if (next.verdict !== record.verdict || (kind === 'startup' && record.last === undefined && next.verdict))
      this.#options.onVerdict(kind, next.verdict);
    else if (kind !== 'readiness' && !result.success && next.run >= settings.failureThreshold)
      // A startup probe begins at false, so its failure is no change of verdict: it is news all the same.
      this.#options.onVerdict(kind, false);
    if (this.#stopped) return;
    if (kind === 'startup' && next.verdict) {
      this.#timers.delete(kind);
      this.#startOthers();
      return;
    }
    // One that asks for a restart has said all: the container's successor gets a new worker.
    if (kind !== 'readiness' && next.run >= settings.failureThreshold && !result.success) return;
    const due = Math.max(began + settings.period, this.#options.clock.now());
    this.#schedule(kind, due, () => void this.#round(kind, probe, next));
  }

  #schedule(kind: ProbeKind, at: number, fn: () => void): void {
    this.#timers.set(kind, this.#options.clock.at(at, fn));
  }
}
