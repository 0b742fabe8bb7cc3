// The docker client, as far as it has to do with the network: run, ps, inspect, stop, start, rm, logs, port, network. Words, exit
// codes and layouts are docker's own.
import { formatIpv4, type Ipv4, ip4, parseIpv4 } from '../kernel/wire/addr.ts';
import { subnetOf } from './config.ts';
import { type DockerContainer, inspect, portText, type RunOptions, shortId } from './container.ts';
import { type Dockerd, DockerError } from './dockerd.ts';
import type { PortMapping } from './rules.ts';

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command line that the client itself refuses, with exit code 125. */
class UsageError extends Error {}

const ok = (stdout: string): CliResult => ({ code: 0, stdout, stderr: '' });

type Command = (docker: Dockerd, args: string[]) => Promise<CliResult> | CliResult;

const COMMANDS: Readonly<Record<string, Command>> = {
  run: async (docker, args) => {
    const options = parseRun(args);
    const container = await docker.run(options);
    if (options.detach) return ok(`${container.id}\n`);
    const exit = await container.handle?.exited;
    return {
      code: exit?.exitCode ?? container.exitCode,
      stdout: text(container, 'stdout'),
      stderr: text(container, 'stderr'),
    };
  },
  ps: (docker, args) => {
    const shown = docker.containers.filter(
      (c) => c.state === 'running' || args.includes('-a') || args.includes('--all'),
    );
    if (args.includes('-q')) return ok(shown.map((c) => `${shortId(c)}\n`).join(''));
    const rows = shown.map((c) => [
      shortId(c),
      c.options.image,
      `"${c.options.command.join(' ')}"`,
      statusText(c),
      c.options.publish.map(portText).join(', '),
      c.name,
    ]);
    return ok(columns([['CONTAINER ID', 'IMAGE', 'COMMAND', 'STATUS', 'PORTS', 'NAMES'], ...rows]));
  },
  inspect: (docker, args) => {
    const format = option(args, '-f', '--format');
    const objects = args.map((which) => inspect(docker.find(which), docker.config));
    if (format === undefined) return ok(`${JSON.stringify(objects, null, 4)}\n`);
    return ok(objects.map((o) => `${template(format, o)}\n`).join(''));
  },
  start: async (docker, args) => each(args, (which) => docker.startContainer(which)),
  stop: async (docker, args) => {
    const seconds = option(args, '-t', '--time');
    return each(args, (which) =>
      docker.stopContainer(which, seconds === undefined ? undefined : Number(seconds) * 1000),
    );
  },
  kill: async (docker, args) => each(args, (which) => docker.stopContainer(which, 0)),
  rm: async (docker, args) => {
    const force = flag(args, '-f', '--force');
    return each(args, (which) => docker.removeContainer(which, force));
  },
  logs: (docker, args) => {
    const c = docker.find(one(args, 'logs'));
    return { code: 0, stdout: text(c, 'stdout'), stderr: text(c, 'stderr') };
  },
  port: (docker, args) => {
    const { options } = docker.find(one(args, 'port'));
    return ok(
      options.publish
        .map((p) => `${p.containerPort}/${p.protocol} -> ${formatIpv4(p.hostIp)}:${p.hostPort}\n`)
        .join(''),
    );
  },
  network: (docker, args) => {
    if (args[0] === 'ls')
      return ok(
        columns([
          ['NAME', 'DRIVER', 'SCOPE'],
          ['bridge', 'bridge', 'local'],
          ['host', 'host', 'local'],
          ['none', 'null', 'local'],
        ]),
      );
    if (args[0] !== 'inspect' || args[1] !== 'bridge')
      throw new UsageError('only "network ls" and "network inspect bridge" are known');
    const { config } = docker;
    const connected = docker.containers.filter((c) => c.attachment !== undefined);
    const containers = Object.fromEntries(
      connected.map((c) => [
        c.id,
        { Name: c.name, IPv4Address: `${formatIpv4(c.attachment!.address)}/${config.bip.len}` },
      ]),
    );
    const options = {
      'com.docker.network.bridge.name': 'docker0',
      'com.docker.network.driver.mtu': String(config.mtu),
    };
    return ok(
      `${JSON.stringify([{ Name: 'bridge', Driver: 'bridge', IPAM: { Config: [{ Subnet: subnetOf(config), Gateway: formatIpv4(config.bip.addr) }] }, Containers: containers, Options: options }], null, 4)}\n`,
    );
  },
};

/** Runs `docker ARGV`. */
export async function dockerCli(docker: Dockerd, argv: readonly string[]): Promise<CliResult> {
  const [name = '', ...args] = argv;
  const command = COMMANDS[name];
  if (command === undefined)
    return {
      code: 1,
      stdout: '',
      stderr: `docker: '${name}' is not a docker command.\nSee 'docker --help'\n`,
    };
  try {
    return await command(docker, args);
  } catch (error) {
    if (error instanceof UsageError)
      return { code: 125, stdout: '', stderr: `docker: ${error.message}\nSee 'docker ${name} --help'.\n` };
    if (!(error instanceof DockerError)) throw error;
    const run = name === 'run';
    return {
      code: run ? 125 : 1,
      stdout: '',
      stderr: `${run ? 'docker: ' : ''}Error response from daemon: ${error.message}\n`,
    };
  }
}

const VALUE_FLAGS: Readonly<Record<string, string>> = {
  '--name': 'name',
  '-p': 'publish',
  '--publish': 'publish',
  '--net': 'network',
  '--network': 'network',
  '-e': 'env',
  '--env': 'env',
  '-h': 'hostname',
  '--hostname': 'hostname',
  '--restart': 'restart',
  '--entrypoint': 'entrypoint',
};
const SWITCHES = new Set([
  '-d',
  '--detach',
  '--rm',
  '-i',
  '-t',
  '-it',
  '--interactive',
  '--tty',
  '--init',
  '--privileged',
]);

