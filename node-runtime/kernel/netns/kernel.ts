// One node's kernel: its namespaces, and the registries by which lower rooms reach higher ones (ptype_base,
// inet_protos, the init functions of each subsystem). A value like any other: twenty kernels live in one process as
// well as in twenty, because clock, dice and log are handed in and nothing is kept beside it.
import type { Clock } from '../clock/clock.ts';
import { RunQueue } from '../clock/run-queue.ts';
import { type Skb, SkbPool } from '../skb/skb.ts';
import { DROP_REASONS, type DropReason } from '../trace/drop-reason.ts';
import type { TraceEvent, TraceStage } from '../trace/event.ts';
import type { TraceReplies } from '../trace/replies.ts';
import { Tracer } from '../trace/tracer.ts';
import { type Mac, mac } from '../wire/addr.ts';
import type { NetDevice } from './device.ts';
import { Dice } from './dice.ts';
import type { Ipv4Ops } from './ipv4-ops.ts';
import { Netns } from './netns.ts';

/** A layer-3 handler: ip_rcv, arp_rcv. `skb.data` is at the network header. */
export type PacketHandler = (skb: Skb, dev: NetDevice) => void;

/** A layer-4 handler: struct net_protocol. `skb.data` is at the transport header, `skb.network` at the IP header. */
export interface InetProtocol {
  handler(skb: Skb, ns: Netns): void;
  /**
   * An ICMP error quoting a packet of ours arrived: `skb.data` is at the quoted IP header, `info` is the next-hop MTU
   * of a frag-needed and 0 otherwise. The handler must not free the skb.
   */
  error?(skb: Skb, ns: Netns, type: number, code: number, info: number): void;
}

/** Kernel-side log lines ("nf_conntrack: table full"); the node hands in a pino child. */
export interface KernelLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface KernelOptions {
  readonly hostname: string;
  readonly clock: Clock;
  readonly seed: number;
  readonly log?: KernelLog;
  /** Names of old kernels' bugs to have (design: off unless named). */
  readonly quirks?: readonly string[];
}

/** First namespace inode on a fresh Linux: PROC_NET_INIT_INO is 0xF0000075; later ones are 0xF0000000 and up. */
const INIT_NET_INO = 4026531833;

/** Handled packets are cut off the backlog's front after this many, should it never run empty. */
const BACKLOG_COMPACT = 8192;

export class Kernel {
  readonly hostname: string;
  readonly clock: Clock;
  readonly dice: Dice;
  readonly log: KernelLog;
  readonly quirks: ReadonlySet<string>;
  readonly runQueue = new RunQueue();
  readonly pool = new SkbPool();
  readonly tracer = new Tracer();
  readonly packetTypes = new Map<number, PacketHandler>();
  readonly inetProtocols: (InetProtocol | undefined)[] = new Array(256).fill(undefined);
  /** Called for each new namespace, before any device: pernet_operations. Rooms register hooks and listeners here. */
  readonly netnsInit: ((ns: Netns) => void)[] = [];
  /** Called for each namespace that is removed, before its devices are: what has timers stops them here. */
  readonly netnsExit: ((ns: Netns) => void)[] = [];
  /** Who is answering traced packets: the replies are traced too. Set when the ipv4 room is installed. */
  traceReplies!: TraceReplies;
  /** How rooms below ipv4 reach it; set when the ipv4 room is installed. */
  ipv4!: Ipv4Ops;
  /** raw_local_deliver: shown each packet for this host before its protocol is; keeps a copy. True: somebody took one. */
  rawDeliver: ((skb: Skb, ns: Netns) => boolean) | undefined = undefined;
  /** raw_icmp_error: told of each ICMP error about a packet of ours, arguments as InetProtocol.error. */
  rawError: NonNullable<InetProtocol['error']> | undefined = undefined;
  /**
   * nf_ct_attach: an answer made here (`skb`) belongs to the connection of the packet it is about, also while that is not
   * confirmed yet. Set by conntrack when something asks for it.
   */
  ctAttach: ((skb: Skb, about: Skb) => void) | undefined = undefined;
  /** ping_rcv: gets each ICMP echo reply, `data` at the ICMP header, checksum verified. Takes the skb. */
  pingRcv: ((skb: Skb, ns: Netns) => void) | undefined = undefined;
  readonly namespaces = new Map<number, Netns>();
  #host: Netns | undefined;
  #nextInum = INIT_NET_INO;
  #macs: ReturnType<Dice['stream']>;
  /** The backlog: two arrays and the index of their first live element. */
  readonly #rxSkbs: Skb[] = [];
  readonly #rxDevs: NetDevice[] = [];
  #rxHead = 0;

