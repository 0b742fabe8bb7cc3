// curl's TLS (lib/vtls/openssl.c): node:tls on the pod's own socket. It is loaded at the first https:// URL of a node and not
// before: a node process starts without it. What verifies a server is --cacert's file, or --insecure's nothing, or the
// well-known authorities that Node brings, as an image's ca-certificates would.
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';

export interface TlsOptions {
  /** The name in the URL. */
  readonly host: string;
  readonly insecure: boolean;
  /** PEM. */
  readonly ca: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
}

export class TlsError extends Error {
  /** curl's exit code. */
  readonly exit: number;
  constructor(exit: number, message: string) {
    super(message);
    this.exit = exit;
  }
}

const MORE = `More details here: https://curl.se/docs/sslcerts.html

curl failed to verify the legitimacy of the server and therefore could not
establish a secure connection to it. To learn more about this situation and
how to fix it, please visit the web page mentioned above.`;

/** Wraps a connection that may not stand yet. 'error' on the socket gives a TlsError where the handshake is the reason. */
export function secured(raw: Duplex, options: TlsOptions): TLSSocket {
  const { connect } = process.getBuiltinModule('node:tls');
  const { host, insecure, ca, certificate, key } = options;
  return connect({
    socket: raw as Socket,
    // Names go into the handshake, addresses do not (RFC 6066 section 3).
    ...(/^[\d.]+$/.test(host) ? {} : { servername: host }),
    host,
    rejectUnauthorized: !insecure,
    ALPNProtocols: ['http/1.1'],
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
  });
}

/** In curl's words and with its exit code; undefined when TLS is not what failed. */
export function tlsFailure(error: unknown, host: string): TlsError | undefined {
  const { code, message } = error as { code?: unknown; message?: string };
  if (typeof code !== 'string') return undefined;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return new TlsError(
      60,
      `SSL: no alternative certificate subject name matches target host name '${host}'\n${MORE}`,
    );
  const verified = VERIFY[code];
  if (verified !== undefined) return new TlsError(60, `SSL certificate problem: ${verified}\n${MORE}`);
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') {
    const text = /error:[0-9A-F]+:SSL routines:[^:]*:[^:]+/i.exec(message ?? '')?.[0] ?? message ?? code;
    return new TlsError(35, text.replace(/:([^:]*):([^:]+)$/, '::$2'));
  }
  return undefined;
}

/** X509_verify_cert_error_string, by Node's names of the errors. */
const VERIFY: Readonly<Record<string, string>> = {
  UNABLE_TO_GET_ISSUER_CERT: 'unable to get issuer certificate',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unable to get local issuer certificate',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unable to get local issuer certificate',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self-signed certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'self-signed certificate in certificate chain',
  CERT_HAS_EXPIRED: 'certificate has expired',
  CERT_NOT_YET_VALID: 'certificate is not yet valid',
  CERT_SIGNATURE_FAILURE: 'certificate signature failure',
  INVALID_CA: 'invalid CA certificate',
  INVALID_PURPOSE: 'unsuitable certificate purpose',
  CERT_UNTRUSTED: 'certificate not trusted',
  CERT_REJECTED: 'certificate rejected',
};
