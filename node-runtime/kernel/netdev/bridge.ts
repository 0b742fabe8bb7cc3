// The Linux bridge: net/bridge/br_device.c, br_input.c, br_forward.c, br_if.c. Learning, ageing, flooding, hairpin and
// isolated ports; STP is off, as docker0 and cni0 have it, so a port forwards as soon as it and the bridge are up. No
// VLANs, no IGMP snooping: multicast is flooded, which is what Linux does too where no querier is heard.
//
//   port ─> handleFrame ─> [br_netfilter PRE_ROUTING] ─> learn ─┬─> known port: forward
//                                                               ├─> unknown or group: flood
//   bridge device ─────────────────────────> startXmit ─────────┘   own address: passed up to the bridge device
import { ETH_HLEN, NetDevice } from '../netns/device.ts';
import type { Kernel } from '../netns/kernel.ts';
import { type Netns, NetnsError, type NetnsEvent } from '../netns/netns.ts';
import { ETH_P_IP, PACKET_HOST, type Skb } from '../skb/skb.ts';
import { mac as asMac, formatMac, MAC_ZERO, type Mac } from '../wire/addr.ts';
import { u16, u32, u48 } from '../wire/bytes.ts';
import { BridgeHooks, callsIptables } from './br-netfilter.ts';
import { Fdb, type FdbEntry } from './fdb.ts';
import { fits } from './forwardable.ts';

/** MTU of a bridge without ports. */
const ETH_DATA_LEN = 1500;
/** IEEE 802.1Q table 8-1: 01:80:c2:00:00:00 to :0f. */
const LINK_LOCAL_HIGH = 0x0180;
const LINK_LOCAL_LOW = 0xc2000000;
const PAUSE = 1;

/** A device's membership: struct net_bridge_port. Flags as `bridge link set` names them. */
export class BridgePort {
  readonly bridge: Bridge;
  readonly dev: NetDevice;
  /** Counts from 1; brctl and `bridge -d link` show it. */
  readonly portNo: number;
  /** With STP off a port either forwards or, itself or its bridge being down, is disabled. */
  state: 'forwarding' | 'disabled' = 'disabled';
  /** A frame may leave by the port it came in by. */
  hairpin = false;
  /** Isolated ports do not talk to each other. */
  isolated = false;
  learning = true;
  /** Whether unknown unicast, multicast and broadcast are flooded to it. */
  flood = true;
  mcastFlood = true;
  bcastFlood = true;

  constructor(bridge: Bridge, dev: NetDevice, portNo: number) {
    this.bridge = bridge;
    this.dev = dev;
    this.portNo = portNo;
  }
}

export interface BridgeOptions {
  readonly name: string;
  /** Pins the address; without it the bridge takes the lowest of its ports'. */
  readonly mac?: Mac;
  /** Sets the MTU for good; without it the bridge takes the least of its ports'. */
  readonly mtu?: number;
}

type FrameKind = 'unicast' | 'multicast' | 'broadcast';

export class Bridge extends NetDevice {
  readonly fdb: Fdb<BridgePort>;
  /** Newest first, the order in which Linux floods. */
  #ports: BridgePort[] = [];
  #pinnedMac: boolean;
  #pinnedMtu: boolean;
  #hooks: BridgeHooks | undefined;
  #unlisten: (() => void) | undefined;

  constructor(kernel: Kernel, options: BridgeOptions) {
    super({
      kernel,
      name: options.name,
      kind: 'bridge',
      mac: options.mac ?? kernel.randomMac(),
      mtu: options.mtu ?? ETH_DATA_LEN,
    });
    this.#pinnedMac = options.mac !== undefined;
    this.#pinnedMtu = options.mtu !== undefined;
    this.fdb = new Fdb(kernel.clock);
    this.fdb.set(this.mac, undefined, { local: true });
  }

