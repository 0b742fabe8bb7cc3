// How the API server is reached (client-go rest.InClusterConfig and clientcmd): a pod's ServiceAccount, an endpoint with TLS files, or a
// kubeconfig.
import type { Host } from '../../host.ts';
import type { ApiServerOptions } from './api-server.ts';

export type Access = Pick<ApiServerOptions, 'endpoint' | 'token' | 'tls'>;

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** By the environment and files that every pod has; undefined outside of a cluster. */
export function inCluster(host: Host, dir = SERVICE_ACCOUNT): Access | undefined {
  const { KUBERNETES_SERVICE_HOST: address, KUBERNETES_SERVICE_PORT: port } = host.env;
  if (address === undefined || port === undefined) return undefined;
  const read = (name: string): string | undefined => {
    try {
      return host.files.read(`${dir}/${name}`);
    } catch {
      return undefined;
    }
  };
  const ca = read('ca.crt');
  return {
    endpoint: `https://${address.includes(':') ? `[${address}]` : address}:${port}`,
    token: () => read('token')?.trim(),
    tls: ca === undefined ? { insecure: true } : { ca },
  };
}

/** tls CERT KEY CA, any of them "". */
export function withTls(
  host: Host,
  endpoint: string,
  [cert = '', key = '', ca = '']: readonly string[],
): Access {
  return {
    endpoint: endpoint.includes('://') ? endpoint : `http://${endpoint}`,
    token: () => undefined,
    tls: {
      ...(cert === '' ? {} : { cert: host.files.read(cert) }),
      ...(key === '' ? {} : { key: host.files.read(key) }),
      ...(ca === '' ? {} : { ca: host.files.read(ca) }),
    },
  };
}

interface Kubeconfig {
  readonly 'current-context'?: string;
  readonly contexts?: readonly { name: string; context: { cluster: string; user: string } }[];
  readonly clusters?: readonly {
    name: string;
    cluster: {
      server: string;
      'certificate-authority'?: string;
      'certificate-authority-data'?: string;
      'insecure-skip-tls-verify'?: boolean;
    };
  }[];
  readonly users?: readonly {
    name: string;
    user: {
      token?: string;
      tokenFile?: string;
      'client-certificate'?: string;
      'client-certificate-data'?: string;
      'client-key'?: string;
      'client-key-data'?: string;
    };
  }[];
}

/** Rejects with what the file lacks. */
export async function fromKubeconfig(host: Host, path: string, contextName?: string): Promise<Access> {
  const { parse } = await import('yaml');
  const config = parse(host.files.read(path)) as Kubeconfig;
  const name = contextName ?? config['current-context'] ?? '';
  const context = config.contexts?.find((c) => c.name === name)?.context;
  const cluster = config.clusters?.find((c) => c.name === context?.cluster)?.cluster;
  const user = config.users?.find((u) => u.name === context?.user)?.user ?? {};
  if (cluster === undefined) throw new Error(`${path} has no context '${name}' with a cluster`);
  const part = (data: string | undefined, file: string | undefined): string | undefined =>
    data !== undefined
      ? Buffer.from(data, 'base64').toString()
      : file === undefined
        ? undefined
        : host.files.read(file);
  const ca = part(cluster['certificate-authority-data'], cluster['certificate-authority']);
  const cert = part(user['client-certificate-data'], user['client-certificate']);
  const key = part(user['client-key-data'], user['client-key']);
  return {
    endpoint: cluster.server,
    token: () =>
      user.token ?? (user.tokenFile === undefined ? undefined : host.files.read(user.tokenFile).trim()),
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(cluster['insecure-skip-tls-verify'] === true ? { insecure: true } : {}),
    },
  };
}
