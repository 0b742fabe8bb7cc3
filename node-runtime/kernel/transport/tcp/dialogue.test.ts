// Conversations, segment by segment. Numbers are relative to each side's first; windows and options where they matter.
import { describe, expect, it } from 'vitest';
import type { Lab } from '../test-kit.ts';
import { type Say, ScriptedPeer } from './scripted-peer.ts';
import {
  atEof,
  stateName,
  tcpAbort,
  tcpAccept,
  tcpClose,
  tcpConnect,
  tcpRecv,
  tcpSend,
  tcpShutdown,
} from './tcp.ts';
import { TcpSock } from './tcp-sock.ts';

const text = (tp: TcpSock): string => {
  let all = '';
  for (let c = tcpRecv(tp); c !== undefined; c = tcpRecv(tp)) all += Buffer.from(c).toString();
  return all;
};

function connecting(): { peer: ScriptedPeer; lab: Lab; tp: TcpSock } {
  const peer = new ScriptedPeer();
  const tp = new TcpSock(peer.lab.a);
  expect(tcpConnect(tp, peer.lab.addrB, 80)).toBeUndefined();
  return { peer, lab: peer.lab, tp };
}

/** Connected from our side, with SACK but without timestamps unless told; MSS 1000 each way. */
function open(options: Say['options'] = { mss: 1000, sackPermitted: true }, window = 65_535, rtt = 0) {
  const c = connecting();
  expect(c.peer.heard()).toEqual(['S 0']);
  c.lab.run(rtt);
  c.peer.send({ flags: 'S.', seq: 0, ack: 1, options, window });
  expect(c.peer.heard()).toEqual(['. 1 ack 1']);
  expect(stateName(c.tp)).toBe('ESTAB');
  return c;
}

/** Accepted by our side. */
function opened() {
  const peer = new ScriptedPeer();
  const { lab } = peer;
  const listener = lab.listener(lab.a, 7);
  peer.port = 40_000;
  peer.otherPort = 7;
  peer.send({ flags: 'S', options: { mss: 1000, sackPermitted: true } });
  expect(peer.heard()).toEqual(['S. 0 ack 1']);
  peer.send({ flags: '.', seq: 1, ack: 1 });
  const tp = tcpAccept(listener)!;
  expect(stateName(tp)).toBe('ESTAB');
  return { peer, lab, tp, listener };
}

