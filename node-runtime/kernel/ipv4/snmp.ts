// What a namespace counts: struct ipstats_mib and icmp_mib (include/uapi/linux/snmp.h), under the names that
// /proc/net/snmp and /proc/net/netstat print.

export class IpStats {
  InReceives = 0;
  InHdrErrors = 0;
  InAddrErrors = 0;
  ForwDatagrams = 0;
  InUnknownProtos = 0;
  InDiscards = 0;
  InDelivers = 0;
  OutRequests = 0;
  OutDiscards = 0;
  OutNoRoutes = 0;
  ReasmTimeout = 0;
  ReasmReqds = 0;
  ReasmOKs = 0;
  ReasmFails = 0;
  FragOKs = 0;
  FragFails = 0;
  FragCreates = 0;
  InNoRoutes = 0;
  InTruncatedPkts = 0;
  InMcastPkts = 0;
  OutMcastPkts = 0;
  InBcastPkts = 0;
  OutBcastPkts = 0;
  InCsumErrors = 0;
  IPReversePathFilter = 0;
  IPLocalSource = 0;
}

export class IcmpStats {
  InMsgs = 0;
  InErrors = 0;
  InCsumErrors = 0;
  OutMsgs = 0;
  OutErrors = 0;
  OutRateLimitGlobal = 0;
  OutRateLimitHost = 0;
  /** By ICMP type: InEchos is `inTypes[8]`, OutTimeExcds `outTypes[11]`. */
  readonly inTypes = new Uint32Array(256);
  readonly outTypes = new Uint32Array(256);
}
