// One question to one server, over UDP or TCP, from a pod's own sockets: what res_send(3) and dig do beneath everything else.
import { decode } from '../../../coredns-lite/dns/decode.ts';
import { encode } from '../../../coredns-lite/dns/encode.ts';
import type { Message } from '../../../coredns-lite/dns/message.ts';
import { UdpSock } from '../../kernel/transport/udp.ts';
import { formatIpv4, type Ipv4 } from '../../kernel/wire/addr.ts';
import { connect } from '../../sockets/net.ts';
import { socketStack } from '../../sockets/stack.ts';
import { type Process, waitFor } from '../process.ts';

type Asker = Pick<Process, 'ns' | 'signal'>;

/** What came of a question: a reply with its size, silence, or what the network said. */
export type Answer =
  | { readonly reply: Message; readonly size: number }
  | { readonly failure: 'timeout' | 'refused' };

export interface Target {
  readonly server: Ipv4;
  readonly port: number;
  /** Milliseconds. */
  readonly timeout: number;
}

/**
 * Sends all questions at once from one socket, as getaddrinfo(3) does with A and AAAA, and waits until each has its answer or the time
 * is over. Answers are matched by id and question.
 */
export async function askUdp(
  proc: Asker,
  to: Target,
  queries: readonly Message[],
): Promise<readonly Answer[]> {
  const sk = new UdpSock(proc.ns);
  const answers: (Answer | undefined)[] = queries.map(() => undefined);
  try {
    await waitFor<void>(proc, (resolve) => {
      const timer = proc.ns.kernel.clock.after(to.timeout, resolve);
      const refused = (): void => {
        for (const [i, answer] of answers.entries())
          if (answer === undefined) answers[i] = { failure: 'refused' };
        resolve();
      };
      sk.wake = () => {
        for (let got = sk.recv(); got !== undefined; got = sk.recv()) {
          const reply = decode(got.data)?.message;
          const i = queries.findIndex((query, n) => answers[n] === undefined && query.id === reply?.id);
          if (reply?.response === true && i !== -1) answers[i] = { reply, size: got.data.length };
        }
        if (answers.every((answer) => answer !== undefined)) resolve();
        else if (sk.takeError() !== undefined) refused();
      };
      if (sk.connect(to.server, to.port) !== undefined) refused();
      else for (const query of queries) if (sk.send(encode({ ...query })!) !== undefined) refused();
      return () => timer.cancel();
    });
  } finally {
    sk.close();
  }
  return answers.map((answer) => answer ?? { failure: 'timeout' });
}

/** One question on a connection of its own; AXFR's many messages are joined into one. */
export async function askTcp(proc: Asker, to: Target, query: Message): Promise<Answer> {
  const stack = socketStack(proc.ns, { owner: 'resolver' });
  try {
    return await waitFor<Answer>(proc, (resolve) => {
      const timer = proc.ns.kernel.clock.after(to.timeout, () => resolve({ failure: 'timeout' }));
      const socket = connect(stack, { host: formatIpv4(to.server), port: to.port });
      let pending = Buffer.alloc(0);
      let joined: Message | undefined;
      let size = 0;
      socket.on('error', () => resolve({ failure: 'refused' }));
      socket.on('close', () =>
        resolve(joined === undefined ? { failure: 'refused' } : { reply: joined, size }),
      );
      socket.on('connect', () => {
        const bytes = encode({ ...query })!;
        const framed = Buffer.alloc(bytes.length + 2);
        framed.writeUInt16BE(bytes.length);
        bytes.copy(framed, 2);
        socket.write(framed);
      });
      socket.on('data', (chunk: Buffer) => {
        pending = Buffer.concat([pending, chunk]);
        while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
          const end = 2 + pending.readUInt16BE(0);
          const reply = decode(pending.subarray(2, end))?.message;
          size += end - 2;
          pending = pending.subarray(end);
          if (reply === undefined || reply.id !== query.id) continue;
          joined = joined === undefined ? reply : { ...joined, answer: [...joined.answer, ...reply.answer] };
          if (isWhole(joined)) resolve({ reply: joined, size });
        }
      });
      return () => timer.cancel();
    });
  } finally {
    stack.stop();
  }
}

/** A transfer ends with the SOA that it began with. */
function isWhole({ question, answer }: Message): boolean {
  if (question?.type !== 252 || answer.length === 0) return true;
  return answer.length > 1 && answer.at(-1)!.data.kind === 'soa';
}
