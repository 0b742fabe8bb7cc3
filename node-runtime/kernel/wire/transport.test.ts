// Checksums of the transports, and the faults of single headers.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipv4 } from './addr.ts';
import * as arp from './arp.ts';
import * as icmp from './icmp.ts';
import * as tcp from './tcp.ts';
import * as udp from './udp.ts';
import * as vxlan from './vxlan.ts';

const src = ipv4('10.244.1.2');
const dst = ipv4('10.244.2.3');

describe('UDP', () => {
  it('sends a checksum that computes to 0 as 0xffff, and accepts an absent one', () => {
    const b = new Uint8Array(10);
    udp.put(b, 0, { srcPort: 0, dstPort: 0, length: 10 });
    // The payload that makes the sum come round: the complement of the sum so far.
    udp.updateChecksum(b, 0, 10, src, dst);
    const rest = udp.checksum(b, 0);
    b[8] = rest >>> 8;
    b[9] = rest & 255;
    udp.updateChecksum(b, 0, 10, src, dst);
    expect(udp.checksum(b, 0)).toBe(0xffff);
    expect(udp.checksumOk(b, 0, src, dst)).toBe(true);
    udp.setChecksum(b, 0, 0);
    expect(udp.checksumOk(b, 0, src, dst)).toBe(true);
    udp.setChecksum(b, 0, 1);
    expect(udp.checksumOk(b, 0, src, dst)).toBe(false);
  });

  it('has a length between its header and what is there', () => {
    const b = new Uint8Array(12);
    const why = (length: number) => {
      udp.setLength(b, 0, length);
      return udp.check(b, 0, 12);
    };
    expect([why(8), why(12)]).toEqual([undefined, undefined]);
    expect(why(7)).toContain('less than the header');
    expect(why(13)).toContain('more than the 12');
  });
});

describe('TCP', () => {
  it('verifies what it computed, for any segment, and not from another address', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 200 }), (b) => {
        tcp.updateChecksum(b, 0, b.length, src, dst);
        expect(tcp.checksumOk(b, 0, b.length, src, dst)).toBe(true);
        expect(tcp.checksumOk(b, 0, b.length, src, ipv4('10.244.2.4'))).toBe(false);
      }),
    );
  });

  it('has a data offset between 20 and what is there', () => {
    const b = new Uint8Array(30);
    const why = (bytes: number) => {
      tcp.setDataOffset(b, 0, bytes);
      return tcp.check(b, 0, 30);
    };
    expect([why(20), why(28)]).toEqual([undefined, undefined]);
    expect(why(16)).toContain('less than 20');
    expect(why(32)).toContain('more than the 30');
  });

  it('refuses more options than fit', () => {
    const sack = Array.from({ length: 5 }, () => ({ left: 1, right: 2 }));
    const fields = { srcPort: 1, dstPort: 2, seq: 3, flags: 0, options: { sack } };
    expect(() => tcp.put(new Uint8Array(80), 0, fields)).toThrow(RangeError);
  });
});

describe('ICMP', () => {
  it('computes a checksum over the whole message', () => {
    const b = new Uint8Array(40);
    const end = icmp.put(b, 0, { type: 'echo', code: 0, id: 7, seq: 1, body: Uint8Array.of(1, 2, 3) });
    expect(end).toBe(11);
    expect(icmp.checksumOk(b, 0, end)).toBe(true);
    expect(icmp.checksumOk(b.with(9, 9), 0, end)).toBe(false);
  });

  it('knows an error, which quotes at least a header', () => {
    const b = new Uint8Array(28);
    const why = (type: number, end: number) => {
      icmp.setType(b, 0, type);
      return icmp.check(b, 0, end);
    };
    for (const type of [3, 4, 5, 11, 12]) {
      expect(why(type, 27)).toContain('quotes no IPv4 header');
      expect(why(type, 28)).toBeUndefined();
    }
    for (const type of [0, 8, 13, 42]) expect(why(type, 8)).toBeUndefined();
  });

  it('puts MTU, gateway and pointer where RFC 1191 and 792 have them', () => {
    const b = new Uint8Array(8);
    const body = new Uint8Array(0);
    icmp.put(b, 0, { type: 'dest-unreach', code: icmp.FRAG_NEEDED, length: 0, mtu: 1450, body });
    expect([...b.subarray(4)]).toEqual([0, 0, 0x05, 0xaa]);
    expect(icmp.mtu(b, 0)).toBe(1450);
    icmp.put(b, 0, { type: 'redirect', code: icmp.REDIRECT_HOST, gateway: src, body });
    expect(icmp.gateway(b, 0)).toBe(src);
    icmp.put(b, 0, { type: 'parameter-problem', code: 0, length: 0, pointer: 21, body });
    expect(icmp.pointer(b, 0)).toBe(21);
  });
});

describe('ARP and VXLAN', () => {
  it('refuse what is not theirs', () => {
    const a = new Uint8Array(28);
    arp.put(a, 0, { op: 1, sha: 1 as never, spa: src, tha: 0 as never, tpa: dst });
    expect(arp.check(a, 0, 28)).toBeUndefined();
    expect(arp.check(a.with(1, 6), 0, 28)).toBe('arp: hardware is not Ethernet');
    expect(arp.check(a.with(4, 8), 0, 28)).toBe('arp: hardware is not Ethernet');
    expect(arp.check(a.with(2, 0x86), 0, 28)).toBe('arp: protocol is not IPv4');
    expect(arp.check(a.with(5, 16), 0, 28)).toBe('arp: protocol is not IPv4');
    const v = new Uint8Array(8);
    vxlan.put(v, 0, { vni: 0xabcdef });
    expect(Buffer.from(v).toString('hex')).toBe('08000000abcdef00');
    expect(vxlan.check(v, 0, 8)).toBeUndefined();
    expect(vxlan.check(v.with(0, 0), 0, 8)).toBe('vxlan: the VNI flag is not set');
    for (const i of [0, 1, 2, 3, 7])
      expect(vxlan.check(v.with(i, 0x0c), 0, 8)).toBe('vxlan: reserved bits are set');
  });
});
