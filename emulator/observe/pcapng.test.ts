import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  enhancedPacket,
  interfaceDescription,
  interfaceStatistics,
  LINKTYPE_ETHERNET,
  LINKTYPE_RAW,
  nameResolution,
  sectionHeader,
} from './pcapng.ts';

/** A reader of blocks, as strict as the draft: lengths agree, everything is whole words, padding is zero. */
interface Block {
  readonly type: number;
  readonly body: DataView;
}
function blocks(...parts: Uint8Array[]): Block[] {
  const all = Buffer.concat(parts);
  const found: Block[] = [];
  for (let at = 0; at < all.length; ) {
    const length = all.readUInt32LE(at + 4);
    expect(length % 4).toBe(0);
    expect(all.readUInt32LE(at + length - 4)).toBe(length);
    found.push({
      type: all.readUInt32LE(at),
      body: new DataView(all.buffer, all.byteOffset + at + 8, length - 12),
    });
    at += length;
  }
  return found;
}
function options(body: DataView, from: number): [number, Buffer][] {
  const found: [number, Buffer][] = [];
  let at = from;
  while (at < body.byteLength) {
    const code = body.getUint16(at, true);
    const length = body.getUint16(at + 2, true);
    const next = at + 4 + ((length + 3) & ~3);
    if (code === 0) {
      expect([length, next]).toEqual([0, body.byteLength]);
      return found;
    }
    const bytes = Buffer.from(body.buffer, body.byteOffset + at + 4, next - at - 4);
    expect(bytes.subarray(length).every((byte) => byte === 0)).toBe(true);
    found.push([code, bytes.subarray(0, length)]);
    at = next;
  }
  expect(at).toBe(from); // no options at all, else an end was due
  return found;
}
const read = (bytes: Uint8Array): Block => {
  const [only, ...rest] = blocks(bytes);
  expect(rest).toEqual([]);
  return only!;
};
const stampOf = (body: DataView, at: number): bigint =>
  (BigInt(body.getUint32(at, true)) << 32n) | BigInt(body.getUint32(at + 4, true));

describe('pcapng', () => {
  it('begins a section whose length is not known', () => {
    const { type, body } = read(sectionHeader({ application: 'podwire 0.1.0', comment: 'run 7' }));
    expect(type).toBe(0x0a0d0d0a);
    expect(body.getUint32(0, true)).toBe(0x1a2b3c4d);
    expect([body.getUint16(4, true), body.getUint16(6, true)]).toEqual([1, 0]);
    expect(body.getBigInt64(8, true)).toBe(-1n);
    expect(options(body, 16).map(([code, value]) => [code, value.toString()])).toEqual([
      [1, 'run 7'],
      [4, 'podwire 0.1.0'],
    ]);
  });

  it('describes a device with name, resolution, link type and MAC', () => {
    const mac = Uint8Array.of(2, 0, 192, 168, 100, 11);
    const device = {
      name: 'node-1/eth0',
      description: 'underlay',
      linkType: LINKTYPE_ETHERNET,
      mac,
      snapLen: 96,
    } as const;
    const { type, body } = read(interfaceDescription(device));
    expect([type, body.getUint16(0, true), body.getUint16(2, true), body.getUint32(4, true)]).toEqual([
      1, 1, 0, 96,
    ]);
    expect(options(body, 8)).toEqual([
      [2, Buffer.from('node-1/eth0')],
      [3, Buffer.from('underlay')],
      [6, Buffer.from(mac)],
      [9, Buffer.of(9)],
    ]);
    expect(
      read(interfaceDescription({ name: 'flannel0', linkType: LINKTYPE_RAW })).body.getUint16(0, true),
    ).toBe(101);
  });

  it('carries any packet with its time, lengths, direction and comments', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 70 }),
        fc.nat(2 ** 40),
        fc.nat(3),
        fc.constantFrom(undefined, 'in' as const, 'out' as const),
        fc.array(fc.string({ unit: 'grapheme', maxLength: 9 }), { maxLength: 3 }),
        fc.option(fc.nat(65_535), { nil: undefined }),
        (bytes, quarterMs, interfaceId, direction, comments, packetId) => {
          const { type, body } = read(
            enhancedPacket({
              interfaceId,
              time: quarterMs / 4,
              bytes,
              originalLength: 1514,
              comments,
              ...(direction === undefined ? {} : { direction }),
              ...(packetId === undefined ? {} : { packetId }),
            }),
          );
          expect([type, body.getUint32(0, true)]).toEqual([6, interfaceId]);
          expect(stampOf(body, 4)).toBe(BigInt(quarterMs) * 250_000n);
          expect([body.getUint32(12, true), body.getUint32(16, true)]).toEqual([bytes.length, 1514]);
          expect(Buffer.from(body.buffer, body.byteOffset + 20, bytes.length).equals(bytes)).toBe(true);
          const expected: [number, Buffer][] = comments.map((c) => [1, Buffer.from(c)]);
          if (direction !== undefined) expected.push([2, Buffer.of(direction === 'in' ? 1 : 2, 0, 0, 0)]);
          if (packetId !== undefined)
            expected.push([5, Buffer.of(packetId & 255, packetId >>> 8, 0, 0, 0, 0, 0, 0)]);
          expect(options(body, 20 + ((bytes.length + 3) & ~3))).toEqual(expected);
        },
      ),
    );
  });

  it('keeps what a double holds of the time of today', () => {
    const { body } = read(
      enhancedPacket({ interfaceId: 0, time: 1_790_000_000_000.125, bytes: new Uint8Array(1) }),
    );
    expect(stampOf(body, 4)).toBe(1_790_000_000_000_125_000n);
    expect(body.getUint32(16, true)).toBe(1);
  });

  it('cuts a comment that is too long between characters', () => {
    const comments = ['ä'.repeat(40_000)];
    const { body } = read(enhancedPacket({ interfaceId: 0, time: 0, bytes: new Uint8Array(0), comments }));
    const [[, value] = [0, Buffer.alloc(0)]] = options(body, 20);
    expect(value.length).toBe(65_534);
    expect(value.toString()).toBe('ä'.repeat(32_767));
  });

  it('names addresses, in network order, and ends the list', () => {
    const { type, body } = read(
      nameResolution([
        { addr: 0x0af40102, name: 'default/web' },
        { addr: 0xc0a8640b, name: 'n1' },
      ]),
    );
    expect(type).toBe(4);
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    expect(bytes.toString('latin1')).toBe(
      '\x01\0\x10\0\x0a\xf4\x01\x02default/web\0' + '\x01\0\x07\0\xc0\xa8\x64\x0bn1\0\0' + '\0\0\0\0',
    );
  });

  it('ends with what a device counted', () => {
    const { type, body } = read(
      interfaceStatistics({ interfaceId: 2, time: 1.5, received: 2 ** 40, dropped: 3 }),
    );
    expect([type, body.getUint32(0, true), stampOf(body, 4)]).toEqual([5, 2, 1_500_000n]);
    expect(options(body, 12).map(([code, value]) => [code, value.readBigUInt64LE()])).toEqual([
      [4, 2n ** 40n],
      [5, 3n],
    ]);
  });
});
