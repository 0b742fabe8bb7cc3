// An hour of coming and going on one node, in virtual time: every second a pod begins and the oldest ends, connections open,
// carry something and close or are left to die, strangers knock, rules are written anew. What is there at the end is what
// was there after the first minutes; nothing is left of those that went.
import { describe, expect, it } from 'vitest';
import { createKernel } from '../../node-runtime/kernel/boot.ts';
import { VirtualClock } from '../../node-runtime/kernel/clock/virtual-clock.ts';
import { ipv4Net } from '../../node-runtime/kernel/ipv4/net.ts';
import type { Bridge } from '../../node-runtime/kernel/netdev/bridge.ts';
import { Nic } from '../../node-runtime/kernel/netdev/nic.ts';
import { conntrack } from '../../node-runtime/kernel/netfilter/conntrack/conntrack.ts';
import { iptablesRestore } from '../../node-runtime/kernel/netfilter/iptables/restore.ts';
import type { Stream } from '../../node-runtime/kernel/netns/dice.ts';
import type { Netns } from '../../node-runtime/kernel/netns/netns.ts';
import type { Skb } from '../../node-runtime/kernel/skb/skb.ts';
import {
  tcpAccept,
  tcpBind,
  tcpConnect,
  tcpListen,
  tcpRecv,
  tcpSend,
} from '../../node-runtime/kernel/transport/tcp/tcp.ts';
import { tcpNet } from '../../node-runtime/kernel/transport/tcp/tcp-net.ts';
import { TcpSock } from '../../node-runtime/kernel/transport/tcp/tcp-sock.ts';
import { UdpSock } from '../../node-runtime/kernel/transport/udp.ts';
import { ANY, formatIpv4, ip4, ipv4, parseMac } from '../../node-runtime/kernel/wire/addr.ts';
import { anyFrame } from '../fuzz/frame-seeds.ts';
import { dice, GROWTH, mebibytes, memory, once, pick, share } from '../fuzz/scale.ts';
import { SkbAudit } from '../fuzz/skb-audit.ts';
import { execute } from '../kernel/ip-command.ts';

const SECONDS = 3600;
/** Pods at a time. */
const PODS = 30;

interface Pod {
  readonly ns: Netns;
  readonly address: string;
  readonly listener: TcpSock;
  readonly dns: UdpSock;
  readonly open: TcpSock[];
}

class Node {
  readonly clock = new VirtualClock();
  readonly kernel = createKernel({ hostname: 'n1', clock: this.clock, seed: 1 });
  readonly audit = new SkbAudit(this.kernel);
  readonly pods: Pod[] = [];
  #receive: (skb: Skb) => void = () => {};
  #made = 0;

  constructor() {
    const mac = parseMac('02:00:c0:a8:64:0b')!;
    const cable = {
      plug: (_dev: unknown, receive: (skb: Skb) => void) => {
        this.#receive = receive;
      },
      send: (skb: Skb) => this.audit.take(skb),
      unplug: () => {},
    };
    this.kernel.host.register(new Nic(this.kernel, { name: 'eth0', mac, cable }));
    for (const command of [
      'sysctl -w net.ipv4.ip_forward=1',
      'ip link set eth0 up',
      'ip addr add 192.168.100.11/24 dev eth0',
      'ip route add default via 192.168.100.1',
      'ip neigh replace 192.168.100.1 lladdr 02:00:c0:a8:64:01 dev eth0 nud permanent',
      'ip link add cni0 type bridge',
      'ip link set cni0 up',
      'ip addr add 10.244.1.1/24 dev cni0',
    ])
      this.sh(command);
  }

  sh(command: string, ns = this.kernel.host, find: (name: string) => Netns = () => ns): void {
    execute(ns, command, find);
  }

  /** As CNI and the kubelet make one. */
  add(): void {
    const n = this.#made++;
    const ns = this.kernel.addNetns(`pod-${n}`);
    const address = `10.244.1.${2 + (n % 250)}`;
    this.sh(`ip link add veth${n} type veth peer name eth0 netns x`, undefined, () => ns);
    this.sh(`ip link set veth${n} master cni0`);
    this.sh(`ip link set veth${n} up`);
    for (const command of [
      'ip link set lo up',
      'ip link set eth0 up',
      `ip addr add ${address}/24 dev eth0`,
      'ip route add default via 10.244.1.1',
    ])
      this.sh(command, ns);
    const listener = new TcpSock(ns);
    tcpBind(listener, ANY, 80);
    tcpListen(listener, 16);
    const dns = new UdpSock(ns);
    dns.bind(ANY, 53);
    this.pods.push({ ns, address, listener, dns, open: [] });
    this.rules();
  }

