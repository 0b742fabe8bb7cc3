// A refused netlink call in the words of Go's syscall.Errno, which plugins and flanneld put behind their own.
import { NetnsError } from '../kernel/netns/netns.ts';

const WORDS: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: 'cannot assign requested address',
  EBUSY: 'device or resource busy',
  EEXIST: 'file exists',
  EINVAL: 'invalid argument',
  ENETDOWN: 'network is down',
  ENETUNREACH: 'network is unreachable',
  ENODEV: 'Link not found',
  ENOENT: 'no such file or directory',
  EOPNOTSUPP: 'operation not supported',
  ERANGE: 'numerical result out of range',
  ESRCH: 'no such process',
};

export const errnoText = (error: unknown): string =>
  error instanceof NetnsError ? (WORDS[error.code] ?? error.message) : (error as Error).message;

export const hasErrno = (error: unknown, code: string): boolean =>
  error instanceof NetnsError && error.code === code;
