// CUBIC congestion control: net/ipv4/tcp_cubic.c, RFC 9438. Windows are in packets, times in milliseconds. HyStart
// ends slow start by delay and by the length of the ACK train, as Linux's does.
import { before } from './sequence.ts';

const BETA = 717 / 1024;
const C = 0.4;
const SCALE_RENO = (8 * (1024 + 717)) / 3 / (1024 - 717);
const HYSTART_LOW_WINDOW = 16;
const HYSTART_MIN_SAMPLES = 8;
const HYSTART_DELAY_MIN = 4;
const HYSTART_DELAY_MAX = 16;
const HYSTART_ACK_DELTA = 2;

/** What CUBIC reads and sets of a socket. */
export interface CubicHost {
  cwnd: number;
  cwndCnt: number;
  readonly cwndClamp: number;
  ssthresh: number;
  readonly sndUna: number;
  readonly sndNxt: number;
  readonly isCwndLimited: boolean;
  readonly maxPacketsOut: number;
  readonly srtt: number;
}

export class Cubic {
  #cnt = 0;
  #lastMaxCwnd = 0;
  #lastCwnd = 0;
  #lastTime = 0;
  #originPoint = 0;
  #k = 0;
  #delayMin = 0;
  #epochStart = -1;
  #ackCnt = 0;
  #tcpCwnd = 0;
  // HyStart
  #samples = 0;
  #found = false;
  #roundStart = 0;
  #endSeq = 0;
  #lastAck = 0;
  #currRtt = Number.POSITIVE_INFINITY;

  /** bictcp_state with CA_Loss, and the socket's beginning. */
  reset(tp: CubicHost, now: number): void {
    this.#cnt = 0;
    this.#lastMaxCwnd = 0;
    this.#lastCwnd = 0;
    this.#originPoint = 0;
    this.#delayMin = 0;
    this.#epochStart = -1;
    this.#ackCnt = 0;
    this.#tcpCwnd = 0;
    this.#found = false;
    this.#hystartReset(tp, now);
  }

