// When a probe's results change what the kubelet believes (pkg/kubelet/prober/worker.go): so many in a row, success or failure.
// Pure.
import type { Probe } from '../../../emulator/api/types/pod.ts';

export type ProbeKind = 'startup' | 'readiness' | 'liveness';

export interface ProbeSettings {
  readonly initialDelay: number;
  readonly period: number;
  readonly timeout: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

/** Upstream's defaults; milliseconds. */
export const settingsOf = (probe: Probe): ProbeSettings => ({
  initialDelay: (probe.initialDelaySeconds ?? 0) * 1000,
  period: (probe.periodSeconds ?? 10) * 1000,
  timeout: (probe.timeoutSeconds ?? 1) * 1000,
  successThreshold: probe.successThreshold ?? 1,
  failureThreshold: probe.failureThreshold ?? 3,
});

export interface ProbeRecord {
  /** What is believed; liveness begins well, the others do not. */
  readonly verdict: boolean;
  readonly last: boolean | undefined;
  /** How often `last` came in a row. */
  readonly run: number;
}

export const initialRecord = (kind: ProbeKind): ProbeRecord => ({
  verdict: kind === 'liveness',
  last: undefined,
  run: 0,
});

export function observe(record: ProbeRecord, success: boolean, settings: ProbeSettings): ProbeRecord {
  const run = record.last === success ? record.run + 1 : 1;
  const threshold = success ? settings.successThreshold : settings.failureThreshold;
  return { verdict: run >= threshold ? success : record.verdict, last: success, run };
}
