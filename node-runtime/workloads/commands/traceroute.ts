// traceroute, as Dmitry Butskoy's has it (traceroute 2.1): UDP probes to rising ports, or ICMP echoes with -I, three per hop,
// sixteen under way at once; what each hop answered, a line per hop.

import { PingSock } from '../../kernel/transport/ping.ts';
import type { SockError } from '../../kernel/transport/sock.ts';
import { UdpSock } from '../../kernel/transport/udp.ts';
import { formatIpv4, type Ipv4 } from '../../kernel/wire/addr.ts';
import { put16 } from '../../kernel/wire/bytes.ts';
import * as icmp from '../../kernel/wire/icmp.ts';
import { describeError } from '../errors.ts';
import { getopt, OptionError } from '../getopt.ts';
import { ExitError, type Process, type Program, waitFor } from '../process.ts';
import { EAI_TEXT, hostsName, resolve } from '../resolve.ts';

const FIRST_PORT = 33_434;
const HEADERS = 28;
/** def_wait_secs, and how much longer than the same hop's other probes one is waited for. */
const WAIT = 5000;
const HERE_FACTOR = 3;
const SIMULTANEOUS = 16;

interface Answer {
  readonly from: Ipv4;
  readonly ms: number;
  /** "!H" and the like; empty for what is expected. */
  readonly mark: string;
  /** The target itself, or an error that ends the path. */
  readonly final: boolean;
}

interface Probe {
  readonly hop: number;
  readonly sent: number;
  readonly deadline: number;
  answer: Answer | undefined;
  over: boolean;
}

interface Settings {
  readonly icmp: boolean;
  readonly numeric: boolean;
  readonly perHop: number;
  readonly maxHops: number;
  readonly firstHop: number;
  readonly wait: number;
  readonly size: number;
  readonly port: number;
  readonly dev: string | undefined;
}

export const traceroute: Program = async (args, proc) => {
  let options: ReturnType<typeof getopt>;
  try {
    options = getopt(args, {
      short: '4nIUFm:q:w:f:p:i:N:z:t:s:',
      long: ['icmp', 'udp', 'max-hops:', 'queries:', 'wait:', 'first:', 'port:', 'interface:'],
    });
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    throw new ExitError(2, `Bad option \`-${error.refusal.option}' (argc 1)`);
  }
  const [target, size] = options.operands;
  if (target === undefined)
    throw new ExitError(
      2,
      'Usage:\n  traceroute [ -4Ifn ] [ -f first_ttl ] [ -m max_ttl ] [ -p port ] [ -q nqueries ] [ -w wait ] host [ packetlen ]',
    );
  const set: Settings = {
    icmp: options.has('I', 'icmp'),
    numeric: options.has('n'),
    perHop: Number(options.last('q', 'queries') ?? 3),
    maxHops: Number(options.last('m', 'max-hops') ?? 30),
    firstHop: Number(options.last('f', 'first') ?? 1),
    wait: Number((options.last('w', 'wait') ?? String(WAIT / 1000)).split(',')[0]) * 1000,
    size: Number(size ?? 60),
    port: Number(options.last('p', 'port') ?? FIRST_PORT),
    dev: options.last('i', 'interface'),
  };
  const found = await resolve(proc, target);
  if ('error' in found)
    throw new ExitError(
      2,
      `${target}: ${EAI_TEXT[found.error]}\nCannot handle "host" cmdline arg \`${target}' on position 1 (argc 1)`,
    );
  const dst = found.addrs[0]!;
  proc.out(`traceroute to ${target} (${formatIpv4(dst)}), ${set.maxHops} hops max, ${set.size} byte packets`);
  return new Tracer(proc, set, dst).run();
};

class Tracer {
  readonly #proc: Process;
  readonly #set: Settings;
  readonly #dst: Ipv4;
  readonly #probes: Probe[] = [];
  /** Per hop, the source that was printed last. */
  #printed = 0;
  #wake: () => void = () => {};
  readonly #socks: (PingSock | UdpSock)[] = [];

  constructor(proc: Process, set: Settings, dst: Ipv4) {
    this.#proc = proc;
    this.#set = set;
    this.#dst = dst;
  }