describe('opening', () => {
  it('sends SYNs at 1, 2, 3, 4, 5, 7, 11 … seconds and then gives up', () => {
    const { peer, tp } = connecting();
    expect(peer.heard()).toEqual(['S 0']);
    expect(peer.listen(200_000).map((line) => line.split(':')[0])).toEqual([
      '1000',
      '2000',
      '3000',
      '4000',
      '5000',
      '7000',
      '11000',
      '19000',
      '35000',
      '67000',
    ]);
    expect([stateName(tp), tp.err]).toEqual(['UNCONN', 'ETIMEDOUT']);
  });

  it('doubles from the first on with tcp_syn_linear_timeouts 0', () => {
    const peer = new ScriptedPeer();
    peer.lab.a.sysctl.ipv4.tcp_syn_linear_timeouts = 0;
    const tp = new TcpSock(peer.lab.a);
    tcpConnect(tp, peer.lab.addrB, 80);
    peer.heard();
    expect(peer.listen(200_000).map((line) => line.split(':')[0])).toEqual([
      '1000',
      '3000',
      '7000',
      '15000',
      '31000',
      '63000',
    ]);
    expect(tp.err).toBe('ETIMEDOUT');
  });

  it('offers what Linux offers', () => {
    const { peer } = connecting();
    peer.heard();
    expect(peer.lastOptions).toMatchObject({
      mss: 1460,
      sackPermitted: true,
      wscale: 7,
      timestamps: { echo: 0 },
    });
    expect(peer.lastWindow).toBe(64_240);
  });

  it.each<[string, Say, string[], string, string | undefined]>([
    ['a reset', { flags: 'R.', ack: 1 }, [], 'UNCONN', 'ECONNREFUSED'],
    ['a reset for something else', { flags: 'R.', ack: 5 }, [], 'SYN-SENT', undefined],
    ['a reset without ACK', { flags: 'R' }, [], 'SYN-SENT', undefined],
    ['a wrong ACK', { flags: 'S.', ack: 9 }, ['R 9'], 'SYN-SENT', undefined],
    ['an ACK alone', { flags: '.', ack: 1 }, [], 'SYN-SENT', undefined],
    ['a SYN-ACK', { flags: 'S.', ack: 1 }, ['. 1 ack 1'], 'ESTAB', undefined],
    ['a SYN: both open at once', { flags: 'S' }, ['S. 0 ack 1'], 'SYN-RECV', undefined],
  ])('in SYN-SENT answers %s', (_name, say, heard, state, err) => {
    const { peer, tp } = connecting();
    peer.heard();
    peer.send(say);
    expect(peer.heard()).toEqual(heard);
    expect([stateName(tp), tp.err]).toEqual([state, err]);
  });

  it('completes a simultaneous open', () => {
    const { peer, tp } = connecting();
    peer.heard();
    peer.send({ flags: 'S', options: { mss: 1000 } });
    expect(peer.heard()).toEqual(['S. 0 ack 1']);
    peer.send({ flags: 'S.', ack: 1, options: { mss: 1000 } });
    expect(stateName(tp)).toBe('ESTAB');
    peer.heard();
    tcpSend(tp, Buffer.from('x'));
    expect(peer.heard()).toEqual(['P. 1:2 ack 1']);
  });

  it.each<[string, Say, string[]]>([
    ['the SYN again', { flags: 'S', options: { mss: 1000 } }, ['S. 0 ack 1']],
    ['an ACK of something else', { flags: '.', seq: 1, ack: 7 }, ['R 7']],
    ['an ACK outside the window', { flags: '.', seq: 900_000, ack: 1 }, ['. 1 ack 1']],
    ['a reset', { flags: 'R', seq: 1 }, []],
    ['a SYN in the window', { flags: 'S', seq: 5 }, ['R. 0 ack 6']],
    ['data with the ACK', { flags: 'P.', seq: 1, ack: 1, data: 'GET' }, ['. 1 ack 4']],
  ])('in SYN-RECV answers %s', (_name, say, heard) => {
    const peer = new ScriptedPeer();
    peer.lab.listener(peer.lab.a, 7);
    peer.otherPort = 7;
    peer.send({ flags: 'S', options: { mss: 1000 } });
    expect(peer.heard()).toEqual(['S. 0 ack 1']);
    peer.send(say);
    // A reset without ACK is numbered from nought, not from our first number.
    expect(peer.heard().map((line) => line.replace(/^R\. -?\d+/, 'R. 0'))).toEqual(heard);
  });

  it('repeats the SYN-ACK after 1, 2, 4, 8 and 16 seconds more', () => {
    const peer = new ScriptedPeer();
    const listener = peer.lab.listener(peer.lab.a, 7);
    peer.otherPort = 7;
    peer.send({ flags: 'S', options: { mss: 1000 } });
    peer.heard();
    expect(peer.listen(120_000).map((line) => line.split(':')[0])).toEqual([
      '1000',
      '3000',
      '7000',
      '15000',
      '31000',
    ]);
    expect(listener.requests.size).toBe(0);
  });

  it('answers a closed port with a reset', () => {
    const peer = new ScriptedPeer();
    peer.otherPort = 9;
    peer.otherIsn = 0;
    peer.send({ flags: 'S' });
    expect(peer.heard()).toEqual(['R. 0 ack 1']);
    peer.send({ flags: '.', seq: 5, ack: 77 });
    expect(peer.heard()).toEqual(['R 77']);
    peer.send({ flags: 'R', seq: 5 });
    expect(peer.heard()).toEqual([]);
  });
});