  /** In the order in which they were added. */
  get ports(): readonly BridgePort[] {
    return [...this.#ports].reverse();
  }
  port(dev: NetDevice): BridgePort | undefined {
    return this.#ports.find((p) => p.dev === dev);
  }

  /** `ip link set DEV master BRIDGE`: br_add_if. Throws EBUSY, EINVAL or ELOOP as Linux refuses. */
  addPort(dev: NetDevice): BridgePort {
    if (dev.kind === 'loopback' || !dev.ethernet || dev.ns !== this.ns)
      throw new NetnsError('EINVAL', `${dev.name} cannot be a port of ${this.name}`);
    if (dev.kind === 'bridge') throw new NetnsError('ELOOP', 'Can not enslave a bridge to a bridge');
    if (dev.master !== undefined)
      throw new NetnsError('EBUSY', 'Device does not allow enslaving to a bridge');
    this.#listen();
    const port = new BridgePort(this, dev, this.#freePortNo());
    this.#ports.unshift(port);
    dev.master = this;
    dev.promisc++;
    dev.rxHandler = (skb) => this.#handleFrame(port, skb);
    this.#recalculate();
    this.ns.notify({ type: 'change', dev });
    return port;
  }

  /** `ip link set DEV nomaster`: br_del_if. */
  delPort(dev: NetDevice): void {
    const port = this.port(dev);
    if (port === undefined) throw new NetnsError('EINVAL', `${dev.name} is not a port of ${this.name}`);
    this.#ports = this.#ports.filter((p) => p !== port);
    dev.master = undefined;
    dev.promisc--;
    dev.rxHandler = undefined;
    port.state = 'disabled';
    this.fdb.flushPort(port, true);
    this.#recalculate();
    this.ns.notify({ type: 'change', dev });
  }

  override setMac(mac: Mac): void {
    this.#pinnedMac = true;
    this.#changeMac(mac);
  }
  override setMtu(mtu: number): void {
    super.setMtu(mtu);
    this.#pinnedMtu = true;
  }
  override onUp(): void {
    this.#listen();
    // A bridge that never had a port has carrier: nobody has looked at its ports yet.
    if (this.#ports.length > 0) this.#updatePorts();
  }
  override onDown(): void {
    if (this.#ports.length > 0) this.#updatePorts();
  }
  override onUnregister(): void {
    this.#release();
  }

  /** br_dev_xmit: the bridge device's own transmission. `skb.data` at the Ethernet header. */
  startXmit(skb: Skb): void {
    skb.mac = skb.data;
    skb.pull(ETH_HLEN);
    if (skb.bridgedFrom !== 0) {
      this.stats.txPackets--;
      this.stats.txBytes -= skb.len + ETH_HLEN;
      this.#hooks!.resume(skb);
      const from = this.ns.devices.get(skb.physin)?.master === this ? this.#portOf(skb.physin) : undefined;
      if (from !== undefined) this.#frameFinish(from, skb);
      else this.kernel.drop(skb, 'BRIDGE_NO_EGRESS_PORT', this, 'the port it came in by is gone');
      return;
    }
    const kind = frameKind(skb);
    const entry = kind === 'unicast' ? this.fdb.find(skb.bytes, skb.mac) : undefined;
    if (entry === undefined) this.#flood(skb, kind, undefined, false);
    else this.#forward(skb, entry, undefined, false);
  }

  /** br_handle_frame: a port received a frame. `skb.data` at the network header. */
  #handleFrame(port: BridgePort, skb: Skb): boolean {
    const b = skb.bytes;
    const high = u16(b, skb.mac);
    const low = u32(b, skb.mac + 2);
    const source = u16(b, skb.mac + 6);
    if ((source & 0x100) !== 0 || (source === 0 && u32(b, skb.mac + 8) === 0)) {
      this.kernel.drop(skb, 'MAC_INVALID_SOURCE', port.dev);
      return true;
    }
    if (high === LINK_LOCAL_HIGH && (low & 0xfffffff0) >>> 0 === LINK_LOCAL_LOW && low !== LINK_LOCAL_LOW) {
      // With STP off BPDUs (…:00) are forwarded, so that loops are still found; the others end here.
      if ((low & 15) !== PAUSE) return false;
      this.kernel.drop(skb, 'BRIDGE_LINK_LOCAL', port.dev);
      return true;
    }
    if (port.state !== 'forwarding') {
      this.kernel.drop(skb, 'BRIDGE_INGRESS_STP_STATE', port.dev);
      return true;
    }
    if (high * 0x1_0000_0000 + low === this.mac) skb.pktType = PACKET_HOST;
    if (skb.protocol === ETH_P_IP && callsIptables(this.ns)) {
      const passed = this.#hooks!.preRouting(skb, port.dev);
      if (passed !== undefined) this.#frameFinish(port, passed);
    } else this.#frameFinish(port, skb);
    return true;
  }

  /** br_handle_frame_finish: learn where it came from, decide where it goes. */
  #frameFinish(port: BridgePort, skb: Skb): void {
    if (port.state !== 'forwarding') {
      this.kernel.drop(skb, 'BRIDGE_INGRESS_STP_STATE', port.dev);
      return;
    }
    if (port.learning) {
      const learned = this.fdb.learn(skb.bytes, skb.mac + 6, port);
      if (skb.trace !== 0) this.#traceLearned(skb, port, learned);
    }
    const kind = frameKind(skb);
    const up = kind !== 'unicast' || this.promisc > 0;
    if (kind !== 'unicast') {
      this.#flood(skb, kind, port, up);
      return;
    }
    const entry = this.fdb.find(skb.bytes, skb.mac);
    if (entry === undefined) this.#flood(skb, kind, port, up);
    else if (entry.local) this.#passUp(skb, 'for the bridge itself');
    else this.#forward(skb, entry, port, up);
  }

  /** br_pass_frame_up: the bridge device receives it. Linux counts the bytes without the Ethernet header. */
  #passUp(skb: Skb, why: string): void {
    if (skb.trace !== 0) this.kernel.traceEvent(skb, this, 'bridge', `passed up: ${why}`);
    this.stats.rxPackets++;
    this.stats.rxBytes += skb.len;
    this.receiveSkb(skb);
  }

  /** br_forward: to the one port that the address is known to be behind. */
  #forward(skb: Skb, entry: FdbEntry<BridgePort>, from: BridgePort | undefined, up: boolean): void {
    const to = entry.port;
    if (to === undefined || !mayLeave(to, from)) {
      if (up) this.#passUp(skb, 'the bridge is promiscuous');
      else this.#dropUndeliverable(skb, to, from);
      return;
    }
    if (skb.trace !== 0)
      this.kernel.traceEvent(
        skb,
        this,
        'bridge',
        `${formatMac(entry.mac)} is behind port ${to.dev.name}: forwarded`,
        {
          port: to.dev.name,
          mac: formatMac(entry.mac),
        },
      );
    const copy = up ? skb.clone() : undefined;
    this.#deliver(skb, to, from);
    if (copy !== undefined) this.#passUp(copy, 'the bridge is promiscuous');
  }

