// A network namespace: struct net. It owns devices, addresses, sysctls and hooks; routes, neighbours, sockets,
// conntrack and rules hang on it through per-net.ts. A node's own namespace and each pod's are of the same kind.
import type { Ipv4 } from '../wire/addr.ts';
import type { IfAddr, NetDevice } from './device.ts';
import { HookTable } from './hooks.ts';
import type { Kernel } from './kernel.ts';
import { Sysctl } from './sysctl.ts';

/** What rooms above want to hear about devices: the netdevice and inetaddr notifier chains. */
export type NetnsEvent =
  | { readonly type: 'register' | 'unregister' | 'up' | 'down' | 'change'; readonly dev: NetDevice }
  | { readonly type: 'addr-add' | 'addr-del'; readonly dev: NetDevice; readonly addr: IfAddr };

export class Netns {
  readonly kernel: Kernel;
  /** Inode number, as `lsns` and /proc/self/ns/net show it. */
  readonly inum: number;
  /** "host" for the node's own, else the pod's or container's name. */
  readonly name: string;
  readonly sysctl = new Sysctl();
  readonly hooks = new HookTable();
  /** By ifindex, in the order they came. */
  readonly devices = new Map<number, NetDevice>();
  readonly generic = new Map<symbol, unknown>();
  #nextIfindex = 1;
  #listeners = new Set<(event: NetnsEvent) => void>();

  constructor(kernel: Kernel, inum: number, name: string) {
    this.kernel = kernel;
    this.inum = inum;
    this.name = name;
  }

  /** Puts a device into this namespace. Throws EEXIST when the name is taken. */
  register<D extends NetDevice>(dev: D): D {
    if (this.device(dev.name) !== undefined) throw new NetnsError('EEXIST', `device ${dev.name} exists`);
    while (this.devices.has(this.#nextIfindex)) this.#nextIfindex++;
    dev.ifindex = this.#nextIfindex++;
    dev.ns = this;
    dev.conf = this.sysctl.confOf(dev.name);
    this.devices.set(dev.ifindex, dev);
    this.notify({ type: 'register', dev });
    return dev;
  }

  /** Takes a device out: down, addresses and routes gone, peer told. */
  unregister(dev: NetDevice): void {
    if (!this.devices.has(dev.ifindex)) return;
    this.setUp(dev, false);
    for (const addr of [...dev.addrs]) this.delAddr(dev, addr.addr, addr.prefixLen);
    dev.qdisc?.stop();
    dev.qdisc = undefined;
    this.notify({ type: 'unregister', dev });
    this.devices.delete(dev.ifindex);
    this.sysctl.conf.delete(dev.name);
    dev.onUnregister();
  }

  /** `ip link set DEV netns NS`: it arrives down and without addresses. */
  move(dev: NetDevice, to: Netns): void {
    this.setUp(dev, false);
    for (const addr of [...dev.addrs]) this.delAddr(dev, addr.addr, addr.prefixLen);
    this.notify({ type: 'unregister', dev });
    this.devices.delete(dev.ifindex);
    this.sysctl.conf.delete(dev.name);
    to.register(dev);
  }

  device(name: string): NetDevice | undefined {
    for (const dev of this.devices.values()) if (dev.name === name) return dev;
    return undefined;
  }

  setUp(dev: NetDevice, up: boolean): void {
    if (dev.up === up) return;
    dev.up = up;
    if (up) dev.onUp();
    else dev.onDown();
    this.notify({ type: up ? 'up' : 'down', dev });
  }

  addAddr(dev: NetDevice, addr: IfAddr): void {
    if (dev.addrs.some((a) => a.addr === addr.addr && a.prefixLen === addr.prefixLen))
      throw new NetnsError('EEXIST', 'address exists');
    dev.addrs.push(addr);
    this.notify({ type: 'addr-add', dev, addr });
  }

  delAddr(dev: NetDevice, addr: Ipv4, prefixLen: number): void {
    const at = dev.addrs.findIndex((a) => a.addr === addr && a.prefixLen === prefixLen);
    if (at === -1) throw new NetnsError('EADDRNOTAVAIL', 'Cannot assign requested address');
    const [gone] = dev.addrs.splice(at, 1);
    this.notify({ type: 'addr-del', dev, addr: gone! });
  }

  listen(fn: (event: NetnsEvent) => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }
  notify(event: NetnsEvent): void {
    for (const fn of this.#listeners) fn(event);
  }
}

/** A refused configuration call, with Linux's errno name. */
export class NetnsError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
