// Refusals in the words that `ip` and `bridge` print: with the kernel's own explanation where it gives one (an extended
// ack), else with the errno's text.
import { NetnsError } from '../netns/netns.ts';

const STRERROR: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: 'Cannot assign requested address',
  EBUSY: 'Device or resource busy',
  EEXIST: 'File exists',
  EINVAL: 'Invalid argument',
  ENETDOWN: 'Network is down',
  ENETUNREACH: 'Network is unreachable',
  ENOBUFS: 'No buffer space available',
  ENODEV: 'No such device',
  ENOENT: 'No such file or directory',
  EOPNOTSUPP: 'Operation not supported',
  ESRCH: 'No such process',
};

/** "RTNETLINK answers: File exists". */
export const answers = (code: string): NetnsError =>
  new NetnsError(code, `RTNETLINK answers: ${STRERROR[code] ?? code}`);

/** "Error: Nexthop has invalid gateway." */
export const says = (code: string, text: string): NetnsError => new NetnsError(code, `Error: ${text}.`);

/** `ip`'s own complaint about a device that is not there. */
export const noDevice = (name: string): NetnsError =>
  new NetnsError('ENODEV', `Cannot find device "${name}"`);

const STARTS = /^(RTNETLINK|Error:|Cannot find)/;
/** Codes whose explanation by lower rooms is Linux's own text rather than ours. */
const EXPLAINED = /^(mtu |Can not |Device does not |VXLAN |A VXLAN )/;

/** Runs `fn`; what lower rooms refuse in their own words comes out in `ip`'s. */
export function inWords<T>(fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    if (!(error instanceof NetnsError) || STARTS.test(error.message)) throw error;
    throw EXPLAINED.test(error.message) ? says(error.code, error.message) : answers(error.code);
  }
}
