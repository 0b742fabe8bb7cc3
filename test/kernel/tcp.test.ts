// The emulator's TCP with a real Linux TCP as its peer, through a TAP device: both directions, good wires and bad ones, and
// every way to open, stall and end a connection. Bytes are held by their hash.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { NetemOptions } from '../../node-runtime/kernel/qdisc/netem-options.ts';
import {
  stateName,
  tcpAbort,
  tcpBind,
  tcpClose,
  tcpSend,
  tcpShutdown,
} from '../../node-runtime/kernel/transport/tcp/tcp.ts';
import type { TcpSock } from '../../node-runtime/kernel/transport/tcp/tcp-sock.ts';
import { ANY } from '../../node-runtime/kernel/wire/addr.ts';
import { ACK, CWR, ECE, FIN, RST, SYN } from '../../node-runtime/kernel/wire/tcp.ts';
import { execute } from './ip-command.ts';
import { missing, type TapHost } from './tap.ts';
import { accept, BAD, recvBytes, sendBytes, TcpLab, until } from './tcp-lab.ts';

const why = missing();
if (why !== undefined && process.env['PODWIRE_CI'] === '1') throw new Error(`tcp: ${why}`);
if (why !== undefined) console.log(`skipped: test/kernel/tcp.test.ts: ${why}`);

const LINUX = '10.99.0.2';
const US = '10.99.0.1';
const MIB = 1 << 20;

