// dns64 [PREFIX] { prefix CIDR; translate_all; allow_ipv4 } (CoreDNS plugin/dns64/setup.go).
import { expectArgs, fault, unknownProperty } from '../../corefile/dispenser.ts';
import type { Token } from '../../corefile/lexer.ts';
import { type Cidr, parseCidr } from '../../dns/addr.ts';
import { type Controller, onlyLine } from '../../server/config.ts';
import { Dns64 } from './handler.ts';

const LENGTHS = [32, 40, 48, 56, 64, 96];

function prefixOf(token: Token): Cidr {
  const cidr = parseCidr(token.text);
  if (cidr === undefined || cidr.bytes.length !== 16 || !LENGTHS.includes(cidr.bits))
    throw fault(token, `'${token.text}' is no prefix for addresses (RFC 6052)`, 'write one as 64:ff9b::/96');
  return cidr;
}

export function setup(c: Controller): void {
  const line = onlyLine(c);
  expectArgs(line, 0, 1, 'dns64 [PREFIX]');
  let prefix = line.args[0] === undefined ? parseCidr('64:ff9b::/96')! : prefixOf(line.args[0]);
  let translateAll = false;
  let allowIpv4 = false;
  for (const property of line.block ?? [])
    if (property.name === 'prefix') {
      expectArgs(property, 1, 1, 'prefix CIDR');
      prefix = prefixOf(property.args[0]!);
    } else if (property.name === 'translate_all') translateAll = true;
    else if (property.name === 'allow_ipv4') allowIpv4 = true;
    else throw unknownProperty(property, ['prefix', 'translate_all', 'allow_ipv4']);
  c.add((next) => new Dns64({ prefix, translateAll, allowIpv4 }, next));
}
