// SCTP's checksum is a CRC32c over the packet (RFC 9260 appendix A), which has no cheap update: NAT computes it anew, as
// sctp_compute_cksum does in nf_nat_proto.c. Only a packet whose port changed comes here.
import { put32 } from '../../wire/bytes.ts';

const CHECKSUM_AT = 8;
const TABLE: Uint32Array = (() => {
  const table = new Uint32Array(256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = (c & 1) !== 0 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
    table[n] = c >>> 0;
  }
  return table;
})();

/** Puts the CRC over bytes[l4..end) into the common header; the field counts as zero. */
export function sctpChecksum(b: Uint8Array, l4: number, end: number): void {
  if (l4 + 12 > end) return;
  put32(b, l4 + CHECKSUM_AT, 0);
  let crc = 0xffffffff;
  for (let i = l4; i < end; i++) crc = TABLE[(crc ^ b[i]!) & 255]! ^ (crc >>> 8);
  crc = ~crc >>> 0;
  // The remainder travels least significant byte first.
  put32(
    b,
    l4 + CHECKSUM_AT,
    ((crc & 255) << 24) | ((crc & 0xff00) << 8) | ((crc >>> 8) & 0xff00) | (crc >>> 24),
  );
}
