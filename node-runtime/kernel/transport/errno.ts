// What a system call on a socket can say besides "done": the errno names that Node's errors carry as `code`, and
// net/ipv4/icmp.c's icmp_err_convert, which turns ICMP errors into them.
import { DEST_UNREACH, FRAG_NEEDED, TIME_EXCEEDED } from '../wire/icmp.ts';

export const ERRNO_TEXT = {
  EACCES: 'permission denied',
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'address not available',
  EAGAIN: 'resource temporarily unavailable',
  EALREADY: 'connection already in progress',
  ECONNABORTED: 'software caused connection abort',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EDESTADDRREQ: 'destination address required',
  EHOSTDOWN: 'host is down',
  EHOSTUNREACH: 'no route to host',
  EINVAL: 'invalid argument',
  EISCONN: 'socket is already connected',
  EMSGSIZE: 'message too long',
  ENETUNREACH: 'network is unreachable',
  ENODEV: 'no such device',
  ENONET: 'machine is not on the network',
  ENOBUFS: 'no buffer space available',
  ENOPROTOOPT: 'protocol not available',
  ENOTCONN: 'socket is not connected',
  EOPNOTSUPP: 'operation not supported on socket',
  EPERM: 'operation not permitted',
  EPIPE: 'broken pipe',
  EPROTO: 'protocol error',
  ETIMEDOUT: 'connection timed out',
} as const;

export type Errno = keyof typeof ERRNO_TEXT;

/** What an ICMP error means to a socket. A hard one ends a UDP receive or a TCP connection attempt. */
export interface IcmpMeaning {
  readonly errno: Errno;
  readonly hard: boolean;
}

const UNREACH: readonly IcmpMeaning[] = [
  { errno: 'ENETUNREACH', hard: false },
  { errno: 'EHOSTUNREACH', hard: false },
  { errno: 'ENOPROTOOPT', hard: true },
  { errno: 'ECONNREFUSED', hard: true },
  { errno: 'EMSGSIZE', hard: false },
  { errno: 'EOPNOTSUPP', hard: false },
  { errno: 'ENETUNREACH', hard: true },
  { errno: 'EHOSTDOWN', hard: true },
  { errno: 'ENONET', hard: true },
  { errno: 'ENETUNREACH', hard: true },
  { errno: 'EHOSTUNREACH', hard: true },
  { errno: 'ENETUNREACH', hard: false },
  { errno: 'EHOSTUNREACH', hard: false },
  { errno: 'EHOSTUNREACH', hard: true },
  { errno: 'EHOSTUNREACH', hard: true },
  { errno: 'EHOSTUNREACH', hard: true },
];

const PARAMETER_PROBLEM = 12;

/** Undefined for the types that say nothing to a socket (source quench, redirect). */
export function icmpMeaning(type: number, code: number): IcmpMeaning | undefined {
  if (type === DEST_UNREACH) return UNREACH[code];
  if (type === TIME_EXCEEDED) return { errno: 'EHOSTUNREACH', hard: false };
  if (type === PARAMETER_PROBLEM) return { errno: 'EPROTO', hard: true };
  return undefined;
}

export const isFragNeeded = (type: number, code: number): boolean =>
  type === DEST_UNREACH && code === FRAG_NEEDED;
