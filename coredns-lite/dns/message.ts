// What a DNS message holds (RFC 1035 section 4, RFC 6891), as records. Shared records (those of zones and indexes) are never
// changed: a plugin that changes a TTL or a name makes a new one.

export type Rdata =
  /** A, AAAA: 4 or 16 bytes. */
  | { readonly kind: 'addr'; readonly bytes: Uint8Array }
  /** CNAME, NS, PTR, DNAME. */
  | { readonly kind: 'name'; readonly target: string }
  | { readonly kind: 'mx'; readonly preference: number; readonly target: string }
  | {
      readonly kind: 'srv';
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    }
  | {
      readonly kind: 'soa';
      readonly mname: string;
      readonly rname: string;
      readonly serial: number;
      /** Seconds, as are the others. */
      readonly refresh: number;
      readonly retry: number;
      readonly expire: number;
      readonly minimum: number;
    }
  /** TXT, SPF, HINFO: character strings of at most 255 bytes. */
  | { readonly kind: 'txt'; readonly strings: readonly Uint8Array[] }
  /** Any other type (RFC 3597). */
  | { readonly kind: 'raw'; readonly bytes: Uint8Array };

export interface Rr {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Seconds. */
  readonly ttl: number;
  readonly data: Rdata;
}

export interface Question {
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

export interface EdnsOption {
  readonly code: number;
  readonly data: Uint8Array;
}

export interface Edns {
  /** The largest UDP message that the sender takes. */
  readonly size: number;
  readonly version: number;
  readonly do: boolean;
  readonly options: readonly EdnsOption[];
}

export interface Message {
  id: number;
  response: boolean;
  opcode: number;
  authoritative: boolean;
  truncated: boolean;
  recursionDesired: boolean;
  recursionAvailable: boolean;
  zero: boolean;
  authenticData: boolean;
  checkingDisabled: boolean;
  /** With the upper bits that the OPT record carries. */
  rcode: number;
  question: Question | undefined;
  answer: readonly Rr[];
  authority: readonly Rr[];
  /** Without the OPT record. */
  additional: readonly Rr[];
  edns: Edns | undefined;
}

export const NONE: readonly never[] = Object.freeze([]);

/** An answer to `query` that says nothing yet (miekg/dns Msg.SetReply). */
export function replyTo(query: Message, rcode = 0): Message {
  return {
    id: query.id,
    response: true,
    opcode: query.opcode,
    authoritative: false,
    truncated: false,
    recursionDesired: query.opcode === 0 ? query.recursionDesired : false,
    recursionAvailable: false,
    zero: false,
    authenticData: false,
    checkingDisabled: query.opcode === 0 ? query.checkingDisabled : false,
    rcode,
    question: query.question,
    answer: NONE,
    authority: NONE,
    additional: NONE,
    edns: undefined,
  };
}

export function queryFor(id: number, name: string, type: number, cls = 1): Message {
  return {
    id,
    response: false,
    opcode: 0,
    authoritative: false,
    truncated: false,
    recursionDesired: true,
    recursionAvailable: false,
    zero: false,
    authenticData: false,
    checkingDisabled: false,
    rcode: 0,
    question: { name, type, class: cls },
    answer: NONE,
    authority: NONE,
    additional: NONE,
    edns: undefined,
  };
}
