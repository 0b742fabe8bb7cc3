import { describe, expect, it } from 'vitest';
import { CHECKSUM_PARTIAL, ETH_P_IP, PACKET_HOST } from '../skb/skb.ts';
import { MAC_ZERO } from '../wire/addr.ts';
import { Loopback } from './loopback.ts';
import { lab, recordArrivals, udpPacket, up } from './test-kit.ts';

describe('loopback', () => {
  it('hands back what is sent, after the sender returned, with connection, mark and checksum state kept', () => {
    const { kernel, ns } = lab();
    const lo = up(ns, new Loopback(kernel));
    const arrived = recordArrivals(kernel);
    const skb = kernel.pool.copyOf(udpPacket({ src: '127.0.0.1', dst: '127.0.0.1' }));
    const conn = {};
    skb.ct = conn;
    skb.mark = 7;
    skb.sk = {};
    skb.ipSummed = CHECKSUM_PARTIAL;
    lo.header(skb, MAC_ZERO, MAC_ZERO, ETH_P_IP);
    lo.queueXmit(skb);
    expect(arrived).toEqual([]);
    kernel.runQueue.run();
    expect(arrived).toHaveLength(1);
    const got = arrived[0]!.skb;
    expect(got).toMatchObject({ pktType: PACKET_HOST, mark: 7, sk: undefined, ipSummed: CHECKSUM_PARTIAL });
    expect(got.ct).toBe(conn);
    expect(lo.stats).toMatchObject({ txPackets: 1, rxPackets: 1, txBytes: 60, rxBytes: 60 });
  });
});
