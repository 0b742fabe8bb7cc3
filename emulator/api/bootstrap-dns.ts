// Cluster DNS as kubeadm installs it (cmd/kubeadm/app/phases/addons/dns): the coredns Deployment with its Corefile in a ConfigMap, and
// the kube-dns Service at the tenth address of the service range, where every kubelet points its pods.
import { ensurer } from './bootstrap.ts';
import type { Registry } from './registry.ts';
import { serviceRange } from './resources/service-addresses.ts';

export interface DnsOptions {
  /** "10.96.0.0/12". */
  readonly serviceCIDR: string;
  /** "cluster.local". */
  readonly domain: string;
  readonly replicas: number;
}

const LABELS = { 'k8s-app': 'kube-dns' };
const NAME = { name: 'coredns', namespace: 'kube-system' };

/** kubeadm's, word for word. */
const corefile = (domain: string): string => `.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes ${domain} in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success ${domain}
       disable denial ${domain}
    }
    loop
    reload
    loadbalance
}
`;

export async function bootstrapDns(registry: Registry, options: DnsOptions): Promise<void> {
  const ensure = ensurer(registry);
  const { domain, replicas, serviceCIDR } = options;
  await ensure('', 'v1', 'serviceaccounts', 'kube-system', { metadata: NAME });
  await ensure('', 'v1', 'configmaps', 'kube-system', {
    metadata: NAME,
    data: { Corefile: corefile(domain) },
  });
  await ensure('', 'v1', 'services', 'kube-system', {
    metadata: {
      name: 'kube-dns',
      namespace: 'kube-system',
      labels: { ...LABELS, 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'CoreDNS' },
      annotations: { 'prometheus.io/port': '9153', 'prometheus.io/scrape': 'true' },
    },
    spec: {
      clusterIP: tenthAddress(serviceCIDR),
      selector: LABELS,
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
        { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
        { name: 'metrics', port: 9153, protocol: 'TCP', targetPort: 9153 },
      ],
    },
  });
  await ensure('apps', 'v1', 'deployments', 'kube-system', {
    metadata: { ...NAME, labels: LABELS },
    spec: {
      replicas,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
      selector: { matchLabels: LABELS },
      template: { metadata: { labels: LABELS }, spec: podSpec() },
    },
  });
}

function podSpec(): object {
  return {
    serviceAccountName: 'coredns',
    priorityClassName: 'system-cluster-critical',
    dnsPolicy: 'Default',
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    tolerations: [
      { key: 'CriticalAddonsOnly', operator: 'Exists' },
      { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' },
    ],
    containers: [
      {
        name: 'coredns',
        image: 'registry.k8s.io/coredns/coredns:v1.14.7',
        args: ['-conf', '/etc/coredns/Corefile'],
        resources: { limits: { memory: '170Mi' }, requests: { cpu: '100m', memory: '70Mi' } },
        ports: [
          { name: 'dns', containerPort: 53, protocol: 'UDP' },
          { name: 'dns-tcp', containerPort: 53, protocol: 'TCP' },
          { name: 'metrics', containerPort: 9153, protocol: 'TCP' },
        ],
        livenessProbe: {
          httpGet: { path: '/health', port: 8080 },
          initialDelaySeconds: 60,
          timeoutSeconds: 5,
          successThreshold: 1,
          failureThreshold: 5,
        },
        readinessProbe: { httpGet: { path: '/ready', port: 8181 } },
        volumeMounts: [{ name: 'config-volume', mountPath: '/etc/coredns', readOnly: true }],
      },
    ],
    volumes: [
      {
        name: 'config-volume',
        configMap: { name: 'coredns', items: [{ key: 'Corefile', path: 'Corefile' }] },
      },
    ],
  };
}

const tenthAddress = (cidr: string): string => {
  const first = serviceRange(cidr).first + 9;
  return [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join('.');
};
