// What runs on a node, composed: the files, the shell and the container runtime that several share, and each daemon with what it is
// given. Upstream's counterpart is a node's systemd units and static configuration.

import type { ProxySpec } from '../emulator/protocol/cluster.ts';
import type { NodeConfig } from '../emulator/protocol/records.ts';
import { type ApiClient, createApiClient } from './api-client/api-client.ts';
import { IptablesTool } from './cni/iptables-tool.ts';
import type { CniHost, Plugin } from './cni/plugin.ts';
import { bridge } from './cni/plugins/bridge.ts';
import { flannel } from './cni/plugins/flannel.ts';
import { hostLocal } from './cni/plugins/host-local.ts';
import { loopback } from './cni/plugins/loopback.ts';
import { portmap } from './cni/plugins/portmap.ts';
import { Console } from './console.ts';
import type { DaemonContext, DaemonStarter } from './daemons.ts';
import type { DockerContainer } from './docker/container.ts';
import { Dockerd } from './docker/dockerd.ts';
import { Flanneld } from './flanneld/flanneld.ts';
import { installFlannel } from './flanneld/install-cni.ts';
import { iptables } from './kernel/netfilter/iptables/iptables.ts';
import { iptablesRestore } from './kernel/netfilter/iptables/restore.ts';
import { formatIpv4, ip4, network, parsePrefix } from './kernel/wire/addr.ts';
import { KubeProxy } from './kube-proxy/kube-proxy.ts';
import { type ResolvConf, resolvConfText } from './kubelet/etc-files.ts';
import { Kubelet } from './kubelet/kubelet.ts';
import { NetnsMounts } from './kubelet/netns-mounts.ts';
import type { ContainerRuntime } from './kubelet/runtime.ts';
import { connect } from './sockets/net.ts';
import { socketStack } from './sockets/stack.ts';
import { impairments } from './supervision/impair.ts';
import { createContainerRuntime, nodePlace } from './workloads/runtime.ts';
import type { Shell } from './workloads/shell/shell.ts';

const PLUGINS: readonly Plugin[] = [bridge, flannel, hostLocal, loopback, portmap];
const KUBERNETES_VERSION = 'v1.32.4';
const MAX_PODS = 110;

/** The daemons of one node; made anew for each, since they share what only that node has. */
export function nodeStarters(shell: Shell): DaemonStarter[] {
  let shared: Shared | undefined;
  const sharedOf = (context: DaemonContext): Shared => {
    shared ??= new Shared(context, shell);
    return shared;
  };
  const kubernetes = ({ cluster }: DaemonContext['config']): boolean => cluster.runtime === 'kubernetes';
  const backendOf = ({ config, node }: Pick<DaemonContext, 'config' | 'node'>) => ({
    ...config.cluster.network,
    ...node.network,
  });
  const proxyOf = ({ cluster, node }: Pick<DaemonContext['config'], 'cluster' | 'node'>) => ({
    ...cluster.proxy,
    ...node?.proxy,
  });
  let kept: readonly DockerContainer[] = [];
  return [
    {
      // Not a daemon: what answers the emulator for the node itself, whatever else runs.
      name: 'console',
      wanted: () => true,
      start: (context) => {
        const { console } = sharedOf(context);
        impairments(context.supervision, context.places);
        return { stop: () => console.stop() };
      },
    },
    {
      name: 'flanneld',
      wanted: ({ cluster }) => cluster.network.backend !== 'none' || cluster.runtime === 'docker',
      start: (context) => sharedOf(context).flanneld(backendOf(context)),
    },
    {
      name: 'dockerd',
      wanted: ({ cluster }) => cluster.runtime === 'docker',
      start: async (context) => {
        const host = sharedOf(context);
        const { kernel, ns, files, log, node } = context;
        const docker = new Dockerd({
          kernel,
          ns,
          files,
          runtime: host.runtime,
          log,
          settings: node.docker,
          known: kept,
        });
        await docker.start();
        host.console.docker = docker;
        return {
          async stop() {
            host.console.docker = undefined;
            kept = await docker.stop();
          },
        };
      },
    },
    {
      name: 'kube-proxy',
      wanted: (config) => config.cluster.runtime === 'kubernetes' && proxyOf(config).mode !== 'none',
      start: (context) => sharedOf(context).kubeProxy(proxyOf(context.config)),
    },
    {
      name: 'kubelet',
      wanted: kubernetes,
      start: (context) => sharedOf(context).kubelet(),
    },
  ];
}

class Shared {
  readonly runtime: ContainerRuntime;
  readonly console: Console;
  readonly #context: DaemonContext;
  readonly #host: CniHost;
  readonly #mounts: NetnsMounts;
  #networkInstalled = false;

