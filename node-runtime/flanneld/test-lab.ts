// What tests of whole nodes share: kernels on one virtual clock, their NICs on segments with a router between them, each with a file
// tree, CNI and flanneld of its own, and one API server in memory.

import { NODES } from '../api-client/resources.ts';
import { loadDefaultNetwork } from '../cni/conf-dir.ts';
import { IptablesTool } from '../cni/iptables-tool.ts';
import { addNetworkList } from '../cni/libcni.ts';
import { bridge } from '../cni/plugins/bridge.ts';
import { flannel } from '../cni/plugins/flannel.ts';
import { hostLocal } from '../cni/plugins/host-local.ts';
import { loopback } from '../cni/plugins/loopback.ts';
import { portmap } from '../cni/plugins/portmap.ts';
import { type TestHost, testHost } from '../cni/test-kit.ts';
import { createKernel } from '../kernel/boot.ts';
import { VirtualClock } from '../kernel/clock/virtual-clock.ts';
import { Nic } from '../kernel/netdev/nic.ts';
import { iptables } from '../kernel/netfilter/iptables/iptables.ts';
import { iptablesRestore } from '../kernel/netfilter/iptables/restore.ts';
import type { Cable } from '../kernel/netns/cable.ts';
import type { NetDevice } from '../kernel/netns/device.ts';
import type { Kernel } from '../kernel/netns/kernel.ts';
import type { Netns } from '../kernel/netns/netns.ts';
import { rtnetlink } from '../kernel/rtnetlink/rtnetlink.ts';
import type { Skb } from '../kernel/skb/skb.ts';
import { PingSock } from '../kernel/transport/ping.ts';
import { UdpSock } from '../kernel/transport/udp.ts';
import { type Ipv4, ipv4, mac, prefix } from '../kernel/wire/addr.ts';
import { FakeApi } from './fake-api.ts';
import { Flanneld, type FlanneldFlags } from './flanneld.ts';
import { cniConfList } from './install-cni.ts';

interface Port {
  readonly dev: NetDevice;
  readonly receive: (skb: Skb) => void;
}

/** A switch that floods: enough of a segment for a handful of nodes. Frames are copied from kernel to kernel. */
class Wire {
  readonly #ports: Port[] = [];
  /** Every frame that crossed. */
  readonly seen: Uint8Array[] = [];
  cut = false;

  cable(): Cable {
    let own: Port | undefined;
    return {
      plug: (dev, receive) => {
        own = { dev, receive };
        this.#ports.push(own);
      },
      send: (skb) => {
        const bytes = skb.bytes.slice(skb.data, skb.tail);
        this.seen.push(bytes);
        if (!this.cut)
          for (const port of this.#ports) {
            if (port === own) continue;
            const copy = port.dev.kernel.pool.copyOf(bytes);
            copy.ipSummed = skb.ipSummed;
            copy.gsoSize = skb.gsoSize;
            copy.encapsulation = skb.encapsulation;
            copy.trace = skb.trace;
            port.dev.kernel.runQueue.push(() => port.receive(copy));
          }
        skb.free();
      },
      unplug: () => {
        const at = own === undefined ? -1 : this.#ports.indexOf(own);
        if (at !== -1) this.#ports.splice(at, 1);
      },
    };
  }
}

export interface LabNode {
  readonly name: string;
  readonly address: Ipv4;
  readonly kernel: Kernel;
  readonly host: TestHost;
  readonly ns: Netns;
  flanneld: Flanneld | undefined;
  startFlanneld(flags?: Partial<FlanneldFlags>): Flanneld;
  /** A namespace with a network from CNI; answers with its address. */
  addPod(name: string, hostPorts?: readonly object[]): Promise<{ readonly ns: Netns; readonly ip: Ipv4 }>;
}

export interface Lab {
  readonly clock: VirtualClock;
  readonly api: FakeApi;
  readonly wire: Wire;
  readonly wire2: Wire;
  readonly nodes: readonly LabNode[];
  /** Between the two segments, and the way out. */
  readonly router: Kernel;
  /** Lets everything happen that needs no time, promises included. */
  settle(): Promise<void>;
  /** Moves time on, everything settled at each step. */
  advance(ms: number): Promise<void>;
}

