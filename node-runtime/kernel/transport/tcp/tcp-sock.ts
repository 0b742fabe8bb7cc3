// A TCP socket's state: struct tcp_sock and inet_connection_sock (include/linux/tcp.h). Behaviour is in the files
// beside it, one per part of net/ipv4/tcp*.c. Times are milliseconds of the kernel's clock; sequence numbers signed.
import type { Netns } from '../../netns/netns.ts';
import type { Errno } from '../errno.ts';
import { LazyTimer } from '../lazy-timer.ts';
import { Sock, type SockOption } from '../sock.ts';
import { nextInodeOf } from '../sock-net.ts';
import { tcpClose } from './close.ts';
import { Cubic } from './cubic.ts';
import { type EhashEntry, KIND_SOCK } from './hash.ts';
import { pushPending, writeMore } from './output.ts';
import { ReceiveQueue } from './receive-queue.ts';
import type { RequestSock } from './request.ts';
import { RtxQueue, type TxSeg } from './rtx-queue.ts';
import { SendRing } from './send-ring.ts';
import {
  CA_OPEN,
  type CaState,
  RTO_INIT,
  TCP_CLOSE,
  TCP_INFINITE_SSTHRESH,
  TCP_INIT_CWND,
  type TcpState,
} from './state.ts';
import { type TcpNet, tcpNet } from './tcp-net.ts';
import { delackTimer, keepaliveTimer, retransmitTimer } from './timers.ts';

/** What the retransmission timer is set for: ICSK_TIME_*. */
export type RtoEvent = 'none' | 'retransmit' | 'probe0' | 'loss-probe' | 'reorder';

export class TcpSock extends Sock implements EhashEntry {
  readonly proto = 'tcp';
  readonly kind = KIND_SOCK;
  hnext: EhashEntry | undefined = undefined;
  readonly net: TcpNet;
  state: TcpState = TCP_CLOSE;
  /** In the connection hash; in the bind table. */
  hashed = false;
  /** No program owns it any more: SOCK_DEAD. */
  orphan = false;
  lingerMs = -1;
  /** It connected or was accepted, so that a write now says EPIPE and not ENOTCONN. */
  wasConnected = false;

  // Listener
  backlog = 0;
  readonly acceptQueue: TcpSock[] = [];
  readonly requests = new Set<RequestSock>();
  /** The listener that it will be accepted from. */
  parent: TcpSock | undefined = undefined;

  // Send
  iss = 0;
  ring = new SendRing(0);
  readonly rtx = new RtxQueue();
  sndUna = 0;
  sndNxt = 0;
  /** Sequence number behind everything queued, FIN included. */
  writeSeq = 0;
  finQueued = false;
  sndWl1 = 0;
  sndWnd = 0;
  maxWindow = 0;
  sndWscale = 0;
  /** End of the last less-than-full segment sent: Minshall's Nagle. */
  sndSml = 0;
  nodelay = false;
  cork = false;
  /** Program was told "full" and wants to hear of room: SOCK_NOSPACE. */
  wantsRoom = false;
  sndbufLocked = false;
  /** More of a burst waits for the next job. */
  xmitQueued = false;

  // Receive
  irs = 0;
  rcvNxt = 0;
  copiedSeq = 0;
  rcvWup = 0;
  rcvWnd = 0;
  rcvWscale = 0;
  windowClamp = 0;
  rcvSsthresh = 0;
  /** Where the peer's FIN stands, once one came that is behind a hole. */
  peerFin: number | undefined = undefined;
  /** The peer's FIN came: RCV_SHUTDOWN. */
  rcvShutdown = false;
  sndShutdown = false;
  readonly rcv = new ReceiveQueue();
  readonly sackList = new Int32Array(8);
  numSacks = 0;
  dsack = false;
  dsackStart = 0;
  dsackEnd = 0;
  rcvbufLocked = false;
  // Receive buffer tuning: rcvq_space, rcv_rtt_est
  rcvqSpace = 0;
  rcvqSeq = 0;
  rcvqTime = 0;
  rcvRtt = 0;
  rcvRttSeq = 0;
  rcvRttTime = 0;
  rcvRttTsecr = 0;

