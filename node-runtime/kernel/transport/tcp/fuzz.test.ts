// Hostile segments: nothing throws, nothing grows, and every one is accounted for.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Stream } from '../../netns/dice.ts';
import { CHECKSUM_UNNECESSARY } from '../../skb/skb.ts';
import { put16, put32 } from '../../wire/bytes.ts';
import * as ip from '../../wire/ipv4.ts';
import * as tcp from '../../wire/tcp.ts';
import { Lab } from '../test-kit.ts';
import { tcpRcv } from './input.ts';
import { ReceiveQueue } from './receive-queue.ts';
import { SendRing } from './send-ring.ts';
import { tcpAccept, tcpRecv, tcpSend } from './tcp.ts';
import type { TcpSock } from './tcp-sock.ts';

/** A segment that is nearly right: ports that exist, numbers near the window, options at random. */
function nearly(lab: Lab, dice: Stream, tp: TcpSock): void {
  const options = 4 * dice.below(11);
  const data = dice.below(4) === 0 ? dice.below(3000) : dice.below(4);
  const skb = lab.kernel.pool.alloc(20 + 20 + options + data);
  const at = skb.put(40 + options + data);
  const b = skb.bytes;
  for (let i = at; i < skb.tail; i++) b[i] = dice.below(256);
  ip.put(b, at, { totalLen: skb.len, proto: ip.PROTO_TCP, src: tp.daddr, dst: tp.saddr });
  const near = (n: number): number => (n + (dice.below(3) === 0 ? 0 : dice.below(200_000) - 100_000)) | 0;
  put16(b, at + 20, tp.dport);
  put16(b, at + 22, tp.sport);
  put32(b, at + 24, dice.below(20) === 0 ? dice.u32() : near(tp.rcvNxt));
  put32(b, at + 28, dice.below(20) === 0 ? dice.u32() : near(tp.sndUna));
  b[at + 32] = dice.below(10) === 0 ? dice.below(256) : (20 + options) << 2;
  // Resets and SYNs seldom, or there is nothing left to fuzz.
  b[at + 33] = tcp.ACK | (dice.below(50) === 0 ? dice.below(256) : dice.below(8) & tcp.PSH);
  if (options >= 12 && dice.below(2) === 0) {
    const kinds = [0x0101080a, 0x01010500 | (options - 2), 0x02040000, 0x01030300];
    put32(b, at + 40, kinds[dice.below(4)]! | (dice.below(4) === 0 ? dice.below(256) : 0));
    if (dice.below(2) === 0) put32(b, at + 44, near(tp.sndUna));
    if (dice.below(2) === 0) put32(b, at + 48, near(tp.sndNxt));
  }
  skb.network = at;
  skb.pull(20);
  skb.ipSummed = CHECKSUM_UNNECESSARY;
  tcpRcv(skb, tp.ns);
}

