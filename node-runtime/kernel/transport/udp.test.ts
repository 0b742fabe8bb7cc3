import { describe, expect, it } from 'vitest';
import { udpEncap } from '../netns/udp-encap.ts';
import { ANY, formatIpv4, type Ipv4, ipv4 } from '../wire/addr.ts';
import { sockets } from './listing.ts';
import { PingSock } from './ping.ts';
import { RawSock } from './raw.ts';
import { Lab } from './test-kit.ts';
import { UdpSock } from './udp.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const read = (sk: UdpSock): string | undefined => {
  const d = sk.recv();
  return d === undefined ? undefined : `${Buffer.from(d.data)} from ${formatIpv4(d.src)}:${d.sport}`;
};

function bound(lab: Lab, port: number, addr = ANY): UdpSock {
  const sk = new UdpSock(lab.b);
  expect(sk.bind(addr, port)).toBeUndefined();
  return sk;
}

/** What the second to bind port 9 is told. */
function twice(lab: Lab, addr: Ipv4): string | undefined {
  bound(lab, 9);
  return new UdpSock(lab.b).bind(addr, 9);
}

describe('UDP sockets', () => {
  it('send, receive and answer', () => {
    const lab = new Lab();
    const server = bound(lab, 53);
    const client = new UdpSock(lab.a);
    expect(client.send(bytes('q'), lab.addrB, 53)).toBeUndefined();
    lab.run(10);
    const d = server.recv()!;
    expect([Buffer.from(d.data).toString(), d.src, d.ttl]).toEqual(['q', lab.addrA, 64]);
    server.send(bytes('r'), d.src, d.sport);
    lab.run();
    expect(read(client)).toBe('r from 10.0.0.2:53');
    expect(client.sport).toBeGreaterThanOrEqual(32_768);
  });

  it('are found by score: address, peer, device, and the last bound of equals', () => {
    const lab = new Lab();
    const reuse = (sk: UdpSock): UdpSock => {
      sk.setOption('SO_REUSEADDR', 1);
      return sk;
    };
    const any = reuse(new UdpSock(lab.b));
    any.bind(ANY, 7);
    const later = reuse(new UdpSock(lab.b));
    later.bind(ANY, 7);
    const exact = reuse(new UdpSock(lab.b));
    exact.bind(lab.addrB, 7);
    const client = new UdpSock(lab.a);
    client.bind(ANY, 4000);
    const other = new UdpSock(lab.a);
    other.bind(ANY, 4001);
    const peer = reuse(new UdpSock(lab.b));
    peer.bind(lab.addrB, 7);
    peer.connect(lab.addrA, 4001);
    client.send(bytes('1'), lab.addrB, 7);
    other.send(bytes('2'), lab.addrB, 7);
    lab.run(10);
    expect([read(any), read(later), read(exact), read(peer)]).toEqual([
      undefined,
      undefined,
      '1 from 10.0.0.1:4000',
      '2 from 10.0.0.1:4001',
    ]);
    exact.close();
    peer.close();
    client.send(bytes('3'), lab.addrB, 7);
    lab.run();
    expect([read(any), read(later)]).toEqual([undefined, '3 from 10.0.0.1:4000']);
  });

  it('of an SO_REUSEPORT group share flows out, one flow always to the same', () => {
    const lab = new Lab();
    const group = [0, 1, 2, 3].map(() => {
      const sk = new UdpSock(lab.b);
      sk.setOption('SO_REUSEPORT', 1);
      expect(sk.bind(ANY, 7)).toBeUndefined();
      return sk;
    });
    for (let port = 5000; port < 5040; port++) {
      const sk = new UdpSock(lab.a);
      sk.bind(ANY, port);
      for (let i = 0; i < 2; i++) sk.send(bytes('x'), lab.addrB, 7);
      sk.close();
    }
    lab.run(10);
    const seen = group.map((sk) => {
      const ports: number[] = [];
      for (let d = sk.recv(); d !== undefined; d = sk.recv()) ports.push(d.sport);
      return ports;
    });
    expect(seen.flat()).toHaveLength(80);
    for (const ports of seen) {
      expect(ports.length).toBeGreaterThan(4);
      expect(ports.length).toBe(new Set(ports).size * 2);
    }
  });

  it.each<[string, (lab: Lab) => string | undefined]>([
    ['EADDRINUSE', (lab) => twice(lab, ANY)],
    ['EADDRINUSE', (lab) => twice(lab, ipv4('10.0.0.2'))],
    ['EADDRNOTAVAIL', (lab) => new UdpSock(lab.b).bind(ipv4('10.0.0.9'), 9)],
    ['EDESTADDRREQ', (lab) => new UdpSock(lab.b).send(bytes('x'))],
    ['EINVAL', (lab) => new UdpSock(lab.b).send(bytes('x'), ipv4('10.0.0.1'), 0)],
    ['ENETUNREACH', (lab) => new UdpSock(lab.b).send(bytes('x'), ipv4('192.0.2.1'), 9)],
    ['EMSGSIZE', (lab) => new UdpSock(lab.b).send(new Uint8Array(65_508), ipv4('10.0.0.1'), 9)],
    ['EACCES', (lab) => new UdpSock(lab.b).send(bytes('x'), ipv4('10.0.0.255'), 9)],
  ])('refuse with %s', (errno, act) => {
    expect(act(new Lab())).toBe(errno);
  });

  it('leave a tunnel its port', () => {
    const lab = new Lab();
    let got = 0;
    udpEncap(lab.b).set(8472, (skb) => {
      got = skb.len;
      skb.free();
    });
    expect(new UdpSock(lab.b).bind(ANY, 8472)).toBe('EADDRINUSE');
    new UdpSock(lab.a).send(bytes('vxlan'), lab.addrB, 8472);
    lab.run(10);
    expect(got).toBe(8 + 5);
  });

  it('set DF on what fits and cut what does not, unless told otherwise', () => {
    const lab = new Lab();
    const server = bound(lab, 9);
    const sniff = lab.sniff(lab.devA);
    const client = new UdpSock(lab.a);
    client.send(new Uint8Array(100), lab.addrB, 9);
    client.send(new Uint8Array(3000), lab.addrB, 9);
    lab.run(10);
    expect([server.recv()?.data.length, server.recv()?.data.length]).toEqual([100, 3000]);
    expect(sniff.map((line) => / DF/.test(line))).toEqual([true, false, false, false]);
    client.setOption('IP_MTU_DISCOVER', 2);
    expect(client.send(new Uint8Array(1473), lab.addrB, 9)).toBe('EMSGSIZE');
    expect(client.send(new Uint8Array(1472), lab.addrB, 9)).toBeUndefined();
  });

  it('drop and count what their buffer does not hold', () => {
    const lab = new Lab();
    const server = bound(lab, 9);
    const client = new UdpSock(lab.a);
    client.send(bytes('x'), lab.addrB, 9);
    lab.run(10);
    for (let i = 0; i < 499; i++) client.send(bytes('x'), lab.addrB, 9);
    lab.run();
    // 212992 bytes hold 277 packets of 768 bytes of truesize.
    expect([server.queue.length, server.drops]).toEqual([277, 223]);
    expect(lab.kernel.tracer.dropped.get('SOCKET_RCVBUFF')).toBe(223);
  });

  it('hear of a closed port when connected, and only then', () => {
    const lab = new Lab();
    const loose = new UdpSock(lab.a);
    loose.send(bytes('x'), lab.addrB, 9);
    const client = new UdpSock(lab.a);
    client.connect(lab.addrB, 9);
    client.send(bytes('x'));
    lab.run(10);
    expect(loose.err).toBeUndefined();
    expect(client.send(bytes('y'))).toBe('ECONNREFUSED');
    expect(client.send(bytes('z'))).toBeUndefined();
  });

  it('hear of a neighbour that does not answer through the error queue', () => {
    const lab = new Lab();
    const client = new UdpSock(lab.a);
    client.setOption('IP_RECVERR', 1);
    client.send(bytes('x'), ipv4('10.0.0.77'), 9);
    lab.run(10_000);
    expect(client.errors[0]).toMatchObject({ errno: 'EHOSTUNREACH', type: 3, code: 1, dport: 9 });
    expect(client.takeError()).toBe('EHOSTUNREACH');
  });

  it('broadcast when allowed to, to all who listen', () => {
    const lab = new Lab();
    const one = new UdpSock(lab.b);
    one.setOption('SO_REUSEADDR', 1);
    one.bind(ANY, 67);
    const two = new UdpSock(lab.b);
    two.setOption('SO_REUSEADDR', 1);
    two.bind(ANY, 67);
    const client = new UdpSock(lab.a);
    client.setOption('SO_BROADCAST', 1);
    expect(client.send(bytes('who?'), ipv4('10.0.0.255'), 67)).toBeUndefined();
    lab.run(10);
    expect([one.queue.length, two.queue.length]).toEqual([1, 1]);
  });

  it('choose the same ports in every run', () => {
    const ports = () => {
      const lab = new Lab();
      return [0, 1, 2].map(() => {
        const sk = new UdpSock(lab.a);
        sk.bind(ANY, 0);
        return sk.sport;
      });
    };
    expect(ports()).toEqual(ports());
    expect(new Set(ports()).size).toBe(3);
  });

  it('are traced from send to socket', () => {
    const lab = new Lab();
    bound(lab, 9);
    new UdpSock(lab.a).send(bytes('x'), lab.addrB, 9, { trace: 42 });
    lab.run(10);
    const stages = lab.events.filter((e) => e.trace === 42).map((e) => `${e.netns} ${e.stage}`);
    expect(stages[0]).toBe('a send');
    expect(stages).toContain('b socket');
  });
});

