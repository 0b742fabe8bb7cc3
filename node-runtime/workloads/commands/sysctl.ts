// sysctl (procps): reads and writes a namespace's settings by their dotted names.
import type { Netns } from '../../kernel/netns/netns.ts';
import { getopt } from '../getopt.ts';
import type { Program } from '../process.ts';

export const sysctl: Program = (args, proc) => {
  const options = getopt(args, { short: 'anwqeNbp', long: ['all', 'values', 'write', 'quiet', 'ignore'] });
  const bare = options.has('n', 'values');
  const names = options.has('a', 'all') ? allNames(proc.ns) : options.operands;
  let code = 0;
  for (const arg of names) {
    const at = arg.indexOf('=');
    const name = (at === -1 ? arg : arg.slice(0, at)).trim().replaceAll('/', '.');
    const fail = (why: string): void => {
      if (options.has('e', 'ignore')) return;
      proc.err(`sysctl: ${why}\n`);
      code = 255;
    };
    if (proc.ns.sysctl.read(name) === undefined) {
      fail(`cannot stat /proc/sys/${name.replaceAll('.', '/')}: No such file or directory`);
      continue;
    }
    if (at !== -1) {
      // A pod's /proc/sys is mounted read-only.
      if (!proc.isNode) fail(`setting key "${name}", ignoring: Read-only file system`);
      else if (!proc.ns.sysctl.write(name, arg.slice(at + 1)))
        fail(`setting key "${name}": Invalid argument`);
      if (code !== 0 || options.has('q', 'quiet')) continue;
    }
    const value = proc.ns.sysctl.read(name)!;
    proc.out(bare ? `${value}\n` : `${name} = ${value}\n`);
  }
  return code;
};

function allNames({ sysctl }: Netns): string[] {
  const groups: readonly (readonly [string, object])[] = [
    ['net.bridge', sysctl.bridge],
    ['net.core', sysctl.core],
    ['net.ipv4', sysctl.ipv4],
    ...[...sysctl.conf].map(([dev, conf]) => [`net.ipv4.conf.${dev}`, conf] as const),
    ['net.ipv4.neigh.default', sysctl.neigh],
    ['net.ipv4.route', sysctl.route],
    ['net.netfilter', sysctl.netfilter],
  ];
  return groups.flatMap(([prefix, group]) => Object.keys(group).map((key) => `${prefix}.${key}`)).sort();
}
