import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatIpv4, ipv4 } from './addr.ts';
import * as ip from './ipv4.ts';

/** 192.0.2.1 > 192.0.2.2, ICMP, ttl 64, id 0x1c46, DF, 84 bytes. */
const HEADER = Uint8Array.from(
  Buffer.from('45000054 1c464000 4001 9a5f c0000201 c0000202'.replaceAll(' ', ''), 'hex'),
);
const packet = (tweak: (b: Uint8Array) => void = () => {}): Uint8Array => {
  const b = new Uint8Array(84);
  b.set(HEADER);
  tweak(b);
  ip.updateChecksum(b, 0);
  return b;
};

describe('the IPv4 header', () => {
  it('reads every field', () => {
    expect(packet().slice(0, 20)).toEqual(HEADER);
    expect(ip.parse(HEADER, 0, 20)).toEqual({
      ihl: 20,
      tos: 0,
      totalLen: 84,
      id: 0x1c46,
      df: true,
      mf: false,
      fragOffset: 0,
      ttl: 64,
      proto: ip.PROTO_ICMP,
      headerChecksum: 0x9a5f,
      src: ipv4('192.0.2.1'),
      dst: ipv4('192.0.2.2'),
      options: new Uint8Array(0),
    });
    expect(formatIpv4(ip.src(HEADER, 0))).toBe('192.0.2.1');
  });

  it('is refused in the order and for the reasons of ip_rcv_core', () => {
    const rows: readonly [string, Uint8Array, string | undefined][] = [
      ['sound', packet(), undefined],
      ['cut off', packet().slice(0, 19), 'ipv4: shorter than 20 bytes'],
      ['version 6', packet((b) => ip.setVersion(b, 0, 6)), 'ipv4: version is 6'],
      ['header too short', packet((b) => ip.setIhl(b, 0, 16)), 'ipv4: header length 16 is less than 20'],
      [
        'header past the end',
        packet((b) => ip.setIhl(b, 0, 60)).slice(0, 40),
        'ipv4: header length 60 is more than the 40 bytes there are',
      ],
      ['flipped bit', packet().with(8, 65), ip.BAD_CHECKSUM],
      [
        'longer than the frame',
        packet((b) => ip.setTotalLen(b, 0, 85)),
        'ipv4: total length 85 is more than the 84 bytes there are',
      ],
      [
        'shorter than its header',
        packet((b) => ip.setTotalLen(b, 0, 19)),
        "ipv4: total length 19 is less than the header's",
      ],
      ['padded', packet((b) => ip.setTotalLen(b, 0, 46)), undefined],
    ];
    for (const [name, bytes, why] of rows)
      expect([name, ip.check(bytes, 0, bytes.length)]).toEqual([name, why]);
  });

  it('keeps a right checksum right when the TTL goes down, for any header', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (b) => {
        b[0] = 0x45;
        b[8] = b[8]! || 1;
        ip.updateChecksum(b, 0);
        const before = ip.ttl(b, 0);
        expect(ip.decTtl(b, 0)).toBe(before - 1);
        expect(ip.ttl(b, 0)).toBe(before - 1);
        const incremental = ip.headerChecksum(b, 0);
        ip.updateChecksum(b, 0);
        expect(incremental).toBe(ip.headerChecksum(b, 0));
      }),
    );
  });

  it('sets flags and offset each without the others', () => {
    const b = packet();
    ip.setFragOffset(b, 0, 65_528);
    ip.setMf(b, 0, true);
    expect([ip.df(b, 0), ip.mf(b, 0), ip.fragOffset(b, 0), ip.isFragment(b, 0)]).toEqual([
      true,
      true,
      65_528,
      true,
    ]);
    ip.setDf(b, 0, false);
    ip.setMf(b, 0, false);
    expect(ip.fragField(b, 0)).toBe(0x1fff);
    ip.setFragOffset(b, 0, 0);
    expect([ip.fragField(b, 0), ip.isFragment(b, 0)]).toEqual([0, false]);
  });

  it('refuses more options than fit', () => {
    const fields = { totalLen: 84, proto: 1, src: ipv4('10.0.0.1'), dst: ipv4('10.0.0.2') };
    expect(() => ip.put(new Uint8Array(100), 0, { ...fields, options: new Uint8Array(41) })).toThrow(
      RangeError,
    );
    expect(ip.put(new Uint8Array(100), 0, { ...fields, options: new Uint8Array(5) })).toBe(28);
  });
});
