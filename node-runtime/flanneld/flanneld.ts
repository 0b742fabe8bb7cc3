// flanneld (flannel main.go): reads its configuration, gets a lease, sets up one back end, keeps its iptables rules, writes subnet.env, and then
// follows the other nodes' leases.
import type { IptablesTool } from '../cni/iptables-tool.ts';
import type { Clock } from '../kernel/clock/clock.ts';
import type { Netns } from '../kernel/netns/netns.ts';
import { rtnetlink } from '../kernel/rtnetlink/rtnetlink.ts';
import { formatIpv4, formatPrefix, type Ipv4, type Mac } from '../kernel/wire/addr.ts';
import type { NodeFs } from '../node-fs.ts';
import type { Backend, BackendNetwork } from './backend.ts';
import { externalInterface } from './ext-iface.ts';
import { register as registerHostGw } from './host-gw/backend.ts';
import { KubeSubnetManager } from './kube-manager.ts';
import { publicIpOf } from './kube-subnet.ts';
import { LeaseTable } from './lease.ts';
import { NET_CONF, type NetConf, parseNetConf } from './net-conf.ts';
import type { DaemonLog, NodeApi } from './node-api.ts';
import { SUBNET_FILE, subnetEnv, writeSubnetFile } from './subnet-env.ts';
import { forwardRules, masqueradeRules, TrafficManager } from './traffic-rules.ts';
import { register as registerUdp } from './udp/backend.ts';
import { register as registerVxlan } from './vxlan/backend.ts';

export const BACKENDS: Readonly<Record<string, Backend['register']>> = {
  udp: registerUdp,
  vxlan: registerVxlan,
  'host-gw': registerHostGw,
};

const RETRY_MS = 1000;
const BR_NETFILTER = 'net/bridge/bridge-nf-call-iptables';

/** Command line flags that change the data path. */
export interface FlanneldFlags {
  readonly iface?: string;
  readonly publicIP?: Ipv4;
  /** `--ip-masq`: off by default, on in the kube manifest. */
  readonly ipMasq: boolean;
  readonly forwardRules: boolean;
  readonly subnetFile: string;
  readonly netConf: string;
  /** Milliseconds: `--iptables-resync`. */
  readonly iptablesResync: number;
  readonly annotationPrefix?: string;
  readonly registerNode: boolean;
}

/** As the kube-flannel manifest starts it: `--ip-masq --kube-subnet-mgr`. */
export const KUBE_FLAGS: FlanneldFlags = {
  ipMasq: true,
  forwardRules: true,
  subnetFile: SUBNET_FILE,
  netConf: NET_CONF,
  iptablesResync: 5000,
  registerNode: false,
};

export interface FlanneldOptions {
  readonly nodeName: string;
  readonly api: NodeApi;
  readonly ns: Netns;
  readonly fs: NodeFs;
  readonly clock: Clock;
  readonly log: DaemonLog;
  readonly iptables: IptablesTool;
  /** iptables-restore --noflush in the node's namespace. */
  readonly iptablesRestore: (text: string) => void;
  readonly randomMac: () => Mac;
  readonly flags?: Partial<FlanneldFlags>;
}

export class Flanneld {
  readonly #options: FlanneldOptions;
  readonly #flags: FlanneldFlags;
  /** Resolves when subnet.env is written: /readyz answers 200 from then on. */
  readonly ready: Promise<void>;
  /** Resolves with the last words of a daemon that gave up (exit status 1), or undefined when it was stopped. */
  readonly exited: Promise<string | undefined>;
  #network: BackendNetwork | undefined;
  #manager: KubeSubnetManager | undefined;
  #traffic: TrafficManager | undefined;
  #stopped = false;
  #exit: (why: string | undefined) => void = () => {};
  #wakeSleep: (() => void) | undefined;

