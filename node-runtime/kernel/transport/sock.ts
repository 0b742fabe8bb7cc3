// A socket as the kernel has it: struct sock and inet_sock (include/net/sock.h, inet_sock.h), the part that UDP, TCP,
// ping and raw sockets share. It is driven by return codes and one `wake` callback; the message-shaped API that
// programs see stands above it in node-runtime/sockets.
import type { Kernel } from '../netns/kernel.ts';
import type { Netns } from '../netns/netns.ts';
import { ANY, type Ipv4 } from '../wire/addr.ts';
import type { Errno } from './errno.ts';

export type SockProto = 'tcp' | 'udp' | 'icmp' | 'raw';

/** IP_MTU_DISCOVER (include/uapi/linux/in.h). */
export const IP_PMTUDISC_DONT = 0;
export const IP_PMTUDISC_WANT = 1;
export const IP_PMTUDISC_DO = 2;
export const IP_PMTUDISC_PROBE = 3;

/** setsockopt names; values are numbers as in C, addresses and devices (ifindex) too. */
export type SockOption =
  | 'SO_REUSEADDR'
  | 'SO_REUSEPORT'
  | 'SO_BROADCAST'
  | 'SO_RCVBUF'
  | 'SO_SNDBUF'
  | 'SO_KEEPALIVE'
  | 'SO_LINGER'
  | 'SO_MARK'
  | 'SO_PRIORITY'
  | 'SO_BINDTODEVICE'
  | 'IP_TTL'
  | 'IP_TOS'
  | 'IP_MTU_DISCOVER'
  | 'IP_RECVERR'
  | 'IP_HDRINCL'
  | 'IP_MULTICAST_TTL'
  | 'IP_ADD_MEMBERSHIP'
  | 'IP_DROP_MEMBERSHIP'
  | 'TCP_NODELAY'
  | 'TCP_CORK'
  | 'TCP_MAXSEG'
  | 'TCP_KEEPIDLE'
  | 'TCP_KEEPINTVL'
  | 'TCP_KEEPCNT'
  | 'TCP_SYNCNT'
  | 'TCP_LINGER2'
  | 'TCP_QUICKACK'
  | 'TCP_USER_TIMEOUT';

/** What `wake` is told: which of poll()'s answers may have changed. */
export const WAKE_READ = 1;
export const WAKE_WRITE = 2;
export const WAKE_ERROR = 4;

/** An entry of IP_RECVERR's error queue: struct sock_extended_err and the offender. */
export interface SockError {
  readonly errno: Errno;
  readonly type: number;
  readonly code: number;
  readonly info: number;
  /** Who sent the ICMP error. */
  readonly offender: Ipv4;
  readonly dst: Ipv4;
  readonly dport: number;
}

const ERROR_QUEUE = 64;

