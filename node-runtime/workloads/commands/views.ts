// Commands that show the kernel's state, and a few that change it: ss, netstat, arp, brctl, bridge, tc, lsns, sysctl, iptables and its
// kin, conntrack.
import { iptables } from '../../kernel/netfilter/iptables/iptables.ts';
import { iptablesRestore } from '../../kernel/netfilter/iptables/restore.ts';
import { iptablesSave } from '../../kernel/netfilter/iptables/save.ts';
import { NetnsError } from '../../kernel/netns/netns.ts';
import {
  brctlShow,
  brctlShowmacs,
  bridgeLink,
  lsns as lsnsText,
  tcQdisc,
} from '../../kernel/procfs/devices.ts';
import { bridgeFdb, ipRoute, procArp } from '../../kernel/procfs/ip-route.ts';
import { ss as ssText } from '../../kernel/procfs/sockets.ts';
import { rtnetlink } from '../../kernel/rtnetlink/rtnetlink.ts';
import { parseIpv4, parseMac } from '../../kernel/wire/addr.ts';
import { getopt } from '../getopt.ts';
import { ExitError, type Program, readAll } from '../process.ts';

export const ss: Program = (args, proc) => {
  const o = getopt(args, {
    short: 'tulnapei4Hos',
    long: ['tcp', 'udp', 'listening', 'numeric', 'all', 'processes'],
  });
  proc.out(
    ssText(proc.ns, {
      tcp: o.has('t', 'tcp'),
      udp: o.has('u', 'udp'),
      listening: o.has('l', 'listening'),
      all: o.has('a', 'all'),
      processes: o.has('p', 'processes'),
    }),
  );
  return 0;
};

export const netstat: Program = (args, proc) => {
  const o = getopt(args, { short: 'tulnaprie', long: [] });
  proc.out(
    o.has('r')
      ? ipRoute(proc.ns)
      : ssText(proc.ns, {
          tcp: o.has('t'),
          udp: o.has('u'),
          listening: o.has('l'),
          all: o.has('a'),
          processes: o.has('p'),
        }),
  );
  return 0;
};

export const arp: Program = (_, proc) => {
  proc.out(procArp(proc.ns));
  return 0;
};

export const brctl: Program = ([command, name], proc) => {
  if (command === 'show') proc.out(brctlShow(proc.ns));
  else if (command === 'showmacs') {
    const macs = brctlShowmacs(proc.ns, name ?? '');
    if (macs === undefined) throw new ExitError(1, `read of forward table failed: No such device`);
    proc.out(macs);
  } else throw new ExitError(1, `never heard of command [${command ?? ''}]`);
  return 0;
};

export const bridge: Program = (args, proc) => {
  const [object, verb = 'show', ...words] = args.filter((a) => !a.startsWith('-'));
  const rtnl = rtnetlink(proc.ns);
  const at = words.indexOf('dev');
  const dev = at === -1 ? undefined : words[at + 1];
  try {
    if (object === 'link') proc.out(bridgeLink(proc.ns));
    else if (object === 'fdb' && verb === 'show') proc.out(bridgeFdb(proc.ns, dev));
    else if (object === 'fdb') {
      const mac = parseMac(words[0] ?? '');
      const dst = words.indexOf('dst') === -1 ? undefined : parseIpv4(words[words.indexOf('dst') + 1] ?? '');
      if (mac === undefined || dev === undefined)
        throw new ExitError(255, 'Device and address are required arguments.');
      const spec = { mac, dev, ...(dst === undefined ? {} : { dst }) };
      if (verb === 'add') rtnl.fdbAdd(spec);
      else if (verb === 'append') rtnl.fdbAppend(spec);
      else if (verb === 'replace') rtnl.fdbReplace(spec);
      else if (verb === 'del' || verb === 'delete') rtnl.fdbDel(spec);
      else throw new ExitError(255, `Command "${verb}" is unknown, try "bridge fdb help".`);
    } else throw new ExitError(255, `Object "${object ?? ''}" is unknown, try "bridge help".`);
  } catch (error) {
    if (error instanceof NetnsError)
      throw new ExitError(
        2,
        error.message.startsWith('RTNETLINK') ? error.message : `RTNETLINK answers: ${error.message}`,
      );
    throw error;
  }
  return 0;
};

export const tc: Program = (args, proc) => {
  const words = args.filter((a) => !a.startsWith('-'));
  if (words[0] !== 'qdisc') throw new ExitError(1, `Object "${words[0] ?? ''}" is unknown, try "tc help".`);
  const at = words.indexOf('dev');
  proc.out(tcQdisc(proc.ns, at === -1 ? undefined : words[at + 1]));
  return 0;
};

export const lsns: Program = (_, proc) => {
  proc.out(lsnsText(proc.ns.kernel));
  return 0;
};

export const sysctl: Program = (args, proc) => {
  let code = 0;
  const quiet = args.includes('-n');
  for (const arg of args.filter((a) => !a.startsWith('-'))) {
    const [key = '', value] = arg.split('=');
    const name = key.trim();
    if (value !== undefined && !proc.ns.sysctl.write(name, value)) {
      proc.err(`sysctl: cannot stat /proc/sys/${name.replaceAll('.', '/')}: No such file or directory\n`);
      code = 255;
      continue;
    }
    const now = proc.ns.sysctl.read(name);
    if (now === undefined) {
      proc.err(`sysctl: cannot stat /proc/sys/${name.replaceAll('.', '/')}: No such file or directory\n`);
      code = 255;
    } else proc.out(quiet ? `${now}\n` : `${name} = ${now}\n`);
  }
  return code;
};

export const iptablesCommand: Program = (args, proc) => {
  const { code, stdout, stderr } = iptables(proc.ns, args);
  proc.out(stdout);
  proc.err(stderr);
  return code;
};

export const iptablesSaveCommand: Program = (args, proc) => {
  const o = getopt(args, { short: 't:c', long: ['table:', 'counters'] });
  const table = o.last('t', 'table');
  proc.out(
    iptablesSave(proc.ns, {
      counters: o.has('c', 'counters'),
      ...(table === undefined ? {} : { table: table as 'nat' }),
    }),
  );
  return 0;
};

export const iptablesRestoreCommand: Program = async (args, proc) => {
  const o = getopt(args, { short: 'ncw:T:', long: ['noflush', 'counters', 'table:'] });
  const text = (await readAll(proc.stdin)).toString('utf8');
  const { code, stdout, stderr } = iptablesRestore(proc.ns, text, {
    noflush: o.has('n', 'noflush'),
    counters: o.has('c', 'counters'),
  });
  proc.out(stdout);
  proc.err(stderr);
  return code;
};
