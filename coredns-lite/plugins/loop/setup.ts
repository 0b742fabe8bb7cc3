// loop, without arguments (CoreDNS plugin/loop/setup.go).
import { expectArgs } from '../../corefile/dispenser.ts';
import { decode } from '../../dns/decode.ts';
import { encode } from '../../dns/encode.ts';
import { queryFor } from '../../dns/message.ts';
import { RCODE, TYPE } from '../../dns/types.ts';
import { type Controller, onlyLine } from '../../server/config.ts';
import { Loop } from './handler.ts';

/** Milliseconds that the question is tried for, and waits between. */
const TRY_FOR = 30_000;
const PAUSE = 2000;
const ANSWER = 1000;

export function setup(c: Controller): void {
  expectArgs(onlyLine(c), 0, 0, 'loop');
  const zone = c.block.zones[0]!;
  const digits = (): string => String(Math.floor(c.host.random() * 2 ** 48));
  const asked = `${digits()}.${digits()}.${zone === '.' ? '' : zone}`;
  const { clock, network } = c.host;
  const handlers: Loop[] = [];
  let stopped = false;
  c.add((next) => {
    const found = (message: string): void => {
      c.log.error(message);
      c.host.fatal(`plugin/loop: ${message}`);
    };
    const handler = new Loop({ zone, asked, found }, next);
    handlers.push(handler);
    return handler;
  });

  /** True when somebody answered, if only by a failure of his own. */
  const ask = async (): Promise<boolean> => {
    const bound = c.block.listenHosts[0] ?? '';
    const to = {
      address: bound === '' ? '127.0.0.1' : bound,
      port: c.shared.portOf(c.block) ?? c.block.port,
    };
    const bytes = encode(queryFor(Math.floor(c.host.random() * 65_536), asked, TYPE.HINFO))!;
    return new Promise<boolean>((resolve) => {
      let close = (): void => {};
      const end = (answered: boolean): void => {
        timer.cancel();
        close();
        resolve(answered);
      };
      const timer = clock.after(ANSWER, () => end(false));
      network
        .dialUdp({
          to,
          onMessage: (data) => end(decode(data)?.message.rcode !== RCODE.SERVFAIL),
          onError: () => end(false),
        })
        .then(
          (socket) => {
            close = () => socket.close();
            socket.send(bytes);
          },
          () => end(false),
        );
    });
  };
  const probe = async (): Promise<void> => {
    const until = clock.now() + TRY_FOR;
    while (!stopped && clock.now() < until) {
      if (await ask()) break;
      await new Promise<void>((resolve) => {
        clock.after(PAUSE, resolve);
      });
    }
    for (const handler of handlers) clock.after(PAUSE, () => handler.disable());
  };
  // The listeners open after the start-up hooks.
  c.onStartup(() => {
    clock.after(0, () => void probe());
  });
  c.onShutdown(() => {
    stopped = true;
  });
}
