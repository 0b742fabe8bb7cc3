// Answers to segments that do not fit: challenge ACKs (RFC 5961) and duplicate ACKs, at most two a second per
// connection (tcp_oow_rate_limited, net.ipv4.tcp_invalid_ratelimit), so that two confused peers do not talk for ever.
import { sendAck } from './output.ts';
import type { TcpSock } from './tcp-sock.ts';

/** tcp_invalid_ratelimit. */
const INTERVAL = 500;

/** Whether an answer to something outside the window may go out now. */
export function mayAnswerOow(sk: { lastOowAck: number }, now: number): boolean {
  if (now - sk.lastOowAck < INTERVAL && now >= sk.lastOowAck) return false;
  sk.lastOowAck = now;
  return true;
}

/** tcp_send_challenge_ack. */
export function sendChallengeAck(tp: TcpSock): void {
  if (!mayAnswerOow(tp, tp.now())) return;
  tp.net.mib.challengeAck++;
  sendAck(tp);
}
