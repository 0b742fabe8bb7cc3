// The plugins that there are, in the order in which a query meets them: CoreDNS's plugin.cfg, of which this is a part. The order
// in a Corefile does not matter.
import type { Setup } from '../server/config.ts';
import { setup as acl } from './acl/setup.ts';
import { setup as any } from './any/setup.ts';
import { setup as autopath } from './autopath/setup.ts';
import { setup as bind } from './bind/setup.ts';
import { setup as bufsize } from './bufsize/setup.ts';
import { setup as cache } from './cache/setup.ts';
import { setup as cancel } from './cancel/setup.ts';
import { setup as chaos } from './chaos/setup.ts';
import { setup as debug } from './debug/setup.ts';
import { setup as dns64 } from './dns64/setup.ts';
import { setup as errors } from './errors/setup.ts';
import { setup as file } from './file/setup.ts';
import { setup as forward } from './forward/setup.ts';
import { setup as header } from './header/setup.ts';
import { setup as health } from './health/setup.ts';
import { setup as hosts } from './hosts/setup.ts';
import { setup as kubernetes } from './kubernetes/setup.ts';
import { setup as loadbalance } from './loadbalance/setup.ts';
import { setup as local } from './local/setup.ts';
import { setup as log } from './log/setup.ts';
import { setup as loop } from './loop/setup.ts';
import { setup as metadata } from './metadata/setup.ts';
import { setup as minimal } from './minimal/setup.ts';
import { setup as prometheus } from './prometheus/setup.ts';
import { setup as ready } from './ready/setup.ts';
import { setup as reload } from './reload/setup.ts';
import { setup as rewrite } from './rewrite/setup.ts';
import { setup as template } from './template/setup.ts';
import { setup as transfer } from './transfer/setup.ts';
import { setup as whoami } from './whoami/setup.ts';

export const CHAIN: readonly (readonly [directive: string, setup: Setup])[] = [
  ['metadata', metadata],
  ['cancel', cancel],
  ['reload', reload],
  ['bufsize', bufsize],
  ['bind', bind],
  ['debug', debug],
  ['ready', ready],
  ['health', health],
  ['prometheus', prometheus],
  ['errors', errors],
  ['log', log],
  ['local', local],
  ['dns64', dns64],
  ['any', any],
  ['chaos', chaos],
  ['loadbalance', loadbalance],
  ['rewrite', rewrite],
  ['autopath', autopath],
  ['acl', acl],
  ['cache', cache],
  ['header', header],
  ['minimal', minimal],
  ['template', template],
  ['transfer', transfer],
  ['hosts', hosts],
  ['kubernetes', kubernetes],
  ['file', file],
  ['loop', loop],
  ['forward', forward],
  ['whoami', whoami],
];
