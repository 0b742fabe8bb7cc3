// What programs print for a failed system call: strerror(3) for those written in C, and Go's text, which differs in its
// first letter.

const STRERROR: Readonly<Record<string, string>> = {
  EACCES: 'Permission denied',
  EADDRINUSE: 'Address already in use',
  EADDRNOTAVAIL: 'Cannot assign requested address',
  EAGAIN: 'Resource temporarily unavailable',
  EALREADY: 'Operation already in progress',
  ECONNABORTED: 'Software caused connection abort',
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'Connection reset by peer',
  EDESTADDRREQ: 'Destination address required',
  EHOSTDOWN: 'Host is down',
  EHOSTUNREACH: 'No route to host',
  EINVAL: 'Invalid argument',
  EISCONN: 'Transport endpoint is already connected',
  EISDIR: 'Is a directory',
  EMSGSIZE: 'Message too long',
  ENETUNREACH: 'Network is unreachable',
  ENODEV: 'No such device',
  ENOENT: 'No such file or directory',
  ENONET: 'Machine is not on the network',
  ENOBUFS: 'No buffer space available',
  ENOPROTOOPT: 'Protocol not available',
  ENOTCONN: 'Transport endpoint is not connected',
  ENOTDIR: 'Not a directory',
  EOPNOTSUPP: 'Operation not supported',
  EPERM: 'Operation not permitted',
  EPIPE: 'Broken pipe',
  EPROTO: 'Protocol error',
  EROFS: 'Read-only file system',
  ETIMEDOUT: 'Connection timed out',
};

export const describeError = (code: string): string => STRERROR[code] ?? code;

/** "address already in use": syscall.Errno's Error(). */
export function goError(code: string): string {
  const text = describeError(code);
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** The errno's name that an error carries, as Node's errors do. */
export function errnoOf(error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
