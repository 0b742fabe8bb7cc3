// Round-trip time and retransmission timeout: RFC 6298 as tcp_rtt_estimator and tcp_ack_update_rtt do it. Milliseconds.
import { RTO_MAX, RTO_MIN } from './rearm.ts';
import { after } from './sequence.ts';
import type { TcpSock } from './tcp-sock.ts';

/** How long a minimum holds: tcp_min_rtt_wlen. */
const MIN_RTT_WINDOW = 300_000;

/** tcp_rtt_estimator: `mdev` is four mean deviations, smoothed slower downwards. */
function estimate(tp: TcpSock, rtt: number): void {
  if (tp.srtt === 0) {
    tp.srtt = rtt;
    tp.mdev = 2 * rtt;
    tp.rttvar = Math.max(tp.mdev, RTO_MIN);
    tp.mdevMax = tp.rttvar;
    tp.rttSeq = tp.sndNxt;
    return;
  }
  let err = rtt - tp.srtt;
  tp.srtt += err / 8;
  if (err < 0) {
    err = -err - tp.mdev / 4;
    if (err > 0) err /= 8;
  } else err -= tp.mdev / 4;
  tp.mdev += err;
  if (tp.mdev > tp.mdevMax) {
    tp.mdevMax = tp.mdev;
    if (tp.mdevMax > tp.rttvar) tp.rttvar = tp.mdevMax;
  }
  if (after(tp.sndUna, tp.rttSeq)) {
    if (tp.mdevMax < tp.rttvar) tp.rttvar -= (tp.rttvar - tp.mdevMax) / 4;
    tp.rttSeq = tp.sndNxt;
    tp.mdevMax = RTO_MIN;
  }
}

/**
 * tcp_ack_update_rtt: `seqRtt` from a segment sent once, else `sackRtt`, else the echoed timestamp; negative for none.
 * False when there was no sample.
 */
export function updateRtt(tp: TcpSock, seqRtt: number, sackRtt: number, caRtt: number, now: number): boolean {
  if (seqRtt < 0) seqRtt = sackRtt;
  if (seqRtt < 0 && tp.tsOk && tp.sawTsecr && tp.rcvTsecr !== 0) {
    const delta = (((Math.floor(now) % 0x1_0000_0000) | 0) - (tp.rcvTsecr - tp.tsOffset)) | 0;
    if (delta >= 0 && delta < 600_000) {
      seqRtt = Math.max(delta, 1);
      caRtt = seqRtt;
    }
  }
  if (seqRtt < 0) return false;
  if (caRtt >= 0 && (caRtt <= tp.rttMin || now - tp.rttMinAt > MIN_RTT_WINDOW)) {
    tp.rttMin = caRtt;
    tp.rttMinAt = now;
  }
  estimate(tp, Math.max(seqRtt, 0.001));
  tp.rto = Math.min(tp.srtt + tp.rttvar, RTO_MAX);
  tp.backoff = 0;
  return true;
}
