// Super-segments, frame by frame: the same bytes, drawn from a seed, go into Linux (a packet socket with a virtio-net header, on
// a TAP without offloads and on VXLAN devices above it) and into our devices. What reaches the wire must be the same:
// sequence numbers, flags, options, lengths, IP ids, every checksum. In VXLAN the source port and the first outer id are
// each kernel's own; they are compared as what they must have in common.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Nic } from '../../node-runtime/kernel/netdev/nic.ts';
import { Stream } from '../../node-runtime/kernel/netns/dice.ts';
import { gsoSegment } from '../../node-runtime/kernel/skb/gso.ts';
import { CHECKSUM_PARTIAL, ETH_P_IP, type Skb } from '../../node-runtime/kernel/skb/skb.ts';
import { ipv4, mac } from '../../node-runtime/kernel/wire/addr.ts';
import { put16, u16 } from '../../node-runtime/kernel/wire/bytes.ts';
import { pseudoHeader, verify } from '../../node-runtime/kernel/wire/checksum.ts';
import * as ethernet from '../../node-runtime/kernel/wire/ethernet.ts';
import * as ip from '../../node-runtime/kernel/wire/ipv4.ts';
import * as tcp from '../../node-runtime/kernel/wire/tcp.ts';
import * as udp from '../../node-runtime/kernel/wire/udp.ts';
import { execute } from './ip-command.ts';
import { missing } from './tap.ts';
import { TcpLab } from './tcp-lab.ts';

const why = missing();
if (why !== undefined && process.env['PODWIRE_CI'] === '1') throw new Error(`segmentation: ${why}`);
if (why !== undefined) console.log(`skipped: test/kernel/segmentation.test.ts: ${why}`);

const SEED = 20_261_123;
const CASES = 150;
const SRC = ipv4('10.1.0.1');
const DST = ipv4('10.1.0.2');
/** On the TAP, and inside the tunnel. */
const MACS = { dst: mac(0x02_99_00_00_00_01), src: mac(0x02_99_00_00_00_02) };
const IP = ethernet.HLEN;
const TCP = IP + ip.MIN_HLEN;

interface Case {
  readonly frame: Buffer;
  readonly gsoSize: number;
  readonly headers: number;
  readonly segments: number;
}

/** Flags, options, ids, sizes at random; sequence numbers and ids often about to wrap. */
function draw(dice: Stream, mss: number): Case {
  const below = (n: number): number => dice.u32() % n;
  const options = 4 * below(11);
  const gsoSize = 1 + (below(4) === 0 ? below(200) : mss - 1 - below(300));
  const segments = 2 + below(below(5) === 0 ? 40 : 6);
  const payload = Math.min((segments - 1) * gsoSize + 1 + below(gsoSize), 60_000);
  const headers = TCP + tcp.MIN_HLEN + options;
  const b = Buffer.alloc(headers + payload);
  ethernet.put(b, 0, { ...MACS, type: ETH_P_IP });
  ip.put(b, IP, {
    totalLen: b.length - IP,
    tos: below(256),
    id: below(2) === 0 ? 0xfffd + below(3) : below(0x10000),
    df: below(2) === 0,
    ttl: 1 + below(255),
    proto: ip.PROTO_TCP,
    src: SRC,
    dst: DST,
  });
  tcp.put(b, TCP, {
    srcPort: below(0x10000),
    dstPort: below(0x10000),
    seq: below(2) === 0 ? 0xffffffff - below(5000) : dice.u32(),
    ack: dice.u32(),
    // Any but SYN, which Linux does not cut, and RST.
    flags: tcp.ACK | (below(256) & (tcp.FIN | tcp.PSH | tcp.URG | tcp.ECE | tcp.CWR)),
    window: below(0x10000),
    urgent: below(0x10000),
  });
  tcp.setDataOffset(b, TCP, tcp.MIN_HLEN + options);
  for (let i = TCP + tcp.MIN_HLEN; i < b.length; i++) b[i] = dice.u32();
  tcp.setChecksum(b, TCP, pseudoHeader(SRC, DST, ip.PROTO_TCP, b.length - TCP));
  return { frame: b, gsoSize, headers, segments: Math.ceil(payload / gsoSize) };
}

const hex = (frames: readonly Uint8Array[]): string[] => frames.map((f) => Buffer.from(f).toString('hex'));