  get #clock() {
    return this.#proc.ns.kernel.clock;
  }

  async run(): Promise<number> {
    const { perHop, maxHops, firstHop } = this.#set;
    const total = (maxHops - firstHop + 1) * perHop;
    try {
      while (!this.#finished(total)) {
        const open = this.#probes.filter((p) => !p.over).length;
        if (open < SIMULTANEOUS && this.#probes.length < total && !this.#reached()) {
          this.#send(this.#probes.length);
          continue;
        }
        const next = Math.min(...this.#probes.filter((p) => !p.over).map((p) => this.#deadline(p)));
        await waitFor<void>(this.#proc, (done) => {
          const timer = this.#clock.at(next, done);
          this.#wake = done;
          return () => timer.cancel();
        });
        for (const probe of this.#probes)
          if (!probe.over && this.#deadline(probe) <= this.#clock.now()) probe.over = true;
        this.#print();
      }
      this.#print();
      this.#proc.out('\n');
      return 0;
    } finally {
      for (const sk of this.#socks) sk.close();
    }
  }

  /** A probe is waited for as long as -w says, but not much longer than others of its hop took. */
  #deadline(probe: Probe): number {
    const others = this.#probes.filter((p) => p.hop === probe.hop && p.answer !== undefined);
    if (others.length === 0) return probe.deadline;
    const slowest = Math.max(...others.map((p) => p.answer!.ms));
    return Math.min(probe.deadline, probe.sent + Math.max(slowest * HERE_FACTOR, 10));
  }

  #lastHop(): number {
    const finals = this.#probes.filter((p) => p.answer?.final === true).map((p) => p.hop);
    return finals.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...finals);
  }
  /** Probes beyond the target are not sent, but all of its own hop's are. */
  #reached(): boolean {
    return this.#hopOf(this.#probes.length) > this.#lastHop();
  }
  #hopOf(index: number): number {
    return this.#set.firstHop + Math.floor(index / this.#set.perHop);
  }
  #finished(total: number): boolean {
    const last = this.#lastHop();
    const needed = Number.isFinite(last) ? (last - this.#set.firstHop + 1) * this.#set.perHop : total;
    return this.#probes.length >= needed && this.#probes.slice(0, needed).every((p) => p.over);
  }

  #send(index: number): void {
    const { icmp: echo, size, port, wait, dev } = this.#set;
    const now = this.#clock.now();
    const hop = this.#hopOf(index);
    const probe: Probe = { hop, sent: now, deadline: now + wait, answer: undefined, over: false };
    this.#probes.push(probe);
    const sk = echo ? new PingSock(this.#proc.ns) : new UdpSock(this.#proc.ns);
    sk.owner = 'traceroute';
    this.#socks.push(sk);
    sk.setOption('IP_RECVERR', 1);
    sk.setOption('IP_TTL', hop);
    if (dev !== undefined) {
      const device = this.#proc.ns.device(dev);
      if (device === undefined)
        throw new ExitError(2, `setsockopt SO_BINDTODEVICE: ${describeError('ENODEV')}`);
      sk.setOption('SO_BINDTODEVICE', device.ifindex);
    }
    sk.wake = () => this.#take(sk, probe);
    const room = Math.max(size - HEADERS, 0);
    const failed =
      sk instanceof PingSock
        ? sk.send(echoRequest(index + 1, room), this.#dst)
        : sk.send(new Uint8Array(room).fill(64), this.#dst, port + index);
    if (failed === undefined) return;
    if (failed === 'ENETUNREACH' || failed === 'EHOSTUNREACH' || failed === 'EACCES')
      throw new ExitError(1, `connect: ${describeError(failed)}`);
    probe.over = true;
  }

  #take(sk: PingSock | UdpSock, probe: Probe): void {
    const ms = this.#clock.now() - probe.sent;
    const got = sk.recv();
    sk.takeError();
    const error = sk.errors.shift();
    if (probe.over) return;
    if (got !== undefined) probe.answer = { from: got.src, ms, mark: '', final: true };
    else if (error !== undefined) probe.answer = { from: error.offender, ms, ...verdict(error) };
    else return;
    probe.over = true;
    this.#wake();
  }

  /** Prints what is known, in order, as far as it is known. */
  #print(): void {
    const { perHop, firstHop } = this.#set;
    const last = this.#lastHop();
    for (; this.#printed < this.#probes.length; this.#printed++) {
      const probe = this.#probes[this.#printed]!;
      if (!probe.over || probe.hop > last) return;
      const first = this.#printed % perHop === 0;
      const before = this.#probes.slice(Math.floor(this.#printed / perHop) * perHop, this.#printed);
      const lastFrom = before.filter((p) => p.answer !== undefined).at(-1)?.answer?.from;
      const { answer } = probe;
      let text = first ? `\n${String(firstHop + Math.floor(this.#printed / perHop)).padStart(2)} ` : '';
      if (answer === undefined) text += ' *';
      else {
        if (answer.from !== lastFrom) text += ` ${this.#name(answer.from)}`;
        text += `  ${answer.ms.toFixed(3)} ms${answer.mark === '' ? '' : ` ${answer.mark}`}`;
      }
      this.#proc.out(text);
    }
  }

  #name(addr: Ipv4): string {
    const text = formatIpv4(addr);
    if (this.#set.numeric) return text;
    return `${hostsName(this.#proc.fs.tryRead('/etc/hosts') ?? '', addr) ?? text} (${text})`;
  }
}

/** What an ICMP error says of the path: traceroute.c, the "!" marks. */
function verdict({ type, code, info }: SockError): { readonly mark: string; readonly final: boolean } {
  if (type === icmp.TIME_EXCEEDED) return { mark: '', final: false };
  if (type !== icmp.DEST_UNREACH) return { mark: `!<${type}-${code}>`, final: true };
  const marks: Readonly<Record<number, string>> = {
    0: '!N',
    1: '!H',
    2: '!P',
    3: '',
    4: `!F-${info}`,
    5: '!S',
    9: '!X',
    10: '!X',
    13: '!X',
    14: '!V',
    15: '!C',
  };
  return { mark: marks[code] ?? `!<${code}>`, final: true };
}

function echoRequest(seq: number, room: number): Uint8Array {
  const message = new Uint8Array(icmp.HLEN + room);
  message[0] = icmp.ECHO;
  put16(message, 6, seq);
  return message;
}
