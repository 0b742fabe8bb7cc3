// What holds for every header layout: a record put and parsed is the record, and hostile or cut-off bytes are refused, not
// thrown over. Facts of one protocol are in its own test.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Ipv4, ip4, type Mac, mac } from './addr.ts';
import * as arp from './arp.ts';
import * as ethernet from './ethernet.ts';
import * as icmp from './icmp.ts';
import * as ip from './ipv4.ts';
import * as tcp from './tcp.ts';
import { optionsLength, type TcpOptions } from './tcp-options.ts';
import * as udp from './udp.ts';
import * as vxlan from './vxlan.ts';

const bits = (n: number) => fc.integer({ min: 0, max: 2 ** n - 1 });
const anyIp: fc.Arbitrary<Ipv4> = bits(32).map(ip4);
const anyMac: fc.Arbitrary<Mac> = bits(48).map(mac);
const body = fc.uint8Array({ minLength: 20, maxLength: 60 });
const code = bits(8);

const tcpOptions: fc.Arbitrary<TcpOptions> = fc
  .record(
    {
      mss: bits(16),
      wscale: bits(8),
      sackPermitted: fc.constant(true as const),
      sack: fc.array(fc.record({ left: bits(32), right: bits(32) }), { minLength: 1, maxLength: 4 }),
      timestamps: fc.record({ value: bits(32), echo: bits(32) }),
      unknown: fc.array(
        fc.record({ kind: fc.integer({ min: 9, max: 255 }), data: fc.uint8Array({ maxLength: 6 }) }),
        { minLength: 1, maxLength: 2 },
      ),
    },
    { requiredKeys: [] },
  )
  .filter((o) => optionsLength(o) <= 40);

interface Codec {
  readonly check: (b: Uint8Array, at: number, end: number) => string | undefined;
  readonly parse: (b: Uint8Array, at: number, end: number) => unknown;
  /** Puts a random record and what else makes `check` content; returns the end. */
  readonly make: fc.Arbitrary<{ readonly fields: object; put(b: Uint8Array, at: number): number }>;
}

/** fc.record with every key there. */
const record = <T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model) as fc.Arbitrary<T>;

const made = <T extends object>(fields: fc.Arbitrary<T>, put: (b: Uint8Array, at: number, f: T) => number) =>
  fields.map((f) => ({ fields: f, put: (b: Uint8Array, at: number) => put(b, at, f) }));

const icmpFields = fc.oneof(
  fc.record({
    type: fc.constantFrom('echo' as const, 'echo-reply' as const),
    code,
    id: bits(16),
    seq: bits(16),
    body,
  }),
  fc.record({ type: fc.constant('dest-unreach' as const), code, length: bits(8), mtu: bits(16), body }),
  fc.record({ type: fc.constant('redirect' as const), code, gateway: anyIp, body }),
  fc.record({ type: fc.constant('time-exceeded' as const), code, length: bits(8), body }),
  fc.record({
    type: fc.constant('parameter-problem' as const),
    code,
    length: bits(8),
    pointer: bits(8),
    body,
  }),
  fc.record({
    type: fc.constant('other' as const),
    number: fc.integer({ min: 13, max: 255 }),
    code,
    rest: bits(32),
    body,
  }),
);

const codecs: Readonly<Record<string, Codec>> = {
  ethernet: {
    ...ethernet,
    make: made(record({ dst: anyMac, src: anyMac, type: bits(16) }), ethernet.put),
  },
  arp: {
    ...arp,
    make: made(record({ op: bits(16), sha: anyMac, spa: anyIp, tha: anyMac, tpa: anyIp }), arp.put),
  },
  ipv4: {
    ...ip,
    make: made(
      record({
        tos: bits(8),
        totalLen: fc.constant(60),
        id: bits(16),
        df: fc.boolean(),
        mf: fc.boolean(),
        fragOffset: bits(13).map((n) => n * 8),
        ttl: bits(8),
        proto: bits(8),
        src: anyIp,
        dst: anyIp,
        options: fc.nat(10).chain((n) => fc.uint8Array({ minLength: 4 * n, maxLength: 4 * n })),
      }),
      (b, at, f) => {
        ip.put(b, at, f);
        return at + 60;
      },
    ),
  },
  icmp: { ...icmp, make: made(icmpFields, icmp.put) },
  udp: {
    ...udp,
    make: made(
      record({ srcPort: bits(16), dstPort: bits(16), length: fc.constant(8), checksum: bits(16) }),
      udp.put,
    ),
  },
  tcp: {
    ...tcp,
    make: made(
      record({
        srcPort: bits(16),
        dstPort: bits(16),
        seq: bits(32),
        ack: bits(32),
        flags: bits(8),
        window: bits(16),
        checksum: bits(16),
        urgent: bits(16),
        options: tcpOptions,
      }),
      tcp.put,
    ),
  },
  vxlan: { ...vxlan, make: made(record({ flags: fc.constant(8), vni: bits(24) }), vxlan.put) },
};

describe.each(Object.entries(codecs))('%s', (_name, codec) => {
  it('parses what it put, at any offset and over any rubbish', () => {
    fc.assert(
      fc.property(codec.make, fc.nat(9), bits(8), (record, at, rubbish) => {
        const b = new Uint8Array(160).fill(rubbish);
        const end = record.put(b, at);
        expect(codec.check(b, at, end)).toBeUndefined();
        expect(codec.parse(b, at, end)).toMatchObject(record.fields);
        expect([b[at - 1] ?? rubbish, b[end]]).toEqual([rubbish, rubbish]);
      }),
    );
  });

  it('finds fault with every cut-off beginning of a smallest one', () => {
    fc.assert(
      fc.property(codec.make, (record) => {
        const b = new Uint8Array(160);
        const end = record.put(b, 0);
        for (let cut = 0; cut < end; cut++) {
          const short = b.slice(0, cut);
          const why = codec.check(short, 0, cut);
          const parsed = codec.parse(short, 0, cut);
          if (parsed === undefined) expect(why).toMatch(/^\w+: /);
        }
        expect(codec.check(b.slice(0, 7), 0, 7)).toMatch(/^\w+: /);
        expect(codec.parse(b.slice(0, 7), 0, 7)).toBeUndefined();
      }),
      { numRuns: 20 },
    );
  });

  it('reads any bytes without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        codec.check(bytes, 0, bytes.length);
        codec.parse(bytes, 0, bytes.length);
      }),
    );
  });
});