describe.skipIf(why !== undefined)(`super-segments cut as Linux cuts them (seed ${SEED})`, () => {
  let lab: TcpLab;
  /** What comes out of Linux. */
  const arrived: Uint8Array[] = [];
  let wanted = Number.POSITIVE_INFINITY;
  let enough = (): void => {};
  /** What goes out of our twin of that host. */
  const sent: Uint8Array[] = [];

  beforeAll(async () => {
    lab = await TcpLab.open(['seg']);
    lab.sw.device('seg')!.taps.add((skb, _dev, out) => {
      if (out || skb.protocol !== ETH_P_IP) return;
      arrived.push(skb.bytes.slice(skb.mac, skb.tail));
      if (arrived.length === wanted) enough();
    });
    const twin = lab.kernel.addNetns('twin');
    const cable = {
      plug() {},
      unplug() {},
      send(skb: Skb) {
        for (const segment of gsoSegment(skb, lab.kernel.pool))
          sent.push(segment.bytes.slice(segment.data, segment.tail));
        skb.free();
      },
    };
    twin.register(new Nic(lab.kernel, { name: 'eth0', mac: MACS.src, cable }));
    for (const command of ['ip addr add 10.99.0.2/24 dev eth0', 'ip link set eth0 up'])
      execute(twin, command, () => twin);
    for (const command of [
      'ip neigh replace 10.99.0.1 lladdr 02:99:00:00:00:01 dev eth0 nud permanent',
      'ip link add vx7 type vxlan id 7 dev eth0 local 10.99.0.2 dstport 8472 nolearning udpcsum',
      'ip link add vx8 type vxlan id 8 dev eth0 local 10.99.0.2 dstport 8472 nolearning noudpcsum',
      ...['vx7', 'vx8'].flatMap((dev) => [
        `ip link set ${dev} address 02:99:00:00:00:02`,
        `ip link set ${dev} up`,
        `bridge fdb replace 02:99:00:00:00:01 dev ${dev} dst 10.99.0.1`,
      ]),
    ]) {
      execute(twin, command, () => twin);
      await lab.linux.ask('sh', { command });
    }
  });
  afterAll(() => lab?.stop());

  /** Puts the frames out by the device of both. */
  async function both(dev: string, cases: readonly Case[]): Promise<[Uint8Array[], Uint8Array[]]> {
    arrived.length = 0;
    sent.length = 0;
    wanted = cases.reduce((n, c) => n + c.segments, 0);
    const all = new Promise<void>((done) => {
      enough = done;
    });
    await lab.linux.ask('gso', {
      dev,
      frames: cases.map((c) => [c.frame.toString('hex'), c.gsoSize, c.headers]),
    });
    await all;
    const twin = [...lab.kernel.namespaces.values()].find((ns) => ns.name === 'twin')!;
    for (const { frame, gsoSize } of cases) {
      const skb = lab.kernel.pool.copyOf(frame);
      skb.mac = skb.data;
      skb.network = skb.data + IP;
      skb.transport = skb.data + TCP;
      skb.protocol = ETH_P_IP;
      skb.gsoSize = gsoSize;
      skb.ipSummed = CHECKSUM_PARTIAL;
      twin.device(dev)!.queueXmit(skb);
    }
    return [arrived.slice(), sent.slice()];
  }

  it(`${CASES} on an Ethernet device`, async () => {
    const dice = new Stream(SEED, 'plain');
    const cases = Array.from({ length: CASES }, () => draw(dice, 1446 - 40));
    const [linux, ours] = await both('eth0', cases);
    expect(hex(ours)).toEqual(hex(linux));
  });

  it.each([
    ['vx7', 'with a UDP checksum'],
    ['vx8', 'without'],
  ] as const)(`${CASES} by VXLAN device %s, %s`, async (dev, _checksum) => {
    const dice = new Stream(SEED, dev);
    const cases = Array.from({ length: CASES }, () => draw(dice, 1396 - 40));
    const [linux, ours] = await both(dev, cases);
    // One packet after the other: port and first id of the outer header are the kernel's own choice.
    let at = 0;
    for (const { segments } of cases) {
      expect(hex(outer(ours.slice(at, at + segments)))).toEqual(hex(outer(linux.slice(at, at + segments))));
      at += segments;
    }
  });
});

/** The frames of one packet with checksums verified and taken out, outer ids counted from 0 and the source port set to 0. */
function outer(frames: readonly Uint8Array[]): Uint8Array[] {
  const first = frames[0]!;
  const id = ip.id(first, IP);
  const port = udp.srcPort(first, TCP);
  return frames.map((f) => {
    expect(udp.srcPort(f, TCP)).toBe(port);
    expect(verify(f, IP, TCP)).toBe(true);
    const had = udp.checksum(f, TCP) !== 0;
    if (had) {
      const pseudo = pseudoHeader(ip.src(f, IP), ip.dst(f, IP), ip.PROTO_UDP, f.length - TCP);
      expect(verify(f, TCP, f.length, pseudo)).toBe(true);
    }
    const b = Uint8Array.from(f);
    ip.setId(b, IP, ip.id(b, IP) - id);
    put16(b, IP + 10, 0);
    put16(b, TCP, 0);
    put16(b, TCP + 6, had ? 1 : 0);
    expect(u16(b, IP + 2)).toBe(f.length - IP);
    return b;
  });
}
