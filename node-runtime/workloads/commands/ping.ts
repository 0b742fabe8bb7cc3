// ping, as iputils has it (ping/ping.c, ping_common.c, version 20221126): its output, waits and exit codes, over an ICMP
// datagram socket.
import { PingSock } from '../../kernel/transport/ping.ts';
import {
  IP_PMTUDISC_DO,
  IP_PMTUDISC_DONT,
  IP_PMTUDISC_PROBE,
  IP_PMTUDISC_WANT,
  type SockError,
} from '../../kernel/transport/sock.ts';
import { formatIpv4, type Ipv4, parseIpv4 } from '../../kernel/wire/addr.ts';
import { put16 } from '../../kernel/wire/bytes.ts';
import * as icmp from '../../kernel/wire/icmp.ts';
import { describeError } from '../errors.ts';
import { getopt, numberOf, OptionError, type Options } from '../getopt.ts';
import { icmpWords } from '../icmp-words.ts';
import { ExitError, Killed, type Process, waitFor, wallClock } from '../process.ts';
import { EAI_TEXT, hostsName, resolve } from '../resolve.ts';

/** How long to wait for replies to the last request when none came yet: MAXWAIT, in milliseconds. */
const MAX_WAIT = 10_000;
/** What an echo request must hold for the round-trip time to be known: sizeof(struct timeval). */
const TIMEVAL = 16;
const MAX_SIZE = 65_507;
/** Sequence numbers whose replies are told from duplicates: MAX_DUP_CHK. */
const DUP_TABLE = 0x10000;

interface Settings {
  readonly count: number;
  readonly interval: number;
  readonly size: number;
  readonly timeout: number | undefined;
  readonly deadline: number | undefined;
  readonly quiet: boolean;
  readonly numeric: boolean;
  readonly stamps: boolean;
  readonly outstanding: boolean;
}

const fail = (message: string, code = 2): never => {
  throw new ExitError(code, `ping: ${message}`);
};

const PMTU: Readonly<Record<string, number>> = {
  do: IP_PMTUDISC_DO,
  dont: IP_PMTUDISC_DONT,
  want: IP_PMTUDISC_WANT,
  probe: IP_PMTUDISC_PROBE,
};

export async function ping(args: readonly string[], proc: Process): Promise<number> {
  const options = parse(args);
  if (options.has('V')) {
    proc.out('ping from iputils 20221126\n');
    return 0;
  }
  const target = options.operands.at(-1) ?? fail('usage error: Destination address required', 1);
  const settings = read(options);
  const found = await resolve(proc, target);
  if ('error' in found) return fail(`${target}: ${EAI_TEXT[found.error]}`);
  const sk = new PingSock(proc.ns);
  sk.owner = 'ping';
  try {
    return await new Pinger(proc, sk, settings, target, found.addrs[0]!).run(options);
  } finally {
    sk.close();
  }
}

function parse(args: readonly string[]): Options {
  try {
    return getopt(args, { short: '4c:i:W:w:s:M:t:I:Q:m:p:S:l:nqbDOVvdrUAfLBCa' });
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    const { kind, option } = error.refusal;
    return fail(
      kind === 'unknown' ? `invalid option -- '${option}'` : `option requires an argument -- '${option}'`,
    );
  }
}

function read(options: Options): Settings {
  const number = (name: string, least: number, most: number): number | undefined => {
    const text = options.last(name);
    if (text === undefined) return undefined;
    const value = numberOf(text) ?? fail(`invalid argument: '${text}'`, 1);
    if (value < least || value > most)
      fail(`invalid argument: '${text}': out of range: ${least} <= value <= ${most}`, 1);
    return value;
  };
  const flood = options.has('f');
  return {
    count: number('c', 1, Number.MAX_SAFE_INTEGER) ?? 0,
    interval: (number('i', 0, 2_147_483) ?? (flood ? 0.01 : 1)) * 1000,
    size: number('s', 0, MAX_SIZE) ?? 56,
    timeout: scaled(number('W', 0, 2_147_483)),
    deadline: scaled(number('w', 0, 2_147_483)),
    quiet: options.has('q') || flood,
    numeric: options.has('n'),
    stamps: options.has('D'),
    outstanding: options.has('O'),
  };
}

