// docker0 (moby libnetwork/drivers/bridge): the bridge, its addresses, and a veth pair per container. Addresses are handed out
// lowest free first, and a container's MAC is 02:42 and its address: long docker's rule, and what people know.
import type { NetDevice } from '../kernel/netns/device.ts';
import type { Netns } from '../kernel/netns/netns.ts';
import { rtnetlink } from '../kernel/rtnetlink/rtnetlink.ts';
import { broadcastOf, type Ipv4, ip4, mac, netmask, network, type Prefix } from '../kernel/wire/addr.ts';
import type { DockerConfig } from './config.ts';
import { BRIDGE } from './rules.ts';

const DEFAULT: Prefix = { addr: ip4(0), len: 0 };
const OUI = 0x0242_0000_0000;

export interface Attachment {
  readonly address: Ipv4;
  readonly veth: string;
}

export class BridgeNetwork {
  readonly #ns: Netns;
  readonly #config: DockerConfig;
  readonly #randomHex: (n: number) => string;
  readonly #taken = new Set<Ipv4>();

  constructor(ns: Netns, config: DockerConfig, randomHex: (n: number) => string) {
    this.#ns = ns;
    this.#config = config;
    this.#randomHex = randomHex;
    this.#taken.add(config.bip.addr);
  }

  /** Makes docker0, or gives the one that stands from an earlier start the address of now. */
  setUp(): NetDevice {
    const rtnl = rtnetlink(this.#ns);
    const { bip, mtu } = this.#config;
    if (this.#ns.device(BRIDGE) === undefined)
      rtnl.linkAdd({
        type: 'bridge',
        name: BRIDGE,
        mtu,
        mac: mac(OUI + Number.parseInt(this.#randomHex(8), 16)),
      });
    const bridge = rtnl.link(BRIDGE);
    if (bridge.mtu !== mtu) rtnl.linkSet(BRIDGE, { mtu });
    const kept = bridge.addrs.some((a) => a.addr === bip.addr && a.prefixLen === bip.len);
    if (!kept) {
      rtnl.addrFlush(BRIDGE);
      rtnl.addrAdd(BRIDGE, { addr: bip, broadcast: broadcastOf(bip) });
    }
    return rtnl.linkSet(BRIDGE, { up: true });
  }

  /** Plugs a container's namespace in: eth0 with the lowest free address, and docker0 as its gateway. */
  connect(container: Netns): Attachment {
    const { bip, mtu, userlandProxy } = this.#config;
    const address = this.#allocate();
    const rtnl = rtnetlink(this.#ns);
    const inside = rtnetlink(container);
    const veth = this.#vethName();
    rtnl.linkAdd({
      type: 'veth',
      name: veth,
      mtu,
      peer: { name: 'eth0', mac: mac(OUI + address), mtu, netns: container },
    });
    // Without its proxy, docker needs the bridge to send a container its own packets back.
    rtnl.linkSet(veth, { master: BRIDGE, up: true });
    if (!userlandProxy) rtnl.linkSet(veth, { hairpin: true });
    inside.linkSet('lo', { up: true });
    inside.addrAdd('eth0', {
      addr: { addr: address, len: bip.len },
      broadcast: broadcastOf({ addr: address, len: bip.len }),
    });
    inside.linkSet('eth0', { up: true });
    inside.routeAdd({ dst: DEFAULT, via: bip.addr, dev: 'eth0' });
    return { address, veth };
  }

  disconnect({ address, veth }: Attachment): void {
    if (this.#ns.device(veth) !== undefined) rtnetlink(this.#ns).linkDel(veth);
    this.#taken.delete(address);
  }

  #allocate(): Ipv4 {
    const { bip } = this.#config;
    const first = network(bip) + 1;
    const last = broadcastOf(bip) - 1;
    for (let n = first; n <= last; n++) {
      const address = ip4(n);
      if (this.#taken.has(address)) continue;
      this.#taken.add(address);
      return address;
    }
    throw new Error(
      `no available IPv4 addresses on this network's address pools: bridge (netmask ${netmask(bip.len)})`,
    );
  }

  #vethName(): string {
    for (;;) {
      const name = `veth${this.#randomHex(7)}`;
      if (this.#ns.device(name) === undefined) return name;
    }
  }
}