export interface LabOptions {
  readonly nodes?: number;
  /** Index of the node from which on nodes are on the second segment. */
  readonly secondSegmentFrom?: number;
  /** net-conf.json's Backend; `perNode` overrides it. */
  readonly backend: object;
  readonly perNode?: Readonly<Record<string, object>>;
}

export async function lab(options: LabOptions): Promise<Lab> {
  const clock = new VirtualClock();
  const api = new FakeApi();
  const wire = new Wire();
  const wire2 = new Wire();
  const count = options.nodes ?? 2;
  const second = options.secondSegmentFrom ?? count;
  const gateway = router(clock, wire, wire2);
  const kernels: Kernel[] = [gateway];
  const settle = async (): Promise<void> => {
    for (let quiet = 0; quiet < 3; ) {
      let worked = false;
      for (const kernel of kernels)
        while (kernel.runQueue.pending > 0) {
          kernel.runQueue.run();
          worked = true;
        }
      await new Promise((resolve) => setImmediate(resolve));
      quiet = worked ? 0 : quiet + 1;
    }
  };
  const advance = async (ms: number): Promise<void> => {
    await settle();
    const until = clock.now() + ms;
    for (let next = clock.next(); next !== undefined && next <= until; next = clock.next()) {
      clock.advanceTo(next);
      await settle();
    }
    clock.advanceTo(until);
    await settle();
  };
  const nodes = Array.from({ length: count }, (_, i) => {
    const far = i >= second;
    const node = makeNode({
      name: `n${i + 1}`,
      address: far ? `192.168.101.${11 + i}` : `192.168.100.${11 + i}`,
      gateway: far ? '192.168.101.1' : '192.168.100.1',
      cable: (far ? wire2 : wire).cable(),
      clock,
      api,
      podCIDR: `10.244.${i + 1}.0/24`,
      backend: options.perNode?.[`n${i + 1}`] ?? options.backend,
    });
    kernels.push(node.kernel);
    return node;
  });
  const made: Lab = { clock, api, wire, wire2, nodes, router: gateway, settle, advance };
  await settle();
  return made;
}

function router(clock: VirtualClock, wire: Wire, wire2: Wire): Kernel {
  const kernel = createKernel({ hostname: 'router', clock, seed: 1 });
  kernel.host.sysctl.write('net.ipv4.ip_forward', '1');
  plug(kernel, 'eth0', '192.168.100.1', wire.cable());
  plug(kernel, 'eth1', '192.168.101.1', wire2.cable());
  return kernel;
}

function plug(kernel: Kernel, name: string, address: string, cable: Cable): NetDevice {
  const addr = ipv4(address);
  const dev = kernel.host.register(new Nic(kernel, { name, mac: mac(0x0200_0000_0000 + addr), cable }));
  const rtnl = rtnetlink(kernel.host);
  rtnl.addrAdd(name, { addr: { addr, len: 24 } });
  rtnl.linkSet(name, { up: true });
  return dev;
}

interface NodeOptions {
  readonly name: string;
  readonly address: string;
  readonly gateway: string;
  readonly cable: Cable;
  readonly clock: VirtualClock;
  readonly api: FakeApi;
  readonly podCIDR: string;
  readonly backend: object;
}

