// The credentials of one cluster, made once and kept with its state: the authority, the server's certificate, the
// administrator's, and the key that service account tokens are signed with. kubeadm's /etc/kubernetes/pki.
import { generateKeyPairSync } from 'node:crypto';
import { createAuthority, issue, type KeyedCertificate } from './certificate.ts';

/** Plain data: its owner keeps it as JSON in a file that only the user can read. */
export interface Pki {
  readonly ca: KeyedCertificate;
  readonly server: KeyedCertificate;
  readonly admin: KeyedCertificate;
  /** PEM. */
  readonly serviceAccountKey: string;
}

export interface PkiOptions {
  /** Wall-clock time; certificates hold from an hour before, for hosts whose clocks are behind. */
  readonly now: Date;
  /** IPv4 addresses under which the server is reached, besides 127.0.0.1. */
  readonly addresses: readonly string[];
  readonly clusterDomain: string;
}

export function createPki(options: PkiOptions): Pki {
  const notBefore = new Date(options.now.getTime() - 3_600_000);
  const ca = createAuthority('kubernetes', notBefore);
  const server = issue(ca, {
    subject: { commonName: 'kube-apiserver' },
    usage: 'server',
    dnsNames: [
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      `kubernetes.default.svc.${options.clusterDomain}`,
      'localhost',
    ],
    addresses: ['127.0.0.1', ...options.addresses],
    notBefore,
    days: 3650,
    serial: 2,
  });
  const admin = issue(ca, {
    subject: { commonName: 'kubernetes-admin', organizations: ['system:masters', 'kubeadm:cluster-admins'] },
    usage: 'client',
    notBefore,
    days: 3650,
    serial: 3,
  });
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    ca,
    server,
    admin,
    serviceAccountKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** A kubeconfig with one cluster, its administrator and a context of the cluster's name. JSON, which is YAML too. */
export function kubeconfig(pki: Pki, name: string, server: string): object {
  const base64 = (pem: string): string => Buffer.from(pem).toString('base64');
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': base64(pki.ca.certificate) } }],
    users: [
      {
        name: `${name}-admin`,
        user: {
          'client-certificate-data': base64(pki.admin.certificate),
          'client-key-data': base64(pki.admin.key),
        },
      },
    ],
    contexts: [{ name, context: { cluster: name, user: `${name}-admin` } }],
    'current-context': name,
  };
}