  constructor(options: KernelOptions) {
    this.hostname = options.hostname;
    this.clock = options.clock;
    this.dice = new Dice(options.seed, options.hostname);
    this.log = options.log ?? { info() {}, warn() {} };
    this.quirks = new Set(options.quirks ?? []);
    this.#macs = this.dice.stream('mac');
  }

  /** The node's own namespace. */
  get host(): Netns {
    this.#host ??= this.addNetns('host');
    return this.#host;
  }

  addNetns(name: string): Netns {
    const inum = this.#nextInum;
    // Later namespaces are numbered from 0xF0000100 on as Linux hands them out.
    this.#nextInum = inum === INIT_NET_INO ? 4026532000 : inum + 1;
    const ns = new Netns(this, inum, name);
    this.namespaces.set(inum, ns);
    for (const init of this.netnsInit) init(ns);
    return ns;
  }

  /** Removes a namespace with all its devices. */
  delNetns(ns: Netns): void {
    for (const exit of this.netnsExit) exit(ns);
    for (const dev of [...ns.devices.values()].reverse()) ns.unregister(dev);
    this.namespaces.delete(ns.inum);
  }

  /** A random locally administered unicast MAC: eth_random_addr. */
  randomMac(): Mac {
    const high = (this.#macs.u32() & 0xffff & ~0x0100) | 0x0200;
    return mac(high * 0x1_0000_0000 + this.#macs.u32());
  }

  /** enqueue_to_backlog: false when net.core.netdev_max_backlog packets wait already. */
  backlog(dev: NetDevice, skb: Skb): boolean {
    if (this.#rxSkbs.length - this.#rxHead >= dev.ns.sysctl.core.netdev_max_backlog) return false;
    this.#rxSkbs.push(skb);
    this.#rxDevs.push(dev);
    this.runQueue.push(this.#receiveOne);
    return true;
  }

  /** process_backlog, one packet. One function for all packets: a closure for each would be an allocation for each. */
  readonly #receiveOne = (): void => {
    const at = this.#rxHead++;
    const skb = this.#rxSkbs[at]!;
    const dev = this.#rxDevs[at]!;
    if (this.#rxHead === this.#rxSkbs.length) {
      this.#rxSkbs.length = this.#rxDevs.length = this.#rxHead = 0;
    } else if (this.#rxHead === BACKLOG_COMPACT) {
      this.#rxSkbs.splice(0, this.#rxHead);
      this.#rxDevs.splice(0, this.#rxHead);
      this.#rxHead = 0;
    }
    dev.netifReceive(skb);
  };

  /** kfree_skb_reason: the packet dies here, is counted, remembered and, if traced, explained. Takes the skb. */
  drop(skb: Skb, reason: DropReason, where?: NetDevice | Netns, detail?: string): void {
    const ns = where === undefined ? undefined : 'ns' in where ? where.ns : where;
    const dev = where !== undefined && 'ns' in where ? where.name : undefined;
    const time = this.clock.now();
    const name = ns?.name ?? '-';
    this.tracer.drop(skb, reason, time, name, dev, detail);
    if (skb.trace !== 0) {
      const why = detail === undefined ? DROP_REASONS[reason] : `${DROP_REASONS[reason]}: ${detail}`;
      this.tracer.event(skb, { time, netns: name, dev }, 'drop', why, { reason });
    }
    skb.free();
  }

  /** Records a decision about a traced packet. Call only under `skb.trace !== 0`. */
  traceEvent(
    skb: Skb,
    where: NetDevice | Netns,
    stage: TraceStage,
    text: string,
    facts?: TraceEvent['facts'],
  ): void {
    const at =
      'ns' in where
        ? { time: this.clock.now(), netns: where.ns.name, dev: where.name }
        : { time: this.clock.now(), netns: where.name };
    this.tracer.event(skb, at, stage, text, facts);
  }
}