export abstract class Sock {
  readonly ns: Netns;
  readonly kernel: Kernel;
  abstract readonly proto: SockProto;
  readonly ino: number;
  uid = 0;
  /** Address it is bound to (0: any) and port; for ping the ICMP id, for raw the protocol. */
  rcvSaddr: Ipv4 = ANY;
  sport = 0;
  /** Address that it sends from: rcvSaddr, or what the route of a connected socket chose. */
  saddr: Ipv4 = ANY;
  daddr: Ipv4 = ANY;
  dport = 0;
  /** ifindex it is bound to, 0 for none. */
  boundDev = 0;
  reuseAddr = false;
  reusePort = false;
  broadcast = false;
  recvErr = false;
  /** 0: the namespace's ip_default_ttl. */
  ttl = 0;
  tos = 0;
  mark = 0;
  priority = 0;
  pmtudisc: number;
  rcvbuf: number;
  sndbuf: number;
  /** inet_id: the identification of its next packet once it is connected. */
  ipId = 0;
  /** Trace id that everything it sends carries, 0 for none. */
  trace = 0;
  drops = 0;
  /** sk_err: reported and cleared by the next call. */
  err: Errno | undefined = undefined;
  /** The name of the program that owns it, for ss -p. */
  owner = '';
  closed = false;
  /** Called, in a job of its own on the run queue, with the WAKE_ bits that gathered. */
  wake: ((what: number) => void) | undefined = undefined;
  readonly errors: SockError[] = [];
  #woken = 0;
  readonly #deliver = (): void => {
    const what = this.#woken;
    this.#woken = 0;
    this.wake?.(what);
  };

  constructor(ns: Netns, ino: number) {
    this.ns = ns;
    this.kernel = ns.kernel;
    this.ino = ino;
    this.pmtudisc = ns.sysctl.ipv4.ip_no_pmtu_disc !== 0 ? IP_PMTUDISC_DONT : IP_PMTUDISC_WANT;
    this.rcvbuf = ns.sysctl.core.rmem_default;
    this.sndbuf = ns.sysctl.core.wmem_default;
  }

  /** Tells the owner later in this turn: packets that arrive together wake it once. */
  signal(what: number): void {
    if (this.wake === undefined) return;
    const first = this.#woken === 0;
    this.#woken |= what;
    if (first) this.kernel.runQueue.push(this.#deliver);
  }

  /** sock_error: the pending error, which is thereby reported. */
  takeError(): Errno | undefined {
    const err = this.err;
    this.err = undefined;
    return err;
  }

  queueError(error: SockError): void {
    if (this.errors.length < ERROR_QUEUE) this.errors.push(error);
    else this.drops++;
  }

  /** Identification for the next packet, which is `packets` on the wire; never 0, which means "none chosen". */
  takeIpId(packets: number): number {
    if (this.ipId === 0) this.ipId = this.kernel.dice.u32('ip id', `${this.ns.name}|${this.ino}`) & 0xffff;
    const id = this.ipId || 1;
    this.ipId = (id + packets) & 0xffff;
    return id;
  }

  /** The TTL of what it sends. */
  get sendTtl(): number {
    return this.ttl !== 0 ? this.ttl : this.ns.sysctl.ipv4.ip_default_ttl;
  }

  /** setsockopt. ENOPROTOOPT for an option that this kind of socket does not have. */
  setOption(name: SockOption, value: number): Errno | undefined {
    switch (name) {
      case 'SO_REUSEADDR':
        this.reuseAddr = value !== 0;
        return undefined;
      case 'SO_REUSEPORT':
        this.reusePort = value !== 0;
        return undefined;
      case 'SO_BROADCAST':
        this.broadcast = value !== 0;
        return undefined;
      case 'SO_RCVBUF':
        // sk_setsockopt doubles what it is given, to cover its own book-keeping.
        this.rcvbuf = Math.max(Math.min(value, this.ns.sysctl.core.rmem_max) * 2, 2304);
        return undefined;
      case 'SO_SNDBUF':
        this.sndbuf = Math.max(Math.min(value, this.ns.sysctl.core.wmem_max) * 2, 4608);
        return undefined;
      case 'SO_MARK':
        this.mark = value >>> 0;
        return undefined;
      case 'SO_PRIORITY':
        this.priority = value;
        return undefined;
      case 'SO_BINDTODEVICE':
        if (value !== 0 && !this.ns.devices.has(value)) return 'ENODEV';
        this.boundDev = value;
        return undefined;
      case 'IP_TTL':
        if (value !== -1 && (value < 1 || value > 255)) return 'EINVAL';
        this.ttl = value === -1 ? 0 : value;
        return undefined;
      case 'IP_TOS':
        this.tos = value & 0xff;
        return undefined;
      case 'IP_MTU_DISCOVER':
        if (value < IP_PMTUDISC_DONT || value > IP_PMTUDISC_PROBE) return 'EINVAL';
        this.pmtudisc = value;
        return undefined;
      case 'IP_RECVERR':
        this.recvErr = value !== 0;
        if (!this.recvErr) this.errors.length = 0;
        return undefined;
      default:
        return 'ENOPROTOOPT';
    }
  }

  abstract close(): void;
}
