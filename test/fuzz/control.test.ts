// Control messages at random: bent ones of every type into the codecs of both ends and into a node's supervision, and into
// the control connection of a background cluster. Each is answered with a result or a code, or counted as not understood.
import { describe, expect, it } from 'vitest';
import { decode, encode } from '../../emulator/control/codec.ts';
import { emulatorCodec, nodeCodec, type Undecodable } from '../../emulator/protocol/codec.ts';
import { ERROR_CODES } from '../../emulator/protocol/errors.ts';
import { FROM_NODE, TO_NODE } from '../../emulator/protocol/messages.fixture.ts';
import type { FromNode, ToNode } from '../../emulator/protocol/messages.ts';
import type { Channel } from '../../node-runtime/supervision/channel.ts';
import { Supervision } from '../../node-runtime/supervision/supervision.ts';
import { bend } from './mutate.ts';
import { dice, GROWTH, mebibytes, memory, pick, share } from './scale.ts';

const DECODED = 800_000;
const SUPERVISED = 500_000;
const CALLS = 100_000;

const node = nodeCodec();
const emulator = emulatorCodec();
const toNode = TO_NODE.map((m) => Uint8Array.from(emulator.encode(m)));
const fromNode = FROM_NODE.map((m) => Uint8Array.from(node.encode(m)));

describe('control messages', () => {
  it('bent, are what they say or refused with a code', () => {
    const rounds = share(DECODED);
    const roll = dice('control codec', rounds);
    const codes = new Map<string, number>();
    let understood = 0;
    for (let i = 0; i < rounds; i++) {
      const seeds = i % 2 === 0 ? toNode : fromNode;
      let bytes = pick(roll, seeds).slice();
      for (let n = 1 + roll.below(4); n > 0; n--)
        bytes = Uint8Array.from(bend(roll, bytes, pick(roll, seeds)));
      const message: ToNode | FromNode | Undecodable =
        i % 2 === 0 ? node.decode(bytes) : emulator.decode(bytes);
      if (message.type !== 'undecodable') {
        understood++;
        continue;
      }
      expect(Object.hasOwn(ERROR_CODES, message.code)).toBe(true);
      codes.set(message.code, (codes.get(message.code) ?? 0) + 1);
    }
    const refused = [...codes.values()].reduce((sum, n) => sum + n, 0);
    expect(understood + refused).toBe(rounds);
    process.stdout.write(
      `control codec: understood ${understood}, ${JSON.stringify(Object.fromEntries(codes))}\n`,
    );
  });

  it('into a node, are answered once each, and no stream or session is left behind', async () => {
    const rounds = share(SUPERVISED);
    const roll = dice('supervision', rounds);
    const answered = new Map<string, number>();
    let answers = 0;
    let early = 0;
    let lateness = 0;
    for (let done = 0; done < rounds; ) {
      const { supervision, channel, heard } = live(() => lateness++ % 7 === 0);
      channel.onMessage({ type: 'welcome', version: 1 });
      heard.length = 0;
      let asked = 0;
      let silent = 0;
      for (let i = 0; i < 2000 && done < rounds; i++, done++) {
        let bytes = pick(roll, toNode).slice();
        for (let n = roll.below(4); n > 0; n--)
          bytes = Uint8Array.from(bend(roll, bytes, pick(roll, toNode)));
        const message = node.decode(bytes);
        if (message.type === 'welcome' || message.type.startsWith('stream.')) silent++;
        else asked++;
        channel.onMessage(message);
        if (i % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await new Promise((resolve) => setImmediate(resolve));
      const replies = heard.filter((m) => m.type === 'ok' || m.type === 'error');
      expect(replies.length).toBe(asked);
      expect(supervision.ignored).toBeLessThanOrEqual(silent);
      answers += replies.length;
      for (const m of replies) {
        const what = m.type === 'error' ? m.code : m.type;
        answered.set(what, (answered.get(what) ?? 0) + 1);
      }
      channel.close();
      channel.onClose();
      expect(supervision.session).toBe(undefined);
      if (early === 0 && done > rounds / 4) early = memory();
    }
    process.stdout.write(
      `supervision: ${answers} answered, ${JSON.stringify(Object.fromEntries(answered))}\n`,
    );
    if (early !== 0) {
      const late = memory();
      process.stdout.write(`supervision: heap ${mebibytes(early)}, at the end ${mebibytes(late)}\n`);
      expect(late - early).toBeLessThan(GROWTH);
    }
  });

  it('of a background cluster, bent, are messages or nothing', () => {
    const rounds = share(CALLS);
    const roll = dice('control socket', rounds);
    const seeds = [
      encode({ t: 'call', id: 1, method: 'exec', params: { pod: 'web', argv: ['ip', 'a'] } }),
      encode({ t: 'data', id: 1, message: { data: Buffer.from('ls\n') } }),
      encode({ t: 'cancel', id: 1 }),
      encode({ t: 'error', id: 9, code: 'E_NOT_FOUND', message: 'no such pod' }),
    ].map((bytes) => Uint8Array.from(bytes));
    let refused = 0;
    for (let i = 0; i < rounds; i++) {
      let bytes = pick(roll, seeds).slice();
      for (let n = 1 + roll.below(3); n > 0; n--)
        bytes = Uint8Array.from(bend(roll, bytes, pick(roll, seeds)));
      const message = decode(bytes);
      if (message === undefined) refused++;
      else expect(Number.isInteger(message.id)).toBe(true);
    }
    process.stdout.write(`control socket: refused ${refused} of ${rounds}\n`);
  });
});

/** A node's supervision whose rooms answer at once, later, or with an error. */
function live(late: () => boolean) {
  const supervision = new Supervision(() => ({
    role: 'node',
    name: 'n1',
    pid: 1,
    startTime: 0,
    url: 'memory:n1',
    running: false,
  }));
  const heard: FromNode[] = [];
  const channel: Channel = {
    buffered: 0,
    send: (message) => {
      // What goes out must be as sound as what must come in.
      const said = emulator.decode(node.encode(message));
      if (said.type === 'undecodable') throw new Error(`unsound: ${said.message}`);
      heard.push(message);
    },
    onMessage() {},
    onClose() {},
    close() {},
  };
  for (const type of new Set(TO_NODE.filter((m) => 'id' in m).map((m) => m.type))) {
    if (type === 'metrics') continue; // one that no room answers
    supervision.on(
      type as never,
      (async (request: { stream?: number }, session: { stream(id: number): unknown }) => {
        if (request.stream !== undefined) {
          const stream = session.stream(request.stream) as { exit(code: number): void; onInput: unknown };
          stream.onInput = () => stream.exit(0);
        }
        if (late()) await new Promise((resolve) => setImmediate(resolve));
        if (type === 'stats') throw new TypeError('boom');
        return null;
      }) as never,
    );
  }
  supervision.connect(channel);
  return { supervision, channel, heard };
}
