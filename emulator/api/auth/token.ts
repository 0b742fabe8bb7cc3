// Service account tokens: JSON Web Tokens (RFC 7519) signed with the cluster's key, as pkg/serviceaccount/jwt.go makes
// them. Whoever has the public key can check them; the server also asks whether the account still exists.
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

export const ISSUER = 'https://kubernetes.default.svc.cluster.local';

export interface TokenSubject {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly uid: string;
  readonly pod?: { readonly name: string; readonly uid: string };
  readonly node?: { readonly name: string; readonly uid: string };
}

export interface Claims {
  readonly aud: readonly string[];
  readonly exp: number;
  readonly iat: number;
  readonly nbf: number;
  readonly iss: string;
  readonly sub: string;
  readonly 'kubernetes.io': {
    readonly namespace: string;
    readonly serviceaccount: { readonly name: string; readonly uid: string };
    readonly pod?: { readonly name: string; readonly uid: string };
    readonly node?: { readonly name: string; readonly uid: string };
  };
}

export class TokenSigner {
  #private: KeyObject;
  #public: KeyObject;

  /** `key`: a P-256 private key in PEM. */
  constructor(key: string) {
    this.#private = createPrivateKey(key);
    this.#public = createPublicKey(this.#private);
  }

  /** Times in seconds since 1970. */
  issue(subject: TokenSubject, audiences: readonly string[], now: number, seconds: number): string {
    const claims: Claims = {
      aud: audiences.length > 0 ? audiences : [ISSUER],
      exp: now + seconds,
      iat: now,
      iss: ISSUER,
      'kubernetes.io': {
        namespace: subject.namespace,
        serviceaccount: { name: subject.serviceAccount, uid: subject.uid },
        ...(subject.pod === undefined ? {} : { pod: subject.pod }),
        ...(subject.node === undefined ? {} : { node: subject.node }),
      },
      nbf: now,
      sub: `system:serviceaccount:${subject.namespace}:${subject.serviceAccount}`,
    };
    const head = `${encode({ alg: 'ES256', typ: 'JWT' })}.${encode(claims)}`;
    const signature = sign('sha256', Buffer.from(head), { key: this.#private, dsaEncoding: 'ieee-p1363' });
    return `${head}.${signature.toString('base64url')}`;
  }

  /** The claims of a token that is ours and in its time; undefined otherwise. */
  check(token: string, now: number): Claims | undefined {
    const parts = token.split('.');
    if (parts.length !== 3) return undefined;
    try {
      const key = { key: this.#public, dsaEncoding: 'ieee-p1363' } as const;
      const signature = Buffer.from(parts[2]!, 'base64url');
      if (!verify('sha256', Buffer.from(`${parts[0]}.${parts[1]}`), key, signature)) return undefined;
      const claims = JSON.parse(Buffer.from(parts[1]!, 'base64url').toString()) as Claims;
      return claims.exp > now && claims.iss === ISSUER ? claims : undefined;
    } catch {
      return undefined;
    }
  }
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
