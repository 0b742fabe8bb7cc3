// TIME_WAIT: net/ipv4/tcp_minisocks.c. What is left of a connection for a minute: enough to answer a lost FIN and to
// refuse what is old. All wait equally long, so one queue and one timer serve the namespace.
import type { Netns } from '../../netns/netns.ts';
import type { Ipv4 } from '../../wire/addr.ts';
import { LazyTimer } from '../lazy-timer.ts';
import { type EhashEntry, KIND_TIME_WAIT } from './hash.ts';
import { sendBareAck } from './reply.ts';
import type { Segment } from './segment.ts';
import { after, before, seqAdd } from './sequence.ts';
import type { TcpNet } from './tcp-net.ts';
import type { TcpSock } from './tcp-sock.ts';
import { tsClock } from './timestamps.ts';

/** TCP_TIMEWAIT_LEN. */
const TIME_WAIT_MS = 60_000;
/** Answers to segments outside the window, one per this long: tcp_invalid_ratelimit. */
const OOW_INTERVAL = 500;

export class TimeWaitSock implements EhashEntry {
  readonly kind = KIND_TIME_WAIT;
  hnext: EhashEntry | undefined = undefined;
  readonly saddr: Ipv4;
  readonly sport: number;
  readonly daddr: Ipv4;
  readonly dport: number;
  readonly ino: number;
  rcvNxt: number;
  readonly sndNxt: number;
  readonly rcvWnd: number;
  readonly rcvWscale: number;
  readonly tsOk: boolean;
  tsRecent: number;
  readonly tsOffset: number;
  readonly reuse: boolean;
  /** The socket that holds the port in the bind table until this is over. */
  readonly sock: TcpSock;
  lastOowAck = Number.NEGATIVE_INFINITY;
  deadline = 0;
  /** The deadline under which it lies in the queue. */
  queued = 0;
  dead = false;

  constructor(tp: TcpSock) {
    this.sock = tp;
    this.saddr = tp.saddr;
    this.sport = tp.sport;
    this.daddr = tp.daddr;
    this.dport = tp.dport;
    this.ino = 0;
    this.rcvNxt = tp.rcvNxt;
    this.sndNxt = tp.sndNxt;
    this.rcvWnd = tp.rcvWnd;
    this.rcvWscale = tp.rcvWscale;
    this.tsOk = tp.tsOk;
    this.tsRecent = tp.tsRecent;
    this.tsOffset = tp.tsOffset;
    this.reuse = tp.reuseAddr;
  }
}

/** What a segment for TIME_WAIT leads to: enum tcp_tw_status. 'syn': a new connection may begin, from `isn` on. */
export type TimeWaitVerdict = 'drop' | 'reset' | { readonly isn: number };

export class TimeWaitQueue {
  readonly #net: TcpNet;
  readonly #ns: Netns;
  #queue: TimeWaitSock[] = [];
  #head = 0;
  readonly #timer: LazyTimer;
  count = 0;

  constructor(ns: Netns, net: TcpNet) {
    this.#ns = ns;
    this.#net = net;
    this.#timer = new LazyTimer(ns.kernel.clock, () => this.#expire());
  }

  /** Enters TIME_WAIT in the socket's place; the table is bounded, beyond it connections end at once. */
  add(tp: TcpSock): TimeWaitSock | undefined {
    if (this.count >= this.#ns.sysctl.ipv4.tcp_max_tw_buckets) {
      this.#net.mib.timeWaitOverflow++;
      return undefined;
    }
    const tw = new TimeWaitSock(tp);
    this.#net.mib.timeWaited++;
    this.count++;
    this.#schedule(tw);
    return tw;
  }

  #schedule(tw: TimeWaitSock): void {
    tw.deadline = this.#ns.kernel.clock.now() + TIME_WAIT_MS;
    tw.queued = tw.deadline;
    this.#queue.push(tw);
    if (!this.#timer.on) this.#timer.set(tw.deadline);
  }

  #expire(): void {
    const now = this.#ns.kernel.clock.now();
    while (this.#head < this.#queue.length) {
      const tw = this.#queue[this.#head]!;
      if (tw.queued > now) break;
      this.#head++;
      if (tw.dead) continue;
      // Restarted by a segment since it was queued: it waits again, for what is left.
      if (tw.deadline > now) this.#queue.push(tw);
      else this.remove(tw);
      tw.queued = tw.deadline;
    }
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else {
      if (this.#head > 1024) {
        this.#queue.splice(0, this.#head);
        this.#head = 0;
      }
      this.#timer.set(Math.max(this.#queue[this.#head]!.queued, now));
    }
  }

  /** inet_twsk_deschedule_put: the tuple and the port are free again. */
  remove(tw: TimeWaitSock): void {
    if (tw.dead) return;
    tw.dead = true;
    this.count--;
    this.#net.ehash.remove(tw);
    this.#net.bind.remove(tw.sock);
  }

  /** tcp_timewait_state_process: RFC 9293 section 3.10.7.4 for TIME-WAIT, RFC 6191 and 7323 for what may follow it. */
  receive(tw: TimeWaitSock, seg: Segment): TimeWaitVerdict {
    const pawsReject = tw.tsOk && seg.sawTs && !seg.rst && before(seg.tsval, tw.tsRecent);
    if (!pawsReject && seg.seq === tw.rcvNxt && (seg.end === seg.seq || seg.rst)) {
      if (seg.rst)
        this.remove(tw); // net.ipv4.tcp_rfc1337 is off, as Linux has it
      else {
        // A bare ACK in its place is not answered: the other side may be in TIME_WAIT too, and would answer that.
        tw.deadline = this.#ns.kernel.clock.now() + TIME_WAIT_MS;
        if (seg.sawTs) tw.tsRecent = seg.tsval;
      }
      return 'drop';
    }
    const newer = after(seg.seq, tw.rcvNxt) || (tw.tsOk && seg.sawTs && after(seg.tsval, tw.tsRecent));
    if (seg.syn && !seg.rst && !seg.hasAck && !pawsReject && newer) {
      this.#net.mib.timeWaitRecycled++;
      return { isn: seqAdd(tw.sndNxt, 65_535 + 2) || 1 };
    }
    if (pawsReject) this.#net.mib.pawsEstab++;
    if (seg.rst) return 'drop';
    return this.#acknowledge(tw, seg, pawsReject);
  }

  /** Answers what lies outside, but bare segments only now and then (tcp_oow_rate_limited): they could be answers too. */
  #acknowledge(tw: TimeWaitSock, seg: Segment, pawsReject: boolean): TimeWaitVerdict {
    const now = this.#ns.kernel.clock.now();
    if (seg.hasAck || pawsReject) tw.deadline = now + TIME_WAIT_MS;
    if (seg.end === seg.seq || seg.syn) {
      if (now - tw.lastOowAck < OOW_INTERVAL) return 'drop';
      tw.lastOowAck = now;
    }
    const ts = tw.tsOk ? { val: tsClock(now) + tw.tsOffset, ecr: tw.tsRecent } : undefined;
    sendBareAck(this.#net, tw, tw.sndNxt, tw.rcvNxt, tw.rcvWnd >> tw.rcvWscale, ts, seg.skb.trace);
    return 'drop';
  }
}