  /** A pod ends with whatever it had open, as when its sandbox is removed. */
  remove(): void {
    const pod = this.pods.shift();
    if (pod === undefined) return;
    this.kernel.delNetns(pod.ns);
    this.rules();
  }

  rules(): void {
    const [first, second] = this.pods;
    const to = (pod: Pod | undefined): string => `${pod?.address ?? '10.244.1.2'}:80`;
    const { code, stderr } = iptablesRestore(
      this.kernel.host,
      `*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:SVC-${this.#made % 3} - [0:0]
-A PREROUTING -d 10.96.0.10/32 -p tcp -m tcp --dport 80 -j SVC-${this.#made % 3}
-A SVC-${this.#made % 3} -m recent --name r${this.#made % 7} --rcheck --seconds 10 --reap -p tcp -j DNAT --to-destination ${to(first)}
-A SVC-${this.#made % 3} -p tcp -m recent --name r${this.#made % 7} --set -j DNAT --to-destination ${to(second)}
-A POSTROUTING -s 10.244.0.0/16 ! -d 10.244.0.0/16 -j MASQUERADE
COMMIT
`,
    );
    if (code !== 0) throw new Error(stderr);
  }

  second(dice: Stream): void {
    for (let i = 0; i < 5; i++) {
      const pod = pick(dice, this.pods);
      const other = pick(dice, this.pods);
      const sk = new TcpSock(pod.ns);
      const to = once(dice, 4) ? '10.96.0.10' : once(dice, 6) ? '203.0.113.7' : other.address;
      if (tcpConnect(sk, ipv4(to), 80) === undefined) pod.open.push(sk);
      else sk.close();
      const asking = new UdpSock(pod.ns);
      asking.sendTo(
        new Uint8Array(40),
        ip4(once(dice, 2) ? 0xc6336400 + dice.below(256) : ipv4(other.address)),
        53,
      );
      asking.close();
      this.#receive(this.kernel.pool.copyOf(anyFrame(dice, 0, parseMac('02:00:c0:a8:64:0b')!)));
      this.run(150 + dice.below(100));
      for (const { listener, dns, open } of this.pods) {
        for (let c = tcpAccept(listener); c !== undefined; c = tcpAccept(listener)) open.push(c);
        for (let d = dns.recv(); d !== undefined; d = dns.recv()) dns.sendTo(d.data, d.src, d.sport);
        for (const c of open) {
          while (tcpRecv(c) !== undefined);
          if (once(dice, 8)) tcpSend(c, new Uint8Array(1 + dice.below(4000)));
        }
        // Some are closed, some aborted by their pod's end.
        while (open.length > 4) open.shift()!.close();
      }
    }
  }

  run(ms: number): void {
    const { runQueue } = this.kernel;
    const settle = (): void => {
      while (runQueue.pending > 0) runQueue.run();
    };
    settle();
    this.clock.advance(ms, settle);
  }
}

describe('an hour of churn', () => {
  it('leaves nothing behind', async () => {
    const seconds = share(SECONDS);
    const roll = dice('churn', seconds);
    const node = new Node();
    while (node.pods.length < PODS) node.add();
    let early = 0;
    let most = 0;
    for (let s = 0; s < seconds; s++) {
      // The run queue's own turns, which find nothing left to do.
      await undefined;
      node.add();
      node.remove();
      node.second(roll);
      most = Math.max(most, conntrack(node.kernel.host).table.count);
      if (s === seconds >> 2) early = memory();
    }
    const late = memory();
    const { kernel, audit } = node;
    const { host } = kernel;
    const held = conntrack(host).table.count;
    // Two minutes of SYN_SENT, half a minute of UDP, a minute of TIME_WAIT: no more than that waits to expire.
    process.stdout.write(
      `churn: ${kernel.clock.now()} ms; conntrack ${held}, at most ${most}; heap ${mebibytes(early)}, at the end ${mebibytes(late)}\n`,
    );
    expect(late - early).toBeLessThan(GROWTH);
    expect(kernel.namespaces.size).toBe(1 + PODS);
    expect(host.devices.size).toBe(3 + PODS);
    while (node.pods.length > 0) node.remove();
    node.run(6 * 86_400_000);
    expect(kernel.namespaces.size).toBe(1);
    expect([...host.devices.values()].map((d) => d.name)).toEqual(['lo', 'eth0', 'cni0']);
    expect(conntrack(host).table.count).toBe(0);
    expect(tcpNet(host).ehash.size).toBe(0);
    expect((host.device('cni0') as Bridge).fdb.size).toBeLessThanOrEqual(2);
    expect(
      [...ipv4Net(host).neigh.list()].filter((n) => formatIpv4(n.addr).startsWith('10.244.')).length,
    ).toBeLessThan(300);
    expect(audit.live.size).toBe(0);
    audit.stop();
  });
});
