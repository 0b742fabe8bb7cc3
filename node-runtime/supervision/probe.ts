// One packet, sent as a program would send it and watched until it is answered: what `podwire trace` asks of the node
// where the packet starts. Ordinary probes go through an ordinary socket, so that the sender's own kernel refuses what it
// would refuse; a foreign source address or a chosen device takes a raw socket.
import type { ProbeOutcome, ProbeRecord } from '../../emulator/protocol/records.ts';
import type { Netns } from '../kernel/netns/netns.ts';
import type { DatagramSock } from '../kernel/transport/datagram-sock.ts';
import { ERRNO_TEXT, type Errno } from '../kernel/transport/errno.ts';
import { PingSock } from '../kernel/transport/ping.ts';
import { IPPROTO_RAW, RawSock } from '../kernel/transport/raw.ts';
import { IP_PMTUDISC_DO, IP_PMTUDISC_DONT, type Sock, type SockError } from '../kernel/transport/sock.ts';
import { TCP_ESTABLISHED } from '../kernel/transport/tcp/state.ts';
import { tcpAbort, tcpBind, tcpConnect } from '../kernel/transport/tcp/tcp.ts';
import { TcpSock } from '../kernel/transport/tcp/tcp-sock.ts';
import { UdpSock } from '../kernel/transport/udp.ts';
import { ANY, formatIpv4, type Ipv4, parseIpv4 } from '../kernel/wire/addr.ts';
import { put16, put32 } from '../kernel/wire/bytes.ts';
import { checksum, pseudoHeader } from '../kernel/wire/checksum.ts';
import * as icmp from '../kernel/wire/icmp.ts';
import * as ip from '../kernel/wire/ipv4.ts';
import * as tcp from '../kernel/wire/tcp.ts';
import * as udp from '../kernel/wire/udp.ts';

const NAMES: Readonly<Record<number, string>> = {
  3: 'Destination unreachable',
  4: 'Source quench',
  5: 'Redirect',
  11: 'Time to live exceeded',
  12: 'Parameter problem',
};
const UNREACHABLE: Readonly<Record<number, string>> = {
  0: 'Destination Net Unreachable',
  1: 'Destination Host Unreachable',
  2: 'Destination Protocol Unreachable',
  3: 'Destination Port Unreachable',
  4: 'Frag needed and DF set',
  9: 'Destination Net Prohibited',
  10: 'Destination Host Prohibited',
  13: 'Packet filtered',
};

export function runProbe(ns: Netns, probe: ProbeRecord): Promise<ProbeOutcome> {
  const dst = parseIpv4(probe.dst);
  if (dst === undefined) return Promise.resolve(notSent('EINVAL', `${probe.dst} is no IPv4 address`));
  if (probe.srcIp !== undefined) return spoofed(ns, probe, dst);
  switch (probe.proto) {
    case 'icmp':
      return echo(ns, probe, dst);
    case 'udp':
      return datagram(ns, probe, dst);
    case 'tcp':
      return connection(ns, probe, dst);
  }
}

const notSent = (error: Errno, text: string = ERRNO_TEXT[error]): ProbeOutcome => ({
  result: 'not-sent',
  text,
  error,
});

const icmpError = (e: SockError, rtt: number): ProbeOutcome => {
  const what =
    (e.type === icmp.DEST_UNREACH ? UNREACHABLE[e.code] : undefined) ??
    NAMES[e.type] ??
    `ICMP ${e.type}/${e.code}`;
  const from = formatIpv4(e.offender);
  return {
    result: 'icmp-error',
    text: `${what} from ${from}`,
    rtt,
    icmp: { type: e.type, code: e.code, from, mtu: e.info },
  };
};

