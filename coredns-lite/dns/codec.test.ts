import packet from 'dns-packet';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decode } from './decode.ts';
import { encode } from './encode.ts';
import { type Message, NONE, queryFor, type Rr, replyTo } from './message.ts';
import { addressRr, hinfoRecord, nameRecord, srvRecord, textRecord } from './rr.ts';
import { CLASS, TYPE } from './types.ts';

const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,12}$/);
const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => `${labels.join('.')}.`);
const address = fc.uint8Array({ minLength: 4, maxLength: 4 });
const ttl = fc.integer({ min: 0, max: 0x7fff_ffff });

const record: fc.Arbitrary<Rr> = fc.oneof(
  fc.tuple(name, ttl, address).map(([n, t, a]) => addressRr(n, t, a)),
  fc.tuple(name, ttl, fc.uint8Array({ minLength: 16, maxLength: 16 })).map(([n, t, a]) => addressRr(n, t, a)),
  fc
    .tuple(name, ttl, name, fc.constantFrom(TYPE.CNAME, TYPE.NS, TYPE.PTR))
    .map(([n, t, to, type]) => nameRecord(n, type, t, to)),
  fc
    .tuple(name, ttl, name, fc.nat(65_535))
    .map(([n, t, target, port]) => srvRecord(n, t, { weight: 3, port, target })),
  fc
    .tuple(name, ttl, fc.array(fc.stringMatching(/^[ -~]{0,40}$/), { minLength: 1, maxLength: 3 }))
    .map(([n, t, texts]) => textRecord(n, t, texts)),
  fc.tuple(name, ttl).map(([n, t]) => hinfoRecord(n, t, 'cpu', 'os')),
  fc.tuple(name, ttl, name, name, fc.nat(0x7fff_ffff)).map(
    ([n, t, mname, rname, serial]): Rr => ({
      name: n,
      type: TYPE.SOA,
      class: CLASS.IN,
      ttl: t,
      data: { kind: 'soa', mname, rname, serial, refresh: 7200, retry: 1800, expire: 86_400, minimum: 5 },
    }),
  ),
);

const message: fc.Arbitrary<Message> = fc
  .tuple(
    name,
    fc.array(record, { maxLength: 6 }),
    fc.array(record, { maxLength: 2 }),
    fc.array(record, { maxLength: 3 }),
    fc.boolean(),
  )
  .map(([asked, answer, authority, additional, edns]) => ({
    ...replyTo(queryFor(7, asked, TYPE.A)),
    authoritative: true,
    answer,
    authority,
    additional,
    edns: edns
      ? { size: 1232, version: 0, do: true, options: [{ code: 10, data: Uint8Array.of(1, 2, 3) }] }
      : undefined,
  }));

const empty = (m: Message): Message => ({
  ...m,
  answer: m.answer.length === 0 ? NONE : m.answer,
  authority: m.authority.length === 0 ? NONE : m.authority,
  additional: m.additional.length === 0 ? NONE : m.additional,
});

it('reads what it writes, with and without compression', () => {
  fc.assert(
    fc.property(message, (m) => {
      const plain = encode(m)!;
      expect(decode(plain)?.message).toEqual(empty(m));
      // One octet less than it takes: names are compressed, and nothing is lost if that is enough.
      const squeezed = encode({ ...m }, plain.length - 1)!;
      const bare = m.answer.length + m.authority.length + m.additional.length === 0;
      if (!bare) expect(squeezed.length).toBeLessThan(plain.length);
      const read = decode(squeezed)!.message;
      if (!read.truncated) expect(read).toEqual(empty(m));
    }),
  );
});

it('agrees with dns-packet', () => {
  const data = (rr: Rr): unknown => (rr.data.kind === 'name' ? rr.data.target.slice(0, -1) : undefined);
  fc.assert(
    fc.property(message, (m) => {
      for (const size of [65_535, 200]) {
        const bytes = encode({ ...m }, size)!;
        const theirs = packet.decode(bytes);
        const ours = decode(bytes)!.message;
        expect(theirs.id).toBe(7);
        expect(theirs.flag_tc).toBe(ours.truncated);
        expect(theirs.answers?.map((rr) => rr.name)).toEqual(ours.answer.map((rr) => rr.name.slice(0, -1)));
        for (const [i, rr] of ours.answer.entries())
          if (rr.data.kind === 'name') expect((theirs.answers![i] as { data: string }).data).toBe(data(rr));
      }
    }),
  );
});

