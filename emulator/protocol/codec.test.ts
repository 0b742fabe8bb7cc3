import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { emulatorCodec, nodeCodec } from './codec.ts';
import { ERROR_CODES, ProtocolError, toErrorCode } from './errors.ts';
import { at, FROM_NODE, TO_NODE } from './messages.fixture.ts';
import { skim } from './skim.ts';

describe('codec', () => {
  const node = nodeCodec();
  const emulator = emulatorCodec();

  it.each(TO_NODE.map((m) => [m.type, m] as const))('%s crosses to the node', (_, message) => {
    expect(node.decode(emulator.encode(message))).toEqual(message);
  });
  it.each(FROM_NODE.map((m) => [m.type, m] as const))('%s crosses to the emulator', (_, message) => {
    expect(emulator.decode(node.encode(message))).toEqual(message);
  });

  it('refuses every message that was cut short, and every one with bytes behind it', () => {
    for (const message of TO_NODE) {
      const whole = emulator.encode(message);
      for (let end = 0; end < whole.length; end++)
        expect(node.decode(whole.subarray(0, end))).toMatchObject({
          type: 'undecodable',
          code: 'E_MALFORMED',
        });
      expect(node.decode(Buffer.concat([whole, Buffer.from([0xc0])]))).toMatchObject({ code: 'E_MALFORMED' });
    }
  });

  it('answers bytes of any kind without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(node.decode(bytes).type).toBe('undecodable');
      }),
      { numRuns: 2000 },
    );
  });

  it('answers messages with flipped bytes without throwing', () => {
    const encoded = TO_NODE.map((m) => Uint8Array.from(emulator.encode(m)));
    fc.assert(
      fc.property(
        fc.nat(encoded.length - 1),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        (n, flips) => {
          const bytes = encoded[n]!.slice();
          for (const [where, value] of flips) bytes[where % bytes.length] = value;
          expect(typeof node.decode(bytes).type).toBe('string');
        },
      ),
      { numRuns: 3000 },
    );
  });

  it.each<[string, unknown, string, string]>([
    ['unknown type', { type: 'reboot', id: 5 }, 'E_UNKNOWN_TYPE', 'reboot'],
    ['no type', { id: 5 }, 'E_MALFORMED', 'type: expected one of'],
    ['a list', [1, 2], 'E_MALFORMED', 'message: expected a map'],
    ['missing field', { type: 'log', id: 5 }, 'E_MALFORMED', 'level: expected one of silent, error'],
    [
      'wrong field',
      { type: 'capture.start', id: 5, capture: 1, at, snaplen: -1, drops: true },
      'E_MALFORMED',
      'snaplen',
    ],
    [
      'wrong field inside',
      { type: 'view', id: 5, place: { kind: 'moon' }, argv: [] },
      'E_MALFORMED',
      'place.kind: expected one of node, pod, docker, netns',
    ],
    ['element', { type: 'view', id: 5, place: { kind: 'node' }, argv: ['ip', 4] }, 'E_MALFORMED', 'argv[1]'],
    ['not a number', { type: 'shutdown', id: 5, grace: Number.NaN }, 'E_MALFORMED', 'grace'],
    ['prototype', { type: 'toString', id: 5 }, 'E_UNKNOWN_TYPE', 'toString'],
  ])('says what is wrong: %s', (_, value, code, words) => {
    const bytes = new Packr({ useRecords: false }).pack(value);
    const answer = node.decode(bytes);
    expect(answer).toMatchObject({ type: 'undecodable', code, message: expect.stringContaining(words) });
    if (!Array.isArray(value)) expect(answer).toMatchObject({ id: 5 });
  });

  it('lets fields through that a newer emulator may add', () => {
    const bytes = new Packr({ useRecords: false }).pack({ type: 'ping', id: 1, since: 'later' });
    expect(node.decode(bytes)).toMatchObject({ type: 'ping', id: 1 });
  });
});

describe('skim', () => {
  const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
  it.each<[string, string, string | undefined]>([
    ['nil', 'c0', undefined],
    ['empty', '', 'ends too early'],
    ['map of one', '81 a1 61 01', undefined],
    ['undefined as msgpackr writes it', 'd4 00 00', undefined],
    ['array that claims four billion', 'dd ff ff ff ff 00', 'claims more elements than there are bytes'],
    ['map that claims four billion', 'df ff ff ff ff 00', 'claims more elements than there are bytes'],
    ['binary longer than the rest', 'c6 00 00 00 09 00', 'ends too early'],
    ['text longer than the rest', 'd9 05 61', 'ends too early'],
    ['length cut off', 'c5 01', 'ends too early'],
    ['extension', 'd5 01 00 00', 'type 0xd5 is not used here'],
    ['never used', 'c1', 'type 0xc1 is not used here'],
    ['two values', 'c0 c0', 'is followed by other bytes'],
    ['32 deep', `${'91'.repeat(32)}c0`, undefined],
    ['33 deep', `${'91'.repeat(33)}c0`, 'nests deeper than 32'],
  ])('%s', (_, bytes, expected) => {
    expect(skim(hex(bytes))).toBe(expected);
  });

  it('passes whatever msgpackr writes for plain data', () => {
    const packr = new Packr({ useRecords: false });
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        expect(skim(packr.pack(value))).toBe(undefined);
      }),
    );
  });
});

describe('error codes', () => {
  it('turn anything thrown into a code and words', () => {
    expect(toErrorCode(new ProtocolError('E_NOT_FOUND', 'pod x'))).toEqual({
      code: 'E_NOT_FOUND',
      message: `${ERROR_CODES.E_NOT_FOUND}: pod x`,
    });
    expect(toErrorCode(new TypeError('boom'))).toEqual({ code: 'E_INTERNAL', message: 'boom' });
    expect(toErrorCode('boom')).toEqual({ code: 'E_INTERNAL', message: 'boom' });
  });
});
