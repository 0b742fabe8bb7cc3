// loadbalance [round_robin | weighted FILE] { reload DURATION; prefer CIDR… } (CoreDNS plugin/loadbalance/setup.go).
import { isAbsolute, join } from 'node:path';
import { duration, expectArgs, fault, unknownProperty } from '../../corefile/dispenser.ts';
import { addrBytes, type Cidr, parseCidr } from '../../dns/addr.ts';
import { fqdn, lower } from '../../dns/name.ts';
import type { Timer } from '../../host.ts';
import { type Controller, onlyLine } from '../../server/config.ts';
import { LoadBalance, type LoadBalanceOptions } from './handler.ts';

export function setup(c: Controller): void {
  const line = onlyLine(c);
  expectArgs(line, 0, 2, 'loadbalance [round_robin | weighted FILE]');
  const [policy, file] = line.args;
  const weighted = policy?.text === 'weighted';
  if (policy !== undefined && !weighted && policy.text !== 'round_robin')
    throw fault(policy, `unknown policy '${policy.text}'`, 'write round_robin, or weighted FILE');
  if (weighted !== (file !== undefined))
    throw fault(
      line,
      weighted ? 'weighted needs a file' : `round_robin takes no '${file?.text}'`,
      'write: loadbalance weighted FILE',
    );
  let reload = 30_000;
  const prefer: Cidr[] = [];
  for (const property of line.block ?? [])
    if (property.name === 'reload' && weighted) {
      expectArgs(property, 1, 1, 'reload DURATION');
      reload = duration(property.args[0], property);
    } else if (property.name === 'prefer') {
      expectArgs(property, 1, 100, 'prefer CIDR…');
      for (const token of property.args) {
        const cidr = parseCidr(token.text);
        if (cidr === undefined)
          throw fault(token, `'${token.text}' is no network`, 'write one as 10.0.0.0/8');
        prefer.push(cidr);
      }
    } else throw unknownProperty(property, weighted ? ['reload', 'prefer'] : ['prefer']);
  const options: LoadBalanceOptions = {
    policy: weighted ? 'weighted' : 'round_robin',
    prefer,
    weights: new Map(),
    random: () => c.host.random(),
  };
  c.add((next) => new LoadBalance(options, next));
  if (file === undefined) return;
  const path = isAbsolute(file.text) ? file.text : join(c.host.cwd, file.text);
  const { files, clock } = c.host;
  let stamp: string | undefined;
  let timer: Timer | undefined;
  const read = (): void => {
    const now = files.stamp(path);
    if (now === undefined || now === stamp) return;
    stamp = now;
    try {
      options.weights = parseWeights(files.read(path));
    } catch (error) {
      c.log.error(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const again = (): void => {
    timer = clock.after(reload, () => {
      read();
      again();
    });
  };
  c.onStartup(() => {
    if (files.stamp(path) === undefined) throw fault(file, `there is no file ${path}`, 'correct the path');
    read();
    if (reload > 0) again();
  });
  c.onShutdown(() => timer?.cancel());
}

/** A name on a line of its own, then "ADDRESS WEIGHT" lines (1 … 255). Throws with the number of the line that is none. */
export function parseWeights(text: string): Map<string, Map<string, number>> {
  const names = new Map<string, Map<string, number>>();
  let now: Map<string, number> | undefined;
  for (const [i, raw] of text.split('\n').entries()) {
    const [first, second, more] = raw.replace(/#.*/, '').trim().split(/\s+/);
    if (first === undefined || first === '') continue;
    if (second === undefined) {
      now = new Map();
      names.set(lower(fqdn(first)), now);
      continue;
    }
    const bytes = addrBytes(first);
    const weight = /^\d{1,3}$/.test(second) ? Number(second) : 0;
    if (now === undefined || bytes === undefined || more !== undefined || weight < 1 || weight > 255)
      throw new Error(`line ${i + 1}: write a name, and below it an address and a weight from 1 to 255`);
    now.set(bytes.join('.'), weight);
  }
  return names;
}