/** Options that every kind of socket takes the same way; the errno of the first that is refused. */
function prepare(sk: Sock, ns: Netns, probe: ProbeRecord): Errno | undefined {
  sk.owner = 'podwire-trace';
  if (probe.dev !== undefined) {
    const dev = ns.device(probe.dev);
    if (dev === undefined) return 'ENODEV';
    sk.setOption('SO_BINDTODEVICE', dev.ifindex);
  }
  sk.setOption('IP_RECVERR', 1);
  sk.setOption('IP_MTU_DISCOVER', probe.df ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT);
  return probe.ttl === undefined ? undefined : sk.setOption('IP_TTL', probe.ttl);
}

/** Waits for what comes first: an answer, an ICMP error, a local error, or the end of patience. */
function answerOf(
  sk: Sock,
  ns: Netns,
  timeout: number,
  answer: (rtt: number) => ProbeOutcome | undefined,
): Promise<ProbeOutcome> {
  const { clock } = ns.kernel;
  const sent = clock.now();
  return new Promise((resolve) => {
    const finish = (outcome: ProbeOutcome): void => {
      timer.cancel();
      sk.wake = undefined;
      sk.close();
      resolve(outcome);
    };
    const timer = clock.after(timeout, () =>
      finish({ result: 'timeout', text: `no answer within ${timeout} ms` }),
    );
    const look = (): void => {
      const rtt = clock.now() - sent;
      const error = sk.errors.shift();
      // An error without an offender was made by this host's own stack before anything was sent.
      const outcome =
        error === undefined ? answer(rtt) : error.type === 0 ? notSent(error.errno) : icmpError(error, rtt);
      if (outcome !== undefined) finish(outcome);
    };
    sk.wake = look;
    look();
  });
}

function receiving(sk: DatagramSock): (rtt: number) => ProbeOutcome | undefined {
  return (rtt) => {
    const answer = sk.recv();
    if (answer === undefined) return undefined;
    return {
      result: 'reply',
      text: `${answer.data.length} bytes from ${formatIpv4(answer.src)}, TTL ${answer.ttl}`,
      rtt,
    };
  };
}

async function echo(ns: Netns, probe: ProbeRecord, dst: Ipv4): Promise<ProbeOutcome> {
  const sk = new PingSock(ns);
  const refused = prepare(sk, ns, probe) ?? sk.send(echoRequest(0, probe.size), dst, { trace: probe.trace });
  if (refused !== undefined) {
    sk.close();
    return notSent(refused);
  }
  return answerOf(sk, ns, probe.timeout, receiving(sk));
}

function echoRequest(id: number, size: number): Uint8Array {
  const message = new Uint8Array(icmp.HLEN + size);
  message[0] = icmp.ECHO;
  put16(message, 4, id);
  put16(message, 6, 1);
  for (let i = 0; i < size; i++) message[icmp.HLEN + i] = i;
  put16(message, 2, checksum(message, 0, message.length));
  return message;
}

/** What agnhost's UDP server answers; other servers get something harmless. */
function payload(size: number): Uint8Array {
  const text = 'echo podwire'.slice(0, size).padEnd(size, '.');
  return Buffer.from(text, 'latin1');
}

async function datagram(ns: Netns, probe: ProbeRecord, dst: Ipv4): Promise<ProbeOutcome> {
  const sk = new UdpSock(ns);
  const refused =
    prepare(sk, ns, probe) ??
    (probe.srcPort === undefined ? undefined : sk.bind(ANY, probe.srcPort)) ??
    sk.connect(dst, probe.dstPort ?? 0) ??
    sk.send(payload(probe.size), undefined, undefined, { trace: probe.trace });
  if (refused !== undefined) {
    sk.close();
    return notSent(refused);
  }
  return answerOf(sk, ns, probe.timeout, receiving(sk));
}

