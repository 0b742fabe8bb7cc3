// TCP's tables in a namespace: tcp_hashinfo's three hashes, the TIME_WAIT queue (inet_timewait_death_row), and the
// counters of /proc/net/snmp and netstat.
import type { Netns } from '../../netns/netns.ts';
import { perNet } from '../../netns/per-net.ts';
import { BindTable, datagramsMayShare } from '../bind-table.ts';
import type { Sock } from '../sock.ts';
import { Ehash, type EhashEntry } from './hash.ts';
import { SackState } from './sack-state.ts';
import { Segment } from './segment.ts';
import { TCP_LISTEN } from './state.ts';
import type { TcpSock } from './tcp-sock.ts';
import { TimeWaitQueue } from './timewait-queue.ts';

/** SNMP's and TcpExt's names, the first letter small. */
class TcpMib {
  activeOpens = 0;
  passiveOpens = 0;
  attemptFails = 0;
  estabResets = 0;
  inSegs = 0;
  outSegs = 0;
  retransSegs = 0;
  inErrs = 0;
  inCsumErrors = 0;
  outRsts = 0;
  listenOverflows = 0;
  listenDrops = 0;
  reqQFullDoCookies = 0;
  reqQFullDrop = 0;
  syncookiesSent = 0;
  syncookiesRecv = 0;
  syncookiesFailed = 0;
  delayedAcks = 0;
  timeouts = 0;
  lossProbes = 0;
  lossProbeRecovery = 0;
  fastRetrans = 0;
  slowStartRetrans = 0;
  sackRecovery = 0;
  renoRecovery = 0;
  spuriousRtos = 0;
  lossUndo = 0;
  fullUndo = 0;
  partialUndo = 0;
  dsackUndo = 0;
  dsackOldSent = 0;
  dsackOfoSent = 0;
  dsackRecv = 0;
  sackReneging = 0;
  challengeAck = 0;
  synChallenge = 0;
  pawsEstab = 0;
  abortOnTimeout = 0;
  abortOnData = 0;
  abortOnClose = 0;
  abortOnLinger = 0;
  keepAlive = 0;
  timeWaited = 0;
  timeWaitOverflow = 0;
  timeWaitRecycled = 0;
  rcvPruned = 0;
  rcvCollapsed = 0;
  ofoQueue = 0;
  zeroWindowDrop = 0;
  winProbe = 0;
}

export class TcpNet {
  readonly ns: Netns;
  readonly ehash = new Ehash<EhashEntry>();
  readonly bind = new BindTable<TcpSock>(mayShare);
  readonly mib = new TcpMib();
  readonly timeWait: TimeWaitQueue;
  /** Filled anew for every segment. */
  readonly seg = new Segment();
  readonly sackState = new SackState();
  /** The edges of an out-of-order stretch, as data.ts asks for them. */
  readonly range = new Int32Array(2);
  /** By port; a listener's children are in the bind table too, and would be in the way of each SYN. */
  readonly listeners = new Map<number, TcpSock[]>();

  constructor(ns: Netns) {
    this.ns = ns;
    this.timeWait = new TimeWaitQueue(ns, this);
  }
}

export const tcpNet = perNet('tcp', (ns) => new TcpNet(ns));

/** inet_csk_bind_conflict: SO_REUSEADDR on both lets ports be shared with all but listeners. */
function mayShare(a: Sock, b: Sock): boolean {
  if (a.reusePort && b.reusePort && a.uid === b.uid) return true;
  return datagramsMayShare(a, b) && (b as TcpSock).state !== TCP_LISTEN;
}
