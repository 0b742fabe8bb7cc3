// A cluster as its file describes it, after defaults are filled in and everything was checked (cluster/ does both):
// the form in which the emulator hands it to the processes it starts.

export type FlannelBackendType = 'vxlan' | 'udp' | 'host-gw';

export interface ClusterSpec {
  readonly name: string;
  readonly runtime: 'kubernetes' | 'docker';
  readonly nodes: readonly NodeSpec[];
  readonly segments: readonly SegmentSpec[];
  /** Text prefixes: "10.244.0.0/16", "10.96.0.0/12". */
  readonly podCIDR: string;
  readonly serviceCIDR: string;
  /** Bits of a node's share of podCIDR: 24. */
  readonly nodeCIDRMaskSize: number;
  readonly network: NetworkSpec;
  readonly proxy: ProxySpec;
  /** Where Services of type LoadBalancer get their addresses: a range the router knows the way to. */
  readonly loadBalancer: { readonly pool: string };
  readonly dns: DnsSpec;
  /** Hosts outside the cluster, behind the router. */
  readonly external: readonly ExternalSpec[];
  readonly seed: number;
  readonly timing: TimingSpec;
  readonly placement: 'process' | 'thread' | 'inline';
  /** Time stands still but for what the emulation itself waits for; inline only. */
  readonly virtualTime: boolean;
  readonly allowUnenforced: boolean;
}

export interface DnsSpec {
  /** Whether the cluster has CoreDNS behind kube-dns: it does when its file has a `dns` field. */
  readonly enabled: boolean;
  readonly domain: string;
  /** Pods of the coredns Deployment. */
  readonly replicas: number;
  /** What answers for names outside of the cluster that `external` does not list. */
  readonly upstream: 'emulated' | 'host';
}

export interface NodeSpec {
  readonly name: string;
  readonly segment: string;
  /** Underlay address on its segment: "192.168.100.11". */
  readonly address: string;
  /** eth0's MAC. */
  readonly mac: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Written at boot, after the node's own: {"net.ipv4.ip_forward": "0"}. */
  readonly sysctls: Readonly<Record<string, string>>;
  readonly quirks: readonly string[];
  /** Where this node's network settings differ from the cluster's: a wrong VNI, say. */
  readonly network: Partial<NetworkSpec>;
  /** Where this node's kube-proxy differs from the cluster's. */
  readonly proxy: Partial<ProxySpec>;
  /** Daemons that are not started: ["flanneld"]. */
  readonly without: readonly string[];
  /** Docker's daemon.json, for `runtime: docker`: {"bip": "10.5.1.1/24", "mtu": 1472}. */
  readonly docker: Readonly<Record<string, string | number | boolean>>;
}

export interface SegmentSpec {
  readonly name: string;
  /** "192.168.100.0/24". The router has its first address; the control plane the second of the first segment. */
  readonly cidr: string;
  readonly mtu: number;
}

export interface NetworkSpec {
  readonly backend: FlannelBackendType | 'none';
  /** Device MTU; undefined: what the underlay leaves after the back end's overhead. */
  readonly mtu: number | undefined;
  readonly vni: number;
  readonly port: number;
  readonly directRouting: boolean;
  /** "cni0", or "cbr0" for the kubenet style. */
  readonly bridge: string;
  readonly hairpin: boolean;
}

/** kube-proxy's configuration: what of KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1) changes what packets meet. */
export interface ProxySpec {
  readonly mode: 'iptables' | 'none';
  /** How a packet is known to come from a pod. */
  readonly detectLocalMode: 'ClusterCIDR' | 'NodeCIDR' | 'BridgeInterface' | 'InterfaceNamePrefix';
  /** For ClusterCIDR; "": nothing is known to be a pod's. */
  readonly clusterCIDR: string;
  readonly bridgeInterface: string;
  readonly interfaceNamePrefix: string;
  /** Ranges of the node addresses that NodePorts answer on; empty: all. */
  readonly nodePortAddresses: readonly string[];
  readonly localhostNodePorts: boolean;
  readonly masqueradeAll: boolean;
  readonly masqueradeBit: number;
  /** Milliseconds. */
  readonly minSyncPeriod: number;
  readonly syncPeriod: number;
  readonly conntrackTCPEstablishedTimeout: number;
  readonly conntrackTCPCloseWaitTimeout: number;
  readonly conntrackTCPBeLiberal: boolean;
}

export interface ExternalSpec {
  readonly name: string;
  /** On the outside network: "203.0.113.10". */
  readonly address: string;
  /** What runs there: an image, as of a container. */
  readonly image: string;
  /** Names the outside resolver answers with this address. */
  readonly hostnames: readonly string[];
}

/** Intervals in milliseconds. Upstream's defaults; scenarios shorten them. */
export interface TimingSpec {
  readonly nodeLeaseRenew: number;
  readonly nodeMonitorPeriod: number;
  readonly nodeMonitorGrace: number;
  readonly podEvictionTimeout: number;
}