  /** br_flood: a copy to each port that may have one. */
  #flood(skb: Skb, kind: FrameKind, from: BridgePort | undefined, up: boolean): void {
    let last: BridgePort | undefined;
    if (skb.trace !== 0) this.#traceFlood(skb, kind, from);
    for (const to of this.#ports) {
      if (!floodsTo(to, kind, from) || !mayLeave(to, from)) continue;
      if (last !== undefined) this.#deliver(skb.clone(), last, from);
      last = to;
    }
    if (up) {
      if (last !== undefined) this.#deliver(skb.clone(), last, from);
      this.#passUp(skb, kind);
    } else if (last !== undefined) this.#deliver(skb, last, from);
    else this.kernel.drop(skb, 'BRIDGE_NO_EGRESS_PORT', this, `${kind}, no port to flood it to`);
  }

  /** __br_forward to br_dev_queue_push_xmit: out by `to`. Frames of the bridge's own pass no bridge hooks. */
  #deliver(skb: Skb, to: BridgePort, from: BridgePort | undefined): void {
    let out: Skb | undefined = skb;
    if (from !== undefined && skb.physin !== 0) {
      const hooks = this.#hooks!;
      out = hooks.forward(skb, to.dev);
      if (out === undefined) return;
      if (hooks.mustFragment(out, to.dev)) {
        hooks.refragment(out, to.dev, push);
        return;
      }
    }
    out.data = out.mac;
    push(out, to.dev);
  }

  #dropUndeliverable(skb: Skb, to: BridgePort | undefined, from: BridgePort | undefined): void {
    const reason =
      to === undefined || to.state !== 'forwarding'
        ? 'BRIDGE_NO_EGRESS_PORT'
        : to === from
          ? 'BRIDGE_SAME_PORT'
          : 'BRIDGE_ISOLATED';
    this.kernel.drop(skb, reason, to?.dev ?? this);
  }

  #portOf(ifindex: number): BridgePort | undefined {
    return this.#ports.find((p) => p.dev.ifindex === ifindex);
  }
  #freePortNo(): number {
    let no = 1;
    while (this.#ports.some((p) => p.portNo === no)) no++;
    return no;
  }

  #listen(): void {
    this.#hooks ??= new BridgeHooks(this);
    this.#unlisten ??= this.ns.listen((event) => this.#onEvent(event));
  }

  /** br_device_event: a port's link changed, a port is taken away, or this device is. */
  #onEvent(event: NetnsEvent): void {
    if (event.type === 'addr-add' || event.type === 'addr-del') return;
    if (event.dev === this) {
      if (event.type === 'unregister') this.#release();
      return;
    }
    if (event.dev.master !== this) return;
    if (event.type === 'unregister') this.delPort(event.dev);
    else this.#recalculate();
  }

  #release(): void {
    for (const port of [...this.#ports]) this.delPort(port.dev);
    this.#unlisten?.();
    this.#unlisten = undefined;
    this.#hooks = undefined;
    this.fdb.stop();
  }

  #recalculate(): void {
    this.#updateMac();
    if (!this.#pinnedMtu) this.#updateMtu();
    this.#updatePorts();
  }

  /** br_stp_recalculate_bridge_id: the lowest port address, unless somebody set one. */
  #updateMac(): void {
    if (!this.#pinnedMac) {
      let lowest = Number.POSITIVE_INFINITY;
      for (const { dev } of this.#ports) lowest = Math.min(lowest, dev.mac);
      this.#changeMac(lowest === Number.POSITIVE_INFINITY ? MAC_ZERO : asMac(lowest));
    } else this.#syncLocal();
  }

  #changeMac(mac: Mac): void {
    const changed = mac !== this.mac;
    this.mac = mac;
    this.#syncLocal();
    if (changed) this.ns.notify({ type: 'change', dev: this });
  }

  /** Local entries are the addresses of the ports and of the bridge, and no others. */
  #syncLocal(): void {
    for (const entry of [...this.fdb.entries()]) if (entry.local) this.fdb.delete(entry.mac);
    if (this.mac !== MAC_ZERO) this.fdb.set(this.mac, undefined, { local: true });
    for (const port of this.#ports) this.fdb.set(port.dev.mac, port, { local: true });
  }

  /** br_mtu_auto_adjust. */
  #updateMtu(): void {
    let least = Number.POSITIVE_INFINITY;
    for (const { dev } of this.#ports) least = Math.min(least, dev.mtu);
    super.setMtu(least === Number.POSITIVE_INFINITY ? ETH_DATA_LEN : least);
  }

  /** br_stp_enable_port, br_stp_disable_port and the bridge's own carrier: on while any port forwards. */
  #updatePorts(): void {
    let live = false;
    for (const port of this.#ports) {
      const forwarding = this.up && port.dev.up && port.dev.carrier;
      if (!forwarding && port.state === 'forwarding') this.fdb.flushPort(port, false);
      port.state = forwarding ? 'forwarding' : 'disabled';
      live ||= forwarding;
    }
    this.setCarrier(live);
  }

  #traceLearned(skb: Skb, port: BridgePort, learned: string): void {
    const mac = formatMac(asMac(u48(skb.bytes, skb.mac + 6)));
    const text = {
      new: `learned: ${mac} is behind port ${port.dev.name}`,
      moved: `learned: ${mac} moved to port ${port.dev.name}`,
      own: `came in on port ${port.dev.name} with the bridge's own address ${mac} as source`,
      full: `${mac} not learned: the forwarding database is full`,
    }[learned];
    if (text !== undefined)
      this.kernel.traceEvent(skb, this, 'bridge', text, { port: port.dev.name, mac, learned });
  }

  #traceFlood(skb: Skb, kind: FrameKind, from: BridgePort | undefined): void {
    const names: string[] = [];
    for (const to of this.#ports) if (floodsTo(to, kind, from) && mayLeave(to, from)) names.push(to.dev.name);
    const dst = formatMac(asMac(u48(skb.bytes, skb.mac)));
    const why = kind === 'unicast' ? `${dst} is not known` : kind;
    const n = names.length;
    this.kernel.traceEvent(skb, this, 'bridge', `${why}: flooded to ${n} port${n === 1 ? '' : 's'}`, {
      ports: names.join(' '),
      mac: dst,
    });
  }
}

