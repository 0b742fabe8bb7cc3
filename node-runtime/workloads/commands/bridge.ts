// brctl (bridge-utils) and bridge (iproute2): the bridges of a namespace, their ports and forwarding tables.

import { NetnsError } from '../../kernel/netns/netns.ts';
import { brctlShow, brctlShowmacs, bridgeLink } from '../../kernel/procfs/devices.ts';
import { bridgeFdb } from '../../kernel/procfs/ip-route.ts';
import { rtnetlink } from '../../kernel/rtnetlink/rtnetlink.ts';
import { parseIpv4, parseMac } from '../../kernel/wire/addr.ts';
import { ExitError, type Program } from '../process.ts';

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
