// Services as kube-proxy writes them, held to Linux: what the emulated nodes' iptables-save prints is loaded by the real
// iptables-restore into namespaces wired the same, and each flow must meet the same endpoints, source and verdict in both.
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EndpointSlice, Service, ServiceSpec } from '../../emulator/api/types/service.ts';
import { proxyDefaults } from '../../emulator/cluster/proxy.ts';
import { iptablesSave } from '../../node-runtime/kernel/netfilter/iptables/save.ts';
import type { Netns } from '../../node-runtime/kernel/netns/netns.ts';
import { TCP_ESTABLISHED } from '../../node-runtime/kernel/transport/tcp/state.ts';
import {
  tcpAbort,
  tcpAccept,
  tcpBind,
  tcpConnect,
  tcpListen,
} from '../../node-runtime/kernel/transport/tcp/tcp.ts';
import { TcpSock } from '../../node-runtime/kernel/transport/tcp/tcp-sock.ts';
import { UdpSock } from '../../node-runtime/kernel/transport/udp.ts';
import { ANY, formatIpv4, ipv4 } from '../../node-runtime/kernel/wire/addr.ts';
import { Changes } from '../../node-runtime/kube-proxy/changes.ts';
import { localDetector } from '../../node-runtime/kube-proxy/detect-local.ts';
import { keepSlice } from '../../node-runtime/kube-proxy/endpoint-slices.ts';
import { IptablesProxier } from '../../node-runtime/kube-proxy/iptables/proxier.ts';
import { servicePorts } from '../../node-runtime/kube-proxy/service-ports.ts';
import { Linux, missing } from './linux.ts';
import { Podwire } from './podwire.ts';
import { HOST_GW } from './topologies.ts';
import { build } from './world.ts';

const TOPOLOGY = `${HOST_GW}
router: ip route add 10.96.0.0/16 via 192.168.100.11
router: ip route add 198.51.100.0/24 via 192.168.100.11
n1: sysctl -w net.ipv4.conf.all.route_localnet=1
n2: sysctl -w net.ipv4.conf.all.route_localnet=1
`;
const PORTS = [8080, 8081];
const SERVERS = ['a', 'b', 'c', 'd', 'outside'];
const ADDRESS: Readonly<Record<string, string>> = {
  a: '10.244.1.2',
  b: '10.244.1.3',
  c: '10.244.2.2',
  d: '10.244.2.3',
  outside: '203.0.113.10',
};
const NODE_OF: Readonly<Record<string, string | undefined>> = { a: 'n1', b: 'n1', c: 'n2', d: 'n2' };

type Proto = 'TCP' | 'UDP';
interface Case {
  readonly name: string;
  readonly proto: Proto;
  readonly spec: Partial<ServiceSpec>;
  /** Of SERVERS; "!" not ready, "T" terminating and serving. */
  readonly endpoints: readonly string[];
  readonly vip?: boolean;
}

