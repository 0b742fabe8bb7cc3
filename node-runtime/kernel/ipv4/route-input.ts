// What becomes of a packet that came in: ip_route_input_slow and __mkroute_input of net/ipv4/route.c, and the check
// of its source, fib_validate_source of fib_frontend.c.
import type { NetDevice } from '../netns/device.ts';
import type { DropReason } from '../trace/drop-reason.ts';
import { ANY, BROADCAST, type Ipv4, isLoopback, isMulticast } from '../wire/addr.ts';
import { isLocal, maxConf, orConf } from './devinet.ts';
import type { InputVerdict } from './flow.ts';
import type { Ipv4Net } from './net.ts';
import { type Route, RT_SCOPE_HOST, routeErrno } from './route.ts';

const ALL_HOSTS = 0xe0000001;

function refuse(verdict: InputVerdict, reason: DropReason): InputVerdict {
  verdict.reason = reason;
  verdict.error = undefined;
  return verdict;
}
function unreachable(verdict: InputVerdict, error: InputVerdict['error'], reason: DropReason): InputVerdict {
  verdict.reason = reason;
  verdict.error = error;
  return verdict;
}
function accept(verdict: InputVerdict, route: Route): InputVerdict {
  verdict.route = route;
  return verdict;
}

/** ip_route_input_noref: fills `verdict` and returns it. */
export function findInput(
  net: Ipv4Net,
  dst: Ipv4,
  src: Ipv4,
  dev: NetDevice,
  verdict: InputVerdict,
): InputVerdict {
  verdict.route = undefined;
  verdict.redirect = false;
  if (isMulticast(dst)) return toGroup(net, dst, src, dev, verdict);
  if (isMulticast(src) || src === BROADCAST) return refuse(verdict, 'IP_INVALID_SOURCE');
  if (dst === BROADCAST || (src === ANY && dst === ANY)) return toBroadcast(net, src, dev, verdict);
  // Only 0.0.0.0 itself: the rest of network 0 is as good as any since 5.3.
  if (src === ANY) return refuse(verdict, 'IP_INVALID_SOURCE');
  if (dst === ANY) return refuse(verdict, 'IP_INVALID_DEST');
  if (isLoopback(dst) || isLoopback(src)) {
    if (!orConf(dev, 'route_localnet')) return refuse(verdict, 'IP_LOCALNET');
  }
  const route = net.fib.lookup(dst);
  const error = route === undefined ? 'ENETUNREACH' : routeErrno(route.type);
  if (route === undefined || error !== undefined) {
    if (dev.conf.forwarding === 0) return unreachable(verdict, 'EHOSTUNREACH', 'IP_INADDRERRORS');
    return unreachable(verdict, error, reasonOf(route));
  }
  if (route.type === 'broadcast') return toBroadcast(net, src, dev, verdict);
  if (route.type === 'local') {
    const bad = validateSource(net, src, dev, undefined);
    return typeof bad === 'string' ? refuse(verdict, bad) : accept(verdict, route);
  }
  if (dev.conf.forwarding === 0) return unreachable(verdict, 'EHOSTUNREACH', 'IP_INADDRERRORS');
  if (route.type !== 'unicast') return refuse(verdict, 'IP_INVALID_DEST');
  const onlink = validateSource(net, src, dev, route.dev);
  if (typeof onlink === 'string') return refuse(verdict, onlink);
  // The sender sits on the link that we would send it back to: it could have gone there directly.
  verdict.redirect = route.dev === dev && onlink && orConf(dev, 'send_redirects');
  return accept(verdict, route);
}

function reasonOf(route: Route | undefined): DropReason {
  if (route === undefined) return 'IP_OUTNOROUTES';
  return route.type === 'blackhole'
    ? 'IP_BLACKHOLE'
    : route.type === 'throw'
      ? 'IP_OUTNOROUTES'
      : 'IP_UNREACHABLE';
}

function toBroadcast(net: Ipv4Net, src: Ipv4, dev: NetDevice, verdict: InputVerdict): InputVerdict {
  if (src !== ANY) {
    const bad = validateSource(net, src, dev, undefined);
    if (typeof bad === 'string') return refuse(verdict, bad);
  }
  return accept(verdict, net.broadcastRoute(dev));
}

/** Of the groups only 224.0.0.1, all hosts, has members here: there is no IGMP. */
function toGroup(net: Ipv4Net, dst: Ipv4, src: Ipv4, dev: NetDevice, verdict: InputVerdict): InputVerdict {
  if (dst !== ALL_HOSTS) return refuse(verdict, 'IP_INVALID_DEST');
  if (isMulticast(src) || src === BROADCAST) return refuse(verdict, 'IP_INVALID_SOURCE');
  if (isLoopback(src) && !orConf(dev, 'route_localnet')) return refuse(verdict, 'IP_LOCALNET');
  return toBroadcast(net, src, dev, verdict);
}

/**
 * fib_validate_source: why a packet from `src` may not have come in by `dev`, or whether the source is a neighbour on
 * `dev`'s link. `out`: the device it would be forwarded to.
 */
export function validateSource(
  net: Ipv4Net,
  src: Ipv4,
  dev: NetDevice,
  out: NetDevice | undefined,
): DropReason | boolean {
  const rpf = maxConf(dev, 'rp_filter');
  if (rpf === 0 && (out !== dev || !orConf(dev, 'send_redirects'))) {
    if (!orConf(dev, 'accept_local') && isLocal(net, src)) return 'IP_LOCAL_SOURCE';
    return false;
  }
  const route = net.fib.lookup(src);
  if (route === undefined || routeErrno(route.type) !== undefined) return rpf !== 0 ? 'IP_RPFILTER' : false;
  if (route.type === 'local') {
    if (!orConf(dev, 'accept_local')) return 'IP_LOCAL_SOURCE';
  } else if (route.type !== 'unicast') return 'IP_INVALID_SOURCE';
  if (route.dev === dev || (route.type === 'local' && dev === net.lo)) return route.nhScope >= RT_SCOPE_HOST;
  if (dev.addrs.length === 0) return rpf !== 0 ? 'IP_RPFILTER' : false;
  if (rpf === 1) return 'IP_RPFILTER';
  const back = net.fib.lookupFor(src, dev.ifindex);
  return back !== undefined && back.type === 'unicast' && back.nhScope >= RT_SCOPE_HOST;
}

/** The rpfilter match: strictly, that the way back leaves by `dev`; loosely, that there is one. */
export function reversePathOk(net: Ipv4Net, src: Ipv4, dev: NetDevice, loose: boolean): boolean {
  const route = net.fib.lookup(src);
  if (route === undefined) return false;
  if (route.type !== 'unicast' && !(route.type === 'local' && orConf(dev, 'accept_local'))) return false;
  return loose || route.dev === dev;
}
