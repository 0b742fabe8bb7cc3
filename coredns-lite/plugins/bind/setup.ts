// bind ADDRESS|DEVICE… { except ADDRESS|DEVICE… } (CoreDNS plugin/bind): the addresses that a block listens on.
import { isIP } from 'node:net';
import { expectArgs, fault, unknownProperty } from '../../corefile/dispenser.ts';
import type { Token } from '../../corefile/lexer.ts';
import type { Controller } from '../../server/config.ts';

export function setup(c: Controller): void {
  const all: string[] = [];
  for (const line of c.lines) {
    expectArgs(line, 1, 1000, 'bind ADDRESS|DEVICE…');
    const except: string[] = [];
    for (const property of line.block ?? []) {
      if (property.name !== 'except') throw unknownProperty(property, ['except']);
      expectArgs(property, 1, 1000, 'except ADDRESS|DEVICE…');
      except.push(...property.args.flatMap((token) => addressesOf(c, token)));
    }
    all.push(...line.args.flatMap((token) => addressesOf(c, token)).filter((a) => !except.includes(a)));
  }
  c.block.listenHosts = [...new Set(all)];
}

function addressesOf(c: Controller, token: Token): string[] {
  if (isIP(token.text) !== 0) return [token.text];
  const found = c.host.network.addresses().filter(({ device }) => device === token.text);
  if (found.length === 0)
    throw fault(
      token,
      `'${token.text}' is neither an address nor a device`,
      'name one that this machine has',
    );
  // Link-local addresses would need their device named with them.
  return found.map(({ address }) => address).filter((address) => !address.startsWith('fe80:'));
}
