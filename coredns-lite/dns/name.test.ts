import fc from 'fast-check';
import { expect, it } from 'vitest';
import { addrBytes, addrOfReverse, addrText, inCidr, parseCidr, reverseName, reverseZones } from './addr.ts';
import {
  isSubDomain,
  labelStarts,
  lower,
  matchZone,
  type ReadName,
  readName,
  splitName,
  writeName,
} from './name.ts';

const label = fc.uint8Array({ minLength: 1, maxLength: 20 });

it('any bytes of a label come back as they were', () => {
  fc.assert(
    fc.property(fc.array(label, { maxLength: 8 }), (labels) => {
      const wire = Buffer.concat([
        ...labels.map((l) => Buffer.concat([Buffer.of(l.length), l])),
        Buffer.of(0),
      ]);
      const read: ReadName = { name: '', lower: '', next: 0 };
      expect(readName(wire, 0, read)).toBe(true);
      expect(read.next).toBe(wire.length);
      expect(splitName(read.name)).toHaveLength(labels.length);
      expect(labelStarts(read.name)).toHaveLength(labels.length);
      expect(read.lower).toBe(lower(read.name));
      const out = Buffer.alloc(300);
      expect(writeName(out, 0, read.name)).toBe(wire.length);
      expect(out.subarray(0, wire.length)).toEqual(wire);
    }),
  );
});

it.each([
  ['.', 'a.', true],
  ['b.', 'a.b.', true],
  ['b.', 'ab.', false],
  ['a.b.', 'b.', false],
  ['b.', 'a\\.b.', false],
])('%s holds %s: %s', (parent, child, is) => {
  expect(isSubDomain(parent, child)).toBe(is);
});

it('the longest zone is chosen', () => {
  expect(matchZone(['.', 'b.', 'a.b.'], 'x.a.b.')).toBe('a.b.');
  expect(matchZone(['c.'], 'x.a.b.')).toBeUndefined();
});

it('addresses as text and bytes', () => {
  for (const text of [
    '10.0.0.1',
    '::',
    '::1',
    'fd00:244:9::',
    '2001:db8::7',
    'fe80::1:0:0:1',
    '1:2:3:4:5:6:7:8',
    '::ffff:10.0.0.1',
  ])
    expect(addrText(addrBytes(text)!)).toBe(text);
  for (const text of ['10.0.0', '10.0.0.256', '010.0.0.1', ':::', 'x'])
    expect(addrBytes(text)).toBeUndefined();
  expect(addrOfReverse(reverseName('10.1.2.3')!)).toBe('10.1.2.3');
  expect(addrOfReverse(reverseName('2001:db8::7')!)).toBe('2001:db8::7');
  expect(addrOfReverse('2.1.10.in-addr.arpa.')).toBeUndefined();
});

it.each([
  ['10.0.0.0/8', ['10.in-addr.arpa.']],
  ['10.0.0.0/16', ['0.10.in-addr.arpa.']],
  ['192.168.16.0/23', ['16.168.192.in-addr.arpa.', '17.168.192.in-addr.arpa.']],
  ['2001:db8::/32', ['8.b.d.0.1.0.0.2.ip6.arpa.']],
  ['2001:db8::/31', ['8.b.d.0.1.0.0.2.ip6.arpa.', '9.b.d.0.1.0.0.2.ip6.arpa.']],
])('%s is the zones %j', (cidr, zones) => {
  expect(reverseZones(parseCidr(cidr)!)).toEqual(zones);
});

it('10.0.16.0/20 is 16 zones', () => {
  expect(reverseZones(parseCidr('10.0.16.0/20')!)).toHaveLength(16);
});

it.each([
  ['10.0.0.0/8', '10.255.0.1', true],
  ['10.0.0.0/8', '11.0.0.1', false],
  ['10.0.128.0/17', '10.0.127.1', false],
  ['::/0', '10.0.0.1', false],
  ['0.0.0.0/0', '10.0.0.1', true],
])('%s holds %s: %s', (cidr, address, is) => {
  expect(inCidr(parseCidr(cidr)!, addrBytes(address)!)).toBe(is);
});
