// The plugins that there are, in the order in which a query meets them: CoreDNS's plugin.cfg, of which this is a part. The order
// in a Corefile does not matter.
import type { Setup } from '../server/config.ts';

import { setup as bind } from './bind/setup.ts';
import { setup as cache } from './cache/setup.ts';
import { setup as errors } from './errors/setup.ts';
import { setup as forward } from './forward/setup.ts';
import { setup as hosts } from './hosts/setup.ts';
import { setup as kubernetes } from './kubernetes/setup.ts';
import { setup as whoami } from './whoami/setup.ts';

export const CHAIN: readonly (readonly [directive: string, setup: Setup])[] = [
  ['bind', bind],
  ['errors', errors],
  ['cache', cache],
  ['hosts', hosts],
  ['kubernetes', kubernetes],
  ['forward', forward],
  ['whoami', whoami],
];
