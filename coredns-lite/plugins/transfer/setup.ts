// transfer [ZONES…] { to ADDRESS|*…; source ADDRESS } (CoreDNS plugin/transfer/setup.go). Those named by address hear of a new serial at the start.
import { isIP } from 'node:net';
import { expectArgs, fault, unknownProperty } from '../../corefile/dispenser.ts';
import { encode } from '../../dns/encode.ts';
import { queryFor } from '../../dns/message.ts';
import { OPCODE, TYPE } from '../../dns/types.ts';
import { type Controller, origins } from '../../server/config.ts';
import { type Rule, TransferHandler } from './handler.ts';

export function setup(c: Controller): void {
  const rules: Rule[] = [];
  for (const line of c.lines) {
    const to = new Set<string>();
    for (const property of line.block ?? [])
      if (property.name === 'to') {
        expectArgs(property, 1, 1000, 'to ADDRESS|*…');
        for (const token of property.args) {
          const address = token.text.replace(/^\[?([^\]]*?)\]?(?::53)?$/, '$1');
          if (address !== '*' && isIP(address) === 0)
            throw fault(token, `'${token.text}' is no address`, 'write an IP address, or * for everybody');
          to.add(address);
        }
      } else if (property.name === 'source') {
        expectArgs(property, 1, 1, 'source ADDRESS');
        if (isIP(property.args[0]!.text) === 0)
          throw fault(property, 'source is no address', 'write an IP address');
      } else throw unknownProperty(property, ['to', 'source']);
    if (to.size === 0) throw fault(line, 'transfer goes to nobody', 'add a line: to *');
    rules.push({ zones: origins(c, line.args), to });
  }
  c.add((next) => new TransferHandler(rules, () => c.block.handlers, c.log, next));
  c.onStartup(() => {
    for (const { zones, to } of rules)
      for (const address of to) if (address !== '*') for (const zone of zones) void notify(c, zone, address);
  });
}

/** RFC 1996; nobody waits for the answer. */
async function notify(c: Controller, zone: string, address: string): Promise<void> {
  const message = queryFor(Math.floor(c.host.random() * 65_536), zone, TYPE.SOA);
  const bytes = encode({ ...message, opcode: OPCODE.NOTIFY, authoritative: true, recursionDesired: false })!;
  try {
    const ignore = (): void => {};
    const socket = await c.host.network.dialUdp({
      to: { address, port: 53 },
      onMessage: ignore,
      onError: ignore,
    });
    socket.send(bytes);
    c.host.clock.after(1000, () => socket.close());
  } catch {
    c.log.warning(`Failed to notify ${address} of zone "${zone}"`);
  }
}