export function parseRun(args: readonly string[]): RunOptions {
  const values: Record<string, string[]> = {};
  const switches = new Set<string>();
  let i = 0;
  for (; i < args.length && args[i]!.startsWith('-'); i++) {
    const [flagName, inline] = args[i]!.startsWith('--') ? split(args[i]!, '=') : [args[i]!, undefined];
    if (SWITCHES.has(flagName)) {
      switches.add(flagName);
      continue;
    }
    const key = VALUE_FLAGS[flagName];
    if (key === undefined)
      throw new UsageError(`unknown ${flagName.startsWith('--') ? 'flag' : 'shorthand flag'}: ${flagName}`);
    const value = inline ?? args[++i];
    if (value === undefined) throw new UsageError(`flag needs an argument: ${flagName}`);
    values[key] = [...(values[key] ?? []), value];
  }
  const image = args[i];
  if (image === undefined) throw new UsageError('"docker run" requires at least 1 argument.');
  const last = (key: string): string | undefined => values[key]?.at(-1);
  const network = last('network') ?? 'bridge';
  if (network !== 'bridge' && network !== 'host' && network !== 'none')
    throw new DockerError(`network ${network} not found`);
  const [restart = 'no'] = (last('restart') ?? 'no').split(':');
  if (restart !== 'no' && restart !== 'always' && restart !== 'unless-stopped' && restart !== 'on-failure')
    throw new DockerError(`invalid restart policy: unknown policy '${restart}'`);
  const entrypoint = last('entrypoint');
  return {
    name: last('name'),
    image,
    command: args.slice(i + 1),
    entrypoint: entrypoint === undefined ? undefined : [entrypoint],
    env: Object.fromEntries((values['env'] ?? []).map((e) => [split(e, '=')[0], split(e, '=')[1] ?? ''])),
    hostname: last('hostname'),
    network,
    publish: (values['publish'] ?? []).map(parsePublish),
    restart,
    remove: switches.has('--rm'),
    detach: switches.has('-d') || switches.has('--detach'),
  };
}

/** "8080:80", "127.0.0.1:8080:80/udp". */
export function parsePublish(text: string): PortMapping {
  const [ports = '', protocol = 'tcp'] = text.split('/');
  const parts = ports.split(':');
  const bad = (): never => {
    throw new UsageError(`invalid publish opts format (should be HOSTPORT:CONTAINERPORT): ${text}`);
  };
  if (protocol !== 'tcp' && protocol !== 'udp') throw new UsageError(`invalid proto: ${protocol}`);
  if (parts.length < 2 || parts.length > 3) return bad();
  const [container, host, ip] = [...parts].reverse();
  const port = (p: string | undefined): number => {
    if (!/^\d{1,5}$/.test(p ?? '') || Number(p) < 1 || Number(p) > 65_535)
      throw new UsageError(`invalid containerPort: ${p}`);
    return Number(p);
  };
  const hostIp: Ipv4 | undefined = ip === undefined ? ip4(0) : parseIpv4(ip);
  if (hostIp === undefined) throw new UsageError(`invalid IP address: ${ip}`);
  return { protocol, hostIp, hostPort: port(host), containerPort: port(container) };
}

/** Go templates as far as paths go: {{.NetworkSettings.IPAddress}}, with text around them. */
export function template(format: string, object: object): string {
  return format.replace(/\{\{\s*\.([\w.]*)\s*\}\}/g, (_, path: string) => {
    let value: unknown = object;
    for (const key of path.split('.').filter((k) => k !== ''))
      value = (value as Record<string, unknown> | undefined)?.[key];
    if (value === undefined) return '<no value>';
    return typeof value === 'object' ? JSON.stringify(value) : String(value);
  });
}

const split = (s: string, by: string): [string, string | undefined] => {
  const at = s.indexOf(by);
  return at === -1 ? [s, undefined] : [s.slice(0, at), s.slice(at + 1)];
};

/** Takes an option with its value out of `args`. */
function option(args: string[], ...names: readonly string[]): string | undefined {
  const at = args.findIndex((a) => names.includes(split(a, '=')[0]));
  if (at === -1) return undefined;
  const [, inline] = split(args[at]!, '=');
  const [, next] = args.splice(at, inline === undefined ? 2 : 1);
  return inline ?? next;
}
function flag(args: string[], ...names: readonly string[]): boolean {
  const at = args.findIndex((a) => names.includes(a));
  if (at !== -1) args.splice(at, 1);
  return at !== -1;
}
function one(args: readonly string[], command: string): string {
  if (args.length === 0) throw new UsageError(`"docker ${command}" requires exactly 1 argument.`);
  return args[0]!;
}
async function each(names: readonly string[], act: (which: string) => Promise<void>): Promise<CliResult> {
  let stdout = '';
  for (const which of names) {
    await act(which);
    stdout += `${which}\n`;
  }
  return ok(stdout);
}

const statusText = (c: DockerContainer): string =>
  c.state === 'running'
    ? 'Up'
    : c.state === 'exited'
      ? `Exited (${c.exitCode})`
      : c.state === 'restarting'
        ? `Restarting (${c.exitCode})`
        : 'Created';

const text = (c: DockerContainer, stream: 'stdout' | 'stderr'): string =>
  c.log.lines
    .filter((l) => l.stream === stream)
    .map((l) => `${l.text}\n`)
    .join('');

function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((r) => r[i]!.length)) + 3);
  return rows
    .map(
      (r) =>
        `${r
          .map((cell, i) => cell.padEnd(widths[i]!))
          .join('')
          .trimEnd()}\n`,
    )
    .join('');
}
