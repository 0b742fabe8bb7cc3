// The names of Podwire's own programs, apart from the programs: what can be run is asked all the time, and their code is a
// quarter of what a node would load to be ready.
import type { Program } from './process.ts';

export const PROGRAM_NAMES = [
  'agnhost',
  'arp',
  'brctl',
  'bridge',
  'cat',
  'conntrack',
  'coredns',
  'curl',
  'date',
  'dig',
  'echo',
  'env',
  'getent',
  'host',
  'hostname',
  'http-echo',
  'httpd',
  'httpd-foreground',
  'ip',
  'iperf3',
  'ipset',
  'iptables',
  'iptables-restore',
  'iptables-save',
  'lsns',
  'nc',
  'ncat',
  'netcat',
  'netstat',
  'nginx',
  'nslookup',
  'pause',
  'ping',
  'podwire-server',
  'redis-cli',
  'redis-server',
  'route',
  'sleep',
  'ss',
  'sysctl',
  'tar',
  'tc',
  'timeout',
  'traceroute',
  'wget',
  'whoami',
] as const;
export type ProgramName = (typeof PROGRAM_NAMES)[number];

const NAMES: ReadonlySet<string> = new Set(PROGRAM_NAMES);
const nameOf = (command: string): string => command.split('/').at(-1)!;

/** By name or path: /usr/bin/curl is curl. */
export const isProgram = (command: string): boolean => NAMES.has(nameOf(command));

/** The program, which is loaded when it runs first. */
export const programOf = (command: string): Program | undefined => {
  if (!isProgram(command)) return undefined;
  return async (args, proc) =>
    (await import('./programs.ts')).PROGRAMS[nameOf(command) as ProgramName](args, proc);
};

/** Programs that say themselves when they are ready: servers, when they listen. Any other runs as soon as it was started. */
const SAY_SO: ReadonlySet<string> = new Set(
  'agnhost coredns http-echo httpd httpd-foreground iperf3 nc ncat netcat nginx podwire-server redis-server whoami'.split(
    ' ',
  ),
);
export const saysReady = (command: string): boolean => SAY_SO.has(nameOf(command));
