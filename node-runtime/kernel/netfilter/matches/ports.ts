// The udp and sctp matches, which look at ports alone: net/netfilter/xt_tcpudp.c, xt_sctp.c.
import { u16 } from '../../wire/bytes.ts';
import * as ip from '../../wire/ipv4.ts';
import { type MatchExtension, type Test, XtError } from '../tables/extension.ts';
import { listPorts, type PortRange, parsePortRange, savePorts } from './values.ts';

interface PortsMatch<N extends 'udp' | 'sctp'> {
  readonly name: N;
  readonly sport: PortRange | undefined;
  readonly dport: PortRange | undefined;
}
export type UdpMatch = PortsMatch<'udp'>;
export type SctpMatch = PortsMatch<'sctp'>;

function ports<N extends 'udp' | 'sctp'>(
  name: N,
  proto: number,
  hlen: number,
): MatchExtension<PortsMatch<N>> {
  return {
    name,
    options: [
      { name: 'source-port', aliases: ['sport'], args: 1, invert: true, repeat: true },
      { name: 'destination-port', aliases: ['dport'], args: 1, invert: true, repeat: true },
    ],
    parse(given) {
      const one = (option: string): PortRange | undefined => {
        const all = given.filter((g) => g.name === option);
        if (all.length > 1) throw new XtError(`${name}: option "--${option}" can be used only once.\n`);
        return all[0] && parsePortRange(all[0]);
      };
      return { name, sport: one('source-port'), dport: one('destination-port') };
    },
    save(m) {
      const out: string[] = [];
      if (m.sport) out.push(savePorts('--sport', m.sport));
      if (m.dport) out.push(savePorts('--dport', m.dport));
      return out.join(' ');
    },
    list(m, numeric) {
      const out: string[] = [name];
      if (m.sport) out.push(listPorts('spt', m.sport, numeric));
      if (m.dport) out.push(listPorts('dpt', m.dport, numeric));
      return out.join(' ');
    },
    check: (_m, _env, rule) =>
      rule.proto?.num === proto && !rule.proto.invert ? undefined : 'Invalid argument',
    compile({ sport, dport }): Test {
      return (p) => {
        if (p.fragOff !== 0) return false;
        if (!p.has(hlen)) {
          p.hotdrop = true;
          return false;
        }
        if (sport !== undefined) {
          const port = u16(p.b, p.l4);
          if ((port >= sport.min && port <= sport.max) === sport.invert) return false;
        }
        if (dport === undefined) return true;
        const port = u16(p.b, p.l4 + 2);
        return (port >= dport.min && port <= dport.max) !== dport.invert;
      };
    },
  };
}

export const udp = ports('udp', ip.PROTO_UDP, 8);
export const sctp = ports('sctp', ip.PROTO_SCTP, 12);
