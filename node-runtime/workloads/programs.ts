// Every program that Podwire has of its own, by the name it is called by. What is not here (grep, jq, seq …) is the shell's.
import { brctl, bridge } from './commands/bridge.ts';
import { conntrack } from './commands/conntrack.ts';
import { curl } from './commands/curl.ts';
import { ip } from './commands/ip.ts';
import { ipsetCommand } from './commands/ipset.ts';
import { iptablesCommand, iptablesRestoreCommand, iptablesSaveCommand } from './commands/iptables.ts';
import { lsns, tc } from './commands/kernel-views.ts';
import { nc } from './commands/nc.ts';
import { ping } from './commands/ping.ts';
import { redisCli } from './commands/redis-cli.ts';
import { arp, netstat, route, ss } from './commands/ss.ts';
import { sysctl } from './commands/sysctl.ts';
import { traceroute } from './commands/traceroute.ts';
import { wget } from './commands/wget.ts';
import type { Program } from './process.ts';
import { agnhost } from './programs/agnhost.ts';
import { anyServer } from './programs/any-server.ts';
import { iperf3 } from './programs/iperf3.ts';
import { nginx } from './programs/nginx.ts';
import { redis } from './programs/redis.ts';
import { cat, date, echo, env, hostname, pause, sleep } from './programs/simple.ts';
import { timeout } from './programs/timeout.ts';
import { apache, httpd, httpEcho, whoami } from './programs/web.ts';

export const PROGRAMS: Readonly<Record<string, Program>> = {
  agnhost,
  arp,
  brctl,
  bridge,
  cat,
  conntrack,
  curl,
  date,
  echo,
  env,
  hostname,
  'http-echo': httpEcho,
  httpd,
  'httpd-foreground': apache,
  iperf3,
  ip,
  ipset: ipsetCommand,
  iptables: iptablesCommand,
  'iptables-restore': iptablesRestoreCommand,
  'iptables-save': iptablesSaveCommand,
  lsns,
  nc,
  ncat: nc,
  netcat: nc,
  netstat,
  nginx,
  pause,
  ping,
  'podwire-server': anyServer,
  'redis-cli': redisCli,
  'redis-server': redis,
  route,
  sleep,
  ss,
  sysctl,
  tc,
  timeout,
  traceroute,
  wget,
  whoami,
};

/** By name or path: /usr/bin/curl is curl. */
export const programOf = (command: string): Program | undefined => {
  const name = command.split('/').at(-1)!;
  return Object.hasOwn(PROGRAMS, name) ? PROGRAMS[name] : undefined;
};

/** Programs that say themselves when they are ready: servers, when they listen. Any other runs as soon as it was started. */
const SAY_SO = new Set(
  'agnhost http-echo httpd httpd-foreground iperf3 nc ncat netcat nginx podwire-server redis-server whoami'.split(
    ' ',
  ),
);
export const saysReady = (command: string): boolean => SAY_SO.has(command.split('/').at(-1)!);