  // Acknowledging: icsk_ack
  quickacks = 0;
  pingpong = 0;
  ackPending = false;
  ackNow = false;
  /** What came could not be kept: ICSK_ACK_NOMEM. */
  ackNomem = false;
  ato = 0;
  lrcvtime = 0;
  rcvMss = 536;
  lastSegSize = 0;
  /** When an ACK for something outside the window was last sent: last_oow_ack_time. */
  lastOowAck = Number.NEGATIVE_INFINITY;
  lastAckSent = 0;

  // Options
  tsOk = false;
  sackOk = false;
  wscaleOk = false;
  tsOffset = 0;
  tsRecent = 0;
  tsRecentAt = 0;
  /** The acknowledged timestamp of the segment in hand, or 0. */
  rcvTsecr = 0;
  sawTsecr = false;
  userMss = 0;
  mssClamp = 536;
  advmss = 536;
  pmtu = 1500;
  mss = 536;

  // ECN: TCP_ECN_OK, QUEUE_CWR, DEMAND_CWR, SEEN
  ecnAsked = false;
  ecnOk = false;
  ecnQueueCwr = false;
  ecnEcho = false;
  ecnSeen = false;

  // RTT and timer
  srtt = 0;
  mdev = 0;
  mdevMax = 0;
  rttvar = 0;
  rttSeq = 0;
  rto = RTO_INIT;
  rttMin = Number.POSITIVE_INFINITY;
  rttMinAt = 0;
  backoff = 0;
  retransmits = 0;
  /** RTOs since the last progress, for the linear SYN schedule. */
  totalRto = 0;
  synRetries = 0;
  userTimeout = 0;
  probesOut = 0;
  probesStart = 0;
  rtoEvent: RtoEvent = 'none';
  readonly rtoTimer: LazyTimer;
  readonly delackTimer: LazyTimer;
  readonly keepTimer: LazyTimer;
  keepalive = false;
  keepIdle = 0;
  keepIntvl = 0;
  keepCnt = 0;
  rcvTstamp = 0;
  lsndtime = 0;
  linger2 = 0;
  softErr: Errno | undefined = undefined;

  // Congestion control and recovery
  ca: CaState = CA_OPEN;
  readonly cc = new Cubic();
  cwnd = TCP_INIT_CWND;
  cwndCnt = 0;
  cwndClamp = 0x7fff_ffff;
  cwndUsed = 0;
  cwndStamp = 0;
  isCwndLimited = false;
  maxPacketsOut = 0;
  cwndUsageSeq = 0;
  ssthresh = TCP_INFINITE_SSTHRESH;
  priorSsthresh = 0;
  priorCwnd = 0;
  prrDelivered = 0;
  prrOut = 0;
  packetsOut = 0;
  sackedOut = 0;
  lostOut = 0;
  retransOut = 0;
  delivered = 0;
  lost = 0;
  totalRetrans = 0;
  reordering = 3;
  reordSeen = 0;
  highSeq = 0;
  retransStamp = 0;
  undoMarker = 0;
  hasUndoMarker = false;
  undoRetrans = 0;
  frto = false;
  highestSack: TxSeg | undefined = undefined;
  retransHint: TxSeg | undefined = undefined;
  tlpHighSeq = 0;
  tlpOn = false;
  tlpRetrans = false;
  rackOrder = 0;
  rackEndSeq = 0;
  rackRtt = 0;
  rackReoSteps = 1;
  rackReoPersist = 0;
  rackAdvanced = false;
  rackDsackSeen = false;
  rackLastDelivered = 0;
  rackPriorDelivered = 0;
  /** The last ACK's SACK blocks, so that what was seen is not walked again. */
  readonly sackCache = new Int32Array(8);
  sackCached = 0;

  // For ss -i
  bytesAcked = 0;
  bytesReceived = 0;
  bytesSent = 0;
  bytesRetrans = 0;
  segsIn = 0;
  segsOut = 0;

