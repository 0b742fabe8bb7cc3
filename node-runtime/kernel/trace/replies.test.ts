import { describe, expect, it } from 'vitest';
import { SkbPool } from '../skb/skb.ts';
import { ipv4 } from '../wire/addr.ts';
import * as ip from '../wire/ipv4.ts';
import * as udp from '../wire/udp.ts';
import { TRACE_REPLY } from './event.ts';
import { TraceReplies } from './replies.ts';

const pool = new SkbPool();

function packet(src: string, sport: number, dst: string, dport: number, trace = 0, proto = ip.PROTO_UDP) {
  const skb = pool.alloc(64);
  const at = skb.put(28);
  ip.put(skb.bytes, at, { totalLen: 28, proto, src: ipv4(src), dst: ipv4(dst) });
  udp.setSrcPort(skb.bytes, at + 20, sport);
  udp.setDstPort(skb.bytes, at + 20, dport);
  skb.network = at;
  skb.trace = trace;
  return skb;
}

const asked = (trace = 7) => packet('10.0.0.1', 4000, '10.0.0.2', 53, trace);
const answer = () => packet('10.0.0.2', 53, '10.0.0.1', 4000);

describe('answers to traced packets', () => {
  it('one answer per packet delivered, marked as an answer', () => {
    const replies = new TraceReplies();
    replies.delivered(asked(), 1, 0);
    replies.delivered(asked(), 1, 0);
    expect([1, 2, 3].map(() => replies.claim(answer(), 1, 1))).toEqual([7 | TRACE_REPLY, 7 | TRACE_REPLY, 0]);
    expect(replies.size).toBe(0);
  });

  it.each([
    ['another port', packet('10.0.0.2', 54, '10.0.0.1', 4000), 1, 1],
    ['another protocol', packet('10.0.0.2', 53, '10.0.0.1', 4000, 0, ip.PROTO_TCP), 1, 1],
    ['the same direction', asked(0), 1, 1],
    ['another namespace', answer(), 2, 1],
    ['too late', answer(), 1, 10_000],
  ])('not %s', (_name, skb, inum, now) => {
    const replies = new TraceReplies();
    replies.delivered(asked(), 1, 0);
    expect(replies.claim(skb, inum, now)).toBe(0);
  });

  it('an answer that is delivered is not waited for in turn', () => {
    const replies = new TraceReplies();
    replies.delivered(asked(7 | TRACE_REPLY), 1, 0);
    expect(replies.size).toBe(0);
  });

  it('is bounded', () => {
    const replies = new TraceReplies();
    for (let i = 0; i < 1000; i++) replies.delivered(asked(), 1, 0);
    expect(replies.size).toBe(64);
  });
});
