import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { emulatorCodec, nodeCodec } from './codec.ts';
import { ERROR_CODES, ProtocolError, toErrorCode } from './errors.ts';
import type { FromNode, ToNode } from './messages.ts';
import { skim } from './skim.ts';

const at = { netns: 'host', dev: 'eth0' };
const pod = { kind: 'pod', namespace: 'default', pod: 'web' } as const;

// One of each kind: what the emulator sends arrives as it was sent.
const TO_NODE: readonly ToNode[] = [
  { type: 'welcome', version: 1 },
  {
    type: 'configure',
    id: 1,
    config: {
      cluster: { name: 'c' } as never,
      api: { underlay: '192.168.100.2:6443', token: 't' },
      logLevel: 'info',
    },
    disk: [{ path: '/var/lib/cni/networks/cbr0/10.244.1.2', mode: 0o644, bytes: Buffer.from('x') }],
    cabling: {
      version: 3,
      peers: [{ name: 'node-1', url: 'ws://127.0.0.1:1' }],
      plugs: [{ segment: 'default', mac: '02:00:c0:a8:64:0b', peer: 'node-1' }],
    },
  },
  { type: 'cables', id: 2, cabling: { version: 4, peers: [], plugs: [] } },
  {
    type: 'impair',
    id: 3,
    impairments: [
      {
        name: 'slow',
        at,
        direction: 'egress',
        match: { peerMacs: ['02:00:c0:a8:64:0c'], peerIps: ['10.0.0.0/8'] },
        effect: {
          type: 'netem',
          delay: 20,
          jitter: 1.5,
          loss: 0.1,
          rate: 1e9,
          lossGemodel: [1, 10, 70, 0.1],
        },
      },
      { name: 'cut', at, direction: 'ingress', match: {}, effect: { type: 'partition' } },
      {
        name: 'tbf',
        at,
        direction: 'egress',
        match: {},
        effect: { type: 'tbf', rate: 1e6, burst: 1600, limit: 9000 },
      },
    ],
  },
  {
    type: 'exec',
    id: 4,
    stream: 9,
    place: { ...pod, container: 'c1' },
    argv: ['sh', '-c', 'ip a'],
    env: { TERM: 'xterm' },
    stdin: true,
    tty: { cols: 80, rows: 24 },
  },
  { type: 'attach', id: 5, stream: 10, place: pod, stdin: false },
  {
    type: 'logs',
    id: 6,
    stream: 11,
    place: pod,
    follow: true,
    previous: false,
    timestamps: false,
    tailLines: 5,
  },
  { type: 'forward', id: 7, stream: 12, place: pod, port: 80 },
  {
    type: 'trace',
    id: 8,
    probe: {
      trace: 7,
      from: pod,
      dst: '10.0.0.1',
      proto: 'udp',
      dstPort: 53,
      size: 64,
      df: true,
      timeout: 1000,
    },
  },
  { type: 'trace.follow', id: 9, on: true },
  { type: 'capture.start', id: 10, capture: 1, at, snaplen: 262_144, drops: true },
  { type: 'capture.stop', id: 11, capture: 1 },
  { type: 'stats', id: 12 },
  { type: 'metrics', id: 13 },
  { type: 'drops', id: 14 },
  { type: 'view', id: 15, place: { kind: 'node' }, argv: ['ip', 'route'] },
  { type: 'daemon', id: 16, name: 'flanneld', action: 'stop' },
  { type: 'docker', id: 17, argv: ['ps'] },
  { type: 'log', id: 18, level: 'debug' },
  { type: 'ping', id: 19 },
  { type: 'shutdown', id: 20, grace: 500 },
  { type: 'stream.data', stream: 9, channel: 'stdin', data: Buffer.from('ls\n'), end: false },
  { type: 'stream.credit', stream: 9, bytes: 4096 },
  { type: 'stream.resize', stream: 9, cols: 100, rows: 30 },
  { type: 'stream.kill', stream: 9, signal: 'SIGINT' },
];
const FROM_NODE: readonly FromNode[] = [
  {
    type: 'hello',
    version: 1,
    role: 'node',
    name: 'node-1',
    pid: 4711,
    startTime: 1.7e12,
    url: 'ws://127.0.0.1:40211',
    running: false,
  },
  { type: 'ok', replyTo: 3, result: null },
  { type: 'error', replyTo: 3, code: 'E_NOT_FOUND', message: 'no device eth9' },
  {
    type: 'trace.events',
    dropped: 0,
    events: [
      {
        trace: 7,
        seq: 1,
        time: 12.5,
        netns: 'host',
        dev: 'eth0',
        stage: 'xmit',
        text: 'leaves',
        facts: { len: 98, vlan: false, to: 'x' },
        packet: 'IP 10.0.0.1 > 10.0.0.2: ICMP echo request',
      },
    ],
  },
  {
    type: 'capture.frames',
    capture: 1,
    dropped: 2,
    frames: [
      {
        time: 1,
        outgoing: true,
        trace: 0,
        length: 60,
        bytes: Buffer.alloc(60),
        text: 'IP 10.0.0.1 > 10.0.0.2',
        drop: 'TTL',
      },
    ],
  },
  { type: 'disk', path: '/etc/cni', file: { path: '/etc/cni', mode: 0o600, bytes: Buffer.from('{}') } },
  { type: 'disk', path: '/etc/cni' },
  { type: 'daemon.status', name: 'flanneld', state: 'failed', message: 'no lease' },
  { type: 'stream.data', stream: 9, channel: 'stdout', data: Buffer.from('a'), end: true },
  { type: 'stream.credit', stream: 9, bytes: 1 },
  { type: 'stream.exit', stream: 9, code: 127, reason: 'not found' },
];

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