describe('closing', () => {
  it('we first', () => {
    const { peer, lab, tp } = open();
    tcpClose(tp);
    expect(peer.heard()).toEqual(['F. 1 ack 1']);
    expect(stateName(tp)).toBe('FIN-WAIT-1');
    peer.send({ flags: '.', seq: 1, ack: 2 });
    expect(stateName(tp)).toBe('FIN-WAIT-2');
    peer.send({ flags: 'F.', seq: 1, ack: 2 });
    expect(peer.heard()).toEqual(['. 2 ack 2']);
    expect(tp.net.timeWait.count).toBe(1);
    // The FIN again: our ACK was lost.
    peer.send({ flags: 'F.', seq: 1, ack: 2 });
    expect(peer.heard()).toEqual(['. 2 ack 2']);
    lab.run(61_000);
    expect(tp.net.timeWait.count).toBe(0);
  });

  it('the peer first', () => {
    const { peer, tp } = open();
    peer.send({ flags: 'F.', seq: 1, ack: 1 });
    expect(peer.heard()).toEqual(['. 1 ack 2']);
    expect([stateName(tp), atEof(tp)]).toEqual(['CLOSE-WAIT', true]);
    tcpSend(tp, Buffer.from('last'));
    expect(peer.heard()).toEqual(['P. 1:5 ack 2']);
    tcpClose(tp);
    expect(peer.heard()).toEqual(['F. 5 ack 2']);
    expect(stateName(tp)).toBe('LAST-ACK');
    peer.send({ flags: '.', seq: 2, ack: 6 });
    expect([stateName(tp), tp.net.ehash.size, tp.net.timeWait.count]).toEqual(['UNCONN', 0, 0]);
  });

  it('both at once', () => {
    const { peer, tp } = open();
    tcpClose(tp);
    peer.heard();
    peer.send({ flags: 'F.', seq: 1, ack: 1 });
    expect(peer.heard()).toEqual(['. 2 ack 2']);
    expect(stateName(tp)).toBe('CLOSING');
    peer.send({ flags: '.', seq: 2, ack: 2 });
    expect(tp.net.timeWait.count).toBe(1);
  });

  it('half: what we shut, the peer may still fill', () => {
    const { peer, tp } = open();
    tcpShutdown(tp, 'write');
    peer.heard();
    peer.send({ flags: '.', seq: 1, ack: 2 }).send({ flags: 'P.', seq: 1, ack: 2, data: 'more' });
    expect(text(tp)).toBe('more');
    expect(tcpSend(tp, Buffer.from('x'))).toBe('EPIPE');
    peer.send({ flags: 'F.', seq: 5, ack: 2 });
    expect(atEof(tp)).toBe(true);
  });

  it('with unread data: a reset', () => {
    const { peer, tp } = open();
    peer.send({ flags: 'P.', seq: 1, ack: 1, data: 'unread' });
    peer.heard();
    tcpClose(tp);
    expect(peer.heard()).toEqual(['R. 1 ack 7']);
    expect(tp.net.ehash.size).toBe(0);
  });

  it('abort: a reset', () => {
    const { peer, tp } = open();
    tcpAbort(tp);
    expect(peer.heard()).toEqual(['R. 1 ack 1']);
  });

  it('data for a program that has gone: a reset', () => {
    const { peer, tp } = open();
    tcpClose(tp);
    peer.send({ flags: '.', seq: 1, ack: 2 });
    peer.heard();
    peer.send({ flags: 'P.', seq: 1, ack: 2, data: 'anyone?' });
    expect(peer.heard()).toEqual(['R 2']);
    expect(tp.net.ehash.size).toBe(0);
  });

  it('FIN_WAIT_2 of an orphan ends after tcp_fin_timeout', () => {
    const { peer, lab, tp } = open();
    tcpClose(tp);
    peer.send({ flags: '.', seq: 1, ack: 2 });
    lab.run(59_000);
    expect(tp.net.ehash.size).toBe(1);
    lab.run(2000);
    expect(tp.net.ehash.size).toBe(0);
  });

  it('a FIN out of order waits for what is before it', () => {
    const { peer, tp } = open();
    peer.send({ flags: 'F.', seq: 4, ack: 1, data: 'def' });
    expect(peer.heard()).toEqual(['. 1 ack 1 sack 4-7']);
    expect(atEof(tp)).toBe(false);
    peer.send({ flags: '.', seq: 1, ack: 1, data: 'abc' });
    expect(peer.heard()).toEqual(['. 1 ack 8']);
    expect([text(tp), atEof(tp)]).toEqual(['abcdef', true]);
  });
});

describe('TIME_WAIT', () => {
  function waiting() {
    const { peer, lab, tp } = open();
    tcpClose(tp);
    peer.send({ flags: 'F.', seq: 1, ack: 2 });
    peer.heard();
    expect(tp.net.timeWait.count).toBe(1);
    return { peer, lab, tp };
  }

  it('is ended by a reset at the right number only', () => {
    const { peer, tp } = waiting();
    peer.send({ flags: 'R', seq: 3 });
    expect(tp.net.timeWait.count).toBe(1);
    peer.send({ flags: 'R', seq: 2 });
    expect(tp.net.timeWait.count).toBe(0);
  });

  it('holds its port against bind', () => {
    const { lab, tp } = waiting();
    expect(() => lab.listener(lab.a, tp.sport)).toThrow('EADDRINUSE');
    lab.run(61_000);
    lab.listener(lab.a, tp.sport);
  });

  it('gives way to a new connection with higher numbers', () => {
    const { peer, tp, listener } = opened();
    tcpClose(tp);
    peer.send({ flags: 'F.', seq: 1, ack: 2 });
    peer.heard();
    expect(tp.net.timeWait.count).toBe(1);
    peer.send({ flags: 'S', seq: 100_000 });
    expect(peer.heard()).toEqual(['S. 65539 ack 100001']);
    expect([tp.net.timeWait.count, listener.requests.size]).toEqual([0, 1]);
  });
});