const SETS: readonly (readonly string[])[] = [
  ['a', 'b', 'c', 'd'],
  ['c', 'd'],
  ['a'],
  ['a!', 'c'],
  ['aT', 'cT'],
  ['aT', 'c'],
  [],
  ['outside', 'b'],
];
const POLICIES: readonly (readonly [string, Partial<ServiceSpec>])[] = [
  ['', {}],
  ['etp', { externalTrafficPolicy: 'Local' }],
  ['itp', { internalTrafficPolicy: 'Local' }],
  ['both', { externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local' }],
];

/** Thirty-two Services of every policy and set of endpoints, alternately TCP and UDP, and two with source ranges. */
const CASES: readonly Case[] = [
  ...POLICIES.flatMap(([policy, spec], p) =>
    SETS.map(
      (endpoints, i): Case => ({
        name: `s${p}${i}${policy}`,
        proto: (p + i) % 2 === 0 ? 'TCP' : 'UDP',
        spec,
        endpoints,
        vip: true,
      }),
    ),
  ),
  ...(['203.0.113.0/24', '192.168.100.0/24'] as const).map(
    (range, i): Case => ({
      name: `fw${i}`,
      proto: i === 0 ? 'TCP' : 'UDP',
      spec: { loadBalancerSourceRanges: [range] },
      endpoints: ['a', 'c'],
      vip: true,
    }),
  ),
];

const clusterIP = (i: number): string => `10.96.1.${i + 1}`;
const vip = (i: number): string => `198.51.100.${i + 1}`;
const externalIP = (i: number): string => `198.51.100.${i + 101}`;
const nodePort = (i: number): number => 30_100 + i;

function objects(): { services: Service[]; slices: EndpointSlice[] } {
  const services = CASES.map(
    ({ name, proto, spec, vip: has }, i): Service => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'default' },
      spec: {
        type: 'LoadBalancer',
        clusterIP: clusterIP(i),
        externalIPs: [externalIP(i)],
        ports: [
          { name: 'p', port: 80, protocol: proto, nodePort: nodePort(i) },
          { name: 'q', port: 81, protocol: proto },
        ],
        ...spec,
      },
      ...(has === true ? { status: { loadBalancer: { ingress: [{ ip: vip(i) }] } } } : {}),
    }),
  );
  const slices = CASES.map(
    ({ name, proto, endpoints }): EndpointSlice => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `${name}-x`,
        namespace: 'default',
        labels: { 'kubernetes.io/service-name': name },
      },
      addressType: 'IPv4',
      ports: [
        { name: 'p', port: 8080, protocol: proto },
        { name: 'q', port: 8081, protocol: proto },
      ],
      endpoints: endpoints.map((text) => {
        const name = text.replace(/[!T]$/, '');
        const state = text.slice(name.length);
        const nodeName = NODE_OF[name];
        return {
          addresses: [ADDRESS[name]!],
          ...(nodeName === undefined ? {} : { nodeName }),
          conditions: { ready: state === '', serving: state !== '!', terminating: state === 'T' },
        };
      }),
    }),
  );
  return { services, slices };
}

/** Writes the rules into an emulated node, and returns what its iptables-save prints. */
function proxy(ns: Netns, nodeName: string, nodeIP: string): string {
  const spec = proxyDefaults('10.244.0.0/16');
  const changes = new Changes(nodeName);
  const { services, slices } = objects();
  for (const service of services) changes.service(`default/${service.metadata.name}`, servicePorts(service));
  for (const slice of slices) {
    const kept = keepSlice(slice);
    changes.slice(`default/${slice.metadata.name}`, kept, kept.slice);
  }
  changes.takeChanged();
  new IptablesProxier({ ns, spec, nodeIP }).sync({
    state: changes,
    changed: undefined,
    detector: localDetector(spec, undefined),
    place: { name: nodeName, zone: undefined },
  });
  return iptablesSave(ns);
}

type Counts = Readonly<Record<string, number>>;
interface Flow {
  readonly from: string;
  readonly proto: 'tcp' | 'udp';
  readonly dst: string;
  readonly port: number;
  readonly title: string;
}

/** Every Service by its ClusterIP from five places, and by each of its other front ends from some. */
const FLOWS: readonly Flow[] = CASES.flatMap(({ name, proto }, i) => {
  const flow = (from: string, dst: string, port: number, front: string): Flow => ({
    from,
    proto: proto === 'TCP' ? 'tcp' : 'udp',
    dst,
    port,
    title: `${name} ${front} from ${from}`,
  });
  return [
    ...['a', 'b', 'c', 'n1', 'outside'].map((from) => flow(from, clusterIP(i), 80, 'ClusterIP')),
    flow('b', clusterIP(i), 81, 'second port'),
    ...['b', 'n1', 'outside'].map((from) => flow(from, vip(i), 80, 'VIP')),
    ...['b', 'outside'].map((from) => flow(from, externalIP(i), 80, 'externalIP')),
    ...['b', 'c', 'n1', 'outside'].map((from) => flow(from, '192.168.100.11', nodePort(i), 'NodePort')),
    flow('n1', '127.0.0.1', nodePort(i), 'localhost'),
  ];
});

