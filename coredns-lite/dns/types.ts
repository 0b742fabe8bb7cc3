// Numbers of the DNS protocol and their names: IANA's "Domain Name System (DNS) Parameters", as miekg/dns types.go.

export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  RP: 17,
  AFSDB: 18,
  SIG: 24,
  KEY: 25,
  AAAA: 28,
  LOC: 29,
  SRV: 33,
  NAPTR: 35,
  KX: 36,
  CERT: 37,
  DNAME: 39,
  OPT: 41,
  APL: 42,
  DS: 43,
  SSHFP: 44,
  IPSECKEY: 45,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  DHCID: 49,
  NSEC3: 50,
  NSEC3PARAM: 51,
  TLSA: 52,
  SMIMEA: 53,
  HIP: 55,
  CDS: 59,
  CDNSKEY: 60,
  OPENPGPKEY: 61,
  CSYNC: 62,
  ZONEMD: 63,
  SVCB: 64,
  HTTPS: 65,
  SPF: 99,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
  URI: 256,
  CAA: 257,
} as const;

export const CLASS = { IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 } as const;

export const OPCODE = { QUERY: 0, IQUERY: 1, STATUS: 2, NOTIFY: 4, UPDATE: 5 } as const;

export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
  YXRRSET: 7,
  NXRRSET: 8,
  NOTAUTH: 9,
  NOTZONE: 10,
  BADVERS: 16,
  BADKEY: 17,
  BADTIME: 18,
  BADMODE: 19,
  BADNAME: 20,
  BADALG: 21,
  BADTRUNC: 22,
  BADCOOKIE: 23,
} as const;

const reverse = (table: Readonly<Record<string, number>>): ReadonlyMap<number, string> =>
  new Map(Object.entries(table).map(([name, number]) => [number, name]));

const TYPES = reverse(TYPE);
const CLASSES = reverse(CLASS);
const RCODES = reverse(RCODE);

/** "A"; "TYPE4711" for what has no name here (RFC 3597). */
export const typeName = (type: number): string => TYPES.get(type) ?? `TYPE${type}`;
export const className = (cls: number): string => CLASSES.get(cls) ?? `CLASS${cls}`;
export const rcodeName = (rcode: number): string => RCODES.get(rcode) ?? `RCODE${rcode}`;

const byName = (
  table: Readonly<Record<string, number>>,
  generic: string,
  text: string,
): number | undefined => {
  const upper = text.toUpperCase();
  if (Object.hasOwn(table, upper)) return table[upper];
  const digits = upper.startsWith(generic) ? upper.slice(generic.length) : '';
  return /^\d{1,5}$/.test(digits) && Number(digits) < 65_536 ? Number(digits) : undefined;
};

/** The number of "AAAA", "aaaa" or "TYPE28". */
export const typeOf = (text: string): number | undefined => byName(TYPE, 'TYPE', text);
export const classOf = (text: string): number | undefined => byName(CLASS, 'CLASS', text);
export const rcodeOf = (text: string): number | undefined => byName(RCODE, 'RCODE', text);
