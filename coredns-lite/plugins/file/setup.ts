// file DBFILE [ZONES…] { reload DURATION; reload_by_mtime; fallthrough [ZONES…] } (CoreDNS plugin/file/setup.go).
import { isAbsolute, join } from 'node:path';
import { duration, expectArgs, unknownProperty } from '../../corefile/dispenser.ts';
import type { Timer } from '../../host.ts';
import { type Controller, type Fall, fallOf, origins } from '../../server/config.ts';
import { FileHandler } from './handler.ts';
import { parseZone, type Zone } from './zone.ts';

const RELOAD = 60_000;

export function setup(c: Controller): void {
  const { files, clock } = c.host;
  const zones = new Map<string, { zone: Zone | undefined }>();
  let fall: Fall | undefined;
  for (const line of c.lines) {
    expectArgs(line, 1, 1000, 'file DBFILE [ZONES…]');
    const [file, ...names] = line.args;
    const path = isAbsolute(file!.text) ? file!.text : join(c.host.cwd, file!.text);
    let reload = RELOAD;
    let byTime = false;
    for (const property of line.block ?? [])
      if (property.name === 'reload') {
        expectArgs(property, 1, 1, 'reload DURATION');
        reload = duration(property.args[0], property);
      } else if (property.name === 'reload_by_mtime') {
        expectArgs(property, 0, 0, 'reload_by_mtime');
        byTime = true;
      } else if (property.name === 'fallthrough') fall = fallOf(property);
      else throw unknownProperty(property, ['reload', 'reload_by_mtime', 'fallthrough']);
    for (const origin of origins(c, names)) {
      const slot: { zone: Zone | undefined } = { zone: undefined };
      zones.set(origin, slot);
      let stamp: string | undefined;
      const read = (): void => {
        const now = files.stamp(path);
        if (now === undefined || now === stamp) return;
        stamp = now;
        try {
          const next = parseZone(files.read(path), origin, path);
          // As upstream: without a new serial nothing has changed, unless the time is what counts.
          if (slot.zone === undefined || byTime || serialOf(next) !== serialOf(slot.zone)) slot.zone = next;
        } catch (error) {
          c.log.error(error instanceof Error ? error.message : String(error));
          if (slot.zone === undefined && starting) throw error;
        }
      };
      let starting = true;
      let timer: Timer | undefined;
      const again = (): void => {
        timer = clock.after(reload, () => {
          read();
          again();
        });
      };
      c.onStartup(() => {
        if (files.stamp(path) === undefined)
          c.log.warning(`Failed to open "${path}": trying again in ${reload / 1000}s`);
        read();
        starting = false;
        if (reload > 0) again();
      });
      c.onShutdown(() => timer?.cancel());
    }
  }
  c.add((next) => new FileHandler({ zones, fall }, next));
}

const serialOf = ({ soa }: Zone): number => (soa.data.kind === 'soa' ? soa.data.serial : 0);
