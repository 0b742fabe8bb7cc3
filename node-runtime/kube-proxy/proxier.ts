// What the modes have in common: how a kube-proxy hands its state to the one that writes it into the kernel.
import type { ProxySpec } from '../../emulator/protocol/cluster.ts';
import type { Netns } from '../kernel/netns/netns.ts';
import type { Changes } from './changes.ts';
import type { LocalDetector } from './detect-local.ts';
import type { NodePlace } from './topology.ts';

export interface ProxierOptions {
  readonly ns: Netns;
  readonly spec: ProxySpec;
  readonly nodeIP: string;
}

export interface SyncInput {
  readonly state: Pick<Changes, 'units' | 'unitsOf' | 'endpointTotal'>;
  /** Services whose units may differ from the last sync; undefined: write everything. */
  readonly changed: ReadonlySet<string> | undefined;
  readonly detector: LocalDetector | undefined;
  readonly place: NodePlace;
}

export interface Proxier {
  /** Throws when the kernel refused; then the next sync must be a full one. */
  sync(input: SyncInput): void;
  /** What was written is no longer all there: somebody flushed the tables. */
  disturbed(): boolean;
  /** Takes everything out of the kernel again: `kube-proxy --cleanup`. */
  cleanup(): void;
}
