import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ip4, ipv4 } from './addr.ts';
import * as ip from './ipv4.ts';
import { faultAt, formatOptions, type Ipv4Option, isCopied, parseOptions } from './ipv4-options.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const word = fc.integer({ min: 0, max: 0xffffffff });
const octet = fc.nat(255);

const option: fc.Arbitrary<Ipv4Option> = fc.oneof(
  fc.constant<Ipv4Option>({ kind: 'nop' }),
  fc
    .tuple(
      fc.constantFrom('record-route' as const, 'loose-route' as const, 'strict-route' as const),
      octet,
      fc.array(word.map(ip4), { maxLength: 9 }),
    )
    .map(([kind, pointer, route]): Ipv4Option => ({ kind, pointer, route })),
  fc.tuple(octet, fc.nat(15), fc.nat(15), fc.array(word, { maxLength: 9 })).map(
    ([pointer, overflow, flag, words]): Ipv4Option => ({
      kind: 'timestamp',
      pointer,
      overflow,
      flag,
      words,
    }),
  ),
  fc.nat(0xffff).map((value): Ipv4Option => ({ kind: 'router-alert', value })),
  fc
    .tuple(fc.constantFrom(130, 134, 136, 30, 94), fc.uint8Array({ maxLength: 8 }))
    .map(([type, data]): Ipv4Option => ({ kind: 'unknown', type, data })),
);

describe('IPv4 options', () => {
  it('are read as they were laid out', () => {
    fc.assert(
      fc.property(fc.array(option, { maxLength: 4 }), (options) => {
        const b = formatOptions(options);
        expect(b.length % 4).toBe(0);
        expect(parseOptions(b, 0, b.length)).toEqual(options);
      }),
    );
  });

  it('has the bytes of RFC 791 and RFC 2113', () => {
    expect(formatOptions([{ kind: 'router-alert', value: 0 }])).toEqual(hex('94040000'));
    const route: Ipv4Option = { kind: 'record-route', pointer: 4, route: [ipv4('0.0.0.0')] };
    expect(formatOptions([{ kind: 'nop' }, route])).toEqual(hex('01 0707 04 00000000'));
    expect([7, 68, 131, 148].map(isCopied)).toEqual([false, false, true, true]);
  });

  it('never throws on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 40, maxLength: 40 }), fc.nat(10), (options, words) => {
        parseOptions(options, 0, words * 4);
        const b = new Uint8Array(60);
        b.set(options, 20);
        ip.setIhl(b, 0, 20 + words * 4);
        const fault = faultAt(b, 0);
        expect(fault === -1 || (fault >= 20 && fault < 20 + words * 4)).toBe(true);
      }),
    );
  });

  it.each<[string, string, number]>([
    ['none', '', -1],
    ['router alert', '94040000', -1],
    ['router alert too short', '940201 00', 21],
    ['an unknown one', '1e04ffff', -1],
    ['length 0', '01 0700 00', 21],
    ['length past the end', '070b0400', 20],
    ['no room for a length', '010101 07', 23],
    ['record route', '070704 00000000 00', -1],
    ['record route, full', '070708 00000000 00', -1],
    ['record route, pointer into the header', '070703 00000000 00', 22],
    ['record route, no whole slot left', '070705 00000000 00', 22],
    ['record route twice', '070704 00000000 070704 00000000 0000', 27],
    ['loose and strict route', '830704 0a000001 890704 0a000002 0000', 27],
    ['source route without a pointer', '8302 0101', 21],
    ['timestamp', '44080500 00000000', -1],
    ['timestamp, pointer below 5', '44080400 00000000', 22],
    ['timestamp with addresses, half a slot', '44080501 00000000', 22],
    ['timestamp, unknown flag', '44080502 00000000', 23],
    ['timestamp, full and overflow at 15', '440809f0 00000000', 23],
    ['behind END', '00 0700 00', -1],
  ])('the fault in %s', (_name, bytes, fault) => {
    const b = new Uint8Array(60);
    b.set(hex(bytes), 20);
    ip.setIhl(b, 0, 20 + hex(bytes).length);
    expect(faultAt(b, 0)).toBe(fault);
  });
});
