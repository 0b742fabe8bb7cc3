import { describe, expect, it } from 'vitest';
import { createKernel } from '../kernel/boot.ts';
import { VirtualClock } from '../kernel/clock/virtual-clock.ts';
import { iptablesSave } from '../kernel/netfilter/iptables/save.ts';
import type { Kernel } from '../kernel/netns/kernel.ts';
import { rtnetlink } from '../kernel/rtnetlink/rtnetlink.ts';
import { prefix } from '../kernel/wire/addr.ts';
import type { ContainerExit, ContainerRuntime } from '../kubelet/runtime.ts';
import { silentLog } from '../log.ts';
import { NodeFs } from '../node-fs.ts';
import { dockerCli, parsePublish, parseRun, template } from './cli.ts';
import { defaultBip, makeDockerOpts } from './config.ts';
import { Dockerd } from './dockerd.ts';

/** Containers that run until they are stopped. */
const runtime: ContainerRuntime = {
  version: 'test',
  pull: async (image) => ({ imageID: image }),
  start() {
    let end!: (exit: ContainerExit) => void;
    const exited = new Promise<ContainerExit>((resolve) => {
      end = resolve;
    });
    return {
      ready: Promise.resolve(),
      exited,
      stop: () => end({ exitCode: 137 }),
      exec: () => ({ exited: Promise.resolve({ exitCode: 0 }), resize() {}, kill() {} }),
    };
  },
};

function host(): {
  kernel: Kernel;
  files: NodeFs;
  start(settings?: Record<string, string | number | boolean>, from?: Dockerd): Promise<Dockerd>;
} {
  const kernel = createKernel({ hostname: 'h1', clock: new VirtualClock(), seed: 1 });
  const files = new NodeFs({ now: () => 0 });
  const rtnl = rtnetlink(kernel.host);
  rtnl.linkSet('lo', { up: true });
  rtnl.linkAdd({ type: 'dummy', name: 'eth0' });
  rtnl.addrAdd('eth0', { addr: prefix('192.168.100.11/24') });
  rtnl.linkSet('eth0', { up: true });
  return {
    kernel,
    files,
    async start(settings = {}, from) {
      const known = from === undefined ? [] : await from.stop();
      const docker = new Dockerd({
        kernel,
        ns: kernel.host,
        files,
        runtime,
        log: silentLog,
        settings,
        known,
      });
      await docker.start();
      return docker;
    },
  };
}

