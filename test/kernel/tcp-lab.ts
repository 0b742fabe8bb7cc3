// Emulated and real TCP on one emulated switch: hosts whose kernel is this machine's Linux (tap.ts) and a namespace of ours,
// each on a link of its own that can be impaired. The clock is the real one.
import { createHash } from 'node:crypto';
import { createKernel } from '../../node-runtime/kernel/boot.ts';
import { RealClock } from '../../node-runtime/kernel/clock/real-clock.ts';
import { Nic } from '../../node-runtime/kernel/netdev/nic.ts';
import type { NetDevice } from '../../node-runtime/kernel/netns/device.ts';
import type { Kernel } from '../../node-runtime/kernel/netns/kernel.ts';
import type { Netns } from '../../node-runtime/kernel/netns/netns.ts';
import { buildQdisc, setQdisc } from '../../node-runtime/kernel/qdisc/impairment.ts';
import type { NetemOptions } from '../../node-runtime/kernel/qdisc/netem-options.ts';
import { ETH_P_IP, type Skb } from '../../node-runtime/kernel/skb/skb.ts';
import { TCP_ESTABLISHED } from '../../node-runtime/kernel/transport/tcp/state.ts';
import {
  atEof,
  tcpAccept,
  tcpBind,
  tcpConnect,
  tcpListen,
  tcpRecv,
  tcpSend,
} from '../../node-runtime/kernel/transport/tcp/tcp.ts';
import { tcpNet } from '../../node-runtime/kernel/transport/tcp/tcp-net.ts';
import { TcpSock } from '../../node-runtime/kernel/transport/tcp/tcp-sock.ts';
import { ANY, ipv4, mac } from '../../node-runtime/kernel/wire/addr.ts';
import * as ip from '../../node-runtime/kernel/wire/ipv4.ts';
import * as tcp from '../../node-runtime/kernel/wire/tcp.ts';
import { execute } from './ip-command.ts';
import { TapHost } from './tap.ts';

/** A millisecond each way, and on each link and in each direction a frame in a hundred lost, swapped or doubled. */
export const BAD: NetemOptions = {
  delay: 1,
  loss: { model: 'random', share: 0.01 },
  reorder: { share: 0.01 },
  duplicate: { share: 0.01 },
  limit: 100_000,
};

export class TcpLab {
  readonly clock = new RealClock();
  readonly kernel: Kernel;
  readonly sw: Netns;
  /** The emulated host, 10.99.0.1. */
  readonly us: Netns;
  readonly hosts: TapHost[] = [];
  #ports = new Map<string, NetDevice>();

  private constructor(seed: number) {
    this.kernel = createKernel({ hostname: 'lab', clock: this.clock, seed });
    this.sw = this.kernel.addNetns('sw');
    this.us = this.kernel.addNetns('us');
    const find = (name: string): Netns => (name === 'us' ? this.us : this.sw);
    for (const line of [
      'ip link set lo up',
      'ip link add br0 type bridge',
      'ip link set br0 up',
      'ip link add us type veth peer name eth0 netns us',
      'ip link set us master br0',
      'ip link set us up',
    ])
      execute(this.sw, line, find);
    for (const line of ['ip link set lo up', 'ip link set eth0 up', 'ip addr add 10.99.0.1/24 dev eth0'])
      execute(this.us, line, find);
  }

  /** With `names.length` Linux hosts, 10.99.0.2 and up. */
  static async open(names: readonly string[], seed = 1): Promise<TcpLab> {
    const lab = new TcpLab(seed);
    for (const [i, name] of names.entries()) {
      const host = await TapHost.open(name, `10.99.0.${2 + i}/24`, `02:99:00:00:00:0${2 + i}`);
      lab.hosts.push(host);
      const port = lab.sw.register(
        new Nic(lab.kernel, { name, mac: mac(0x02_98_00_00_00_00 + i), cable: host.cable }),
      );
      execute(lab.sw, `ip link set ${name} master br0`, () => lab.sw);
      execute(lab.sw, `ip link set ${name} up`, () => lab.sw);
      lab.#ports.set(name, port);
    }
    return lab;
  }

  /** TCP's counters in the emulated host. */
  get mib(): Readonly<TcpSock['net']['mib']> {
    return tcpNet(this.us).mib;
  }

  get linux(): TapHost {
    return this.hosts[0]!;
  }