const TIMEOUT = 300;
const MANY = 48;

class RealFlows {
  readonly #agent: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;
  constructor() {
    this.#agent = spawn('python3', [new URL('services_agent.py', import.meta.url).pathname]);
    this.#answers = createInterface({ input: this.#agent.stdout })[Symbol.asyncIterator]();
  }
  async ask<T>(request: object): Promise<T> {
    this.#agent.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error('the agent is gone');
    const answer = JSON.parse(value);
    if (answer.failed !== undefined) throw new Error(`agent: ${answer.failed}`);
    return answer;
  }
  async flow({ from, proto, dst, port }: Flow, count: number): Promise<Counts> {
    const request = { op: 'flow', ns: `pwk-svc-${from}`, proto, dst, port, count, timeout: TIMEOUT };
    return (await this.ask<{ counts: Counts }>(request)).counts;
  }
  stop(): void {
    this.#agent.kill();
  }
}

class EmulatedFlows {
  readonly #world: Podwire;
  readonly #tcp: (readonly [string, TcpSock])[] = [];
  readonly #udp: (readonly [string, UdpSock])[] = [];
  constructor(world: Podwire) {
    this.#world = world;
    for (const name of SERVERS)
      for (const port of PORTS) {
        const tcp = new TcpSock(this.ns(name));
        tcpBind(tcp, ANY, port);
        tcpListen(tcp, 4096);
        this.#tcp.push([`${name}:${port}`, tcp]);
        const udp = new UdpSock(this.ns(name));
        udp.rcvbuf = 1 << 22;
        udp.bind(ANY, port);
        this.#udp.push([`${name}:${port}`, udp]);
      }
  }
  ns(name: string): Netns {
    return [...this.#world.kernel.namespaces.values()].find((ns) => ns.name === name)!;
  }

  flow({ from, proto, dst, port }: Flow, count: number): Counts {
    const { clock, kernel } = this.#world;
    const settle = (): void => {
      while (kernel.runQueue.pending > 0) kernel.runQueue.run();
    };
    const counts: Record<string, number> = {};
    const add = (what: string): void => {
      counts[what] = (counts[what] ?? 0) + 1;
    };
    const clients: (TcpSock | UdpSock)[] = [];
    const waiting = new Set<TcpSock | UdpSock>();
    for (let i = 0; i < count; i++) {
      const client = proto === 'tcp' ? new TcpSock(this.ns(from)) : new UdpSock(this.ns(from));
      clients.push(client);
      const failed =
        client instanceof TcpSock
          ? tcpConnect(client, ipv4(dst), port)
          : (client.connect(ipv4(dst), port) ?? client.send(new Uint8Array(5)));
      if (failed !== undefined) add(failed);
      else waiting.add(client);
      settle();
    }
    for (const end = clock.now() + TIMEOUT; waiting.size > 0 && clock.now() < end; ) {
      for (const [name, server] of this.#udp)
        for (let got = server.recv(); got !== undefined; got = server.recv()) {
          add(`${name} from ${formatIpv4(got.src)}`);
          server.send(new Uint8Array(2), got.src, got.sport);
          settle();
        }
      for (const [name, server] of this.#tcp)
        for (let peer = tcpAccept(server); peer !== undefined; peer = tcpAccept(server)) {
          add(`${name} from ${formatIpv4(peer.daddr)}`);
          tcpAbort(peer);
          settle();
        }
      for (const client of waiting) {
        const error = client.takeError();
        if (error !== undefined && error !== 'ECONNRESET') add(error);
        const over =
          error !== undefined ||
          (client instanceof TcpSock ? client.state === TCP_ESTABLISHED : client.recv() !== undefined);
        if (over) waiting.delete(client);
      }
      if (waiting.size > 0) clock.advance(5, settle);
    }
    for (const _ of waiting) add('timeout');
    for (const client of clients)
      if (client instanceof TcpSock) tcpAbort(client);
      else client.close();
    settle();
    return counts;
  }
}

const keys = (counts: Counts): string => Object.keys(counts).sort().join(' | ');

/** Pearson's statistic of one count of outcomes against another's share; the smaller the likelier alike. */
function chiSquared(seen: Counts): { readonly statistic: number; readonly freedom: number } {
  const values = Object.values(seen);
  const expected = values.reduce((a, b) => a + b, 0) / values.length;
  return {
    statistic: values.reduce((sum, k) => sum + (k - expected) ** 2 / expected, 0),
    freedom: values.length - 1,
  };
}
/** At p = 0.001, by degrees of freedom. */
const CRITICAL = [0, 10.83, 13.82, 16.27, 18.47];

describe('Services: Linux and the emulator agree', () => {
  const lacking =
    missing() ?? (spawnSync('which', ['iptables-restore']).status === 0 ? undefined : 'no iptables-restore');
  if (lacking !== undefined) {
    const skip = process.env['PODWIRE_CI'] !== '1';
    if (skip) console.log(`skipped: kernel lab services: ${lacking}`);
    it.skipIf(skip)('can be built', () => expect(lacking).toBeUndefined());
    return;
  }
  let linux: Linux;
  let real: RealFlows;
  let ours: EmulatedFlows;
  const saved = new Map<string, string>();
  beforeAll(async () => {
    linux = new Linux('svc');
    const podwire = new Podwire();
    await build(linux, TOPOLOGY);
    await build(podwire, TOPOLOGY);
    ours = new EmulatedFlows(podwire);
    saved.set('n1', proxy(ours.ns('n1'), 'n1', '192.168.100.11'));
    saved.set('n2', proxy(ours.ns('n2'), 'n2', '192.168.100.12'));
    real = new RealFlows();
    await real.ask({
      op: 'serve',
      servers: Object.fromEntries(SERVERS.map((name) => [name, `pwk-svc-${name}`])),
      ports: PORTS,
    });
  });
  afterAll(async () => {
    real?.stop();
    await linux?.stop();
  });

  it.each(['n1', 'n2'])("the real iptables-restore takes %s's rules", (node) => {
    const { status, stderr } = spawnSync('ip', ['netns', 'exec', `pwk-svc-${node}`, 'iptables-restore'], {
      input: saved.get(node)!,
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
    expect(saved.get(node)!.match(/KUBE-SVC-\w+ - /g)!.length).toBeGreaterThan(30);
  });

  it(`${FLOWS.length} flows meet the same endpoints, source and verdict`, async () => {
    const different: string[] = [];
    for (const flow of FLOWS) {
      const [there, here] = [keys(await real.flow(flow, MANY)), keys(ours.flow(flow, MANY))];
      if (there !== here) different.push(`${flow.title}: Linux ${there}; emulator ${here}`);
    }
    expect(FLOWS.length).toBeGreaterThan(100);
    expect(different).toEqual([]);
  }, 600_000);

  it.each(['tcp', 'udp'] as const)(
    '2,000 flows (%s) choose evenly in both',
    async (proto) => {
      const i = CASES.findIndex((c) => c.endpoints.length === 4 && c.proto.toLowerCase() === proto);
      const { spec } = CASES[i]!;
      const flow: Flow = { from: 'outside', proto, dst: clusterIP(i), port: 80, title: '' };
      for (const side of ['linux', 'podwire'] as const) {
        const total: Record<string, number> = {};
        for (let n = 0; n < 2000; n += 100) {
          const counts = side === 'linux' ? await real.flow(flow, 100) : ours.flow(flow, 100);
          for (const [what, k] of Object.entries(counts)) total[what] = (total[what] ?? 0) + k;
        }
        expect(Object.keys(total)).toHaveLength(spec.internalTrafficPolicy === 'Local' ? 2 : 4);
        const { statistic, freedom } = chiSquared(total);
        expect([side, statistic < CRITICAL[freedom]!, total]).toEqual([side, true, total]);
      }
    },
    120_000,
  );
});