async function connection(ns: Netns, probe: ProbeRecord, dst: Ipv4): Promise<ProbeOutcome> {
  const sk = new TcpSock(ns);
  sk.trace = probe.trace;
  const refused =
    prepare(sk, ns, probe) ??
    (probe.srcPort === undefined ? undefined : tcpBind(sk, ANY, probe.srcPort)) ??
    tcpConnect(sk, dst, probe.dstPort ?? 0);
  // Only the SYN is traced, and what answers it: not its repetitions.
  sk.trace = 0;
  if (refused !== undefined) {
    sk.close();
    return notSent(refused);
  }
  return answerOf(sk, ns, probe.timeout, (rtt) => {
    if (sk.state === TCP_ESTABLISHED) {
      tcpAbort(sk);
      return { result: 'connected', text: `connected to ${probe.dst} port ${probe.dstPort}`, rtt };
    }
    const error = sk.takeError();
    if (error === undefined) return undefined;
    return error === 'ECONNREFUSED'
      ? { result: 'refused', text: `connection refused by ${probe.dst} port ${probe.dstPort}`, rtt }
      : notSent(error);
  });
}

/** A packet with somebody else's source address: nothing is waited for, since no answer would come here. */
async function spoofed(ns: Netns, probe: ProbeRecord, dst: Ipv4): Promise<ProbeOutcome> {
  const src = parseIpv4(probe.srcIp!);
  if (src === undefined) return notSent('EINVAL', `${probe.srcIp} is no IPv4 address`);
  const sk = new RawSock(ns, IPPROTO_RAW);
  const refused =
    prepare(sk, ns, { ...probe, ttl: undefined, df: false }) ??
    sk.send(rawPacket(probe, src, dst, ns), dst, { trace: probe.trace });
  if (refused !== undefined) {
    sk.close();
    return notSent(refused);
  }
  return answerOf(sk, ns, Math.min(probe.timeout, 1000), () => undefined);
}

function rawPacket(probe: ProbeRecord, src: Ipv4, dst: Ipv4, ns: Netns): Uint8Array {
  const body =
    probe.proto === 'icmp'
      ? echoRequest(1, probe.size)
      : probe.proto === 'udp'
        ? udpSegment(probe, src, dst)
        : tcpSyn(probe, src, dst);
  const packet = new Uint8Array(ip.MIN_HLEN + body.length);
  packet[0] = 0x45;
  put16(packet, 2, packet.length);
  put16(packet, 6, probe.df ? 0x4000 : 0);
  packet[8] = probe.ttl ?? ns.sysctl.ipv4.ip_default_ttl;
  packet[9] = { icmp: ip.PROTO_ICMP, udp: ip.PROTO_UDP, tcp: ip.PROTO_TCP }[probe.proto];
  put32(packet, 12, src);
  put32(packet, 16, dst);
  packet.set(body, ip.MIN_HLEN);
  return packet;
}

function udpSegment(probe: ProbeRecord, src: Ipv4, dst: Ipv4): Uint8Array {
  const data = payload(probe.size);
  const segment = new Uint8Array(udp.HLEN + data.length);
  put16(segment, 0, probe.srcPort ?? 40_000);
  put16(segment, 2, probe.dstPort ?? 0);
  put16(segment, 4, segment.length);
  segment.set(data, udp.HLEN);
  put16(
    segment,
    6,
    checksum(segment, 0, segment.length, pseudoHeader(src, dst, ip.PROTO_UDP, segment.length)) || 0xffff,
  );
  return segment;
}

function tcpSyn(probe: ProbeRecord, src: Ipv4, dst: Ipv4): Uint8Array {
  const segment = new Uint8Array(tcp.MIN_HLEN);
  put16(segment, 0, probe.srcPort ?? 40_000);
  put16(segment, 2, probe.dstPort ?? 0);
  put32(segment, 4, probe.trace);
  segment[12] = (tcp.MIN_HLEN / 4) << 4;
  segment[13] = tcp.SYN;
  put16(segment, 14, 64_240);
  put16(
    segment,
    16,
    checksum(segment, 0, segment.length, pseudoHeader(src, dst, ip.PROTO_TCP, segment.length)),
  );
  return segment;
}
