// Many datagrams at once, for tests of queues.
import type { Netns } from '../kernel/netns/netns.ts';
import { UdpSock } from '../kernel/transport/udp.ts';
import type { Ipv4 } from '../kernel/wire/addr.ts';
import type { Lab } from './test-lab.ts';

export async function sendMany({ settle }: Lab, from: Netns, to: Ipv4, count: number): Promise<void> {
  const sock = new UdpSock(from);
  for (let i = 0; i < count; i++) {
    sock.send(new Uint8Array(10), to, 9);
    // The backlog of a device holds a thousand; this is about another queue.
    if (i % 100 === 99) await settle();
  }
  await settle();
  sock.close();
}
