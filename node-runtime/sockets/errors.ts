// Errors as Node's net and dgram modules make them, so that programs written for those recognise them.
import { ERRNO_TEXT, type Errno } from '../kernel/transport/errno.ts';
import { formatIpv4 } from '../kernel/wire/addr.ts';
import type { Address } from './messages.ts';

/** Linux's numbers (asm-generic/errno.h), negative as in Node's `errno`. */
const NUMBERS: Readonly<Record<Errno, number>> = {
  EACCES: -13,
  EADDRINUSE: -98,
  EADDRNOTAVAIL: -99,
  EAGAIN: -11,
  EALREADY: -114,
  ECONNABORTED: -103,
  ECONNREFUSED: -111,
  ECONNRESET: -104,
  EDESTADDRREQ: -89,
  EHOSTDOWN: -112,
  EHOSTUNREACH: -113,
  EINVAL: -22,
  EISCONN: -106,
  EMSGSIZE: -90,
  ENETUNREACH: -101,
  ENODEV: -19,
  ENONET: -64,
  ENOBUFS: -105,
  ENOPROTOOPT: -92,
  ENOTCONN: -107,
  EOPNOTSUPP: -95,
  EPERM: -1,
  EPIPE: -32,
  EPROTO: -71,
  ETIMEDOUT: -110,
};

export interface SocketError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly address?: string;
  readonly port?: number;
}

/** "connect ECONNREFUSED 10.0.0.2:80", with code, errno, syscall, address and port. */
export function socketError(syscall: string, code: Errno, at?: Address): SocketError {
  const where = at === undefined ? '' : ` ${formatIpv4(at.addr)}:${at.port}`;
  const text = syscall === 'bind' || syscall === 'listen' ? `: ${ERRNO_TEXT[code]}` : '';
  const error = new Error(`${syscall} ${code}${text}${where}`);
  return Object.assign(error, {
    code,
    errno: NUMBERS[code],
    syscall,
    ...(at === undefined ? {} : { address: formatIpv4(at.addr), port: at.port }),
  });
}

/** "getaddrinfo ENOTFOUND name". */
export function lookupError(hostname: string): Error & { readonly code: string; readonly hostname: string } {
  const error = new Error(`getaddrinfo ENOTFOUND ${hostname}`);
  return Object.assign(error, { code: 'ENOTFOUND', errno: -3008, syscall: 'getaddrinfo', hostname });
}

export function abortError(): Error & { readonly code: string } {
  const error = new Error('The operation was aborted');
  error.name = 'AbortError';
  return Object.assign(error, { code: 'ABORT_ERR' });
}