describe('other sockets', () => {
  it('ping: the reply finds the socket by its id', () => {
    const lab = new Lab();
    const one = new PingSock(lab.a);
    const two = new PingSock(lab.a);
    const echo = new Uint8Array(16);
    echo[0] = 8;
    expect(one.send(echo, lab.addrB)).toBeUndefined();
    expect(two.send(echo, lab.addrB)).toBeUndefined();
    lab.run(10);
    expect([one.queue.length, two.queue.length]).toEqual([1, 1]);
    const reply = one.recv()!;
    expect([reply.data[0], (reply.data[4]! << 8) | reply.data[5]!, reply.ttl]).toEqual([0, one.sport, 64]);
    echo[0] = 13;
    expect(one.send(echo, lab.addrB)).toBe('EINVAL');
  });

  it('raw: a copy of each packet of the protocol, header and all; and whole packets out', () => {
    const lab = new Lab();
    const raw = new RawSock(lab.b, 253);
    expect(new RawSock(lab.a, 253).send(bytes('odd'), lab.addrB)).toBeUndefined();
    lab.run(10);
    const d = raw.recv()!;
    expect([d.data.length, d.data[9], Buffer.from(d.data.subarray(20)).toString()]).toEqual([23, 253, 'odd']);
    const sender = new RawSock(lab.a, 255);
    d.data[8] = 9;
    expect(sender.send(d.data, lab.addrB)).toBeUndefined();
    lab.run();
    expect(raw.recv()?.ttl).toBe(9);
  });

  it('are listed', () => {
    const lab = new Lab();
    const [client] = lab.connected(80);
    bound(lab, 53);
    const line = (s: ReturnType<typeof sockets>[number]): string =>
      `${s.proto} ${s.state} ${formatIpv4(s.local)}:${s.lport} ${formatIpv4(s.remote)}:${s.rport} ${s.txQueue}`;
    expect(sockets(lab.b).map(line)).toEqual([
      'tcp 10 0.0.0.0:80 0.0.0.0:0 128',
      `tcp 1 10.0.0.2:80 10.0.0.1:${client.sport} 0`,
      'udp 7 0.0.0.0:53 0.0.0.0:0 0',
    ]);
  });
});
