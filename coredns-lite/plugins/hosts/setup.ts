// hosts [FILE [ZONES…]] { inline lines and options } (CoreDNS plugin/hosts/setup.go).

import { isIP } from 'node:net';
import { isAbsolute, join } from 'node:path';
import {
  duration,
  expectArgs,
  fault,
  integer,
  type Line,
  unknownProperty,
  words,
} from '../../corefile/dispenser.ts';
import type { Timer } from '../../host.ts';
import { type Controller, type Fall, fallOf, onlyLine, origins } from '../../server/config.ts';
import { Hosts } from './handler.ts';
import { HostsTable } from './table.ts';

const KNOWN = ['ttl', 'reload', 'no_reverse', 'fallthrough', 'fallthrough_unsupported', 'ADDRESS NAME…'];

export function setup(c: Controller): void {
  const line = onlyLine(c);
  const [file, ...zones] = line.args;
  const { files, clock } = c.host;
  const draft: Draft = {
    ttl: 3600,
    reload: 5000,
    reverse: true,
    fall: undefined,
    unsupported: false,
    inline: [],
  };
  for (const property of line.block ?? []) readProperty(property, draft);
  if (draft.unsupported && draft.fall === undefined)
    throw fault(line, 'fallthrough_unsupported needs fallthrough', 'add fallthrough');
  const named = file?.text ?? '/etc/hosts';
  const path = isAbsolute(named) ? named : join(c.host.cwd, named);
  if (file !== undefined && files.stamp(path) === undefined) c.log.warning(`File does not exist: ${path}`);
  const at = origins(c, zones);
  const inline = new HostsTable(draft.inline.join('\n'), at, draft.reverse);
  const entries = c.shared.metrics.gauge(
    'coredns_hosts_entries',
    'The combined number of entries in hosts and Corefile.',
    { hostsfile: path },
  );
  c.add((next) => {
    const options = {
      origins: at,
      ttl: draft.ttl,
      fall: draft.fall,
      fallthroughUnsupported: draft.unsupported,
    };
    const handler = new Hosts(options, next);
    let stamp: string | undefined;
    const read = (): void => {
      const now = files.stamp(path);
      if (now === undefined || now === stamp) return;
      try {
        handler.tables = [new HostsTable(files.read(path), at, draft.reverse), inline];
        stamp = now;
        entries.set(handler.tables.reduce((n, table) => n + table.size, 0));
      } catch {
        // It went between the two looks: what was read before stays.
      }
    };
    handler.tables = [inline];
    let timer: Timer | undefined;
    const again = (): void => {
      timer = clock.after(draft.reload, () => {
        read();
        again();
      });
    };
    c.onStartup(() => {
      read();
      if (draft.reload > 0) again();
    });
    c.onShutdown(() => timer?.cancel());
    return handler;
  });
}

interface Draft {
  ttl: number;
  /** Milliseconds. */
  reload: number;
  reverse: boolean;
  fall: Fall | undefined;
  unsupported: boolean;
  inline: string[];
}

function readProperty(line: Line, draft: Draft): void {
  switch (line.name) {
    case 'fallthrough':
      draft.fall = fallOf(line);
      return;
    case 'fallthrough_unsupported':
      expectArgs(line, 0, 0, 'fallthrough_unsupported');
      draft.unsupported = true;
      return;
    case 'no_reverse':
      expectArgs(line, 0, 0, 'no_reverse');
      draft.reverse = false;
      return;
    case 'ttl':
      expectArgs(line, 1, 1, 'ttl SECONDS');
      draft.ttl = integer(line.args[0], line, 1, 65_535);
      return;
    case 'reload':
      expectArgs(line, 1, 1, 'reload DURATION');
      draft.reload = duration(line.args[0], line);
      if (draft.reload < 0)
        throw fault(line, 'reload cannot be negative', 'write 0 to never read the file again');
      return;
    default:
      if (isIP(line.name) === 0 || draft.fall !== undefined) throw unknownProperty(line, KNOWN);
      draft.inline.push([line.name, ...words(line)].join(' '));
  }
}
