// Every program that Podwire has of its own, by the name it is called by. What is not here (grep, jq, seq …) is the shell's.
import { curl } from './commands/curl.ts';
import { ip } from './commands/ip.ts';
import { nc } from './commands/nc.ts';
import { ping } from './commands/ping.ts';
import { traceroute } from './commands/traceroute.ts';
import {
  arp,
  brctl,
  bridge,
  iptablesCommand,
  iptablesRestoreCommand,
  iptablesSaveCommand,
  lsns,
  netstat,
  ss,
  sysctl,
  tc,
} from './commands/views.ts';
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
  curl,
  date,
  echo,
  env,
  hostname,
  'http-echo': httpEcho,
  httpd,
  'httpd-foreground': apache,
  ip,
  iperf3,
  iptables: iptablesCommand,
  'iptables-restore': iptablesRestoreCommand,
  'iptables-save': iptablesSaveCommand,
  lsns,
  nc,
  netstat,
  nginx,
  pause,
  ping,
  'podwire-server': anyServer,
  'redis-server': redis,
  sleep,
  ss,
  sysctl,
  tc,
  timeout,
  traceroute,
  wget,
  whoami,
};

/** By name or path: /usr/bin/curl is curl, /docker-entrypoint.sh nginx is found by its own name. */
export const programOf = (command: string): Program | undefined => {
  const name = command.split('/').at(-1)!;
  return Object.hasOwn(PROGRAMS, name) ? PROGRAMS[name] : undefined;
};
