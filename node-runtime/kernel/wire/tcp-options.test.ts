import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  alignedTimestamps,
  optionsLength,
  parseOptions,
  putAlignedTimestamps,
  putOptions,
  type TcpOptions,
} from './tcp-options.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const write = (o: TcpOptions): string => {
  const b = new Uint8Array(40);
  const end = putOptions(b, 0, o);
  expect(end).toBe(optionsLength(o));
  return Buffer.from(b.subarray(0, end)).toString('hex');
};
const ts = { value: 0x01020304, echo: 0x0a0b0c0d };

describe('TCP options', () => {
  it.each<[string, TcpOptions, string]>([
    [
      "a SYN's",
      { mss: 1460, sackPermitted: true, timestamps: ts, wscale: 7 },
      '020405b4 0402 080a010203040a0b0c0d 01030307',
    ],
    [
      'a SYN without timestamps',
      { mss: 1410, sackPermitted: true, wscale: 10 },
      '02040582 01010402 0103030a',
    ],
    ['data', { timestamps: ts }, '0101 080a010203040a0b0c0d'],
    [
      'an ACK with two SACK blocks',
      {
        timestamps: ts,
        sack: [
          { left: 1, right: 2 },
          { left: 0xfffffffe, right: 5 },
        ],
      },
      '0101080a010203040a0b0c0d 01010512 0000000100000002 fffffffe00000005',
    ],
    ['an unknown one, padded', { unknown: [{ kind: 254, data: hex('f990 01') }] }, 'fe05f99001010101'],
    ['nothing', {}, ''],
  ])('lays out %s as Linux does', (_name, options, bytes) => {
    expect(write(options)).toBe(bytes.replaceAll(' ', ''));
    expect(parseOptions(hex(bytes), 0, hex(bytes).length)).toEqual(options);
  });

  it.each<[string, string, TcpOptions]>([
    ['stops at END', '020405b4 00 030307', { mss: 1460 }],
    ['stops at a length of 0', '020405b4 0300 0402', { mss: 1460 }],
    ['stops at a length of 1', '020405b4 0801 0402', { mss: 1460 }],
    ['stops at a length past the end', '0402 080affff', { sackPermitted: true }],
    ['stops at a kind without a length', '0402 02', { sackPermitted: true }],
    [
      'keeps a known kind of the wrong length as unknown',
      '0203ff 0402',
      { unknown: [{ kind: 2, data: hex('ff') }], sackPermitted: true },
    ],
    [
      'keeps SACK with half a block as unknown',
      '0506 00000001',
      { unknown: [{ kind: 5, data: hex('00000001') }] },
    ],
    ['keeps SACK without a block as unknown', '0502', { unknown: [{ kind: 5, data: hex('') }] }],
    ['takes the last of two', '020405b4 02040218', { mss: 536 }],
  ])('%s', (_name, bytes, options) => {
    expect(parseOptions(hex(bytes), 0, hex(bytes).length)).toEqual(options);
  });

  it('ends on any bytes, and reads none behind the end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 44 }), fc.nat(44), (bytes, cut) => {
        const end = Math.min(cut, bytes.length);
        expect(parseOptions(bytes, 0, end)).toEqual(parseOptions(bytes.slice(0, end), 0, end));
      }),
    );
  });

  it('recognises the aligned timestamps of a data segment', () => {
    const b = new Uint8Array(12);
    expect(putAlignedTimestamps(b, 0, ts.value, ts.echo)).toBe(12);
    expect(alignedTimestamps(b, 0, 12)).toBe(true);
    expect(alignedTimestamps(b, 0, 11)).toBe(false);
    expect(alignedTimestamps(b.with(0, 2), 0, 12)).toBe(false);
  });
});
