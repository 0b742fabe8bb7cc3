// A line per query (CoreDNS plugin/log), by default in the form
//   {remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}

import { encode } from '../../dns/encode.ts';
import type { Message } from '../../dns/message.ts';
import { matchZone } from '../../dns/name.ts';
import { className, RCODE, rcodeName, typeName } from '../../dns/types.ts';
import type { Clock, Log } from '../../host.ts';
import {
  after,
  clientWrite,
  type Handler,
  nextOrFailure,
  type Request,
  type Result,
  type Writer,
} from '../../server/plugin.ts';

export const COMMON =
  '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}';
export const COMBINED = `${COMMON} "{>opcode}"`;

export type LogClass = 'all' | 'success' | 'denial' | 'error';

export interface Rule {
  readonly scope: string;
  readonly format: string;
  readonly classes: ReadonlySet<LogClass>;
}

export class LogHandler implements Handler {
  readonly name = 'log';
  readonly #rules: readonly Rule[];
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #next: Handler | undefined;

  constructor(rules: readonly Rule[], log: Log, clock: Clock, next: Handler | undefined) {
    this.#rules = rules;
    this.#log = log;
    this.#clock = clock;
    this.#next = next;
  }

  serve(w: Writer, r: Request): Result {
    const rule = this.#rules.find(({ scope }) => matchZone([scope], r.lower) !== undefined);
    if (rule === undefined) return nextOrFailure(this.name, this.#next, w, r);
    const begun = this.#clock.now();
    const { question } = r;
    const recorder = new Recorder(w);
    const done = (rcode: number): number => {
      const reply = recorder.reply;
      const shown = reply?.rcode ?? (clientWrite(rcode) ? RCODE.NOERROR : rcode);
      const { classes } = rule;
      if (classes.has('all') || classes.has(classOf(reply, shown))) {
        const seconds = (this.#clock.now() - begun) / 1000;
        this.#log.info(
          fill(rule.format, {
            r,
            name: r.question === question ? r.lower : question.name,
            reply,
            rcode: shown,
            seconds,
          }),
        );
      }
      return rcode;
    };
    return after(nextOrFailure(this.name, this.#next, recorder, r), done);
  }
}

/** success: answers and delegations; denial: NXDOMAIN and NODATA; error: all else. */
function classOf(reply: Message | undefined, rcode: number): LogClass {
  if (rcode === RCODE.NXDOMAIN) return 'denial';
  if (rcode !== RCODE.NOERROR) return 'error';
  const nodata =
    reply !== undefined && reply.answer.length === 0 && reply.authority.some((rr) => rr.data.kind === 'soa');
  return nodata ? 'denial' : 'success';
}

interface Line {
  readonly r: Request;
  readonly name: string;
  readonly reply: Message | undefined;
  readonly rcode: number;
  readonly seconds: number;
}

const EMPTY = '-';

function flagsOf(m: Message): string {
  const named: readonly (readonly [string, boolean])[] = [
    ['qr', m.response],
    ['aa', m.authoritative],
    ['tc', m.truncated],
    ['rd', m.recursionDesired],
    ['ra', m.recursionAvailable],
    ['z', m.zero],
    ['ad', m.authenticData],
    ['cd', m.checkingDisabled],
  ];
  const set = named.filter(([, on]) => on).map(([name]) => name);
  return set.length === 0 ? EMPTY : set.join(',');
}

const VALUES: Readonly<Record<string, (line: Line) => string>> = {
  type: ({ r }) => typeName(r.type),
  class: ({ r }) => className(r.class),
  name: ({ name }) => name,
  proto: ({ r }) => r.proto,
  remote: ({ r }) => (r.peer.address.includes(':') ? `[${r.peer.address}]` : r.peer.address),
  local: ({ r }) => r.entry.address.replace('dns://', ''),
  port: ({ r }) => `${r.peer.port}`,
  size: ({ r }) => `${r.size}`,
  rcode: ({ rcode }) => rcodeName(rcode),
  rsize: ({ reply }) => `${reply === undefined ? 0 : (encode({ ...reply })?.length ?? 0)}`,
  duration: ({ seconds }) => `${Number(seconds.toFixed(9))}s`,
  '>id': ({ r }) => `${r.message.id}`,
  '>opcode': ({ r }) => `${r.message.opcode}`,
  '>do': ({ r }) => `${r.do}`,
  '>bufsize': ({ r }) => `${r.replySize}`,
  '>rflags': ({ reply }) => (reply === undefined ? EMPTY : flagsOf(reply)),
};

const fill = (format: string, line: Line): string =>
  format.replace(/\{(\/?[^{}\s]+)\}/g, (all, key: string) => {
    if (key.startsWith('/')) return line.r.metadata(key.slice(1)) ?? EMPTY;
    return VALUES[key]?.(line) ?? all;
  });

class Recorder implements Writer {
  reply: Message | undefined = undefined;
  readonly #to: Writer;
  constructor(to: Writer) {
    this.#to = to;
  }
  write(reply: Message): void {
    this.reply = reply;
    this.#to.write(reply);
  }
}