/** br_dev_queue_push_xmit. `skb.data` at the Ethernet header. A bridge sends no ICMP: too large is silence. */
function push(skb: Skb, to: NetDevice): void {
  if (fits(to, skb)) to.queueXmit(skb);
  else {
    to.stats.txDropped++;
    to.kernel.drop(skb, 'PKT_TOO_BIG', to, `bridged, over an MTU of ${to.mtu}; a bridge sends no ICMP`);
  }
}

/** should_deliver. */
function mayLeave(to: BridgePort, from: BridgePort | undefined): boolean {
  if (to.state !== 'forwarding') return false;
  if (from === undefined) return true;
  return (to !== from || to.hairpin) && !(to.isolated && from.isolated);
}

/** The port's flood flags; multicast and broadcast of the bridge's own go out regardless. */
function floodsTo(to: BridgePort, kind: FrameKind, from: BridgePort | undefined): boolean {
  if (kind === 'unicast') return to.flood;
  if (from === undefined) return true;
  return kind === 'multicast' ? to.mcastFlood : to.bcastFlood;
}

function frameKind(skb: Skb): FrameKind {
  const high = u16(skb.bytes, skb.mac);
  if ((high & 0x100) === 0) return 'unicast';
  return high === 0xffff && u32(skb.bytes, skb.mac + 2) === 0xffffffff ? 'broadcast' : 'multicast';
}

/** `ip link add NAME type bridge`. */
export const addBridge = (ns: Netns, options: BridgeOptions): Bridge =>
  ns.register(new Bridge(ns.kernel, options));