const run = (docker: Dockerd, line: string) => dockerCli(docker, line.split(' '));
const rules = (kernel: Kernel, table: 'nat' | 'filter') =>
  iptablesSave(kernel.host, { table })
    .split('\n')
    .filter((l) => l.startsWith('-A') || l.startsWith(':FORWARD'))
    .map((l) => l.replace(/ \[.*/, ''));

describe('dockerd', () => {
  it('makes docker0 and the rules of a real one', async () => {
    const { kernel, start } = host();
    const docker = await start();
    await run(docker, 'run -d --name web -p 8080:80 nginx');
    const bridge = kernel.host.device('docker0')!;
    expect(bridge.addrs.map((a) => [a.addr, a.prefixLen])).toEqual([[0xac110001, 16]]);
    expect(Math.floor(bridge.mac / 2 ** 32)).toBe(0x0242);
    expect(rules(kernel, 'nat')).toEqual([
      '-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER',
      '-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER',
      '-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE',
      '-A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE',
      '-A DOCKER -i docker0 -j RETURN',
      '-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80',
    ]);
    expect(rules(kernel, 'filter')).toEqual([
      ':FORWARD DROP',
      '-A FORWARD -j DOCKER-USER',
      '-A FORWARD -j DOCKER-ISOLATION-STAGE-1',
      '-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-A FORWARD -o docker0 -j DOCKER',
      '-A FORWARD -i docker0 ! -o docker0 -j ACCEPT',
      '-A FORWARD -i docker0 -o docker0 -j ACCEPT',
      '-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT',
      '-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2',
      '-A DOCKER-ISOLATION-STAGE-1 -j RETURN',
      '-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP',
      '-A DOCKER-ISOLATION-STAGE-2 -j RETURN',
      '-A DOCKER-USER -j RETURN',
    ]);
  });

  it('hands out the lowest free address, with its MAC', async () => {
    const { kernel, start } = host();
    const docker = await start();
    const address = async (name: string) =>
      (await run(docker, `inspect -f {{.NetworkSettings.IPAddress}} ${name}`)).stdout.trim();
    for (const name of ['a', 'b', 'c']) await run(docker, `run -d --name ${name} busybox`);
    expect([await address('a'), await address('b'), await address('c')]).toEqual([
      '172.17.0.2',
      '172.17.0.3',
      '172.17.0.4',
    ]);
    await run(docker, 'rm -f b');
    await run(docker, 'run -d --name d busybox');
    expect(await address('d')).toBe('172.17.0.3');
    expect(docker.find('d').netns!.device('eth0')!.mac).toBe(0x0242ac110003);
    expect([...kernel.host.devices.values()].filter((d) => d.kind === 'veth')).toHaveLength(3);
  });

  it('leaves nothing of a container that is removed', async () => {
    const { kernel, start } = host();
    const docker = await start();
    const before = [
      rules(kernel, 'nat'),
      rules(kernel, 'filter'),
      kernel.namespaces.size,
      kernel.host.devices.size,
    ];
    await run(docker, 'run -d --name a -p 80:80 -p 53:53/udp nginx');
    await run(docker, 'rm -f a');
    expect([
      rules(kernel, 'nat'),
      rules(kernel, 'filter'),
      kernel.namespaces.size,
      kernel.host.devices.size,
    ]).toEqual(before);
  });

  it('restarted under flannel: docker0 and its containers move to the leased subnet', async () => {
    const { kernel, files, start } = host();
    const docker = await start();
    await run(docker, 'run -d --restart always --name a busybox');
    files.write(
      '/run/flannel/subnet.env',
      'FLANNEL_NETWORK=10.5.0.0/16\nFLANNEL_SUBNET=10.5.1.1/24\nFLANNEL_MTU=1472\nFLANNEL_IPMASQ=true\n',
    );
    const again = await start({}, docker);
    expect(kernel.host.device('docker0')!.addrs.map((a) => a.addr)).toEqual([0x0a050101]);
    expect(kernel.host.device('docker0')!.mtu).toBe(1472);
    expect((await run(again, 'inspect -f {{.NetworkSettings.IPAddress}} a')).stdout).toBe('10.5.1.2\n');
    expect(rules(kernel, 'nat').some((r) => r.includes('MASQUERADE'))).toBe(false);
  });

  it.each([
    ['run -d --name a busybox', 125, /Conflict\. The container name "\/a" is already in use/],
    ['run -d -p 8080:80 nginx', 125, /Bind for 0\.0\.0\.0:8080 failed: port is already allocated/],
    ['run -d -p 80 nginx', 125, /invalid publish opts format/],
    ['run', 125, /requires at least 1 argument/],
    ['run --frob busybox', 125, /unknown flag: --frob/],
    ['rm a', 1, /container is running/],
    ['inspect ghost', 1, /No such container: ghost/],
    ['frobnicate', 1, /is not a docker command/],
  ])('%s is refused', async (line, code, message) => {
    const { start } = host();
    const docker = await start();
    await run(docker, 'run -d --name a -p 8080:80 nginx');
    const result = await run(docker, line);
    expect(result.stderr).toMatch(message);
    expect(result.code).toBe(code);
  });
});

it('the default pool is the first that no route of the host overlaps', () => {
  expect(defaultBip([])).toEqual(prefix('172.17.0.1/16'));
  expect(defaultBip([prefix('0.0.0.0/0'), prefix('172.17.5.0/24')])).toEqual(prefix('172.18.0.1/16'));
  expect(defaultBip([prefix('172.16.0.0/12')])).toEqual(prefix('192.168.0.1/20'));
});

it('mk-docker-opts: masquerading is docker’s or flannel’s, never both', () => {
  expect(
    makeDockerOpts(
      'FLANNEL_NETWORK=10.5.0.0/16\nFLANNEL_SUBNET=10.5.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=false\n',
    ),
  ).toBe(
    'DOCKER_OPT_BIP="--bip=10.5.1.1/24"\nDOCKER_OPT_IPMASQ="--ip-masq=true"\nDOCKER_OPT_MTU="--mtu=1450"\nDOCKER_OPTS=" --bip=10.5.1.1/24 --ip-masq=true --mtu=1450"\n',
  );
});

it('the client reads its command line', () => {
  expect(
    parseRun([
      '-d',
      '--name=web',
      '-p',
      '127.0.0.1:8080:80',
      '--net',
      'host',
      '-e',
      'A=b=c',
      '--restart',
      'on-failure:3',
      'nginx',
      '-g',
      'x',
    ]),
  ).toMatchObject({
    name: 'web',
    image: 'nginx',
    command: ['-g', 'x'],
    network: 'host',
    env: { A: 'b=c' },
    restart: 'on-failure',
    detach: true,
  });
  expect(parsePublish('127.0.0.1:8053:53/udp')).toEqual({
    protocol: 'udp',
    hostIp: 0x7f000001,
    hostPort: 8053,
    containerPort: 53,
  });
  expect(template('{{.A.B}} and {{ .A.C }}', { A: { B: 1 } })).toBe('1 and <no value>');
});
