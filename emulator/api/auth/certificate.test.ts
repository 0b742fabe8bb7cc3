import { X509Certificate } from 'node:crypto';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { createAuthority, issue } from './certificate.ts';
import { bits, integer, oid, time } from './der.ts';

const NOW = new Date('2026-01-01T00:00:00Z');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('DER', () => {
  it.each([
    ['an integer', integer(Buffer.from([0, 0, 1])), '020101'],
    ['one whose top bit is not a sign', integer(Buffer.from([0x80])), '02020080'],
    ['zero', integer(Buffer.from([0, 0])), '020100'],
    ['an object identifier', oid('1.2.840.10045.4.3.2'), '06082a8648ce3d040302'],
    ['bits', bits(Buffer.from([0xa4]), 2), '030202a4'],
    ['a time of this century', time(NOW), '170d3236303130313030303030305a'],
    ['a time after 2049', time(new Date('2050-01-01T00:00:00Z')), '180f32303530303130313030303030305a'],
  ])('%s', (_name, der, expected) => expect(hex(der)).toBe(expected));
});

describe('certificates', () => {
  const ca = createAuthority('kubernetes', NOW);
  const server = issue(ca, {
    subject: { commonName: 'kube-apiserver' },
    usage: 'server',
    dnsNames: ['kubernetes', 'localhost'],
    addresses: ['127.0.0.1', '10.96.0.1'],
    notBefore: NOW,
    days: 3650,
    serial: 2,
  });
  const client = issue(ca, {
    subject: { commonName: 'kubernetes-admin', organizations: ['system:masters'] },
    usage: 'client',
    notBefore: NOW,
    days: 365,
    serial: 3,
  });

  it('are what OpenSSL reads as issued and signed by the authority', () => {
    const authority = new X509Certificate(ca.certificate);
    const leaf = new X509Certificate(server.certificate);
    expect(authority.ca).toBe(true);
    expect(authority.verify(authority.publicKey)).toBe(true);
    expect(leaf.checkIssued(authority)).toBe(true);
    expect(leaf.verify(authority.publicKey)).toBe(true);
    expect(leaf.ca).toBe(false);
    expect(leaf.subjectAltName).toBe(
      'DNS:kubernetes, DNS:localhost, IP Address:127.0.0.1, IP Address:10.96.0.1',
    );
    expect(leaf.validTo).toBe('Dec 30 00:00:00 2035 GMT');
    expect(new X509Certificate(client.certificate).subject).toBe('O=system:masters\nCN=kubernetes-admin');
  });

  it('carry a TLS handshake that both sides verify', async () => {
    const listener = createServer({
      key: server.key,
      cert: server.certificate,
      ca: ca.certificate,
      requestCert: true,
      rejectUnauthorized: true,
    });
    const peer = new Promise<string>((resolve) =>
      listener.on('secureConnection', (socket: TLSSocket) => {
        const { CN, O } = socket.getPeerCertificate().subject;
        resolve(`${O}/${CN}`);
        socket.end();
      }),
    );
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const { port } = listener.address() as { port: number };
    const socket = connect({
      host: '127.0.0.1',
      port,
      ca: ca.certificate,
      cert: client.certificate,
      key: client.key,
    });
    await new Promise((resolve, reject) => socket.on('secureConnect', resolve).on('error', reject));
    expect(socket.authorized).toBe(true);
    expect(await peer).toBe('system:masters/kubernetes-admin');
    socket.destroy();
    listener.close();
  });
});
