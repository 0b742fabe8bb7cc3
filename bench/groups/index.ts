// Every group of benchmarks, in the order in which they run: what says most comes first, in case time runs out.
import type { Group } from '../row.ts';
import { throughput } from './throughput.ts';

export const GROUPS: readonly Group[] = [throughput];
