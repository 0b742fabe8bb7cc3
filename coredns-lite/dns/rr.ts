// Resource records made from parts, and their text (RFC 1035 section 5.1 presentation).
import { addrBytes, addrText } from './addr.ts';
import type { Rdata, Rr } from './message.ts';
import { CLASS, className, TYPE, typeName } from './types.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A or AAAA, by the address; undefined for what is no address. */
export function addressRecord(name: string, ttl: number, address: string): Rr | undefined {
  const bytes = addrBytes(address);
  return bytes === undefined ? undefined : addressRr(name, ttl, bytes);
}

export const addressRr = (name: string, ttl: number, bytes: Uint8Array): Rr => ({
  name,
  type: bytes.length === 4 ? TYPE.A : TYPE.AAAA,
  class: CLASS.IN,
  ttl,
  data: { kind: 'addr', bytes },
});

export const nameRecord = (name: string, type: number, ttl: number, target: string): Rr => ({
  name,
  type,
  class: CLASS.IN,
  ttl,
  data: { kind: 'name', target },
});

export const srvRecord = (
  name: string,
  ttl: number,
  { weight, port, target, priority = 0 }: { weight: number; port: number; target: string; priority?: number },
): Rr => ({
  name,
  type: TYPE.SRV,
  class: CLASS.IN,
  ttl,
  data: { kind: 'srv', priority, weight, port, target },
});

export const textRecord = (
  name: string,
  ttl: number,
  texts: readonly string[],
  cls: number = CLASS.IN,
): Rr => ({
  name,
  type: TYPE.TXT,
  class: cls,
  ttl,
  data: { kind: 'txt', strings: texts.map(bytesOf) },
});

export const hinfoRecord = (name: string, ttl: number, cpu: string, os: string): Rr => ({
  name,
  type: TYPE.HINFO,
  class: CLASS.IN,
  ttl,
  data: { kind: 'txt', strings: [bytesOf(cpu), bytesOf(os)] },
});

export const withTtl = (rr: Rr, ttl: number): Rr => (rr.ttl === ttl ? rr : { ...rr, ttl });
export const withName = (rr: Rr, name: string): Rr => (rr.name === name ? rr : { ...rr, name });

/** The name that the data points to, where it points to one. */
export const targetOf = (rr: Rr): string | undefined => ('target' in rr.data ? rr.data.target : undefined);

export function withTarget(rr: Rr, target: string): Rr {
  return 'target' in rr.data ? { ...rr, data: { ...rr.data, target } } : rr;
}

const quoted = (b: Uint8Array): string => {
  let text = '"';
  for (const byte of b) {
    if (byte === 0x22 || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\${String(byte).padStart(3, '0')}`;
  }
  return `${text}"`;
};

export function rdataText(data: Rdata): string {
  switch (data.kind) {
    case 'addr':
      return addrText(data.bytes);
    case 'name':
      return data.target;
    case 'mx':
      return `${data.preference} ${data.target}`;
    case 'srv':
      return `${data.priority} ${data.weight} ${data.port} ${data.target}`;
    case 'soa':
      return `${data.mname} ${data.rname} ${data.serial} ${data.refresh} ${data.retry} ${data.expire} ${data.minimum}`;
    case 'txt':
      return data.strings.map(quoted).join(' ');
    case 'raw':
      return `\\# ${data.bytes.length}${data.bytes.length > 0 ? ` ${Buffer.from(data.bytes).toString('hex')}` : ''}`;
  }
}

/** As a zone file has it: "web.example. 30 IN A 10.0.0.1". */
export const rrText = ({ name, ttl, class: cls, type, data }: Rr): string =>
  `${name} ${ttl} ${className(cls)} ${typeName(type)} ${rdataText(data)}`;
