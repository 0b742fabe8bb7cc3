// ping(8)'s part of the work: echo requests on an ICMP datagram socket, and what became of each.
import { formatIpv4 } from '../kernel/wire/addr.ts';
import * as icmp from '../kernel/wire/icmp.ts';
import { abortError, socketError } from './errors.ts';
import type { FromKernel } from './messages.ts';
import { addressOf } from './resolve.ts';
import type { SocketStack } from './stack.ts';

export interface PingOptions {
  readonly host: string;
  /** Bytes behind the ICMP header; 56 without it. */
  readonly size?: number | undefined;
  readonly seq?: number | undefined;
  readonly ttl?: number | undefined;
  readonly tos?: number | undefined;
  /** ping -M do: never fragment. */
  readonly df?: boolean | undefined;
  /** Milliseconds to wait; 1000 without it. */
  readonly timeout?: number | undefined;
  readonly source?: string | undefined;
  readonly trace?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type PingResult =
  | {
      readonly outcome: 'reply';
      readonly from: string;
      readonly seq: number;
      /** As it arrived. */
      readonly ttl: number;
      readonly bytes: number;
      /** Milliseconds. */
      readonly rtt: number;
    }
  | {
      readonly outcome: 'error';
      readonly errno: string;
      /** Who said so: a router, the host itself; undefined when the request never left. */
      readonly from: string | undefined;
      readonly type: number;
      readonly code: number;
      /** Next-hop MTU of a frag-needed. */
      readonly mtu: number;
      readonly seq: number;
      readonly rtt: number;
    }
  | { readonly outcome: 'timeout'; readonly seq: number };

const PMTUDISC_DO = 2;

/** One echo request. Rejects only when the name is unknown, the source is not ours, or the signal aborts. */
export async function ping(stack: SocketStack, options: PingOptions): Promise<PingResult> {
  const dst = await addressOf(options.host, stack.resolve);
  const source = options.source === undefined ? undefined : await addressOf(options.source, stack.resolve);
  const seq = options.seq ?? 1;
  return new Promise((resolve, reject) => {
    const started = stack.now();
    const finish = (result: PingResult | Error): void => {
      timer.cancel();
      options.signal?.removeEventListener('abort', abort);
      stack.post({ op: 'close', id });
      stack.detach(id);
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    const abort = (): void => finish(abortError());
    const id = stack.open('icmp', (message) => {
      const result = understand(message, seq, stack.now() - started);
      if (result !== undefined) finish(result);
    });
    const timer = stack.after(options.timeout ?? 1000, () => finish({ outcome: 'timeout', seq }));
    options.signal?.addEventListener('abort', abort, { once: true });
    stack.post({ op: 'setsockopt', id, call: 0, name: 'IP_RECVERR', value: 1 });
    if (options.df)
      stack.post({ op: 'setsockopt', id, call: 0, name: 'IP_MTU_DISCOVER', value: PMTUDISC_DO });
    if (source !== undefined) stack.post({ op: 'bind', id, call: 1, at: { addr: source, port: 0 } });
    const { ttl, tos, trace } = options;
    const data = request(seq, options.size ?? 56);
    stack.post({ op: 'sendto', id, call: 2, data, to: { addr: dst, port: 0 }, ttl, tos, trace });
  });
}

function request(seq: number, size: number): Uint8Array {
  const b = new Uint8Array(icmp.HLEN + size);
  b[0] = icmp.ECHO;
  icmp.setSeq(b, 0, seq);
  // iputils fills with a count.
  for (let i = 0; i < size; i++) b[icmp.HLEN + i] = i;
  return b;
}

function understand(message: FromKernel, seq: number, rtt: number): PingResult | Error | undefined {
  if (message.ev === 'datagram') {
    if (icmp.type(message.data, 0) !== icmp.ECHO_REPLY || icmp.seq(message.data, 0) !== seq) return undefined;
    const from = formatIpv4(message.from.addr);
    return { outcome: 'reply', from, seq, ttl: message.ttl, bytes: message.data.length, rtt };
  }
  if (message.ev === 'error' && message.report !== undefined) {
    const { errno, offender, type, code, info } = message.report;
    return { outcome: 'error', errno, from: formatIpv4(offender), type, code, mtu: info, seq, rtt };
  }
  if (message.ev === 'done' && message.errno !== undefined) {
    if (message.call === 1) return socketError('bind', message.errno);
    return { outcome: 'error', errno: message.errno, from: undefined, type: 0, code: 0, mtu: 0, seq, rtt };
  }
  return undefined;
}