const scaled = (seconds: number | undefined): number | undefined =>
  seconds === undefined ? undefined : seconds * 1000;

class Pinger {
  readonly #proc: Process;
  readonly #sk: PingSock;
  readonly #set: Settings;
  readonly #target: string;
  readonly #dst: Ipv4;
  readonly #sentAt = new Map<number, number>();
  readonly #seen = new Set<number>();
  #transmitted = 0;
  #received = 0;
  #duplicates = 0;
  #errors = 0;
  #start = 0;
  /** When something last happened: what "time" in the statistics counts to. */
  #last = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;
  #sum = 0;
  #squares = 0;
  #acked = 0;
  /** Most requests that were under way at once. */
  #pipe = 0;

  constructor(proc: Process, sk: PingSock, set: Settings, target: string, dst: Ipv4) {
    this.#proc = proc;
    this.#sk = sk;
    this.#set = set;
    this.#target = target;
    this.#dst = dst;
  }

  async run(options: Options): Promise<number> {
    const from = this.#prepare(options);
    const { size, count, interval, deadline } = this.#set;
    this.#proc.out(
      `PING ${this.#target} (${formatIpv4(this.#dst)}) ${from}${size}(${size + icmp.HLEN + 20}) bytes of data.\n`,
    );
    this.#start = this.#last = this.#now();
    const end = deadline === undefined ? Number.POSITIVE_INFINITY : this.#start + deadline;
    let interrupted: Killed | undefined;
    try {
      let next = this.#start;
      while (!this.#done() && this.#now() < end) {
        if (count === 0 || this.#transmitted < count || deadline !== undefined) {
          if (this.#now() >= next) {
            this.#send();
            next = Math.max(next + interval, this.#now());
            continue;
          }
          await this.#listen(Math.min(next, end));
        } else {
          const until = this.#now() < next ? next : Math.min(this.#lastSent + this.#linger(), end);
          if (this.#now() >= until) break;
          await this.#listen(until);
        }
      }
    } catch (error) {
      if (!(error instanceof Killed) || error.signal !== 'SIGINT') throw error;
      interrupted = error;
    }
    this.#finish();
    if (this.#received === 0) return 1;
    return deadline !== undefined && count > 0 && this.#received < count && interrupted === undefined ? 1 : 0;
  }

  #lastSent = 0;

  /** Options of the socket; what stands in the first line about the source. */
  #prepare(options: Options): string {
    const sk = this.#sk;
    const { ns } = this.#proc;
    sk.setOption('IP_RECVERR', 1);
    const pmtu = options.last('M');
    if (pmtu !== undefined)
      sk.setOption('IP_MTU_DISCOVER', PMTU[pmtu] ?? fail(`invalid -M argument: ${pmtu}`));
    const ttl = options.last('t');
    if (ttl !== undefined && sk.setOption('IP_TTL', Number(ttl)) !== undefined)
      fail(`invalid argument: '${ttl}': out of range: 0 <= value <= 255`, 1);
    const tos = options.last('Q');
    if (tos !== undefined) sk.setOption('IP_TOS', Number(tos));
    const mark = options.last('m');
    if (mark !== undefined) sk.setOption('SO_MARK', Number(mark));
    const iface = options.last('I');
    let device = '';
    if (iface !== undefined) {
      const addr = parseIpv4(iface);
      if (addr !== undefined) {
        if (sk.bind(addr, 0) !== undefined) fail('bind: Cannot assign requested address');
      } else {
        const dev = ns.device(iface) ?? fail(`SO_BINDTODEVICE ${iface}: No such device`);
        sk.setOption('SO_BINDTODEVICE', dev.ifindex);
        device = iface;
      }
    }
    const route = ns.kernel.ipv4.routeOutput(ns, this.#dst, sk.saddr, sk.boundDev, sk.tos);
    if (typeof route === 'string') return fail(`connect: ${describeError(route)}`);
    if (route.type === 'BROADCAST') {
      if (!options.has('b'))
        fail('Do you want to ping broadcast? Then -b. If not, check your local firewall rules');
      this.#proc.err('WARNING: pinging broadcast address\n');
      sk.setOption('SO_BROADCAST', 1);
    }
    return iface === undefined ? '' : `from ${formatIpv4(sk.saddr || route.src)} ${device}: `;
  }

  #now(): number {
    return this.#proc.ns.kernel.clock.now();
  }
  #done(): boolean {
    const { count, deadline } = this.#set;
    return (
      (count > 0 && this.#received + this.#errors >= count) || (deadline !== undefined && this.#errors > 0)
    );
  }
  /** __schedule_exit: twice the longest round trip, or MAXWAIT before the first reply. */
  #linger(): number {
    const { timeout, interval } = this.#set;
    if (timeout !== undefined && timeout > 0) return timeout;
    return this.#received > 0 ? Math.max(2 * this.#max, interval) : MAX_WAIT;
  }

