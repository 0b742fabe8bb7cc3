// header { query|response set|clear FLAG… } (CoreDNS plugin/header/setup.go).
import { expectArgs, fault, unknownProperty, words } from '../../corefile/dispenser.ts';
import { type Controller, onlyLine } from '../../server/config.ts';
import { Header, type Rule } from './handler.ts';

export function setup(c: Controller): void {
  const line = onlyLine(c);
  expectArgs(line, 0, 0, 'header { response set ra }');
  const query: Rule[] = [];
  const response: Rule[] = [];
  for (const property of line.block ?? []) {
    if (property.name !== 'query' && property.name !== 'response')
      throw unknownProperty(property, ['query', 'response']);
    expectArgs(property, 2, 4, `${property.name} set|clear aa|ra|rd…`);
    const [action, ...flags] = words(property).map((word) => word.toLowerCase());
    if (action !== 'set' && action !== 'clear')
      throw fault(property, `'${action}' does nothing to a flag`, 'write set or clear');
    for (const flag of flags) {
      if (flag !== 'aa' && flag !== 'ra' && flag !== 'rd')
        throw fault(property, `the flag '${flag}' cannot be changed`, 'write aa, ra or rd');
      (property.name === 'query' ? query : response).push({ flag, on: action === 'set' });
    }
  }
  if (query.length + response.length === 0)
    throw fault(line, 'header changes nothing', 'add a line: response set ra');
  c.add((next) => new Header(query, response, next));
}