  #hystartReset(tp: CubicHost, now: number): void {
    this.#roundStart = now;
    this.#lastAck = now;
    this.#endSeq = tp.sndNxt;
    this.#currRtt = Number.POSITIVE_INFINITY;
    this.#samples = 0;
  }

  /** cubictcp_cwnd_event: an idle time does not count as growth. */
  txStart(idle: number, now: number): void {
    if (this.#epochStart > 0 && idle > 0) this.#epochStart = Math.min(this.#epochStart + idle, now);
  }

  /** cubictcp_recalc_ssthresh. */
  newSsthresh(tp: CubicHost): number {
    this.#epochStart = -1;
    this.#lastMaxCwnd = tp.cwnd < this.#lastMaxCwnd ? (tp.cwnd * (1 + BETA)) / 2 : tp.cwnd;
    return Math.max(Math.floor(tp.cwnd * BETA), 2);
  }

  /** cubictcp_acked: an RTT sample in milliseconds. */
  sample(tp: CubicHost, rtt: number, now: number): void {
    // Some slack behind a loss, while queues drain.
    if (this.#epochStart >= 0 && now - this.#epochStart < 1000) return;
    const delay = Math.max(rtt, 0.001);
    if (this.#delayMin === 0 || delay < this.#delayMin) this.#delayMin = delay;
    if (!this.#found && tp.cwnd <= tp.ssthresh && tp.cwnd >= HYSTART_LOW_WINDOW)
      this.#hystart(tp, delay, now);
  }

  #hystart(tp: CubicHost, delay: number, now: number): void {
    if (before(this.#endSeq, tp.sndUna)) this.#hystartReset(tp, now);
    if (now - this.#lastAck <= HYSTART_ACK_DELTA) {
      this.#lastAck = now;
      // Without pacing the train is counted as twice as long; half of delay_min is what it may take.
      if (now - this.#roundStart > this.#delayMin / 2) this.#found = true;
    }
    this.#currRtt = Math.min(this.#currRtt, delay);
    if (this.#samples < HYSTART_MIN_SAMPLES) this.#samples++;
    else {
      const slack = Math.min(Math.max(this.#delayMin / 8, HYSTART_DELAY_MIN), HYSTART_DELAY_MAX);
      if (this.#currRtt > this.#delayMin + slack) this.#found = true;
    }
    if (this.#found) tp.ssthresh = tp.cwnd;
  }

  /** cubictcp_cong_avoid. */
  congAvoid(tp: CubicHost, acked: number, now: number): void {
    if (!cwndLimited(tp)) return;
    if (tp.cwnd < tp.ssthresh) {
      acked = slowStart(tp, acked);
      if (acked === 0) return;
    }
    this.#update(tp.cwnd, acked, now);
    congAvoidAi(tp, this.#cnt, acked);
  }

  /** bictcp_update: over how many ACKs the window grows by one. */
  #update(cwnd: number, acked: number, now: number): void {
    this.#ackCnt += acked;
    if (this.#lastCwnd === cwnd && now - this.#lastTime <= 1000 / 32) return;
    // The curve is only read again in a new millisecond, as bictcp_clock ticks.
    if (this.#epochStart >= 0 && Math.floor(now) === Math.floor(this.#lastTime)) {
      this.#reno(cwnd);
      return;
    }
    this.#lastCwnd = cwnd;
    this.#lastTime = now;
    if (this.#epochStart < 0) {
      this.#epochStart = now;
      this.#ackCnt = acked;
      this.#tcpCwnd = cwnd;
      this.#k = this.#lastMaxCwnd <= cwnd ? 0 : Math.cbrt((this.#lastMaxCwnd - cwnd) / C) * 1000;
      this.#originPoint = Math.max(this.#lastMaxCwnd, cwnd);
    }
    const t = now - this.#epochStart + this.#delayMin;
    const offset = (t - this.#k) / 1000;
    const target = this.#originPoint + C * offset * offset * offset;
    this.#cnt = target > cwnd ? cwnd / (target - cwnd) : 100 * cwnd;
    if (this.#lastMaxCwnd === 0 && this.#cnt > 20) this.#cnt = 20;
    this.#reno(cwnd);
  }

  /** Never slower than Reno would be. */
  #reno(cwnd: number): void {
    const delta = (cwnd * SCALE_RENO) / 8;
    while (this.#ackCnt > delta) {
      this.#ackCnt -= delta;
      this.#tcpCwnd++;
    }
    if (this.#tcpCwnd > cwnd) this.#cnt = Math.min(this.#cnt, cwnd / (this.#tcpCwnd - cwnd));
    this.#cnt = Math.max(this.#cnt, 2);
  }
}

/** tcp_is_cwnd_limited: a window that was not used does not grow. */
function cwndLimited(tp: CubicHost): boolean {
  if (tp.isCwndLimited) return true;
  return tp.cwnd < tp.ssthresh && tp.cwnd < 2 * tp.maxPacketsOut;
}

/** tcp_slow_start; returns the ACKs that are left over. */
function slowStart(tp: CubicHost, acked: number): number {
  const cwnd = Math.min(tp.cwnd + acked, tp.ssthresh);
  acked -= cwnd - tp.cwnd;
  tp.cwnd = Math.min(cwnd, tp.cwndClamp);
  return acked;
}

/** tcp_cong_avoid_ai. */
function congAvoidAi(tp: CubicHost, w: number, acked: number): void {
  if (tp.cwndCnt >= w) {
    tp.cwndCnt = 0;
    tp.cwnd++;
  }
  tp.cwndCnt += acked;
  if (tp.cwndCnt >= w) {
    const delta = Math.floor(tp.cwndCnt / w);
    tp.cwndCnt -= delta * w;
    tp.cwnd += delta;
  }
  tp.cwnd = Math.min(tp.cwnd, tp.cwndClamp);
}
