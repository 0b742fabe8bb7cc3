// X.509 certificates (RFC 5280) as kubeadm makes them: a cluster's authority, the API server's certificate and clients'.
// Keys are P-256; the signing is node:crypto's, the bytes around it are der.ts's.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import {
  bits,
  bool,
  type Der,
  explicit,
  implicit,
  integer,
  octets,
  oid,
  sequence,
  set,
  time,
  utf8,
} from './der.ts';

export interface KeyedCertificate {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

export interface Subject {
  readonly commonName: string;
  /** Groups, for a client. */
  readonly organizations?: readonly string[];
}

export interface IssueOptions {
  readonly subject: Subject;
  readonly usage: 'server' | 'client';
  readonly dnsNames?: readonly string[];
  /** IPv4, dotted. */
  readonly addresses?: readonly string[];
  readonly notBefore: Date;
  readonly days: number;
  /** Different for each certificate of one authority. */
  readonly serial: number;
}

const ECDSA_SHA256 = '1.2.840.10045.4.3.2';
const OID = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  altName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
};

/** A self-signed authority, good for ten years as kubeadm's is. */
export function createAuthority(commonName: string, notBefore: Date): KeyedCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subject = name({ commonName });
  const extensions = [
    // digitalSignature, keyEncipherment, keyCertSign: the bits 0, 2 and 5.
    extension(OID.keyUsage, true, bits(Buffer.from([0b1010_0100]), 2)),
    extension(OID.basicConstraints, true, sequence(bool(true))),
    extension(OID.subjectKeyId, false, octets(keyId(publicKey))),
  ];
  const body = tbs({ serial: 1, issuer: subject, subject, publicKey, notBefore, days: 3650, extensions });
  return { certificate: pem(signed(body, privateKey)), key: keyPem(privateKey) };
}

export function issue(authority: KeyedCertificate, options: IssueOptions): KeyedCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const caKey = createPrivateKey(authority.key);
  const extensions = [
    extension(OID.keyUsage, true, bits(Buffer.from([0b1010_0000]), 5)),
    extension(
      OID.extendedKeyUsage,
      false,
      sequence(oid(options.usage === 'server' ? OID.serverAuth : OID.clientAuth)),
    ),
    extension(OID.basicConstraints, true, sequence()),
    extension(OID.authorityKeyId, false, sequence(implicit(0, keyId(createPublicKey(caKey))))),
    ...altNames(options),
  ];
  const body = tbs({
    serial: options.serial,
    issuer: subjectOf(authority),
    subject: name(options.subject),
    publicKey,
    notBefore: options.notBefore,
    days: options.days,
    extensions,
  });
  return { certificate: pem(signed(body, caKey)), key: keyPem(privateKey) };
}

interface Tbs {
  readonly serial: number;
  readonly issuer: Der;
  readonly subject: Der;
  readonly publicKey: KeyObject;
  readonly notBefore: Date;
  readonly days: number;
  readonly extensions: readonly Der[];
}

function tbs(fields: Tbs): Der {
  const serial = Buffer.alloc(8);
  serial.writeBigUInt64BE(BigInt(fields.serial));
  const end = new Date(fields.notBefore.getTime() + fields.days * 86_400_000);
  return sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(serial),
    sequence(oid(ECDSA_SHA256)),
    fields.issuer,
    sequence(time(fields.notBefore), time(end)),
    fields.subject,
    fields.publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...fields.extensions)),
  );
}

const signed = (body: Der, key: KeyObject): Der =>
  sequence(body, sequence(oid(ECDSA_SHA256)), bits(sign('sha256', body, key)));

function name({ commonName, organizations = [] }: Subject): Der {
  const part = (type: string, value: string): Der => set(sequence(oid(type), utf8(value)));
  return sequence(...organizations.map((o) => part(OID.organization, o)), part(OID.commonName, commonName));
}

const extension = (id: string, critical: boolean, value: Der): Der =>
  critical ? sequence(oid(id), bool(true), octets(value)) : sequence(oid(id), octets(value));

function altNames({ dnsNames = [], addresses = [] }: IssueOptions): Der[] {
  if (dnsNames.length + addresses.length === 0) return [];
  const names = [
    ...dnsNames.map((dns) => implicit(2, Buffer.from(dns))),
    ...addresses.map((address) => implicit(7, Buffer.from(address.split('.').map(Number)))),
  ];
  return [extension(OID.altName, false, sequence(...names))];
}

/** RFC 5280 section 4.2.1.2, method 1: SHA-1 of the key's bits. An identifier, not a proof of anything. */
function keyId(publicKey: KeyObject): Uint8Array {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  // The bits of an uncompressed P-256 point are the last 65 bytes of its SPKI.
  return createHash('sha1').update(spki.subarray(-65)).digest();
}

/** The subject of a certificate as its DER, for the issuer field of those it signs. */
function subjectOf(authority: KeyedCertificate): Der {
  const der = Buffer.from(authority.certificate.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const outer = content(der, 0);
  const body = content(der, outer.start);
  let at = body.start;
  // version, serial, algorithm, issuer, validity: then the subject.
  for (let i = 0; i < 5; i++) at = content(der, at).end;
  return der.subarray(at, content(der, at).end);
}

/** Where the content of the value at `at` starts and ends. */
function content(der: Uint8Array, at: number): { start: number; end: number } {
  const first = der[at + 1]!;
  if (first < 0x80) return { start: at + 2, end: at + 2 + first };
  let length = 0;
  for (let i = 0; i < (first & 0x7f); i++) length = length * 256 + der[at + 2 + i]!;
  const start = at + 2 + (first & 0x7f);
  return { start, end: start + length };
}

function pem(der: Der): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

const keyPem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