describe('what does not fit', () => {
  it.each<[string, Say, string[], string]>([
    ['a reset at the expected number', { flags: 'R', seq: 1 }, [], 'UNCONN'],
    ['a reset elsewhere in the window', { flags: 'R', seq: 100 }, ['. 1 ack 1'], 'ESTAB'],
    ['a reset outside', { flags: 'R', seq: 999_999 }, [], 'ESTAB'],
    ['a SYN in the window', { flags: 'S', seq: 100 }, ['. 1 ack 1'], 'ESTAB'],
    ['data outside', { flags: '.', seq: 999_999, ack: 1, data: 'x' }, ['. 1 ack 1'], 'ESTAB'],
    ['old data', { flags: '.', seq: 0, ack: 1, data: 'x' }, ['. 1 ack 1 sack 0-1'], 'ESTAB'],
    ['an ACK of what was not sent', { flags: '.', seq: 1, ack: 50 }, ['. 1 ack 1'], 'ESTAB'],
    ['no ACK at all', { flags: 'P', seq: 1, data: 'x' }, [], 'ESTAB'],
  ])('%s', (_name, say, heard, state) => {
    const { peer, tp } = open();
    peer.send(say);
    expect(peer.heard()).toEqual(heard);
    expect(stateName(tp)).toBe(state);
  });

  it('a reset leaves what came before it to be read', () => {
    const { peer, tp } = open();
    peer.send({ flags: 'P.', seq: 1, ack: 1, data: 'last words' }).send({ flags: 'R', seq: 11 });
    expect([tp.err, text(tp)]).toEqual(['ECONNRESET', 'last words']);
  });

  it('is not answered more than twice a second', () => {
    const { peer } = open();
    for (let i = 0; i < 100; i++) peer.send({ flags: 'S', seq: 100 });
    expect(peer.heard()).toHaveLength(1);
    peer.lab.run(501);
    peer.send({ flags: 'S', seq: 100 });
    expect(peer.heard()).toHaveLength(1);
  });

  it('PAWS: an old timestamp', () => {
    const { peer, tp } = open({ mss: 1000, timestamps: { value: 5000, echo: 0 } });
    const ts = (value: number) => ({ timestamps: { value, echo: 0 } });
    peer.send({ flags: 'P.', seq: 1, ack: 1, data: 'new', options: ts(6000) });
    peer.send({ flags: 'P.', seq: 4, ack: 1, data: 'old', options: ts(4000) });
    expect([text(tp), tp.net.mib.pawsEstab]).toEqual(['new', 1]);
  });
});

describe('acknowledging', () => {
  it('quickly at first, then every second full segment or after 40 ms', () => {
    const { peer, tp } = open();
    const data = 'x'.repeat(1000);
    let seq = 1;
    const segment = (): void => {
      peer.send({ flags: '.', seq, ack: 1, data });
      seq += 1000;
      text(tp);
    };
    for (let i = 0; i < 16; i++) segment();
    expect(peer.heard().length).toBeGreaterThan(14);
    for (let i = 0; i < 10; i++) segment();
    const paced = peer.heard().length;
    expect(paced).toBeGreaterThanOrEqual(5);
    expect(paced).toBeLessThanOrEqual(6);
    peer.lab.run(500);
    peer.heard();
    segment();
    const late = peer.listen(300);
    expect(late.length).toBeLessThanOrEqual(1);
  });

  it('at once when a hole is filled, even to a peer that takes turns with us', () => {
    const { peer, tp } = open();
    peer.send({ flags: '.', seq: 2, ack: 1, data: 'b' });
    peer.heard();
    tp.quickacks = 0;
    tp.pingpong = 1;
    tp.ato = 40;
    peer.send({ flags: '.', seq: 1, ack: 1, data: 'a' });
    expect(peer.heard()).toEqual(['. 1 ack 3']);
  });

  it('with SACK blocks, newest first, and DSACK for what came twice', () => {
    const { peer } = open();
    const say = (seq: number, data: string) => peer.send({ flags: '.', seq, ack: 1, data });
    say(11, 'b');
    expect(peer.heard()).toEqual(['. 1 ack 1 sack 11-12']);
    say(21, 'c');
    expect(peer.heard()).toEqual(['. 1 ack 1 sack 21-22 11-12']);
    say(12, 'd');
    expect(peer.heard()).toEqual(['. 1 ack 1 sack 11-13 21-22']);
    say(21, 'c');
    expect(peer.heard()).toEqual(['. 1 ack 1 sack 21-22 21-22 11-13']);
    say(1, 'aaaaaaaaaa');
    expect(peer.heard()).toEqual(['. 1 ack 13 sack 21-22']);
    say(1, 'aaaaaaaaaa');
    expect(peer.heard()).toEqual(['. 1 ack 13 sack 1-11 21-22']);
  });
});

