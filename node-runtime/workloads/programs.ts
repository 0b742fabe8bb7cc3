// Every program that Podwire has of its own, by the name it is called by. What is not here (grep, jq, seq …) is the shell's.
// Loaded with the first of them that runs (program-names.ts): a node without pods needs none.
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
import { tar } from './commands/tar.ts';
import { traceroute } from './commands/traceroute.ts';
import { wget } from './commands/wget.ts';
import { coredns } from './dns/coredns.ts';
import { dig, getent, host, nslookup } from './dns/dig.ts';
import type { Program } from './process.ts';
import type { ProgramName } from './program-names.ts';
import { agnhost } from './programs/agnhost.ts';
import { anyServer } from './programs/any-server.ts';
import { iperf3 } from './programs/iperf3.ts';
import { nginx } from './programs/nginx.ts';
import { redis } from './programs/redis.ts';
import { cat, date, echo, env, hostname, pause, sleep } from './programs/simple.ts';
import { timeout } from './programs/timeout.ts';
import { apache, httpd, httpEcho, whoami } from './programs/web.ts';

export const PROGRAMS: Readonly<Record<ProgramName, Program>> = {
  agnhost,
  arp,
  brctl,
  bridge,
  cat,
  conntrack,
  coredns,
  curl,
  date,
  dig,
  echo,
  env,
  getent,
  host,
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
  nslookup,
  pause,
  ping,
  'podwire-server': anyServer,
  'redis-cli': redisCli,
  'redis-server': redis,
  route,
  sleep,
  ss,
  sysctl,
  tar,
  tc,
  timeout,
  traceroute,
  wget,
  whoami,
};
