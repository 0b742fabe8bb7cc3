// Every group of benchmarks, in the order in which they run: what says most comes first, in case time runs out.
import type { Group } from '../row.ts';
import { datapath } from './datapath.ts';
import { delay } from './delay.ts';
import { dns } from './dns.ts';
import { fleet } from './fleet.ts';
import { linux } from './linux.ts';
import { modes } from './modes.ts';
import { pingGroup } from './ping.ts';
import { start } from './start.ts';
import { thousand } from './thousand.ts';
import { throughput } from './throughput.ts';
import { udp } from './udp.ts';

export const GROUPS: readonly Group[] = [
  throughput,
  udp,
  pingGroup,
  start,
  datapath,
  delay,
  dns,
  linux,
  modes,
  fleet,
  thousand,
];