describe('the window we offer', () => {
  it('never takes back what it promised, though the buffer shrinks', () => {
    const { peer, tp } = open();
    peer.send({ flags: '.', seq: 1, ack: 1, data: 'x'.repeat(1000) });
    peer.heard();
    const edge = 1001 + peer.lastWindow;
    tp.setOption('SO_RCVBUF', 4096);
    peer.send({ flags: '.', seq: 1001, ack: 1, data: 'x'.repeat(1000) });
    expect(peer.heard()).toEqual(['. 1 ack 2001']);
    expect(2001 + peer.lastWindow).toBe(edge);
  });

  it('closes when nobody reads, and the reader opens it again', () => {
    const { peer, tp } = open();
    for (let seq = 1; seq < 80_000; seq += 1000)
      peer.send({ flags: '.', seq, ack: 1, data: 'x'.repeat(1000) });
    peer.heard();
    // What the window had room for was taken, and not a byte beyond it.
    expect(tp.rcv.ready).toBeGreaterThan(60_000);
    expect(tp.rcv.ready).toBeLessThanOrEqual(66_000);
    expect(peer.lastWindow).toBe(0);
    text(tp);
    expect(peer.heard().length).toBeGreaterThan(0);
    expect(peer.lastWindow).toBeGreaterThan(30_000);
  });
});