it('reads what dns-packet writes', () => {
  const bytes = packet.encode({
    type: 'response',
    id: 3,
    questions: [{ type: 'SRV', name: 'Web.Example.org' }],
    answers: [
      {
        type: 'SRV',
        name: 'Web.Example.org',
        ttl: 9,
        data: { target: 'a.example.org', port: 80, priority: 1, weight: 2 },
      },
      { type: 'MX', name: 'Web.Example.org', ttl: 9, data: { exchange: 'mx.example.org', preference: 5 } },
    ],
  });
  const { message: m, lower } = decode(bytes)!;
  expect(lower).toBe('web.example.org.');
  expect(m.question?.name).toBe('Web.Example.org.');
  expect(m.answer.map((rr) => rr.data)).toEqual([
    { kind: 'srv', priority: 1, weight: 2, port: 80, target: 'a.example.org.' },
    { kind: 'mx', preference: 5, target: 'mx.example.org.' },
  ]);
});

it('never throws over a message that is cut or changed, and what it reads it can write', () => {
  fc.assert(
    fc.property(message, fc.nat(), fc.nat(), fc.nat(255), (m, cut, at, byte) => {
      const whole = encode(m)!;
      const mutated = Buffer.from(whole);
      mutated[at % whole.length] = byte;
      for (const bytes of [whole.subarray(0, cut % whole.length), mutated]) {
        const read = decode(bytes);
        if (read !== undefined) encode(read.message, 512);
      }
    }),
    { numRuns: 300 },
  );
});

it('every cut of a message is either unreadable or without its last records', () => {
  const m = {
    ...replyTo(queryFor(1, 'a.b.', TYPE.A)),
    answer: [addressRr('a.b.', 1, Uint8Array.of(1, 2, 3, 4))],
  };
  const whole = encode(m)!;
  for (let n = 0; n < whole.length; n++)
    expect(decode(whole.subarray(0, n))?.message.answer.length ?? 0).toBe(0);
  expect(decode(whole)?.message.answer).toHaveLength(1);
});

it('keeps the OPT record and cuts whole records, answers last', () => {
  const asked = 'abcdefghij.abcdefghij.abcd.';
  const many = Array.from({ length: 60 }, (_, i) => addressRr(asked, 5, Uint8Array.of(10, 0, 0, i)));
  const counts = [512, 513, 523, 524].map((size) => {
    const m = { ...replyTo(queryFor(1, asked, TYPE.A)), answer: many };
    const bytes = encode(m, size)!;
    expect(m.truncated).toBe(true);
    expect(bytes.length).toBeLessThanOrEqual(size);
    return decode(bytes)!.message.answer.length;
  });
  expect(counts).toEqual([29, 29, 29, 30]);
  const withOpt = {
    ...replyTo(queryFor(1, asked, TYPE.A)),
    answer: many,
    edns: { size: 512, version: 0, do: false, options: [] },
  };
  const read = decode(encode(withOpt, 512)!)!.message;
  expect(read.answer).toHaveLength(28);
  expect(read.edns?.size).toBe(512);
});

const hostile: readonly (readonly [what: string, hex: string])[] = [
  ['a pointer to itself', '000101000001000000000000c00c00010001'],
  ['two pointers to each other', '000101000001000000000000c00ec00c00010001'],
  ['a pointer behind the end', '000101000001000000000000c0ff00010001'],
  ['a label of 64 octets', `000101000001000000000000${'40'}${'61'.repeat(64)}0000010001`],
  ['a name of 257 octets', `000101000001000000000000${`3f${'61'.repeat(63)}`.repeat(4)}0000010001`],
  ['rdata behind the end', '0001810000010001000000000161000001000100000100010000000500ff01'],
  ['an address of 3 octets', '00018100000100010000000001610000010001016100000100010000000500030a0000'],
];
it.each(hostile)('does not read %s', (_what, hex) => {
  expect(decode(Buffer.from(hex, 'hex'))).toBeUndefined();
});