function makeNode({ name, address, gateway, cable, clock, api, podCIDR, backend }: NodeOptions): LabNode {
  const kernel = createKernel({ hostname: name, clock, seed: 7 });
  const ns = kernel.host;
  ns.sysctl.write('net.ipv4.ip_forward', '1');
  plug(kernel, 'eth0', address, cable);
  rtnetlink(ns).routeAdd({ dst: prefix('0.0.0.0/0'), via: ipv4(gateway), dev: 'eth0' });
  const host: TestHost = {
    ...testHost([bridge, flannel, hostLocal, loopback, portmap], kernel),
    iptables: new IptablesTool((argv) => {
      const { code, stdout, stderr } = iptables(ns, argv);
      return { exitCode: code, stdout, stderr };
    }),
  };
  api.set(NODES, { apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: { podCIDR } });
  host.fs.write(
    '/etc/kube-flannel/net-conf.json',
    JSON.stringify({ Network: '10.244.0.0/16', Backend: backend }),
  );
  host.fs.write('/etc/cni/net.d/10-flannel.conflist', cniConfList({ bridge: 'cni0', hairpin: true }));
  const node: LabNode = {
    name,
    address: ipv4(address),
    kernel,
    host,
    ns,
    flanneld: undefined,
    startFlanneld(flags = {}) {
      node.flanneld = new Flanneld({
        nodeName: name,
        api,
        ns,
        fs: host.fs,
        clock,
        log: { info() {}, warn() {}, error() {} },
        iptables: host.iptables,
        iptablesRestore: (text) => {
          const { code, stderr } = iptablesRestore(ns, text, { noflush: true });
          if (code !== 0) throw new Error(stderr);
        },
        randomMac: () => kernel.randomMac(),
        flags,
      });
      node.flanneld.ready.catch(() => {});
      return node.flanneld;
    },
    async addPod(pod, hostPorts = []) {
      const sandbox = host.sandbox(pod);
      const rt = {
        containerID: `id-${pod}`,
        netns: `/var/run/netns/${pod}`,
        args: {},
        capabilityArgs: { portMappings: hostPorts },
      };
      const lo = { cniVersion: '0.3.1', name: 'lo', disableCheck: false, plugins: [{ type: 'loopback' }] };
      await addNetworkList(host, lo, { ...rt, ifName: 'lo' });
      const result = await addNetworkList(host, loadDefaultNetwork(host.fs), { ...rt, ifName: 'eth0' });
      return { ns: sandbox, ip: prefix(result.ips[0]!.address).addr };
    },
  };
  return node;
}

export interface PingOutcome {
  /** TTL of the reply, or undefined when none came in time. */
  readonly ttl: number | undefined;
  /** ICMP error: "3/1 from 10.244.1.1". */
  readonly error: string | undefined;
  readonly ms: number;
}

/** One echo request and up to five seconds for its answer. */
export async function ping(
  { clock, advance, settle }: Lab,
  from: Netns,
  to: Ipv4,
  options: { ttl?: number; size?: number; trace?: number } = {},
): Promise<PingOutcome> {
  const sock = new PingSock(from);
  sock.setOption('IP_RECVERR', 1);
  const message = new Uint8Array(8 + (options.size ?? 56));
  message[0] = 8;
  const begun = clock.now();
  const failed = sock.send(message, to, options);
  let outcome: PingOutcome = { ttl: undefined, error: failed, ms: 0 };
  for (let i = 0; i < 500 && failed === undefined; i++) {
    await settle();
    const reply = sock.recv();
    const error = sock.errors[0];
    if (reply !== undefined || error !== undefined) {
      const text =
        error === undefined ? undefined : `${error.type}/${error.code} from ${textOf(error.offender)}`;
      outcome = { ttl: reply?.ttl, error: text, ms: clock.now() - begun };
      break;
    }
    await advance(10);
  }
  sock.close();
  return outcome;
}

const textOf = (a: Ipv4): string => `${a >>> 24}.${(a >>> 16) & 255}.${(a >>> 8) & 255}.${a & 255}`;

/** What a UDP datagram of `size` bytes looks like where it arrives: TTL and source, or undefined. */
export async function sendUdp(
  { settle, advance }: Lab,
  from: Netns,
  to: { ns: Netns; ip: Ipv4; port?: number },
  size = 20,
): Promise<{ ttl: number; src: string; bytes: number } | undefined> {
  const server = new UdpSock(to.ns);
  server.bind(ipv4('0.0.0.0'), 7000);
  const client = new UdpSock(from);
  client.send(new Uint8Array(size), to.ip, to.port ?? 7000);
  await settle();
  await advance(20);
  const got = server.recv();
  server.close();
  client.close();
  return got === undefined ? undefined : { ttl: got.ttl, src: textOf(got.src), bytes: got.data.length };
}