describe('sending', () => {
  const bulk = (n: number): Uint8Array => new Uint8Array(n).fill(120);

  it('Nagle holds a small segment while another is in flight, TCP_NODELAY does not', () => {
    const { peer, tp } = open();
    tcpSend(tp, Buffer.from('a'));
    tcpSend(tp, Buffer.from('b'));
    tcpSend(tp, Buffer.from('c'));
    expect(peer.heard()).toEqual(['P. 1:2 ack 1']);
    peer.send({ flags: '.', seq: 1, ack: 2 });
    expect(peer.heard()).toEqual(['P. 2:4 ack 1']);
    tp.setOption('TCP_NODELAY', 1);
    tcpSend(tp, Buffer.from('d'));
    tcpSend(tp, Buffer.from('e'));
    expect(peer.heard()).toEqual(['P. 4:5 ack 1', 'P. 5:6 ack 1']);
  });

  it('starts with ten segments', () => {
    const { peer, tp } = open();
    tcpSend(tp, bulk(30_000));
    expect(peer.heard()).toEqual(['. 1:10001 ack 1']);
  });

  it('keeps to the window, and probes a closed one after 200, 400, 800 … ms', () => {
    const { peer, tp } = open({ mss: 1000 }, 1000);
    tcpSend(tp, bulk(3000));
    expect(peer.heard().length).toBeGreaterThan(0);
    peer.send({ flags: '.', seq: 1, ack: tp.sndNxt - tp.iss, window: 0 });
    const sent = tp.sndNxt - tp.iss;
    const probes = peer.listen(3500);
    expect(probes.map((line) => line.split(':')[0])).toEqual(['200', '600', '1400', '3000']);
    expect(probes[0]).toBe(`200: . ${sent - 1} ack 1`);
    peer.send({ flags: '.', seq: 1, ack: sent, window: 5000 });
    expect(peer.heard().at(-1)).toMatch(/^P?\. \d+:3001 ack 1$/);
  });

  it('gives a closed window up after tcp_retries2 probes that nobody answers', () => {
    const { peer, lab, tp } = open({ mss: 1000 }, 1000);
    tcpSend(tp, bulk(3000));
    peer.send({ flags: '.', seq: 1, ack: tp.sndNxt - tp.iss, window: 0 });
    lab.run(2_000_000);
    expect([stateName(tp), tp.err]).toEqual(['UNCONN', 'ETIMEDOUT']);
  });

  it('retransmits after a probe and timeouts that double, and gives up after about 15 minutes', () => {
    const { peer, tp } = open({ mss: 1000 });
    tcpSend(tp, Buffer.from('hello'));
    peer.heard();
    const times = peer.listen(2_000_000).map((line) => Number(line.split(':')[0]));
    const gaps = times.slice(1).map((t, i) => Math.round((t - times[i]!) / 100) / 10);
    expect(times[0]).toBe(200);
    expect(gaps.slice(0, 10)).toEqual([0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 120]);
    // tcp_retries2 names a time, 924.6 s from the first retransmission on: the next timeout behind it is the last.
    expect(times.length).toBe(16);
    expect([stateName(tp), tp.err]).toEqual(['UNCONN', 'ETIMEDOUT']);
  });

  it('probes the tail after two round trips (TLP), before any timeout', () => {
    const { peer, tp } = open();
    tcpSend(tp, bulk(5000));
    peer.heard();
    peer.lab.run(1);
    peer.send({ flags: '.', seq: 1, ack: 5001 });
    tcpSend(tp, bulk(3000));
    peer.heard();
    const heard = peer.listen(150);
    expect(heard).toHaveLength(1);
    expect(heard[0]).toMatch(/: P\. 7001:8001 ack 1$/);
    expect(tp.net.mib.timeouts).toBe(0);
  });

  it('repairs a hole that SACK shows, once, without a timeout', () => {
    const { peer, lab, tp } = open(undefined, 65_535, 10);
    tcpSend(tp, bulk(8000));
    peer.heard();
    lab.run(10);
    const sack = (right: number) =>
      peer.send({ flags: '.', seq: 1, ack: 1, options: { sack: [sackBlock(peer, 1001, right)] } });
    sack(2001);
    sack(3001);
    expect(peer.heard()).toEqual([]);
    sack(4001);
    expect(peer.heard()).toEqual(['. 1:1001 ack 1']);
    sack(5001);
    expect(peer.heard()).toEqual([]);
    peer.send({ flags: '.', seq: 1, ack: 8001 });
    expect([tp.totalRetrans, tp.ca, tp.net.mib.timeouts]).toEqual([1, 0, 0]);
  });

  it('takes a reduction back when timestamps show that the retransmission was for nothing', () => {
    const peerTs = (value: number, echo: number) => ({ timestamps: { value, echo } });
    const { peer, lab, tp } = open({ mss: 1000, sackPermitted: true, ...peerTs(1, 0) });
    tcpSend(tp, bulk(8000));
    peer.heard();
    const sentAt = peer.lastOptions.timestamps!.value;
    lab.run(3);
    for (const right of [2001, 3001, 4001])
      peer.send({
        flags: '.',
        seq: 1,
        ack: 1,
        options: { ...peerTs(2, sentAt), sack: [sackBlock(peer, 1001, right)] },
      });
    expect([tp.ca, tp.ssthresh]).toEqual([3, 7]);
    // As after more of recovery: what is taken back is the window from before it.
    tp.cwnd = 2;
    peer.heard();
    peer.send({ flags: '.', seq: 1, ack: 8001, options: peerTs(3, sentAt) });
    expect([tp.ca, tp.net.mib.fullUndo, tp.cwnd >= 10]).toEqual([0, 1, true]);
  });

  it('sends keepalives to a silent peer and then gives up', () => {
    const { peer, tp } = open();
    tp.setOption('TCP_KEEPIDLE', 10);
    tp.setOption('TCP_KEEPINTVL', 5);
    tp.setOption('TCP_KEEPCNT', 3);
    tp.setOption('SO_KEEPALIVE', 1);
    expect(peer.listen(60_000)).toEqual([
      '10000: . 0 ack 1',
      '15000: . 0 ack 1',
      '20000: . 0 ack 1',
      '25000: R. 1 ack 1',
    ]);
    expect(tp.err).toBe('ETIMEDOUT');
  });

  it('a keepalive that is answered starts anew', () => {
    const { peer, lab, tp } = open();
    tp.setOption('TCP_KEEPIDLE', 10);
    tp.setOption('TCP_KEEPINTVL', 5);
    tp.setOption('SO_KEEPALIVE', 1);
    lab.run(10_001);
    expect(peer.heard()).toEqual(['. 0 ack 1']);
    peer.send({ flags: '.', seq: 1, ack: 1 });
    expect(peer.listen(10_100)).toHaveLength(1);
    expect(stateName(tp)).toBe('ESTAB');
  });
});

