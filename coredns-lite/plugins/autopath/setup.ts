// autopath [ZONES…] RESOLV-CONF|@PLUGIN (CoreDNS plugin/autopath/setup.go).
import { isAbsolute, join } from 'node:path';
import { expectArgs, fault } from '../../corefile/dispenser.ts';
import { fqdn, lower } from '../../dns/name.ts';
import { type Controller, onlyLine, origins } from '../../server/config.ts';
import type { Request } from '../../server/plugin.ts';
import { Autopath } from './handler.ts';

export function setup(c: Controller): void {
  const line = onlyLine(c);
  expectArgs(line, 1, 1000, 'autopath [ZONES…] RESOLV-CONF|@kubernetes');
  const source = line.args.at(-1)!;
  const zones = origins(c, line.args.slice(0, -1));
  let search: (r: Request) => readonly string[] | undefined;
  if (source.text.startsWith('@')) {
    const name = source.text.slice(1);
    search = (r) => c.block.handler(name)?.autopath?.(r);
    c.onStartup(() => {
      if (c.block.handler(name)?.autopath === undefined)
        throw fault(
          source,
          `'${name}' gives no search path in this block`,
          'add the kubernetes plugin to it',
        );
    });
  } else {
    const path = isAbsolute(source.text) ? source.text : join(c.host.cwd, source.text);
    let text: string;
    try {
      text = c.host.files.read(path);
    } catch {
      throw fault(source, `${path} cannot be read`, 'name a file like /etc/resolv.conf, or @kubernetes');
    }
    const list =
      text
        .split('\n')
        .findLast((l) => /^(search|domain)\s/.test(l))
        ?.trim()
        .split(/\s+/)
        .slice(1) ?? [];
    const found = [...list.map((entry) => lower(fqdn(entry))), ''];
    search = () => (found.length > 1 ? found : undefined);
  }
  c.add((next) => new Autopath({ zones, search }, next));
}
