// Who a request comes from: a client certificate of the cluster's authority, a bearer token given at start, or a service
// account's. k8s.io/apiserver/pkg/authentication.
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { ObjectStore } from '../../store/store.ts';
import type { Clock } from '../clock.ts';
import type { User } from '../http/exchange.ts';
import { type Claims, ISSUER, type TokenSigner } from './token.ts';

export const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

export interface AuthenticatorOptions {
  readonly tokens: ReadonlyMap<string, User>;
  readonly signer: TokenSigner | undefined;
  readonly store: ObjectStore;
  readonly clock: Clock;
}

/** undefined: credentials were given and are wrong. */
export type Authenticator = (req: IncomingMessage) => User | undefined;

export const tokenUser = (token: string, options: AuthenticatorOptions): User | undefined =>
  options.tokens.get(token) ?? serviceAccount(token, options);

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  return (req) => {
    const token = /^Bearer\s+(\S+)$/i.exec(req.headers.authorization ?? '')?.[1] ?? webSocketToken(req);
    if (token !== undefined) return tokenUser(token, options);
    if (req.headers.authorization !== undefined && req.headers.authorization !== '') return undefined;
    return certificateUser(req) ?? ANONYMOUS;
  };
}

/** Browsers cannot set headers of a WebSocket: the token comes as a sub-protocol. */
function webSocketToken(req: IncomingMessage): string | undefined {
  const prefix = 'base64url.bearer.authorization.k8s.io.';
  for (const protocol of (req.headers['sec-websocket-protocol'] ?? '').split(','))
    if (protocol.trim().startsWith(prefix))
      return Buffer.from(protocol.trim().slice(prefix.length), 'base64url').toString();
  return undefined;
}

function certificateUser(req: IncomingMessage): User | undefined {
  const { socket } = req;
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const subject = socket.getPeerCertificate().subject as { CN?: string; O?: string | string[] } | undefined;
  if (subject?.CN === undefined) return undefined;
  const groups = subject.O === undefined ? [] : Array.isArray(subject.O) ? subject.O : [subject.O];
  return { name: subject.CN, groups: [...groups, 'system:authenticated'] };
}

function serviceAccount(token: string, { signer, store, clock }: AuthenticatorOptions): User | undefined {
  const claims = signer?.check(token, (clock.epoch + clock.now()) / 1000);
  if (claims === undefined || !claims.aud.includes(ISSUER) || !stillThere(claims, store)) return undefined;
  const { namespace, serviceaccount, pod, node } = claims['kubernetes.io'];
  return {
    name: claims.sub,
    uid: serviceaccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    extra: {
      ...(pod === undefined
        ? {}
        : {
            'authentication.kubernetes.io/pod-name': [pod.name],
            'authentication.kubernetes.io/pod-uid': [pod.uid],
          }),
      ...(node === undefined ? {} : { 'authentication.kubernetes.io/node-name': [node.name] }),
    },
  };
}

function stillThere(claims: Claims, store: ObjectStore): boolean {
  const { namespace, serviceaccount, pod } = claims['kubernetes.io'];
  const account = store.get('serviceaccounts', `${namespace}/${serviceaccount.name}`)?.object;
  if (account?.metadata.uid !== serviceaccount.uid) return false;
  return pod === undefined || store.get('pods', `${namespace}/${pod.name}`)?.object.metadata.uid === pod.uid;
}