/** SACK edges are absolute on the wire. */
const sackBlock = (peer: ScriptedPeer, left: number, right: number) => ({
  left: (peer.otherIsn! + left) >>> 0,
  right: (peer.otherIsn! + right) >>> 0,
});

describe('a listener', () => {
  /** A SYN and its ACK from each of `n` ports. */
  function clients(peer: ScriptedPeer, n: number, complete: boolean): string[] {
    const heard: string[] = [];
    for (let i = 0; i < n; i++) {
      peer.port = 10_000 + i;
      peer.otherPort = 7;
      peer.otherIsn = undefined;
      peer.send({
        flags: 'S',
        options: { mss: 1460, sackPermitted: true, timestamps: { value: 1, echo: 0 } },
      });
      const answer = peer.heard();
      heard.push(...answer);
      if (complete && answer.length > 0) {
        const echo = peer.lastOptions.timestamps!.value;
        peer.send({ flags: '.', seq: 1, ack: 1, options: { timestamps: { value: 2, echo } } });
      }
    }
    return heard;
  }

  it('queues one connection more than its backlog and then no SYN', () => {
    const peer = new ScriptedPeer();
    const listener = peer.lab.listener(peer.lab.a, 7, 3);
    expect(clients(peer, 10, true)).toHaveLength(4);
    expect(listener.acceptQueue).toHaveLength(4);
    expect(listener.net.mib.listenOverflows).toBe(6);
    for (let i = 0; i < 4; i++) expect(tcpAccept(listener)?.dport).toBe(10_000 + i);
    expect(tcpAccept(listener)).toBeUndefined();
    listener.close();
  });

  it('keeps no memory of SYNs beyond its backlog, but completes who answers the cookie', () => {
    const peer = new ScriptedPeer();
    const listener = peer.lab.listener(peer.lab.a, 7, 8);
    expect(clients(peer, 2000, false)).toHaveLength(2000);
    expect(listener.requests.size).toBe(8);
    expect(listener.net.ehash.size).toBe(8);
    peer.port = 50_000;
    peer.otherIsn = undefined;
    const options = { mss: 1460, sackPermitted: true, wscale: 5, timestamps: { value: 1, echo: 0 } } as const;
    peer.send({ flags: 'S', options });
    peer.heard();
    const echo = peer.lastOptions.timestamps!.value;
    peer.send({ flags: 'P.', seq: 1, ack: 1, data: 'GET', options: { timestamps: { value: 2, echo } } });
    const child = tcpAccept(listener)!;
    expect([stateName(child), child.sndWscale, child.sackOk, text(child)]).toEqual(['ESTAB', 5, true, 'GET']);
    peer.port = 50_001;
    peer.send({ flags: '.', seq: 1, ack: 1, options: { timestamps: { value: 2, echo } } });
    expect(listener.net.mib.syncookiesFailed).toBe(1);
  });

  it('takes no cookie that is minutes old', () => {
    const peer = new ScriptedPeer();
    const listener = peer.lab.listener(peer.lab.a, 7, 0);
    peer.otherPort = 7;
    peer.send({ flags: 'S', options: { mss: 1460 } });
    expect(peer.heard()).toEqual(['S. 0 ack 1']);
    peer.lab.run(180_000);
    peer.send({ flags: '.', seq: 1, ack: 1 });
    expect(peer.heard()).toEqual(['R 1']);
    expect(listener.net.mib.syncookiesFailed).toBe(1);
  });

  it('resets what nobody accepted when it closes', () => {
    const peer = new ScriptedPeer();
    const listener = peer.lab.listener(peer.lab.a, 7);
    clients(peer, 2, true);
    peer.heard();
    listener.close();
    expect(peer.heard().map((line) => line[0])).toEqual(['R', 'R']);
    expect(listener.net.ehash.size).toBe(0);
    peer.lab.listener(peer.lab.a, 7);
  });
});
