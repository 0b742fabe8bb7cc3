// A link with 10 ms of delay that carries 20,000 packets a second, on the real clock: each is delayed by 10 ms or more, none
// leaves early, their order is kept, and as many come out as went in. How late they are is what the machine allows: it is
// said, and not judged here (bench/ does that).
import { describe, expect, it } from 'vitest';
import { createKernel } from '../../node-runtime/kernel/boot.ts';
import { RealClock } from '../../node-runtime/kernel/clock/real-clock.ts';
import { setQdisc } from '../../node-runtime/kernel/qdisc/impairment.ts';
import { Netem } from '../../node-runtime/kernel/qdisc/netem.ts';
import { UdpSock } from '../../node-runtime/kernel/transport/udp.ts';
import { ANY, ipv4 } from '../../node-runtime/kernel/wire/addr.ts';
import { SOAK } from '../fuzz/scale.ts';
import { execute } from '../kernel/ip-command.ts';

const RATE = 20_000;
const DELAY = 10;
/** Two minutes of it; never less than one second. */
const SECONDS = Math.max(1, 120 * SOAK);
const NETEM = { delay: DELAY, limit: 1_000_000 };

describe('10 ms on a link of 20,000 packets a second', () => {
  it('delays each and slows none', async () => {
    const clock = new RealClock();
    const kernel = createKernel({ hostname: 'n1', clock, seed: 1 });
    const [a, b] = [kernel.addNetns('a'), kernel.addNetns('b')];
    const find = (name: string) => (name === 'a' ? a : b);
    execute(a, 'ip link add eth0 type veth peer name eth0 netns b', find);
    for (const [ns, address] of [
      [a, '10.0.0.1'],
      [b, '10.0.0.2'],
    ] as const) {
      // A machine that stood still for a moment sends at once what fell due meanwhile: it must fit.
      execute(ns, 'sysctl -w net.core.netdev_max_backlog=1000000', find);
      execute(ns, 'ip link set eth0 up', find);
      execute(ns, `ip addr add ${address}/24 dev eth0`, find);
    }
    const from = new UdpSock(a);
    from.bind(ANY, 1000);
    const to = new UdpSock(b);
    to.bind(ANY, 1000);
    to.rcvbuf = 1 << 26;
    // ARP first: a packet that waits for it is late for another reason.
    const said = new Promise<void>((resolve) => {
      to.wake = () => {
        to.recv();
        resolve();
      };
    });
    from.sendTo(new Uint8Array(8), ipv4('10.0.0.2'), 1000);
    await said;
    const dev = a.device('eth0')!;
    setQdisc(dev, new Netem(dev, NETEM));

    const total = Math.round(RATE * SECONDS);
    let sent = 0;
    let received = 0;
    let early = 0;
    let swapped = 0;
    let late = 0;
    let latest = 0;
    const done = new Promise<void>((resolve) => {
      // One that is lost never comes.
      kernel.tracer.dropSinks.add(() => resolve());
      to.wake = () => {
        const now = clock.now();
        for (let d = to.recv(); d !== undefined; d = to.recv()) {
          const at = Buffer.from(d.data);
          if (at.readUInt32BE(8) !== received) swapped++;
          const took = now - at.readDoubleBE(0);
          if (took < DELAY) early++;
          late += took - DELAY;
          latest = Math.max(latest, took - DELAY);
          received++;
        }
        if (received === total) resolve();
      };
    });
    const start = clock.now();
    const burst = (): void => {
      // What is due by now: the sender keeps the rate, however late its timers are.
      const due = Math.min(total, Math.floor(((clock.now() - start) * RATE) / 1000) + 1);
      for (; sent < due; sent++) {
        const data = Buffer.alloc(64);
        data.writeDoubleBE(clock.now(), 0);
        data.writeUInt32BE(sent, 8);
        const failed = from.sendTo(data, ipv4('10.0.0.2'), 1000);
        if (failed !== undefined) throw new Error(failed);
      }
      if (sent < total) clock.after(1, burst);
    };
    burst();
    await done;
    const took = clock.now() - start;
    process.stdout.write(
      `delay: ${total} packets at ${Math.round((received / (took - DELAY)) * 1000)}/s, ${early} early, late by ${(late / total).toFixed(3)} ms on average, ${latest.toFixed(1)} at most\n`,
    );
    expect({ early, swapped, received, dropped: [...kernel.tracer.dropped] }).toEqual({
      early: 0,
      swapped: 0,
      received: total,
      dropped: [],
    });
    clock.stop();
  });
});
