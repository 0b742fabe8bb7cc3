// Values that several extensions read and print, in libxtables' words: ports with service names, numbers, port ranges.
import { type Given, XtError } from '../tables/extension.ts';

/** The services that rules here name; libxtables asks /etc/services. */
const SERVICES: Readonly<Record<string, number>> = {
  'ftp-data': 20,
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  domain: 53,
  bootps: 67,
  bootpc: 68,
  http: 80,
  kerberos: 88,
  pop3: 110,
  sunrpc: 111,
  ntp: 123,
  imap2: 143,
  snmp: 161,
  bgp: 179,
  ldap: 389,
  https: 443,
  submission: 587,
  ldaps: 636,
  'domain-s': 853,
  imaps: 993,
  mysql: 3306,
  postgresql: 5432,
  'http-alt': 8080,
};
const SERVICE_NAMES = new Map(Object.entries(SERVICES).map(([name, port]) => [port, name]));

/** strtoul with base 0, within bounds. */
export function parseUint(text: string, max: number): number | undefined {
  if (!/^(0[xX][0-9a-fA-F]+|\d+)$/.test(text)) return undefined;
  const n =
    text.length > 1 && text.startsWith('0') && !/^0[xX]/.test(text) ? Number.parseInt(text, 8) : Number(text);
  return Number.isInteger(n) && n >= 0 && n <= max ? n : undefined;
}

export function parsePort(text: string): number {
  const n = parseUint(text, 0xffff_ffff) ?? (Object.hasOwn(SERVICES, text) ? SERVICES[text] : undefined);
  if (n === undefined || n > 65_535) throw new XtError(`invalid port/service \`${text}' specified`);
  return n;
}

export interface PortRange {
  readonly min: number;
  readonly max: number;
  readonly invert: boolean;
}

/** "80", "1000:2000", ":1023", "1024:". */
export function parsePortRange(given: Given): PortRange {
  const [low, high, ...rest] = given.value.split(':');
  if (rest.length > 0) throw new XtError(`invalid port/service \`${given.value}' specified`);
  const min = low === '' && high !== undefined ? 0 : parsePort(low ?? '');
  const max = high === undefined ? min : high === '' ? 65_535 : parsePort(high);
  if (min > max) throw new XtError(`invalid portrange (min > max)`);
  return { min, max, invert: given.invert };
}

const rangeText = (r: PortRange): string => (r.min === r.max ? `${r.min}` : `${r.min}:${r.max}`);
const nameOrPort = (port: number, numeric: boolean): string =>
  numeric ? `${port}` : (SERVICE_NAMES.get(port) ?? `${port}`);

export const servicePort = nameOrPort;

/** "--dport 80", "! --sport 1:1023". */
export const savePorts = (option: string, r: PortRange): string =>
  `${r.invert ? '! ' : ''}${option} ${rangeText(r)}`;

/** "dpt:80", "spts:1:1023", "dpt:!80". */
export function listPorts(label: string, r: PortRange, numeric: boolean): string {
  const bang = r.invert ? '!' : '';
  if (r.min === r.max) return `${label}:${bang}${nameOrPort(r.min, numeric)}`;
  return `${label}s:${bang}${nameOrPort(r.min, numeric)}:${nameOrPort(r.max, numeric)}`;
}

export const hex = (n: number): string => `0x${(n >>> 0).toString(16)}`;

export interface MarkValue {
  readonly value: number;
  readonly mask: number;
}

/** "0x4000", "0x4000/0x4000", "5". */
export function parseMark(extension: string, option: string, text: string): MarkValue {
  const slash = text.indexOf('/');
  const value = parseUint(slash === -1 ? text : text.slice(0, slash), 0xffff_ffff);
  const mask = slash === -1 ? 0xffff_ffff : parseUint(text.slice(slash + 1), 0xffff_ffff);
  if (value === undefined || mask === undefined)
    throw new XtError(`${extension}: bad integer value for option "--${option}", or out of range.\n`);
  return { value, mask };
}

export const markText = (m: MarkValue): string =>
  m.mask === 0xffff_ffff ? hex(m.value) : `${hex(m.value)}/${hex(m.mask)}`;

/** xtopt's complaint about an option that may not be left out. */
export function required(given: readonly Given[], extension: string, option: string): Given {
  const found = given.find((g) => g.name === option);
  if (found === undefined) throw new XtError(`${extension}: option "--${option}" must be specified\n`);
  return found;
}