  /** Bound once, so that putting it on the run queue makes no closure. */
  readonly continueXmit = (): void => {
    this.xmitQueued = false;
    if (!this.closed || this.state !== TCP_CLOSE) writeMore(this);
  };

  constructor(ns: Netns) {
    super(ns, nextInodeOf(ns));
    this.net = tcpNet(ns);
    this.rcvbuf = ns.sysctl.ipv4.tcp_rmem[1];
    this.sndbuf = ns.sysctl.ipv4.tcp_wmem[1];
    const { clock } = ns.kernel;
    this.rtoTimer = new LazyTimer(clock, () => retransmitTimer(this));
    this.delackTimer = new LazyTimer(clock, () => delackTimer(this));
    this.keepTimer = new LazyTimer(clock, () => keepaliveTimer(this));
  }

  now(): number {
    return this.kernel.clock.now();
  }

  override setOption(name: SockOption, value: number): Errno | undefined {
    switch (name) {
      case 'TCP_NODELAY':
        this.nodelay = value !== 0;
        if (this.nodelay) pushPending(this);
        return undefined;
      case 'TCP_CORK':
        this.cork = value !== 0;
        if (!this.cork) pushPending(this);
        return undefined;
      case 'TCP_MAXSEG':
        if (value !== 0 && (value < 88 || value > 32_767)) return 'EINVAL';
        this.userMss = value;
        return undefined;
      case 'SO_KEEPALIVE':
        this.#setKeepalive(value !== 0);
        return undefined;
      case 'TCP_KEEPIDLE':
        if (value < 1 || value > 32_767) return 'EINVAL';
        this.keepIdle = value;
        if (this.keepalive) this.#setKeepalive(true);
        return undefined;
      case 'TCP_KEEPINTVL':
        if (value < 1 || value > 32_767) return 'EINVAL';
        this.keepIntvl = value;
        return undefined;
      case 'TCP_KEEPCNT':
        if (value < 1 || value > 127) return 'EINVAL';
        this.keepCnt = value;
        return undefined;
      case 'TCP_SYNCNT':
        if (value < 1 || value > 127) return 'EINVAL';
        this.synRetries = value;
        return undefined;
      case 'TCP_LINGER2':
        this.linger2 = value;
        return undefined;
      case 'TCP_USER_TIMEOUT':
        if (value < 0) return 'EINVAL';
        this.userTimeout = value;
        return undefined;
      case 'TCP_QUICKACK':
        this.pingpong = value !== 0 ? 0 : 1;
        return undefined;
      case 'SO_LINGER':
        // Seconds, or -1 for off; 0 makes close() send a reset.
        this.lingerMs = value < 0 ? -1 : value * 1000;
        return undefined;
      case 'SO_RCVBUF':
        this.rcvbufLocked = true;
        return super.setOption(name, value);
      case 'SO_SNDBUF':
        this.sndbufLocked = true;
        return super.setOption(name, value);
      default:
        return super.setOption(name, value);
    }
  }

  #setKeepalive(on: boolean): void {
    this.keepalive = on;
    if (!on) this.keepTimer.off();
    else if (this.wasConnected && this.state !== TCP_CLOSE)
      this.keepTimer.set(this.now() + this.keepaliveTime);
  }

  get keepaliveTime(): number {
    return (this.keepIdle !== 0 ? this.keepIdle : this.ns.sysctl.ipv4.tcp_keepalive_time) * 1000;
  }
  get keepaliveInterval(): number {
    return (this.keepIntvl !== 0 ? this.keepIntvl : this.ns.sysctl.ipv4.tcp_keepalive_intvl) * 1000;
  }
  get keepaliveProbes(): number {
    return this.keepCnt !== 0 ? this.keepCnt : this.ns.sysctl.ipv4.tcp_keepalive_probes;
  }

  /** tcp_packets_in_flight. */
  get inFlight(): number {
    return this.packetsOut - this.sackedOut - this.lostOut + this.retransOut;
  }

  close(): void {
    tcpClose(this);
  }
}
