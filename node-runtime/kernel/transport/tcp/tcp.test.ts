import { describe, expect, it } from 'vitest';
import { Lab } from '../test-kit.ts';
import { atEof, stateName, tcpAccept, tcpClose, tcpConnect, tcpRecv, tcpSend, tcpShutdown } from './tcp.ts';
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
    expect(stateName(client)).toBe('FIN-WAIT-2');
    expect(stateName(server)).toBe('CLOSE-WAIT');
    expect(atEof(server)).toBe(true);
    tcpClose(server);
    lab.run(100);
    expect(stateName(server)).toBe('UNCONN');
    expect(client.net.timeWait.count).toBe(1);
    lab.run(60_000);
    expect(client.net.timeWait.count).toBe(0);
    expect(client.net.ehash.size).toBe(0);
  });

  it('moves a megabyte', () => {
    const lab = new Lab();
    const [client, server] = lab.connected();
    const data = new Uint8Array(1 << 20).map((_, i) => (i * 7) ^ (i >> 8));
    let sent = 0;
    const got: Uint8Array[] = [];
    for (let turn = 0; turn < 2000 && got.reduce((n, c) => n + c.length, 0) < data.length; turn++) {
      const n = tcpSend(client, data, sent);
      if (typeof n === 'number') sent += n;
      lab.run(1);
      for (let c = tcpRecv(server); c !== undefined; c = tcpRecv(server)) got.push(c);
    }
    expect(Buffer.concat(got).equals(data)).toBe(true);
  });
});