describe('segments at random', () => {
  it('never throw, and leave the books in order', () => {
    const dice = new Stream(3, 'fuzz');
    let rounds = 0;
    for (let connection = 0; connection < 30; connection++) {
      const lab = new Lab();
      const listener = lab.listener(lab.b, 90);
      const [client, server] = lab.connected();
      for (let i = 0; i < 200; i++) {
        rounds++;
        const tp = dice.below(2) === 0 ? client : server;
        if (dice.below(4) === 0) tcpSend(tp, new Uint8Array(dice.below(20_000)));
        if (dice.below(4) === 0) tcpRecv(tp);
        if (tp.hashed) nearly(lab, dice, tp);
        if (dice.below(8) === 0) lab.run(dice.below(300));
        for (const t of [client, server]) {
          expect(
            Math.min(t.packetsOut, t.sackedOut, t.lostOut, t.retransOut),
            `${rounds}`,
          ).toBeGreaterThanOrEqual(0);
          expect(t.sackedOut + t.lostOut, `${rounds}`).toBeLessThanOrEqual(t.packetsOut);
          expect(t.cwnd).toBeGreaterThan(0);
          expect(t.rcv.ready + t.rcv.ofo).toBeLessThanOrEqual(t.rcvbuf);
        }
      }
      client.close();
      server.close();
      for (let c = tcpAccept(listener); c !== undefined; c = tcpAccept(listener)) c.close();
      lab.run(2_000_000);
      expect(client.net.ehash.size + server.net.ehash.size).toBe(0);
    }
    // A busy machine may take its time.
  }, 30_000);

  it('cut off anywhere, are refused', () => {
    const lab = new Lab();
    lab.listener(lab.b, 80);
    for (let len = 0; len < 40; len++) {
      const skb = lab.kernel.pool.alloc(60);
      const at = skb.put(60);
      ip.put(skb.bytes, at, { totalLen: 20 + len, proto: ip.PROTO_TCP, src: lab.addrA, dst: lab.addrB });
      tcp.put(skb.bytes, at + 20, {
        srcPort: 9,
        dstPort: 80,
        seq: 1,
        flags: tcp.SYN,
        options: { mss: 1460, sackPermitted: true, timestamps: { value: 1, echo: 2 } },
      });
      skb.network = at;
      skb.pull(20);
      skb.trim(len);
      skb.ipSummed = CHECKSUM_UNNECESSARY;
      tcpRcv(skb, lab.b);
    }
    lab.run(10);
    // All but the last few are shorter than the header they announce.
    expect(lab.kernel.tracer.dropped.get('PKT_TOO_SMALL')).toBe(36);
  });
});

describe('buffers', () => {
  it('the receive queue gives back what came, whatever the order and overlap', () => {
    const pieces = fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 120 })), { maxLength: 40 });
    fc.assert(
      fc.property(pieces, fc.integer(), (list, isn) => {
        const stream = Uint8Array.from({ length: 520 }, (_, i) => (i * 31) & 255);
        const queue = new ReceiveQueue();
        let next = isn | 0;
        const out: number[] = [];
        const have = new Set<number>();
        for (const [start, len] of [...list, [0, 520] as const]) {
          const seq = (isn + start) | 0;
          const end = (seq + len) | 0;
          for (let i = start; i < start + len; i++) have.add(i);
          const known = (next - seq) | 0;
          if (known >= len) continue;
          if (known >= 0) {
            queue.append(next, stream, start + known, len - known);
            next = queue.advance(end);
          } else queue.insert(seq, end, stream, start);
          const inOrder = (next - isn) | 0;
          expect(queue.ofo).toBe([...have].filter((i) => i >= inOrder).length);
        }
        for (let c = queue.take(); c !== undefined; c = queue.take()) out.push(...c);
        expect(out).toEqual([...stream]);
        expect([queue.ready, queue.ofo, queue.ofoChunks]).toEqual([0, 0, 0]);
      }),
      { numRuns: 300 },
    );
  });

  it('the send ring copies what was written, across its end and as it grows', () => {
    const steps = fc.array(fc.tuple(fc.nat(30_000), fc.nat(30_000)), { maxLength: 12 });
    fc.assert(
      fc.property(steps, fc.integer(), (list, isn) => {
        const ring = new SendRing(isn | 0);
        let written = 0;
        let released = 0;
        for (const [write, release] of list) {
          const data = Uint8Array.from({ length: write }, (_, i) => ((written + i) * 7) & 255);
          ring.write(data, 0, write);
          written += write;
          const to = new Uint8Array(written - released);
          ring.copy((isn + released) | 0, to.length, to, 0);
          for (let i = 0; i < to.length; i += 997) expect(to[i]).toBe(((released + i) * 7) & 255);
          released = Math.min(released + release, written);
          ring.release((isn + released) | 0);
          expect([ring.length, ring.end]).toEqual([written - released, (isn + written) | 0]);
        }
      }),
      { numRuns: 60 },
    );
  });
});
