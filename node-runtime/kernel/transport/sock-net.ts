// What a namespace holds of sockets beside TCP's own tables: struct netns_ipv4's ping and raw tables, udp_table, and
// the inode numbers by which /proc/net names sockets.
import type { Netns } from '../netns/netns.ts';
import { perNet } from '../netns/per-net.ts';
import { BindTable, datagramsMayShare } from './bind-table.ts';
import type { PingSock } from './ping.ts';
import type { RawSock } from './raw.ts';
import type { UdpSock } from './udp.ts';

/** Counters of /proc/net/snmp's Udp line. */
class UdpMib {
  inDatagrams = 0;
  noPorts = 0;
  inErrors = 0;
  outDatagrams = 0;
  rcvbufErrors = 0;
  sndbufErrors = 0;
  inCsumErrors = 0;
}

class SockNet {
  readonly udp = new BindTable<UdpSock>(datagramsMayShare);
  readonly udpMib = new UdpMib();
  readonly ping = new BindTable<PingSock>(datagramsMayShare);
  readonly raw = new Set<RawSock>();
}

export const sockNet = perNet('sockets', () => new SockNet());

const inodes = perNet('socket inodes', () => ({ next: 16_384 }));

/** Inode numbers are the node's, not the namespace's: sockfs is one file system. */
export const nextInodeOf = (ns: Netns): number => inodes(ns.kernel.host).next++;
