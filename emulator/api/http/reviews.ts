// Kinds that answer a question and leave nothing behind: who am I, may I, is this token good. Everybody who is known may
// do everything, as in a cluster whose authorizer is AlwaysAllow: RBAC objects are stored and shown, not enforced.
import type { Authenticator } from '../auth/authenticate.ts';
import { timestamp } from '../clock.ts';
import { type Fields, fieldsOf, textOf } from '../fields.ts';
import type { Registry } from '../registry.ts';
import type { ResourceInfo } from '../resources/resource.ts';
import type { Exchange, User } from './exchange.ts';

export function review(
  registry: Registry,
  authenticate: (token: string) => ReturnType<Authenticator>,
  exchange: Exchange,
  info: ResourceInfo,
  body: Fields,
): Fields | undefined {
  const answer = (status: Fields): Fields => ({
    kind: info.kind,
    apiVersion: `${info.group}/${info.version}`,
    metadata: { creationTimestamp: null, ...fieldsOf(body['metadata']) },
    ...(body['spec'] === undefined ? {} : { spec: body['spec'] }),
    status,
  });
  switch (info.kind) {
    case 'SelfSubjectReview':
      return {
        ...answer({ userInfo: userInfo(exchange.user) }),
        metadata: { creationTimestamp: timestamp(registry.clock) },
      };
    case 'SelfSubjectAccessReview':
    case 'SubjectAccessReview':
    case 'LocalSubjectAccessReview':
      return answer({ allowed: true });
    case 'SelfSubjectRulesReview':
      return answer({
        resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
        nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
        incomplete: false,
      });
    case 'TokenReview': {
      const user = authenticate(textOf(fieldsOf(body['spec'])['token']));
      return answer(
        user === undefined
          ? { user: {}, error: 'invalid bearer token' }
          : {
              authenticated: true,
              user: userInfo(user),
              audiences: ['https://kubernetes.default.svc.cluster.local'],
            },
      );
    }
    default:
      return undefined;
  }
}

const userInfo = (user: User | undefined): Fields => ({
  username: user?.name ?? '',
  ...(user?.uid === undefined ? {} : { uid: user.uid }),
  groups: user?.groups ?? [],
  ...(user?.extra === undefined ? {} : { extra: user.extra }),
});
