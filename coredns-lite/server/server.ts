// The multiplexer in front of the plugin chains (CoreDNS core/dnsserver/server.go ServeDNS): reads a message, finds the block whose
// zone is the longest suffix of the name, and writes what the chain does not write itself.
import { accept, decode } from '../dns/decode.ts';
import { encode } from '../dns/encode.ts';
import { type EdnsOption, type Message, NONE, replyTo } from '../dns/message.ts';
import { CLASS, RCODE, rcodeName, TYPE } from '../dns/types.ts';
import type { Log, Peer } from '../host.ts';
import type { Block } from './config.ts';
import type { Counter, Metrics } from './metrics.ts';
import { clientWrite, type Entry, type Proto, Request, type Result, type Writer } from './plugin.ts';

/** NSID, EXPIRE, COOKIE, TCP KEEPALIVE and PADDING are echoed; other options are dropped. */
const ECHOED = new Set([3, 9, 10, 11, 12]);
/** Plugins that serve classes other than IN. */
const ANY_CLASS = ['chaos', 'forward', 'proxy'];
/** Replies above this size are compressed although they fit: fragments on the way get lost. */
const FRAGMENT_V4 = 1480;
const FRAGMENT_V6 = 1220;

/** Sends bytes of a reply to whoever asked. */
export type Send = (bytes: Buffer) => void;

export class Server implements Entry {
  readonly address: string;
  readonly #zones = new Map<string, Block>();
  readonly #classChaos: boolean;
  readonly #debug: boolean;
  readonly #log: Log;
  readonly #panics: Counter;
  readonly #metrics: Metrics;

  constructor(address: string, blocks: readonly Block[], log: Log, metrics: Metrics) {
    this.address = address;
    for (const block of blocks) for (const zone of block.zones) this.#zones.set(zone, block);
    this.#classChaos = blocks.some((block) => block.handlers.some((h) => ANY_CLASS.includes(h.name)));
    this.#debug = blocks.some((block) => block.debug);
    this.#log = log;
    this.#metrics = metrics;
    this.#panics = metrics.counter('coredns_panics_total', 'A metrics that counts the number of panics.');
  }

  get zones(): ReadonlyMap<string, Block> {
    return this.#zones;
  }

  /** A message from the network. A promise: the answer comes later. */
  receive(bytes: Uint8Array, peer: Peer, proto: Proto, send: Send): Promise<number> | undefined {
    const verdict = accept(bytes);
    if (verdict === 'ignore') return undefined;
    if (verdict !== 'accept') {
      send(refusal(bytes, verdict === 'notimp' ? RCODE.NOTIMP : RCODE.FORMERR));
      return undefined;
    }
    const decoded = decode(bytes);
    if (decoded === undefined) {
      send(refusal(bytes, RCODE.FORMERR));
      return undefined;
    }
    const r = new Request(decoded.message, decoded.lower, { peer, proto, entry: this, size: bytes.length });
    const result = this.handle(new ClientWriter(r, send, this.#log), r);
    return typeof result === 'number' ? undefined : result;
  }

  /** Runs a request through the chain of its block; the reply is written in any case. */
  handle(w: Writer, r: Request): Result {
    const { question } = r.message;
    if (question === undefined) return this.#refuse(w, r, RCODE.SERVFAIL);
    if (!this.#classChaos && question.class !== CLASS.IN) return this.#refuse(w, r, RCODE.REFUSED);
    const { edns } = r.message;
    if (edns !== undefined && edns.version !== 0) {
      const reply = replyTo(r.message, RCODE.BADVERS);
      reply.edns = { size: 0, version: 0, do: false, options: NONE };
      w.write(reply);
      return RCODE.BADVERS;
    }
    const block = this.#find(r, question.type === TYPE.DS);
    if (block?.chain === undefined) return this.#refuse(w, r, RCODE.REFUSED);
    try {
      const result = block.chain.serve(w, r);
      if (typeof result === 'number') {
        if (!clientWrite(result)) w.write(replyTo(r.message, result));
        return result;
      }
      return result.then(
        (rcode) => {
          if (!clientWrite(rcode)) w.write(replyTo(r.message, rcode));
          return rcode;
        },
        (error: unknown) => this.#panic(w, r, error),
      );
    } catch (error) {
      return this.#panic(w, r, error);
    }
  }

  /** The longest zone that the name lies in; questions for DS go to the parent side, if it is served here. */
  #find(r: Request, ds: boolean): Block | undefined {
    const name = r.lower;
    let child: Block | undefined;
    let childZone = '.';
    for (let at = 0; at < name.length; ) {
      const zone = at === 0 ? name : name.slice(at);
      const block = this.#zones.get(zone);
      if (block !== undefined) {
        if (!ds) {
          r.zone = zone;
          return block;
        }
        child = block;
        childZone = zone;
      }
      at = nextLabel(name, at);
    }
    r.zone = childZone;
    return child ?? this.#zones.get('.');
  }

  #refuse(w: Writer, r: Request, rcode: number): number {
    const zone = 'dropped';
    this.#metrics
      .counter('coredns_dns_responses_total', 'Counter of response status codes.', {
        server: this.address,
        zone,
        view: '',
        rcode: rcodeName(rcode),
        plugin: '',
      })
      .inc();
    w.write(replyTo(r.message, rcode));
    return rcode;
  }

  #panic(w: Writer, r: Request, error: unknown): number {
    if (this.#debug) throw error;
    this.#panics.inc();
    const what = error instanceof Error ? error.message : String(error);
    this.#log.error(`Recovered from panic in server: "${this.address}" ${what}`);
    w.write(replyTo(r.message, RCODE.SERVFAIL));
    return RCODE.SERVFAIL;
  }
}

function nextLabel(name: string, at: number): number {
  for (let i = at; i < name.length; i++) {
    if (name[i] === '\\') i++;
    else if (name[i] === '.') return i + 1;
  }
  return name.length;
}

/** Puts the client's EDNS into a reply and makes it fit (request.ScrubWriter). */
class ClientWriter implements Writer {
  readonly #r: Request;
  readonly #send: Send;
  readonly #log: Log;

  constructor(r: Request, send: Send, log: Log) {
    this.#r = r;
    this.#send = send;
    this.#log = log;
  }

  write(reply: Message): void {
    const r = this.#r;
    const asked = r.message.edns;
    if (asked !== undefined && reply.rcode !== RCODE.BADVERS) {
      const options = reply.edns?.options ?? supported(asked.options);
      reply.edns = { size: asked.size, version: 0, do: asked.do, options };
    }
    const v6 = r.peer.address.includes(':') && !r.peer.address.startsWith('::ffff:');
    const bytes =
      r.proto === 'tcp' ? encode(reply) : encode(reply, r.replySize, v6 ? FRAGMENT_V6 : FRAGMENT_V4);
    if (bytes !== undefined) this.#send(bytes);
    else {
      // A name that is none in a record of a plugin: miekg/dns fails to pack and nothing goes out.
      this.#log.error(`cannot write the reply for ${r.lower}: a record holds no name`);
    }
  }
}

const supported = (options: readonly EdnsOption[]): readonly EdnsOption[] =>
  options.length === 0 ? NONE : options.filter((option) => ECHOED.has(option.code));

/** The reply to what is no query: the header with an rcode, and nothing else. */
function refusal(bytes: Uint8Array, rcode: number): Buffer {
  const reply = Buffer.alloc(12);
  reply[0] = bytes[0]!;
  reply[1] = bytes[1]!;
  reply[2] = 0x80 | (bytes[2]! & 0x79);
  reply[3] = (bytes[3]! & 0x10) | rcode;
  return reply;
}