  constructor(options: FlanneldOptions) {
    this.#options = options;
    this.#flags = { ...KUBE_FLAGS, ...options.flags };
    this.exited = new Promise((resolve) => {
      this.#exit = resolve;
    });
    this.ready = this.#main();
    this.ready.catch((error: Error) => {
      if (!this.#stopped) options.log.error({ err: error.message }, error.message);
      this.#release();
      this.#exit(this.#stopped ? undefined : error.message);
    });
  }

  /** The back end at work, once there is one. */
  get network(): BackendNetwork | undefined {
    return this.#network;
  }

  /** SIGTERM: rules are cleaned up; vxlan's device and all routes stay, so traffic to known peers goes on. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#wakeSleep?.();
    this.#release();
    this.#exit(undefined);
  }

  #release(): void {
    this.#manager?.stop();
    this.#network?.stop();
    this.#traffic?.stop();
    this.#network = undefined;
  }

  async #main(): Promise<void> {
    const { fs, ns, log, nodeName, api, clock } = this.#options;
    const rtnl = rtnetlink(ns);
    const conf = readNetConf(fs, this.#flags.netConf);
    const register = BACKENDS[conf.backendType];
    if (register === undefined) throw new Error(`unknown backend type: ${conf.backendType}`);
    if (!conf.enableNFTables && ns.sysctl.read(BR_NETFILTER) === undefined)
      throw new Error(
        'Failed to check br_netfilter: stat /proc/sys/net/bridge/bridge-nf-call-iptables: no such file or directory',
      );
    const { annotationPrefix, registerNode, iface, publicIP } = this.#flags;
    const manager = new KubeSubnetManager({
      api,
      nodeName,
      network: conf.network,
      clock,
      log,
      registerNode,
      ...(annotationPrefix === undefined ? {} : { annotationPrefix }),
    });
    this.#manager = manager;
    await this.#retry('Failed to create SubnetManager', () => manager.start());
    const nodePublicIP = manager.node === undefined ? undefined : publicIpOf(manager.node, manager.names);
    const ext = externalInterface(rtnl, {
      ...(iface === undefined ? {} : { iface }),
      ...(publicIP === undefined ? {} : { publicIP }),
      ...(nodePublicIP === undefined ? {} : { nodePublicIP }),
    });
    log.info(
      { iface: ext.name },
      `Using interface with name ${ext.name} and address ${formatIpv4(ext.address)}`,
    );
    const network = await this.#retry('Error registering network', () =>
      register({
        conf,
        ext,
        ns,
        rtnl,
        clock,
        log,
        randomMac: this.#options.randomMac,
        acquireLease: (attrs) => manager.acquireLease(attrs),
        storedData: () => manager.storedData(conf.backendType),
      }),
    );
    if (this.#stopped) {
      network.stop();
      return;
    }
    this.#network = network;
    this.#keepRules(conf, network);
    const { subnet } = network.lease;
    writeSubnetFile(
      fs,
      subnetEnv(conf.network, subnet, network.mtu, this.#flags.ipMasq),
      this.#flags.subnetFile,
    );
    log.info(
      { lease: formatPrefix(subnet), mtu: network.mtu },
      `Wrote subnet file to ${this.#flags.subnetFile}`,
    );
    this.#watch(manager, network);
    await this.#retry('Failed to set NetworkUnavailable', () => manager.networkAvailable());
  }

  #watch(manager: KubeSubnetManager, network: BackendNetwork): void {
    const table = new LeaseTable(network.lease.subnet);
    const handle = (events: readonly Parameters<LeaseTable['update']>[0][]): void => {
      const news = events.flatMap((event) => table.update(event));
      if (news.length > 0) network.handle(news);
    };
    const all = manager.watch(handle);
    const news = table.reset(all);
    if (news.length > 0) network.handle(news);
  }

  #keepRules(conf: NetConf, network: BackendNetwork): void {
    const { iptables, iptablesRestore, clock, log } = this.#options;
    this.#traffic = new TrafficManager({
      iptables,
      restore: iptablesRestore,
      clock,
      onError: (error) => log.error({ err: error.message }, 'Failed to ensure iptables rules'),
      resyncMs: this.#flags.iptablesResync,
    });
    if (this.#flags.ipMasq) this.#traffic.keep(masqueradeRules(conf.network, network.lease.subnet));
    if (this.#flags.forwardRules) this.#traffic.keep(forwardRules(conf.network));
  }

  /** Tries until it works or the daemon is stopped: a node without its podCIDR yet, an API that does not answer. */
  async #retry<T>(what: string, act: () => Promise<T>): Promise<T> {
    for (;;) {
      if (this.#stopped) throw new Error('stopped');
      try {
        return await act();
      } catch (error) {
        this.#options.log.error({ err: (error as Error).message }, `${what}: ${(error as Error).message}`);
        if (isFatal(error as Error)) throw error;
      }
      await this.#sleep(RETRY_MS);
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(ms, resolve);
      this.#wakeSleep = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

/** What time does not mend. */
const isFatal = (error: Error): boolean =>
  /PublicIP differs|doesn't contain|hardware address changed|is not emulated|decoding|unknown backend/.test(
    error.message,
  );

function readNetConf(fs: NodeFs, path: string): NetConf {
  try {
    return parseNetConf(fs.readText(path));
  } catch (error) {
    throw new Error(`failed to read net conf: ${(error as Error).message}`);
  }
}