  constructor(context: DaemonContext, shell: Shell) {
    this.#context = context;
    const { kernel, ns, files, supervision, places } = context;
    const hex = kernel.dice.stream(`hex@${kernel.clock.epoch + kernel.clock.now()}`);
    const randomHex = (n: number): string => {
      let text = '';
      while (text.length < n) text += hex.u32().toString(16).padStart(8, '0');
      return text.slice(0, n);
    };
    this.#mounts = new NetnsMounts(kernel, randomHex);
    this.#host = {
      fs: files,
      ns,
      netns: (path) => this.#mounts.get(path),
      iptables: new IptablesTool((argv) => {
        const { code, stdout, stderr } = iptables(ns, argv);
        return { exitCode: code, stdout, stderr };
      }),
      plugins: new Map(PLUGINS.map((p) => [p.type, p])),
      randomHex,
    };
    writeNodeFiles(context);
    this.runtime = createContainerRuntime({ kernel, shell });
    this.console = new Console({ kernel, supervision, places, shell, node: nodePlace(kernel, files) });
  }

  #api(daemon: string): ApiClient {
    const { kernel, ns, config, log } = this.#context;
    const stack = socketStack(ns, { owner: daemon });
    const [host = '', port = ''] = config.api.underlay.split(':');
    const random = kernel.dice.stream(`api ${daemon}`);
    const client = createApiClient({
      connect: () => connect(stack, { host, port: Number(port), noDelay: true }),
      token: config.api.token,
      clock: kernel.clock,
      log: log.child({ daemon }),
      random: () => random.float(),
      userAgent: daemon,
    });
    return {
      ...client,
      stop: () => {
        client.stop();
        stack.stop();
      },
    };
  }

  async flanneld(network: Parameters<typeof installFlannel>[2]) {
    const { ns, files, kernel, node, config, log } = this.#context;
    const api = this.#api('flanneld');
    if (config.cluster.runtime === 'kubernetes' || !this.#networkInstalled) {
      installFlannel(files, config.cluster.podCIDR, network);
      this.#networkInstalled = true;
    }
    const daemon = new Flanneld({
      nodeName: node.name,
      api,
      ns,
      fs: files,
      clock: kernel.clock,
      log: log.child({ daemon: 'flanneld' }),
      iptables: this.#host.iptables,
      iptablesRestore: (text) => {
        const { code, stderr } = iptablesRestore(ns, text, { noflush: true });
        if (code !== 0) throw new Error(stderr.trim());
      },
      randomMac: () => kernel.randomMac(),
      flags: { registerNode: config.cluster.runtime === 'docker' },
    });
    daemon.ready.catch(() => {});
    return {
      stop() {
        daemon.stop();
        api.stop();
      },
      ready: daemon.ready,
    };
  }

  kubeProxy(spec: ProxySpec) {
    const { ns, node, log } = this.#context;
    const api = this.#api('kube-proxy');
    const stack = socketStack(ns, { owner: 'kube-proxy' });
    const daemon = new KubeProxy({
      nodeName: node.name,
      nodeIP: node.address,
      ns,
      spec,
      api,
      stack,
      log: log.child({ daemon: 'kube-proxy' }),
    });
    return {
      stop() {
        daemon.stop();
        api.stop();
        stack.stop();
      },
    };
  }

  kubelet() {
    const { kernel, ns, node, config, log, places } = this.#context;
    const { cluster } = config;
    const api = this.#api('kubelet');
    const stack = socketStack(ns, { owner: 'kubelet' });
    const service = parsePrefix(cluster.serviceCIDR);
    const id = (purpose: string): string =>
      [0, 1, 2, 3].map((i) => kernel.dice.u32(purpose, i).toString(16).padStart(8, '0')).join('');
    const boot = id(`boot ${kernel.clock.epoch + kernel.clock.now()}`);
    const kubelet = new Kubelet({
      facts: {
        name: node.name,
        address: node.address,
        labels: node.labels,
        version: KUBERNETES_VERSION,
        maxPods: MAX_PODS,
        machineID: id('machine'),
        bootID: `${boot.slice(0, 8)}-${boot.slice(8, 12)}-${boot.slice(12, 16)}-${boot.slice(16, 20)}-${boot.slice(20)}`,
      },
      api,
      clock: kernel.clock,
      log: log.child({ daemon: 'kubelet' }),
      cni: this.#host,
      mounts: this.#mounts,
      runtime: this.runtime,
      dial: (address, port) => connect(stack, { host: address, port }),
      dns: {
        // The tenth of the service range, as kubeadm's GetDNSIP.
        clusterDNS: service === undefined ? '' : formatIpv4(ip4(network(service) + 10)),
        clusterDomain: cluster.dns.domain,
        host: hostResolvConf(config),
      },
      leaseRenew: cluster.timing.nodeLeaseRenew,
      token: async ({ metadata, spec }, expirationSeconds) => {
        const namespace = metadata.namespace ?? 'default';
        const account = spec.serviceAccountName ?? 'default';
        const answer = (await api.raw(
          'POST',
          `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
          {
            kind: 'TokenRequest',
            apiVersion: 'authentication.k8s.io/v1',
            spec: {
              expirationSeconds,
              boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: metadata.name, uid: metadata.uid },
            },
          },
        )) as { status?: { token?: string } };
        return answer.status?.token ?? '';
      },
    });
    this.console.kubelet = kubelet;
    places.pod = ({ namespace, pod }) => kubelet.worker(namespace, pod)?.netns;
    kubelet.start();
    return {
      stop: () => {
        this.console.kubelet = undefined;
        kubelet.stop();
        api.stop();
        stack.stop();
      },
    };
  }
}

/** What an installer leaves in /etc. */
/** A node's resolver is the one outside, at the control plane's address, where the cluster has DNS at all. */
const hostResolvConf = ({ api, cluster }: NodeConfig): ResolvConf => ({
  nameservers: cluster.dns.enabled ? [api.underlay.split(':')[0]!] : [],
  searches: [],
  options: [],
});

function writeNodeFiles({ files, node, config }: DaemonContext): void {
  files.write('/etc/hostname', `${node.name}\n`);
  files.write('/etc/hosts', `127.0.0.1\tlocalhost\n${node.address}\t${node.name}\n`);
  files.write('/etc/resolv.conf', resolvConfText(hostResolvConf(config)));
  files.mkdir('/tmp');
}