describe.skipIf(why !== undefined)('with Linux as the peer', () => {
  let lab: TcpLab;
  let linux: TapHost;
  let port = 7000;
  beforeAll(async () => {
    lab = await TcpLab.open(['tcp']);
    linux = lab.linux;
  });
  afterAll(() => lab?.stop());
  afterEach(() => lab.impair(undefined));

  /** Connected from here to there. */
  async function toLinux(tune?: (tp: TcpSock) => void, there: object = {}) {
    const listening = await linux.ask('listen', { port: ++port, ...there });
    const accepted = linux.ask('accept', { fd: listening.fd });
    const ours = await lab.connect(LINUX, port, tune);
    const theirs = (await accepted).fd;
    await linux.ask('close', { fd: listening.fd });
    return { ours, theirs };
  }

  /** Connected from there to here. */
  async function fromLinux(there: object = {}) {
    const listener = lab.listen(++port);
    const [ours, connected] = await Promise.all([
      accept(listener),
      linux.ask('connect', { dst: US, dport: port, ...there }),
    ]);
    tcpClose(listener);
    return { ours, theirs: connected.fd };
  }

  async function upload(bytes: number) {
    const { ours, theirs } = await toLinux();
    const before = { ...ours.net.mib };
    const [sent, got] = await Promise.all([
      sendBytes(ours, bytes).then((sent) => {
        tcpShutdown(ours, 'write');
        return sent;
      }),
      linux.ask('recv', { fd: theirs }),
    ]);
    await linux.ask('close', { fd: theirs });
    tcpClose(ours);
    const { mib } = ours.net;
    return { sent, got, retrans: mib.retransSegs - before.retransSegs, rto: mib.timeouts - before.timeouts };
  }

  async function download(bytes: number) {
    const { ours, theirs } = await fromLinux();
    const before = (await linux.ask('netstat')).counters;
    const [sent, got] = await Promise.all([
      linux.ask('send', { fd: theirs, bytes }).then(async (sent) => {
        await linux.ask('shutdown', { fd: theirs });
        return sent;
      }),
      recvBytes(ours),
    ]);
    const after = (await linux.ask('netstat')).counters;
    tcpClose(ours);
    await linux.ask('close', { fd: theirs });
    const grew = (name: string): number => after[name]! - before[name]!;
    return { sent, got, retrans: grew('TcpRetransSegs'), rto: grew('TCPTimeouts') };
  }

  const wires: readonly {
    name: string;
    netem?: NetemOptions;
    mib: number;
    lossy: boolean;
    there?: string;
  }[] = [
    { name: 'clean', mib: 32, lossy: false },
    { name: '10 ms each way', netem: { delay: 10, limit: 100_000 }, mib: 8, lossy: false },
    { name: '1 % loss, reordering, duplication, 1 ms each way', netem: BAD, mib: 3, lossy: true },
    {
      name: 'reordering of one in ten',
      netem: { delay: 2, reorder: { share: 0.1 }, limit: 100_000 },
      mib: 4,
      lossy: false,
    },
    { name: 'one in five twice', netem: { delay: 1, duplicate: { share: 0.2 } }, mib: 4, lossy: false },
    { name: 'jitter', netem: { delay: 3, jitter: 2 }, mib: 2, lossy: false },
    { name: 'damage', netem: { delay: 1, corrupt: { share: 0.005 } }, mib: 1, lossy: true },
    { name: 'no SACK there, loss', netem: BAD, mib: 1, lossy: true, there: 'tcp_sack' },
    { name: 'no timestamps there, loss', netem: BAD, mib: 1, lossy: true, there: 'tcp_timestamps' },
    {
      name: 'no window scaling there',
      netem: { delay: 2 },
      mib: 2,
      lossy: false,
      there: 'tcp_window_scaling',
    },
  ];
  it.each(wires)('moves all bytes both ways: $name', async ({ netem, mib, lossy, there, name }) => {
    if (there !== undefined) linux.sysctl(`net.ipv4.${there}=0`);
    try {
      lab.impair(netem);
      const up = await upload(mib * MIB);
      const down = await download(mib * MIB);
      console.log(
        `${name}: to Linux ${up.retrans} retransmitted, ${up.rto} RTOs, ${rate(mib, up.got.ms)}; from Linux ${down.retrans}, ${down.rto}, ${rate(mib, down.sent.ms)}`,
      );
      for (const { sent, got } of [up, down]) {
        expect(got.n).toBe(mib * MIB);
        expect(got.sha).toBe(sent.sha);
      }
      expect([up.retrans > 0, down.retrans > 0]).toEqual([
        lossy || up.retrans > 0,
        lossy || down.retrans > 0,
      ]);
    } finally {
      if (there !== undefined) linux.sysctl(`net.ipv4.${there}=1`);
    }
  });

  it('probes a window that Linux closed, and goes on when it opens', async () => {
    const { ours, theirs } = await toLinux(undefined, { options: { SO_RCVBUF: 8192 } });
    const closed = lab.segment(ours.sport, (s) => !s.out && s.window === 0);
    const sending = sendBytes(ours, MIB);
    await closed;
    // A probe is an old number without data; Linux answers it that the window is still closed.
    const probe = await lab.segment(ours.sport, (s) => s.out && s.len === 0);
    const answer = await lab.segment(ours.sport, (s) => !s.out);
    expect([probe.seq, answer.ack, answer.window]).toEqual([(ours.sndUna - 1) >>> 0, ours.sndUna >>> 0, 0]);
    const got = await linux.ask('recv', { fd: theirs, bytes: MIB });
    expect(got.sha).toBe((await sending).sha);
    expect(ours.net.mib.winProbe).toBeGreaterThan(0);
    tcpAbort(ours);
    await linux.ask('close', { fd: theirs });
  });

  it('closes its window to Linux, answers the probes, and opens it', async () => {
    const listener = lab.listen(++port);
    listener.setOption('SO_RCVBUF', 8192);
    const closed = lab.segment(port, (s) => s.out && s.window === 0);
    const [ours, { fd }] = await Promise.all([
      accept(listener),
      linux.ask('connect', { dst: US, dport: port }),
    ]);
    const sending = linux.ask('send', { fd, bytes: MIB });
    await closed;
    const probe = await lab.segment(port, (s) => !s.out && s.len === 0);
    const answer = await lab.segment(port, (s) => s.out);
    expect([probe.seq, answer.window]).toEqual([(ours.rcvNxt - 1) >>> 0, 0]);
    const got = await recvBytes(ours, MIB);
    expect(got.sha).toBe((await sending).sha);
    tcpAbort(ours);
    tcpClose(listener);
    await linux.ask('close', { fd });
  });

  it('closes its window when its buffer was made smaller than what it promised', async () => {
    const { ours, theirs } = await fromLinux();
    ours.setOption('SO_RCVBUF', 8192);
    const closed = lab.segment(ours.sport, (s) => s.out && s.window === 0);
    const sending = linux.ask('send', { fd: theirs, bytes: 100_000 });
    await closed;
    const got = await recvBytes(ours, 100_000);
    expect(got.sha).toBe((await sending).sha);
    tcpAbort(ours);
    await linux.ask('close', { fd: theirs });
  });

  it('half closed by us, half closed by Linux', async () => {
    const a = await toLinux();
    const taken = lab.segment(a.ours.sport, (s) => !s.out && s.ack === a.ours.sndNxt >>> 0);
    tcpShutdown(a.ours, 'write');
    expect(await linux.ask('recv', { fd: a.theirs })).toMatchObject({ n: 0, eof: true });
    await taken;
    await until(a.ours, () => true);
    expect(stateName(a.ours)).toBe('FIN-WAIT-2');
    const sent = linux.ask('send', { fd: a.theirs, bytes: MIB });
    expect((await recvBytes(a.ours, MIB)).sha).toBe((await sent).sha);
    await linux.ask('close', { fd: a.theirs });
    expect((await recvBytes(a.ours)).n).toBe(0);
    tcpClose(a.ours);

    const b = await toLinux();
    await linux.ask('shutdown', { fd: b.theirs });
    expect((await recvBytes(b.ours)).n).toBe(0);
    expect(stateName(b.ours)).toBe('CLOSE-WAIT');
    const got = linux.ask('recv', { fd: b.theirs });
    const ours = await sendBytes(b.ours, MIB);
    const ended = lab.segment(
      b.ours.sport,
      (s) => !s.out && (s.flags & ACK) !== 0 && s.ack === b.ours.sndNxt >>> 0,
    );
    tcpClose(b.ours);
    expect(await got).toMatchObject({ n: MIB, sha: ours.sha, eof: true });
    await ended;
    expect(stateName(b.ours)).toBe('UNCONN');
    await linux.ask('close', { fd: b.theirs });
  });

  it('resets, and is reset', async () => {
    const a = await toLinux();
    const told = linux.ask('recv', { fd: a.theirs });
    tcpAbort(a.ours);
    expect((await told).errno).toBe('ECONNRESET');
    await linux.ask('close', { fd: a.theirs });

    const b = await toLinux();
    await linux.ask('close', { fd: b.theirs, reset: true });
    expect((await recvBytes(b.ours)).errno).toBe('ECONNRESET');

    // Closed with data that nobody read.
    const c = await toLinux();
    const arrived = lab.segment(c.ours.sport, (s) => !s.out && s.len === 5);
    await linux.ask('send', { fd: c.theirs, text: 'hello' });
    await arrived;
    const reset = lab.segment(c.ours.sport, (s) => s.out && (s.flags & RST) !== 0);
    tcpClose(c.ours);
    await reset;
    expect((await linux.ask('recv', { fd: c.theirs })).errno).toBe('ECONNRESET');
    await linux.ask('close', { fd: c.theirs });
  });

  it('is refused, and refuses', async () => {
    await expect(lab.connect(LINUX, 9)).rejects.toThrow('ECONNREFUSED');
    expect((await linux.ask('connect', { dst: US, dport: 9 })).errno).toBe('ECONNREFUSED');
  });

  it('opens at once from both sides', async () => {
    lab.impair({ delay: 30 });
    const mine = ++port;
    const theirs = ++port;
    const synAcks: boolean[] = [];
    const both = lab.segment(mine, (s) => {
      if ((s.flags & (SYN | ACK)) === (SYN | ACK)) synAcks.push(s.out);
      return synAcks.length === 2;
    });
    const linuxSyn = lab.segment(mine, (s) => !s.out && s.flags === SYN);
    const connected = linux.ask('connect', { dst: US, dport: mine, port: theirs });
    // Ours leaves while theirs is on its way: the link takes 30 ms.
    const ours = await lab.connect(LINUX, theirs, (tp) => void tcpBind(tp, ANY, mine));
    await linuxSyn;
    await both;
    expect(synAcks.sort()).toEqual([false, true]);
    const { fd } = await connected;
    const [sent, got] = await Promise.all([
      linux.ask('send', { fd, bytes: 100_000 }),
      recvBytes(ours, 100_000),
    ]);
    expect(got.sha).toBe(sent.sha);
    const [back, taken] = await Promise.all([
      sendBytes(ours, 100_000),
      linux.ask('recv', { fd, bytes: 100_000 }),
    ]);
    expect(taken.sha).toBe(back.sha);
    await linux.ask('close', { fd });
    tcpAbort(ours);
  });

  it('closes at once from both sides: CLOSING, then TIME_WAIT on both', async () => {
    const { ours, theirs } = await toLinux();
    lab.impair({ delay: 30 });
    const closing = lab.segment(ours.sport, (s) => !s.out && (s.flags & FIN) !== 0);
    const asked = linux.ask('close', { fd: theirs });
    tcpClose(ours);
    expect(stateName(ours)).toBe('FIN-WAIT-1');
    await closing;
    await lab.segment(ours.sport, (s) => !s.out && s.ack === ours.sndNxt >>> 0);
    await asked;
    expect(ours.net.mib.timeWaited).toBeGreaterThan(0);
    // Our last ACK is on its way for 30 ms; an answer that leaves behind it comes behind it.
    await linux.ask('ping', { dst: US });
    const { rows } = await linux.ask('states');
    expect(rows.find(([local]) => local === ours.dport)?.[2]).toBe(6);
  });

  it('keepalive: each answers the other’s, and each gives a peer up that is gone', async () => {
    const there = { SO_KEEPALIVE: 1, TCP_KEEPIDLE: 1, TCP_KEEPINTVL: 1, TCP_KEEPCNT: 2 };
    const a = await fromLinux({ options: there });
    const b = await toLinux((tp) => {
      tp.setOption('SO_KEEPALIVE', 1);
      for (const [name, value] of [
        ['TCP_KEEPIDLE', 1],
        ['TCP_KEEPINTVL', 1],
        ['TCP_KEEPCNT', 2],
      ] as const)
        tp.setOption(name, value);
    });
    const old = (number: number): number => (number - 1) >>> 0;
    await Promise.all([
      lab
        .segment(a.ours.sport, (s) => !s.out && s.len === 0 && s.seq === old(a.ours.rcvNxt))
        .then(() => lab.segment(a.ours.sport, (s) => s.out && s.ack === a.ours.rcvNxt >>> 0)),
      lab
        .segment(b.ours.sport, (s) => s.out && s.len === 0 && s.seq === old(b.ours.sndNxt))
        .then(() => lab.segment(b.ours.sport, (s) => !s.out && s.ack === b.ours.sndNxt >>> 0)),
    ]);
    lab.impair({ loss: { model: 'random', share: 1 } });
    const [theirs, ours] = await Promise.all([linux.ask('recv', { fd: a.theirs }), recvBytes(b.ours)]);
    expect([theirs.errno, ours.errno]).toEqual(['ETIMEDOUT', 'ETIMEDOUT']);
    tcpAbort(a.ours);
    for (const fd of [a.theirs, b.theirs]) await linux.ask('close', { fd });
  });

  it('a flood of SYNs: bounded memory, and who is real gets in by a cookie', async () => {
    execute(lab.us, `ip route add 10.98.0.0/16 via ${LINUX}`, () => lab.us);
    const listener = lab.listen(++port, 64);
    const { mib, ehash } = listener.net;
    const before = ehash.size;
    await linux.ask('flood', { dst: US, dport: port, count: 30_000 });
    // The real one's SYN comes behind the last of the flood.
    const connected = linux.ask('connect', { dst: US, dport: port });
    const ours = await accept(listener);
    expect(mib.syncookiesSent).toBeGreaterThan(5000);
    expect(listener.requests.size).toBeLessThanOrEqual(65);
    expect(ehash.size - before).toBeLessThanOrEqual(66);
    expect(mib.syncookiesRecv).toBe(1);
    const { fd } = await connected;
    const [sent, got] = await Promise.all([linux.ask('send', { fd, bytes: MIB }), recvBytes(ours, MIB)]);
    expect(got.sha).toBe(sent.sha);
    tcpAbort(ours);
    tcpClose(listener);
    expect(ehash.size).toBe(before);
    await linux.ask('close', { fd });
  });

  it('ECN, asked for by either: marks are echoed and slow the sender, nothing is lost', async () => {
    const { ipv4 } = lab.us.sysctl;
    ipv4.tcp_ecn = 1;
    linux.sysctl('net.ipv4.tcp_ecn=1');
    try {
      lab.impair({ delay: 1, limit: 100_000, ecn: true, loss: { model: 'random', share: 0.02 } });
      // Marked on its way, either the SYN-ACK's ECE or the data's ECT may be looked for.
      const echoed = lab.segment(++port, (s) => !s.out && (s.flags & (SYN | ECE)) === ECE);
      const slowed = lab.segment(port, (s) => s.out && s.len > 0 && (s.flags & CWR) !== 0);
      const listening = await linux.ask('listen', { port: port + 1000 });
      const accepted = linux.ask('accept', { fd: listening.fd });
      const ours = await lab.connect(LINUX, port + 1000, (tp) => void tcpBind(tp, ANY, port));
      expect(ours.ecnOk).toBe(true);
      const { fd } = await accepted;
      const [sent, got] = await Promise.all([
        sendBytes(ours, MIB),
        linux.ask('recv', { fd, bytes: MIB }),
        echoed,
        slowed,
      ]);
      expect(got.sha).toBe(sent.sha);
      tcpAbort(ours);
      for (const one of [fd, listening.fd]) await linux.ask('close', { fd: one });

      const back = await fromLinux();
      expect(back.ours.ecnOk).toBe(true);
      const before = (await linux.ask('netstat')).counters;
      const heard = lab.segment(back.ours.sport, (s) => s.out && (s.flags & (SYN | ECE)) === ECE);
      const answered = lab.segment(back.ours.sport, (s) => !s.out && (s.flags & CWR) !== 0);
      const [theirs, mine] = await Promise.all([
        linux.ask('send', { fd: back.theirs, bytes: MIB }),
        recvBytes(back.ours, MIB),
        heard,
        answered,
      ]);
      expect(mine.sha).toBe(theirs.sha);
      const after = (await linux.ask('netstat')).counters;
      expect(after['TCPTimeouts']! - before['TCPTimeouts']!).toBe(0);
      tcpAbort(back.ours);
      await linux.ask('close', { fd: back.theirs });
    } finally {
      ipv4.tcp_ecn = 2;
      linux.sysctl('net.ipv4.tcp_ecn=2');
    }
  });

  it('slow reader, small writes, Nagle and delayed ACKs: a conversation in turns', async () => {
    const { ours, theirs } = await toLinux();
    for (let i = 0; i < 50; i++) {
      const asked = linux.ask('recv', { fd: theirs, bytes: 4 });
      expect(tcpSend(ours, Buffer.from('ask!'))).toBe(4);
      expect((await asked).text).toBe('ask!');
      await linux.ask('send', { fd: theirs, text: 'answer' });
      expect((await recvBytes(ours, 6)).n).toBe(6);
    }
    expect(ours.totalRetrans).toBe(0);
    tcpClose(ours);
    await linux.ask('close', { fd: theirs });
  });
});

const rate = (mib: number, ms: number): string => `${((mib * MIB) / ms / 1000).toFixed(1)} MB/s`;
