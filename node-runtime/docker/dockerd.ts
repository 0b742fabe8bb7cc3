// dockerd, the part of it that is network: docker0 and its rules, containers with namespaces of their own, published ports. What
// runs in a container is the container runtime's. Started again with another --bip, it re-addresses docker0 and starts its
// containers again on the new network.
import { IptablesTool } from '../cni/iptables-tool.ts';
import { iptables } from '../kernel/netfilter/iptables/iptables.ts';
import type { Kernel } from '../kernel/netns/kernel.ts';
import type { Netns } from '../kernel/netns/netns.ts';
import { rtnetlink } from '../kernel/rtnetlink/rtnetlink.ts';
import { formatIpv4, type Prefix } from '../kernel/wire/addr.ts';
import { ContainerLog } from '../kubelet/container-log.ts';
import type { ContainerRuntime, Mount } from '../kubelet/runtime.ts';
import type { Log } from '../log.ts';
import type { NodeFs } from '../node-fs.ts';
import { type SocketStack, socketStack } from '../sockets/stack.ts';
import { BridgeNetwork } from './bridge-network.ts';
import { type DockerConfig, readConfig } from './config.ts';
import { type DockerContainer, hostnameOf, type RunOptions } from './container.ts';
import { startProxy } from './proxy.ts';
import {
  bridgeRules,
  type DockerRule,
  daemonRules,
  ensureChains,
  install,
  portRules,
  uninstall,
} from './rules.ts';

/** Milliseconds between a container's end and its next start, doubling to a minute: restartmanager. */
const RESTART_MIN = 100;
const RESTART_MAX = 60_000;
/** What `docker stop` waits between SIGTERM and SIGKILL. */
const STOP_GRACE = 10_000;

/** What the docker client prints after "docker: Error response from daemon: ". */
export class DockerError extends Error {}

export interface DockerdOptions {
  readonly kernel: Kernel;
  readonly ns: Netns;
  readonly files: NodeFs;
  readonly runtime: ContainerRuntime;
  readonly log: Log;
  /** daemon.json as the cluster file has it for this node. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  /** Containers that an earlier dockerd of this node knew: they are started again by their restart policy. */
  readonly known: readonly DockerContainer[];
}

export class Dockerd {
  readonly config: DockerConfig;
  readonly #options: DockerdOptions;
  readonly #tool: IptablesTool;
  readonly #network: BridgeNetwork;
  readonly #stack: SocketStack;
  readonly #containers = new Map<string, DockerContainer>();
  readonly #random: ReturnType<Kernel['dice']['stream']>;
  #stopping = false;

