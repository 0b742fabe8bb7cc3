// acl [ZONES…] { allow|block|filter|drop [type TYPE…] [net CIDR…] } (CoreDNS plugin/acl/setup.go).
import { fault, type Line, unknownProperty } from '../../corefile/dispenser.ts';
import { type Cidr, parseCidr } from '../../dns/addr.ts';
import { typeOf } from '../../dns/types.ts';
import { type Controller, origins } from '../../server/config.ts';
import { Acl, type Action, type Policy, type Rule } from './handler.ts';

const ACTIONS: readonly string[] = ['allow', 'block', 'filter', 'drop'] satisfies Action[];

export function setup(c: Controller): void {
  const rules: Rule[] = c.lines.map((line) => ({
    zones: origins(c, line.args),
    policies: (line.block ?? []).map(policyOf),
  }));
  c.add((next) => new Acl(rules, c.shared.metrics, next));
}

function policyOf(line: Line): Policy {
  const action = line.name.toLowerCase();
  if (!ACTIONS.includes(action)) throw unknownProperty(line, ACTIONS);
  let types: Set<number> | undefined;
  let nets: Cidr[] | undefined;
  let allTypes = false;
  let allNets = false;
  let section: 'type' | 'net' | undefined;
  for (const token of line.args) {
    const word = token.text.toLowerCase();
    if (word === 'type' || word === 'net') {
      section = word;
      if (word === 'type') types ??= new Set();
      else nets ??= [];
    } else if (section === undefined)
      throw fault(token, `unexpected '${token.text}'`, `write: ${action} type TYPE… net CIDR…`);
    else if (section === 'type') {
      if (word === '*') {
        allTypes = true;
        continue;
      }
      const type = typeOf(token.text);
      if (type === undefined) throw fault(token, `'${token.text}' is no type`, 'write A, AAAA, ANY … or *');
      types!.add(type);
    } else if (word === '*') allNets = true;
    else {
      const net = parseCidr(token.text);
      if (net === undefined)
        throw fault(token, `'${token.text}' is no network`, 'write 10.0.0.0/8, 10.0.0.1 or *');
      nets!.push(net);
    }
  }
  if (types?.size === 0 && !allTypes) throw fault(line, 'type names none', 'name one behind it, or *');
  if (nets?.length === 0 && !allNets) throw fault(line, 'net names none', 'name one behind it, or *');
  return {
    action: action as Action,
    types: allTypes ? undefined : types,
    nets: allNets ? undefined : nets,
  };
}