  #send(): void {
    const { size, outstanding, quiet } = this.#set;
    if (outstanding && this.#transmitted > 0 && !this.#seen.has(this.#transmitted % DUP_TABLE) && !quiet)
      this.#line(`no answer yet for icmp_seq=${this.#transmitted % DUP_TABLE}`);
    const seq = (this.#transmitted + 1) % DUP_TABLE;
    const message = new Uint8Array(icmp.HLEN + size);
    message[0] = icmp.ECHO;
    put16(message, 6, seq);
    for (let i = 0; i < size; i++) message[icmp.HLEN + i] = i;
    this.#last = this.#lastSent = this.#now();
    this.#sentAt.set(seq, this.#last);
    this.#sentAt.delete((seq + DUP_TABLE / 2) % DUP_TABLE);
    this.#seen.delete(seq);
    this.#transmitted++;
    const failed = this.#sk.send(message, this.#dst);
    if (failed === undefined || failed === 'ENOBUFS') return;
    this.#errors++;
    if (failed === 'EMSGSIZE') {
      const { ns } = this.#proc;
      const route = ns.kernel.ipv4.routeOutput(ns, this.#dst, this.#sk.saddr, this.#sk.boundDev, 0);
      const mtu = typeof route === 'string' ? 0 : route.mtu;
      this.#proc.err(`ping: local error: message too long, mtu=${mtu}\n`);
    } else this.#proc.err(`ping: sendmsg: ${describeError(failed)}\n`);
  }

  /** Reads what arrives until `until`, or until the last awaited thing came. */
  async #listen(until: number): Promise<void> {
    const { clock } = this.#proc.ns.kernel;
    await waitFor<void>(this.#proc, (resolve) => {
      const timer = clock.at(until, resolve);
      const look = (): void => {
        this.#take();
        if (this.#done()) resolve();
      };
      this.#sk.wake = look;
      look();
      return () => {
        timer.cancel();
        this.#sk.wake = undefined;
      };
    });
  }

  #take(): void {
    this.#sk.takeError();
    for (let error = this.#sk.errors.shift(); error !== undefined; error = this.#sk.errors.shift())
      this.#error(error);
    for (let got = this.#sk.recv(); got !== undefined; got = this.#sk.recv())
      this.#reply(got.data, got.src, got.ttl);
  }

  #reply(message: Uint8Array, src: Ipv4, ttl: number): void {
    if (message.length < icmp.HLEN || icmp.type(message, 0) !== icmp.ECHO_REPLY) return;
    const seq = icmp.seq(message, 0);
    const sent = this.#sentAt.get(seq);
    if (sent === undefined) return;
    this.#last = this.#now();
    const duplicate = this.#seen.has(seq);
    if (duplicate) this.#duplicates++;
    else {
      this.#received++;
      this.#seen.add(seq);
      this.#ack(seq);
    }
    const timing = message.length >= icmp.HLEN + TIMEVAL;
    const rtt = this.#last - sent;
    if (timing) {
      this.#min = Math.min(this.#min, rtt);
      this.#max = Math.max(this.#max, rtt);
      this.#sum += rtt;
      this.#squares += rtt * rtt;
    }
    if (this.#set.quiet) return;
    const time = timing ? ` time=${showTime(rtt)} ms` : '';
    const tail = duplicate ? ' (DUP!)' : '';
    this.#line(`${message.length} bytes from ${this.#name(src)}: icmp_seq=${seq} ttl=${ttl}${time}${tail}`);
  }

  /** acknowledge(): how many requests were under way. */
  #ack(seq: number): void {
    const behind = (this.#transmitted - seq + DUP_TABLE) % DUP_TABLE;
    if (behind >= DUP_TABLE / 2) return;
    if (behind + 1 > this.#pipe) this.#pipe = behind + 1;
    if ((seq - this.#acked + DUP_TABLE) % DUP_TABLE < DUP_TABLE / 2) this.#acked = seq;
  }

  #error(error: SockError): void {
    // Made by this host's own stack before anything left: send() has told of it.
    if (error.type === 0 && error.code === 0 && error.offender === 0) return;
    const seq = error.dport;
    this.#last = this.#now();
    this.#errors++;
    this.#ack(seq);
    if (this.#set.quiet) return;
    const from = this.#name(error.offender);
    this.#line(`From ${from} icmp_seq=${seq} ${icmpWords(error.type, error.code, error.info)}`);
  }

  #line(text: string): void {
    const stamp = this.#set.stamps ? `[${(wallClock(this.#proc) / 1000).toFixed(6)}] ` : '';
    this.#proc.out(`${stamp}${text}\n`);
  }

  /** pr_addr: with its name where the target was given as one. */
  #name(addr: Ipv4): string {
    const text = formatIpv4(addr);
    if (this.#set.numeric || parseIpv4(this.#target) !== undefined) return text;
    const name = hostsName(this.#proc.fs.tryRead('/etc/hosts') ?? '', addr);
    return name === undefined ? text : `${name} (${text})`;
  }

  #finish(): void {
    const loss = ((this.#transmitted - this.#received) * 100) / this.#transmitted;
    const extra =
      (this.#duplicates > 0 ? `, +${this.#duplicates} duplicates` : '') +
      (this.#errors > 0 ? `, +${this.#errors} errors` : '');
    const time = Math.round(this.#last - this.#start);
    let text = `\n--- ${this.#target} ping statistics ---\n${this.#transmitted} packets transmitted, ${this.#received} received${extra}`;
    if (this.#transmitted > 0) text += `, ${general(loss)}% packet loss, time ${time}ms`;
    text += '\n';
    const n = this.#received + this.#duplicates;
    let comma = '';
    if (this.#received > 0 && this.#set.size >= TIMEVAL) {
      const mean = this.#sum / n;
      const mdev = Math.sqrt(Math.max(0, this.#squares / n - mean * mean));
      text += `rtt min/avg/max/mdev = ${[this.#min, mean, this.#max, mdev].map((v) => v.toFixed(3)).join('/')} ms`;
      comma = ', ';
    }
    if (this.#pipe > 1) text += `${comma}pipe ${this.#pipe}`;
    this.#proc.out(`${text}\n`);
  }
}

/** A round-trip time with as many digits as iputils gives it: three places below 1 ms, none from 100 ms on. */
export function showTime(ms: number): string {
  const us = Math.floor(ms * 1000 + 0.0005);
  const whole = us / 1000;
  const places = us >= 100_000 ? 0 : us >= 10_000 ? 1 : us >= 1000 ? 2 : 3;
  return (Math.floor(whole * 10 ** places + 1e-9) / 10 ** places).toFixed(places);
}

/** printf's %g: six significant digits, no zeros at the end. */
const general = (value: number): string => String(Number(value.toPrecision(6)));