  /** What leaves the switch towards a host meets `options`; so a path between two hosts meets it once each way. */
  impair(options: NetemOptions | undefined): void {
    for (const dev of [this.sw.device('us')!, ...this.#ports.values()])
      setQdisc(dev, options === undefined ? undefined : buildQdisc(dev, { netem: options }));
  }

  /** The first segment on `port` of the emulated host for which `match` says true, as it passes the host's device. */
  segment(port: number, match: (seg: Seen) => boolean): Promise<Seen> {
    const dev = this.us.device('eth0')!;
    return new Promise((resolve) => {
      const tap: Parameters<typeof dev.taps.add>[0] = (skb, _dev, out) => {
        const seen = seenOf(skb, out);
        if (seen === undefined || seen.port !== port || !match(seen)) return;
        dev.taps.delete(tap);
        resolve(seen);
      };
      dev.taps.add(tap);
    });
  }

  async stop(): Promise<void> {
    this.clock.stop();
    for (const host of this.hosts) await host.stop();
  }

  listen(port: number, backlog = 16): TcpSock {
    const tp = new TcpSock(this.us);
    const failed = tcpBind(tp, ANY, port) ?? tcpListen(tp, backlog);
    if (failed !== undefined) throw new Error(failed);
    return tp;
  }

  async connect(dst: string, port: number, tune: (tp: TcpSock) => void = () => {}): Promise<TcpSock> {
    const tp = new TcpSock(this.us);
    tune(tp);
    const failed = tcpConnect(tp, ipv4(dst), port);
    if (failed !== undefined) throw new Error(failed);
    await until(tp, () => tp.state === TCP_ESTABLISHED || tp.err !== undefined);
    const error = tp.takeError();
    if (error !== undefined) throw new Error(error);
    return tp;
  }
}

/** A TCP segment on its way out of the emulated host or into it. */
export interface Seen {
  readonly out: boolean;
  /** The emulated host's. */
  readonly port: number;
  readonly flags: number;
  readonly seq: number;
  readonly ack: number;
  readonly window: number;
  readonly len: number;
  readonly tos: number;
}

function seenOf(skb: Skb, out: boolean): Seen | undefined {
  const b = skb.bytes;
  const at = skb.network;
  if (skb.protocol !== ETH_P_IP || at < 0 || ip.proto(b, at) !== ip.PROTO_TCP) return undefined;
  const t = at + ip.ihl(b, at);
  return {
    out,
    port: out ? tcp.srcPort(b, t) : tcp.dstPort(b, t),
    flags: tcp.flags(b, t),
    seq: tcp.seq(b, t),
    ack: tcp.ack(b, t),
    window: tcp.window(b, t),
    len: at + ip.totalLen(b, at) - t - tcp.dataOffset(b, t),
    tos: ip.tos(b, at),
  };
}

/** Waits for wake-ups of the socket until `done`. */
export function until(tp: TcpSock, done: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!done()) return;
      tp.wake = undefined;
      resolve();
    };
    tp.wake = look;
    look();
  });
}

export async function accept(listener: TcpSock): Promise<TcpSock> {
  let child: TcpSock | undefined;
  await until(listener, () => {
    child = tcpAccept(listener);
    return child !== undefined;
  });
  return child!;
}

const BLOCK = 1 << 20;
const BLOCK_OF = Buffer.from(Uint8Array.from({ length: BLOCK }, (_, i) => (i < 4 ? 0 : (i - 4) % 251)));

/** tap_agent.py's pattern: mebibyte number `index` of every transfer. */
function pattern(index: number): Buffer {
  const block = Buffer.from(BLOCK_OF);
  block.writeUInt32BE(index, 0);
  return block;
}

export interface Moved {
  readonly n: number;
  readonly sha: string;
  readonly errno?: string;
}

/** Sends so many bytes of the pattern. */
export async function sendBytes(tp: TcpSock, bytes: number): Promise<Moved> {
  const sha = createHash('sha256');
  let errno: string | undefined;
  for (let sent = 0; sent < bytes; ) {
    const block = pattern(sent / BLOCK).subarray(0, Math.min(BLOCK, bytes - sent));
    sha.update(block);
    let from = 0;
    await until(tp, () => {
      while (from < block.length) {
        const n = tcpSend(tp, block, from);
        if (typeof n === 'string') {
          errno = n;
          return true;
        }
        if (n === 0) return false;
        from += n;
      }
      return true;
    });
    if (errno !== undefined) return { n: sent, sha: '', errno };
    sent += block.length;
  }
  return { n: bytes, sha: sha.digest('hex') };
}

/** Reads to the end of the stream, or `most` bytes. */
export async function recvBytes(tp: TcpSock, most = Number.POSITIVE_INFINITY): Promise<Moved> {
  const sha = createHash('sha256');
  let n = 0;
  await until(tp, () => {
    for (
      let c = tcpRecv(tp, Math.min(most - n, 1 << 20));
      c !== undefined;
      c = tcpRecv(tp, Math.min(most - n, 1 << 20))
    ) {
      sha.update(c);
      n += c.length;
      if (n >= most) return true;
    }
    return atEof(tp) || tp.err !== undefined;
  });
  const errno = tp.takeError();
  return { n, sha: sha.digest('hex'), ...(errno === undefined ? {} : { errno }) };
}
