// Whole connections between two of our own stacks, over the real IPv4 path.
import { describe, expect, it } from 'vitest';
import { rtnetlink } from '../../rtnetlink/rtnetlink.ts';
import { ipv4, prefix } from '../../wire/addr.ts';
import * as ip from '../../wire/ipv4.ts';
import * as tcp from '../../wire/tcp.ts';
import { sockets } from '../listing.ts';
import { expectOk, Lab } from '../test-kit.ts';
import {
  atEof,
  stateName,
  tcpAccept,
  tcpBind,
  tcpClose,
  tcpConnect,
  tcpListen,
  tcpRecv,
  tcpSend,
  tcpShutdown,
} from './tcp.ts';
import { TcpSock } from './tcp-sock.ts';

const text = (data: Uint8Array | undefined): string =>
  data === undefined ? '' : Buffer.from(data).toString();

describe('a connection', () => {
  it('opens, carries data both ways and closes', () => {
    const lab = new Lab();
    const listener = lab.listener(lab.b, 80);
    const client = new TcpSock(lab.a);
    expect(tcpConnect(client, lab.addrB, 80)).toBeUndefined();
    expect(stateName(client)).toBe('SYN-SENT');
    lab.run();
    expect(stateName(client)).toBe('ESTAB');
    const server = tcpAccept(listener)!;
    expect(stateName(server)).toBe('ESTAB');
    expect(tcpSend(client, Buffer.from('hello'))).toBe(5);
    lab.run();
    expect(text(tcpRecv(server))).toBe('hello');
    expect(tcpSend(server, Buffer.from('world'))).toBe(5);
    lab.run();
    expect(text(tcpRecv(client))).toBe('world');
    tcpShutdown(client, 'write');
    lab.run();
    expect([stateName(client), stateName(server), atEof(server)]).toEqual(['FIN-WAIT-2', 'CLOSE-WAIT', true]);
    tcpClose(server);
    lab.run(100);
    expect([stateName(server), client.net.timeWait.count]).toEqual(['UNCONN', 1]);
    lab.run(60_000);
    expect([client.net.timeWait.count, client.net.ehash.size]).toEqual([0, 0]);
  });

  it('closed by both at once, ends in silence: a late ACK is not answered, or both would answer for ever', () => {
    const lab = new Lab();
    const [client, server] = lab.connected();
    tcpClose(client);
    tcpClose(server);
    lab.run(100);
    expect([client.net.timeWait.count, server.net.timeWait.count]).toEqual([1, 1]);
    const last: Uint8Array[] = [];
    const lines = lab.sniff(lab.devA);
    lab.devB.taps.add((skb, _dev, out) => out && last.push(skb.bytes.slice(skb.mac, skb.tail)));
    const ack = lab.kernel.pool.alloc(40);
    ack.network = ack.put(40);
    ip.put(ack.bytes, ack.network, { totalLen: 40, proto: ip.PROTO_TCP, src: lab.addrA, dst: lab.addrB });
    tcp.put(ack.bytes, ack.network + 20, {
      srcPort: client.sport,
      dstPort: 80,
      seq: client.sndNxt >>> 0,
      ack: client.rcvNxt >>> 0,
      flags: tcp.ACK,
    });
    tcp.updateChecksum(ack.bytes, ack.network + 20, ack.tail, lab.addrA, lab.addrB);
    ack.protocol = 0x0800;
    lab.kernel.ipv4.localOut(ack, lab.a);
    for (let turns = 0; turns < 3; turns++) lab.kernel.runQueue.run();
    expect(lines).toHaveLength(1);
    expect(last).toEqual([]);
  });

  it('to an address of this host goes over lo', () => {
    const lab = new Lab();
    const listener = lab.listener(lab.a, 80);
    const client = new TcpSock(lab.a);
    expectOk(tcpConnect(client, ipv4('127.0.0.1'), 80));
    lab.run();
    expect(stateName(tcpAccept(listener)!)).toBe('ESTAB');
  });

  it('fails at once where nobody answers ARP, and with the errno of each ICMP error', () => {
    const lab = new Lab();
    const client = new TcpSock(lab.a);
    expectOk(tcpConnect(client, ipv4('10.0.0.77'), 80));
    lab.run(3500);
    expect([stateName(client), client.err]).toEqual(['UNCONN', 'EHOSTUNREACH']);
    expect(tcpConnect(new TcpSock(lab.a), ipv4('192.0.2.1'), 80)).toBe('ENETUNREACH');
  });

  it('binds as Linux lets it', () => {
    const lab = new Lab();
    const bind = (addr: string, port: number, reuse = 0): TcpSock | string => {
      const tp = new TcpSock(lab.a);
      tp.setOption('SO_REUSEADDR', reuse);
      return tcpBind(tp, ipv4(addr), port) ?? tp;
    };
    const first = bind('0.0.0.0', 80) as TcpSock;
    expect(bind('10.0.0.1', 80)).toBe('EADDRINUSE');
    expect(bind('10.0.0.9', 81)).toBe('EADDRNOTAVAIL');
    expect(bind('10.0.0.1', 81)).toBeInstanceOf(TcpSock);
    expect(bind('127.0.0.1', 81)).toBeInstanceOf(TcpSock);
    tcpClose(first);
    // Both with SO_REUSEADDR may bind, but one alone may listen.
    const one = bind('0.0.0.0', 82, 1) as TcpSock;
    const two = bind('0.0.0.0', 82, 1) as TcpSock;
    expect(tcpListen(one, 1)).toBeUndefined();
    expect(tcpListen(two, 1)).toBe('EADDRINUSE');
    expect(bind('0.0.0.0', 82, 1)).toBe('EADDRINUSE');
  });

  it('runs out of ports towards one peer only', () => {
    const lab = new Lab();
    lab.a.sysctl.ipv4.ip_local_port_range = [40_000, 40_003];
    lab.listener(lab.b, 80);
    lab.listener(lab.b, 81);
    const dial = (port: number) => tcpConnect(new TcpSock(lab.a), lab.addrB, port);
    expect([dial(80), dial(80), dial(80), dial(80), dial(80)]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      'EADDRNOTAVAIL',
    ]);
    expect(dial(81)).toBeUndefined();
  });

  it('learns the path MTU from a router and loses nothing', () => {
    const lab = new Lab();
    const c = lab.netns('c');
    const [near, far] = lab.link(lab.b, 'eth1', '10.0.1.1/24', c, 'eth0', '10.0.1.2/24');
    near.mtu = 1200;
    far.mtu = 1200;
    lab.b.sysctl.write('net.ipv4.ip_forward', '1');
    rtnetlink(lab.a).routeAdd({ dst: prefix('10.0.1.0/24'), via: lab.addrB });
    rtnetlink(c).routeAdd({ dst: prefix('10.0.0.0/24'), via: ipv4('10.0.1.1') });
    const listener = lab.listener(c, 80);
    const client = new TcpSock(lab.a);
    expectOk(tcpConnect(client, ipv4('10.0.1.2'), 80));
    lab.run(100);
    const server = tcpAccept(listener)!;
    // The peer announced what fits its own link; forget that, as behind a tunnel that nobody knows of.
    client.mssClamp = 1460;
    client.mss = 1448;
    lab.impair(lab.devA, 1);
    const data = new Uint8Array(300_000).map((_, i) => i ^ (i >> 8));
    const { got } = lab.transfer(client, server, data, 20_000);
    expect(got.equals(data)).toBe(true);
    expect([client.pmtu, client.net.mib.timeouts]).toEqual([1200, 0]);
  });

  it('ends with its namespace', () => {
    const lab = new Lab();
    const [client, server] = lab.connected();
    let told = 0;
    client.wake = () => told++;
    lab.kernel.delNetns(lab.a);
    lab.run();
    expect([client.err, told, sockets(lab.a).length]).toEqual(['ECONNABORTED', 1, 0]);
    tcpSend(server, Buffer.from('x'));
    lab.run(2_000_000);
    expect(server.err).toBe('ETIMEDOUT');
    expect(lab.clock.next()).toBeUndefined();
  });
});