  constructor(options: DockerdOptions) {
    const { kernel, ns, files } = options;
    this.#options = options;
    this.#tool = new IptablesTool((argv) => {
      const { code, stdout, stderr } = iptables(ns, argv);
      return { exitCode: code, stdout, stderr };
    });
    const own = ns.device('docker0')?.ifindex;
    const routes = rtnetlink(ns)
      .routeList()
      .filter((r) => r.type === 'unicast' && r.dev?.ifindex !== own)
      .map((r): Prefix => ({ addr: r.dst, len: r.len }));
    this.config = readConfig(files, options.settings, routes);
    this.#random = kernel.dice.stream(`docker@${kernel.clock.now()}`);
    this.#network = new BridgeNetwork(ns, this.config, (n) => this.#randomHex(n));
    this.#stack = socketStack(ns, { owner: 'docker-proxy' });
  }

  async start(): Promise<void> {
    const { ns, files } = this.#options;
    this.#network.setUp();
    ns.sysctl.write('net.ipv4.ip_forward', '1');
    ensureChains(this.#tool);
    this.#tool.run('-P', 'FORWARD', 'DROP');
    install(this.#tool, daemonRules());
    install(this.#tool, bridgeRules(this.config));
    // Without the proxy, a connection to 127.0.0.1 is rewritten to the container and must be let out.
    if (!this.config.userlandProxy) ns.sysctl.write('net.ipv4.conf.docker0.route_localnet', '1');
    files.mkdir('/var/lib/docker/containers');
    for (const known of this.#options.known) {
      this.#containers.set(known.id, known);
      if (known.options.restart === 'always' || known.state === 'running')
        await this.#start(known).catch(() => {});
    }
  }

  /** Stops containers, takes the rules of this configuration away; docker0 stays, as it does. */
  async stop(): Promise<readonly DockerContainer[]> {
    this.#stopping = true;
    const all = [...this.#containers.values()];
    for (const c of all) {
      const ran = c.state === 'running' && c.options.restart !== 'no';
      await this.#end(c, 0);
      // So that the next dockerd starts it again.
      c.state = ran ? 'running' : 'exited';
    }
    uninstall(this.#tool, bridgeRules(this.config));
    this.#stack.stop();
    return all;
  }

  get containers(): DockerContainer[] {
    return [...this.#containers.values()];
  }

  /** By name, id or the beginning of one. */
  find(which: string): DockerContainer {
    const found = this.containers.filter(
      (c) => c.name === which || (which.length >= 2 && c.id.startsWith(which)),
    );
    if (found.length === 1) return found[0]!;
    throw new DockerError(
      found.length === 0
        ? `No such container: ${which}`
        : `multiple IDs found with provided prefix: ${which}`,
    );
  }

  async run(options: RunOptions): Promise<DockerContainer> {
    const name = options.name ?? `c_${this.#randomHex(6)}`;
    const other = this.containers.find((c) => c.name === name);
    if (other !== undefined)
      throw new DockerError(
        `Conflict. The container name "/${name}" is already in use by container "${other.id}". You have to remove (or rename) that container to be able to reuse that name.`,
      );
    const { clock } = this.#options.kernel;
    const container: DockerContainer = {
      id: this.#randomHex(64),
      name,
      options,
      created: clock.epoch + clock.now(),
      log: new ContainerLog(() => clock.epoch + clock.now()),
      state: 'created',
      exitCode: 0,
      restarts: 0,
      netns: undefined,
      attachment: undefined,
      handle: undefined,
      proxies: [],
    };
    this.#containers.set(container.id, container);
    try {
      await this.#start(container);
    } catch (error) {
      await this.#disconnect(container);
      throw error instanceof DockerError ? error : new DockerError((error as Error).message);
    }
    return container;
  }

  async startContainer(which: string): Promise<void> {
    const c = this.find(which);
    if (c.state !== 'running') await this.#start(c);
  }
  async stopContainer(which: string, grace = STOP_GRACE): Promise<void> {
    await this.#end(this.find(which), grace);
  }
  async removeContainer(which: string, force: boolean): Promise<void> {
    const c = this.find(which);
    if (c.state === 'running' && !force)
      throw new DockerError(
        `cannot remove container "/${c.name}": container is running: stop the container before removing or force remove`,
      );
    await this.#end(c, 0);
    this.#containers.delete(c.id);
    this.#options.files.removeTree(this.#folder(c));
  }

  async #start(c: DockerContainer): Promise<void> {
    const { kernel, ns, runtime, log } = this.#options;
    const { network, image, command, entrypoint, env } = c.options;
    const info = await runtime.pull(image);
    if (info.notice !== undefined) log.info({ container: c.name }, info.notice);
    c.netns = network === 'host' ? ns : kernel.addNetns(c.name);
    if (network === 'bridge') {
      c.attachment = this.#network.connect(c.netns);
      await this.#publish(c);
    } else if (network === 'none') rtnetlink(c.netns).linkSet('lo', { up: true });
    const handle = runtime.start({
      id: c.id,
      name: c.name,
      pod: undefined,
      image,
      command: entrypoint ?? [],
      args: command,
      env: { HOSTNAME: hostnameOf(c), ...env },
      workingDir: undefined,
      ports: [],
      netns: c.netns,
      hostNetwork: network === 'host',
      hostname: network === 'host' ? kernel.hostname : hostnameOf(c),
      nodeFs: this.#options.files,
      mounts: this.#etcFiles(c),
      stdin: false,
      tty: false,
      log: c.log,
    });
    c.handle = handle;
    c.state = 'running';
    void handle.exited.then(({ exitCode }) => this.#exited(c, handle, exitCode));
    await handle.ready;
  }

  /** libnetwork's portmapper: the proxy takes the port first, so that a taken one is found out before any rule stands. */
  async #publish(c: DockerContainer): Promise<void> {
    const { address } = c.attachment!;
    for (const port of c.options.publish) {
      if (this.config.userlandProxy)
        try {
          c.proxies.push(await startProxy(this.#stack, address, port));
        } catch (error) {
          const taken = (error as { code?: string }).code === 'EADDRINUSE';
          const why = taken
            ? `Bind for ${formatIpv4(port.hostIp)}:${port.hostPort} failed: port is already allocated`
            : (error as Error).message;
          throw new DockerError(
            `driver failed programming external connectivity on endpoint ${c.name} (${c.id}): ${why}`,
          );
        }
      install(this.#tool, portRules(this.config, address, port));
    }
  }

  #exited(c: DockerContainer, handle: DockerContainer['handle'], exitCode: number): void {
    if (c.handle !== handle) return;
    c.handle = undefined;
    c.exitCode = exitCode;
    c.log.end();
    c.state = 'exited';
    void this.#disconnect(c).then(() => {
      if (this.#stopping) return;
      if (c.options.remove) this.#containers.delete(c.id);
      else if (this.#comesBack(c)) this.#later(c);
    });
  }
  #comesBack({ options, exitCode }: DockerContainer): boolean {
    return (
      options.restart === 'always' ||
      options.restart === 'unless-stopped' ||
      (options.restart === 'on-failure' && exitCode !== 0)
    );
  }
  #later(c: DockerContainer): void {
    c.state = 'restarting';
    const wait = Math.min(RESTART_MIN * 2 ** c.restarts, RESTART_MAX);
    c.restarts++;
    this.#options.kernel.clock.after(wait, () => {
      if (c.state === 'restarting' && !this.#stopping)
        void this.#start(c).catch((error) =>
          this.#options.log.warn({ container: c.name, error: String(error) }, 'restart failed'),
        );
    });
  }

  async #end(c: DockerContainer, grace: number): Promise<void> {
    const { handle } = c;
    c.handle = undefined;
    if (handle !== undefined) {
      handle.stop(grace);
      c.exitCode = (await handle.exited).exitCode;
      c.log.end();
    }
    c.state = 'exited';
    await this.#disconnect(c);
  }

  async #disconnect(c: DockerContainer): Promise<void> {
    for (const proxy of c.proxies.splice(0)) proxy.stop();
    if (c.attachment !== undefined) {
      for (const port of c.options.publish)
        uninstall(this.#tool, reversed(portRules(this.config, c.attachment.address, port)));
      this.#network.disconnect(c.attachment);
      c.attachment = undefined;
    }
    if (c.netns !== undefined && c.netns !== this.#options.ns) this.#options.kernel.delNetns(c.netns);
    c.netns = undefined;
  }

  #folder(c: DockerContainer): string {
    return `/var/lib/docker/containers/${c.id}`;
  }
  /** The files that docker mounts over an image's own. */
  #etcFiles(c: DockerContainer): Mount[] {
    const { files } = this.#options;
    const folder = this.#folder(c);
    const own = c.attachment === undefined ? '127.0.0.1' : formatIpv4(c.attachment.address);
    files.write(`${folder}/hosts`, `127.0.0.1\tlocalhost\n${own}\t${hostnameOf(c)}\n`);
    files.write(`${folder}/hostname`, `${hostnameOf(c)}\n`);
    files.write(
      `${folder}/resolv.conf`,
      files.exists('/etc/resolv.conf') ? files.readText('/etc/resolv.conf') : '',
    );
    return ['hosts', 'hostname', 'resolv.conf'].map((name) => ({
      target: `/etc/${name}`,
      source: `${folder}/${name}`,
      readOnly: false,
    }));
  }

  #randomHex(n: number): string {
    let text = '';
    while (text.length < n) text += this.#random.u32().toString(16).padStart(8, '0');
    return text.slice(0, n);
  }
}

const reversed = (rules: readonly DockerRule[]): DockerRule[] => [...rules].reverse();
