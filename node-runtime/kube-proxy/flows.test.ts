// What a packet meets in iptables mode, by who sends it, to which front end, under which policies: each packet goes through the
// emulated netfilter with the rules that kube-proxy wrote.
import { describe, expect, it } from 'vitest';
import { ProxyLab, service, slice } from './test-kit.ts';

const POD = '10.244.1.50';
const REMOTE_POD = '10.244.2.50';
const NODE = '192.168.100.11';
const CLIENT = '203.0.113.10';
const CLUSTER_IP = '10.96.0.10:80';
const NODE_PORT = '192.168.100.11:30080';
const VIP = '203.0.113.200:80';
const EXTERNAL = '198.51.100.7:80';
const LOCAL = '10.244.1.2:8080';
const REMOTE = '10.244.2.2:8080';
const BOTH = slice('web', ['10.244.1.2@n1', '10.244.2.2@n2']);
const all = (masq: boolean): string => `${LOCAL}${masq ? ' m' : ''} | ${REMOTE}${masq ? ' m' : ''}`;

const web = (more: Parameters<typeof service>[1] = {}) =>
  service('web', {
    type: 'LoadBalancer',
    ports: [{ port: 80, nodePort: 30080 }],
    externalIPs: ['198.51.100.7'],
    lb: ['203.0.113.200'],
    ...more,
  });

describe('the truth table', () => {
  const eTPLocal = { externalTrafficPolicy: 'Local' } as const;
  const iTPLocal = { internalTrafficPolicy: 'Local' } as const;
  const rows: [string, string, Parameters<typeof service>[1], string[], string][] = [
    ['pod', POD, {}, [CLUSTER_IP], all(false)],
    ['pod of another node', REMOTE_POD, {}, [CLUSTER_IP], all(false)],
    ['pod, iTP Local', POD, iTPLocal, [CLUSTER_IP], LOCAL],
    ['pod, eTP Local', POD, eTPLocal, [CLUSTER_IP], all(false)],
    ['node', NODE, {}, [CLUSTER_IP], all(true)],
    ['node, iTP Local', NODE, iTPLocal, [CLUSTER_IP], `${LOCAL} m`],
    ['off-cluster', CLIENT, {}, [CLUSTER_IP], all(true)],
    ['off-cluster, iTP Local', CLIENT, iTPLocal, [CLUSTER_IP], `${LOCAL} m`],
    ['pod', POD, {}, [NODE_PORT, VIP, EXTERNAL], all(true)],
    ['node', NODE, {}, [NODE_PORT, VIP, EXTERNAL], all(true)],
    ['off-cluster', CLIENT, {}, [NODE_PORT, VIP, EXTERNAL], all(true)],
    ['off-cluster, iTP Local', CLIENT, iTPLocal, [NODE_PORT, VIP, EXTERNAL], all(true)],
    ['pod, eTP Local', POD, eTPLocal, [NODE_PORT, VIP, EXTERNAL], all(false)],
    ['node, eTP Local', NODE, eTPLocal, [NODE_PORT, VIP, EXTERNAL], all(true)],
    ['off-cluster, eTP Local', CLIENT, eTPLocal, [NODE_PORT, VIP, EXTERNAL], LOCAL],
  ];
  it.each(rows)('%s %s %j to %j', (_, from, more, targets, expected) => {
    const lab = new ProxyLab().put(web(more), BOTH);
    for (const to of targets) expect([to, lab.flows(from, to)]).toEqual([to, expected]);
  });
  it('a chosen endpoint that is the sender is masqueraded, whatever the front end and policy', () => {
    for (const more of [{}, { externalTrafficPolicy: 'Local' } as const]) {
      const lab = new ProxyLab().put(web(more), slice('web', ['10.244.1.2@n1']));
      for (const to of [CLUSTER_IP, NODE_PORT, VIP]) expect(lab.flows('10.244.1.2', to)).toBe(`${LOCAL} m`);
    }
  });
  it('masqueradeAll changes pod to ClusterIP, and nothing else', () => {
    const lab = new ProxyLab({ masqueradeAll: true }).put(web({ externalTrafficPolicy: 'Local' }), BOTH);
    expect([lab.flows(POD, CLUSTER_IP), lab.flows(CLIENT, VIP), lab.flows(POD, VIP)]).toEqual([
      all(true),
      LOCAL,
      all(false),
    ]);
  });
  it('without a detector nobody is known to be a pod', () => {
    const lab = new ProxyLab({ clusterCIDR: '' }).put(web({ externalTrafficPolicy: 'Local' }), BOTH);
    expect([
      lab.flows(NODE, CLUSTER_IP),
      lab.flows(CLIENT, CLUSTER_IP),
      lab.flows(POD, VIP),
      lab.flows(POD, NODE_PORT),
    ]).toEqual([all(false), all(false), LOCAL, LOCAL]);
  });
  it.each([
    ['NodeCIDR', {}, false, true],
    ['BridgeInterface', { bridgeInterface: 'cni0' }, false, true],
    ['InterfaceNamePrefix', { interfaceNamePrefix: 'cn' }, false, true],
    ['ClusterCIDR', {}, false, false],
  ] as const)('detector %s: own pods local, other nodes’ pods not', (detectLocalMode, more, own, other) => {
    const lab = new ProxyLab({ detectLocalMode, ...more }).put(web(), BOTH);
    expect([lab.flows(POD, CLUSTER_IP), lab.flows(REMOTE_POD, CLUSTER_IP)]).toEqual([all(own), all(other)]);
  });
});

describe('without endpoints', () => {
  const front = [CLUSTER_IP, NODE_PORT, VIP, EXTERNAL];
  it.each<[string, string[]]>([
    ['nobody', []],
    ['nobody ready', ['10.244.1.2@n1!', '10.244.2.2@n2!']],
    ['terminating and no longer serving', ['10.244.1.2@n1t']],
  ])('%s: every front end rejects', (_, endpoints) => {
    const lab = new ProxyLab().put(web(), slice('web', endpoints));
    for (const to of front) expect([to, lab.flows(CLIENT, to)]).toEqual([to, 'reject']);
    expect(lab.flows(NODE, CLUSTER_IP)).toBe('reject');
    expect(lab.save()).toContain('--comment "default/web has no endpoints"');
  });
  it('none on this node under a Local policy: dropped, for those the policy is for', () => {
    const lab = new ProxyLab().put(
      web({ externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local' }),
      slice('web', ['10.244.2.2@n2']),
    );
    expect(lab.flows(POD, CLUSTER_IP)).toBe('drop');
    expect(lab.flows(CLIENT, NODE_PORT)).toBe('drop');
    expect(lab.flows(CLIENT, VIP)).toBe('drop');
    expect(lab.flows(POD, VIP)).toBe(REMOTE);
    expect(lab.flows(NODE, VIP)).toBe(`${REMOTE} m`);
    expect(lab.save()).toContain('--comment "default/web has no local endpoints"');
  });
  it('an endpoint without a node is never local', () => {
    const lab = new ProxyLab().put(web({ internalTrafficPolicy: 'Local' }), slice('web', ['10.244.1.2']));
    expect(lab.flows(POD, CLUSTER_IP)).toBe('drop');
  });
});

describe('endpoints that are on their way out', () => {
  it('serve while nobody is ready', () => {
    const lab = new ProxyLab().put(web(), slice('web', ['10.244.1.2@n1T', '10.244.2.2@n2T']));
    expect(lab.flows(POD, CLUSTER_IP)).toBe(all(false));
  });
  it('and not while somebody is', () => {
    const lab = new ProxyLab().put(web(), slice('web', ['10.244.1.2@n1T', '10.244.2.2@n2']));
    expect(lab.flows(POD, CLUSTER_IP)).toBe(REMOTE);
  });
  it('a Local policy falls back by itself, whoever is ready elsewhere', () => {
    const lab = new ProxyLab().put(
      web({ externalTrafficPolicy: 'Local' }),
      slice('web', ['10.244.1.2@n1T', '10.244.2.2@n2']),
    );
    expect([lab.flows(CLIENT, VIP), lab.flows(POD, CLUSTER_IP)]).toEqual([LOCAL, REMOTE]);
  });
  it('nobody on the node is ready or serving, others are: dropped from outside', () => {
    const lab = new ProxyLab().put(
      web({ externalTrafficPolicy: 'Local' }),
      slice('web', ['10.244.1.2@n1!', '10.244.2.2@n2']),
    );
    expect(lab.flows(CLIENT, VIP)).toBe('drop');
  });
});

describe('topology hints', () => {
  const choose = (zone: string | undefined, endpoints: readonly string[], more = {}): string =>
    new ProxyLab({}, zone).put(web(more), slice('web', endpoints)).flows(POD, CLUSTER_IP);
  it.each<[string, string | undefined, string[], string]>([
    ['own zone', 'a', ['10.244.1.2@n1 z=a', '10.244.2.2@n2 z=b'], LOCAL],
    ['several zones', 'b', ['10.244.1.2@n1 z=a,b', '10.244.2.2@n2 z=b'], all(false)],
    ['node without a zone', undefined, ['10.244.1.2@n1 z=a', '10.244.2.2@n2 z=b'], all(false)],
    ['one endpoint without a hint', 'a', ['10.244.1.2@n1 z=a', '10.244.2.2@n2'], all(false)],
    ['nobody for our zone', 'c', ['10.244.1.2@n1 z=a', '10.244.2.2@n2 z=b'], all(false)],
    ['an unready one without a hint does not count', 'a', ['10.244.1.2@n1 z=a', '10.244.2.2@n2!'], LOCAL],
    ['nobody ready: hints are forgotten', 'a', ['10.244.1.2@n1T z=a', '10.244.2.2@n2T z=b'], all(false)],
    ['own node', 'a', ['10.244.1.2@n1 n=n1 z=a', '10.244.2.2@n2 n=n2 z=a'], LOCAL],
    ['no node of ours: zones', 'b', ['10.244.3.2@n3 n=n3 z=a', '10.244.2.2@n2 n=n2 z=b'], REMOTE],
  ])('%s', (_, zone, endpoints, expected) => expect(choose(zone, endpoints)).toBe(expected));
  it('play no part under a Local policy', () => {
    expect(choose('b', ['10.244.1.2@n1 z=a', '10.244.2.2@n2 z=b'], { internalTrafficPolicy: 'Local' })).toBe(
      LOCAL,
    );
  });
});

describe('fields', () => {
  it('source ranges hold for load balancer addresses only, for pods too', () => {
    const lab = new ProxyLab().put(
      web({ loadBalancerSourceRanges: [' 203.0.113.0/28 ', '192.168.100.0/24'] }),
      BOTH,
    );
    expect(lab.flows(CLIENT, VIP)).toBe(all(true));
    expect(lab.flows('203.0.113.99', VIP)).toBe('drop');
    expect(lab.flows(POD, VIP)).toBe('drop');
    expect(lab.flows(NODE, VIP)).toBe(all(true));
    for (const to of [NODE_PORT, EXTERNAL, CLUSTER_IP]) expect(lab.flows('203.0.113.99', to)).toBe(all(true));
    // The node's own address is in a range, so the VIP as a source is let in too.
    expect(lab.save()).toMatch(/-A KUBE-FW-\w+ -s 203.0.113.200\/32 .* -j KUBE-EXT/);
  });
  it('ipMode Proxy is not captured', () => {
    const lab = new ProxyLab().put(web({ ipMode: 'Proxy' }), BOTH);
    expect(lab.flows(CLIENT, VIP)).toBe('untranslated');
  });
  it('headless, ExternalName, another proxy’s and deleted Services leave nothing', () => {
    const lab = new ProxyLab().put(
      service('a', { clusterIP: 'None' }),
      service('b', { type: 'ExternalName', externalName: 'example.org' }),
      {
        ...web(),
        metadata: {
          name: 'c',
          namespace: 'default',
          labels: { 'service.kubernetes.io/service-proxy-name': 'x' },
        },
      },
    );
    expect(lab.save()).not.toMatch(/default\//);
    const empty = lab
      .save()
      .replace(/^#.*$/gm, '')
      .replace(/\[\d+:\d+\]/g, '');
    lab.put(web(), BOTH).remove(web(), BOTH);
    expect(
      lab
        .save()
        .replace(/^#.*$/gm, '')
        .replace(/\[\d+:\d+\]/g, ''),
    ).toBe(empty);
  });
  it('several ports, protocols and named ports', () => {
    const lab = new ProxyLab().put(
      service('dns', {
        clusterIP: '10.96.0.10',
        ports: [
          { name: 'dns', port: 53, protocol: 'UDP' },
          { name: 'dns-tcp', port: 53, protocol: 'TCP' },
          { name: 'metrics', port: 9153, protocol: 'TCP' },
        ],
      }),
      {
        ...slice('dns', ['10.244.1.2@n1']),
        ports: [
          { name: 'dns', port: 5353, protocol: 'UDP' },
          { name: 'dns-tcp', port: 5354, protocol: 'TCP' },
        ],
      },
    );
    expect(lab.flow(POD, '10.96.0.10:53', 'udp')).toBe('10.244.1.2:5353');
    expect(lab.flow(POD, '10.96.0.10:53')).toBe('10.244.1.2:5354');
    expect(lab.flow(POD, '10.96.0.10:9153')).toBe('reject');
    // A port that the Service does not have is nobody's business: routed on.
    expect(lab.flow(POD, '10.96.0.10:81')).toBe('untranslated');
  });
  it('ClientIP affinity: each client stays, for as long as it comes back in time; a lost endpoint frees it', () => {
    const sticky = web({
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 100 } },
    });
    const three = ['10.244.1.2@n1', '10.244.2.2@n2', '10.244.3.2@n3'];
    const lab = new ProxyLab().put(sticky, slice('web', three));
    const clients = Array.from({ length: 12 }, (_, i) => `10.244.1.${60 + i}`);
    const first = clients.map((c) => lab.flow(c, CLUSTER_IP));
    expect(new Set(first).size).toBe(3);
    for (let i = 0; i < 4; i++) {
      lab.nf.clock.advance(90_000);
      expect(clients.map((c) => lab.flow(c, CLUSTER_IP))).toEqual(first);
    }
    lab.put(slice('web', three.slice(1)));
    const later = clients.map((c) => lab.flow(c, CLUSTER_IP));
    for (const [i, c] of later.entries())
      if (first[i]!.startsWith('10.244.1.2:')) expect(c).not.toBe(first[i]);
      else expect(c).toBe(first[i]);
    lab.nf.clock.advance(101_000);
    expect(lab.flows(clients[0]!, CLUSTER_IP)).toMatch(/^\S+$/);
  });
  it('NodePorts: on every local address, on loopback unless told otherwise, or on some only', () => {
    const at = (spec: ConstructorParameters<typeof ProxyLab>[0]) => {
      const lab = new ProxyLab(spec).put(web(), BOTH);
      return [
        lab.flows(CLIENT, NODE_PORT),
        lab.flows(POD, '10.244.1.1:30080'),
        lab.flows('127.0.0.1', '127.0.0.1:30080'),
      ];
    };
    expect(at({})).toEqual([all(true), all(true), all(true)]);
    expect(at({ localhostNodePorts: false })).toEqual([all(true), all(true), 'untranslated']);
    expect(at({ nodePortAddresses: ['192.168.100.0/24'] })).toEqual([all(true), 'local', 'untranslated']);
  });
  it('route_localnet is set for NodePorts on loopback, and only for them', () => {
    const read = (spec: ConstructorParameters<typeof ProxyLab>[0]) =>
      new ProxyLab(spec).nf.ns.sysctl.read('net/ipv4/conf/all/route_localnet');
    expect([read({}), read({ localhostNodePorts: false })]).toEqual(['1', '0']);
  });
  it('from another machine 127.0.0.1 is shut, in spite of route_localnet', () => {
    const lab = new ProxyLab().put(web(), BOTH);
    expect(lab.flows(CLIENT, '127.0.0.1:22')).toBe('drop');
  });
  it('a health check port is let in', () => {
    const lab = new ProxyLab().put(
      web({ externalTrafficPolicy: 'Local', healthCheckNodePort: 31_000 }),
      BOTH,
    );
    expect(lab.save()).toContain(
      '-A KUBE-NODEPORTS -p tcp -m comment --comment "default/web health check node port" -m tcp --dport 31000 -j ACCEPT',
    );
  });
});

describe('choice', () => {
  const five = Array.from({ length: 5 }, (_, i) => `10.244.${i + 1}.2@n${i + 1}`);
  const draw = (seed: number, n: number): string[] => {
    const lab = new ProxyLab({}, undefined, seed).put(service('web', {}), slice('web', five));
    return Array.from({ length: n }, () => lab.flow(POD, CLUSTER_IP));
  };
  it('is uniform: chi-squared at p > 0.001', () => {
    const n = 2000;
    const count = new Map<string, number>();
    for (const c of draw(7, n)) count.set(c, (count.get(c) ?? 0) + 1);
    expect(count.size).toBe(5);
    const chi = [...count.values()].reduce((sum, k) => sum + (k - n / 5) ** 2 / (n / 5), 0);
    expect(chi).toBeLessThan(18.47); // four degrees of freedom
  });
  it('is the same for the same seed and flow, and another for another seed', () => {
    expect(draw(1, 60)).toEqual(draw(1, 60));
    expect(draw(1, 60)).not.toEqual(draw(2, 60));
  });
});

describe('syncs', () => {
  const other = () => service('other', { clusterIP: '10.96.0.11' });
  it('a partial one leaves the same as a full one', () => {
    const a = new ProxyLab().put(other(), slice('other', ['10.244.1.9@n1']), web(), BOTH);
    a.put(slice('web', ['10.244.2.2@n2', '10.244.3.2@n3']));
    const b = new ProxyLab().put(other(), slice('other', ['10.244.1.9@n1']), web());
    b.put(slice('web', ['10.244.2.2@n2', '10.244.3.2@n3']));
    const rules = (lab: ProxyLab): string[] =>
      lab
        .save()
        .split('\n')
        .filter((l) => /^(-A|:)/.test(l))
        .sort();
    expect(rules(a)).toEqual(rules(b));
  });
  it('counters of units that did not change go on', () => {
    const lab = new ProxyLab().put(other(), slice('other', ['10.244.1.9@n1']), web(), BOTH);
    for (let i = 0; i < 3; i++) lab.flow(POD, '10.96.0.11:80');
    lab.put(slice('web', ['10.244.2.2@n2']));
    const chain = lab.nf.ipt('-t', 'nat', '-S', '-v').split('\n');
    expect(chain.find((l) => l.includes('--to-destination 10.244.1.9:8080'))).toMatch(/-c 3 /);
  });
  it('foreign rules stay; a flush is noticed; cleaning up leaves the tables as they were', () => {
    const lab = new ProxyLab();
    lab.nf.ipt('-A', 'FORWARD', '-s', '10.1.1.1', '-j', 'ACCEPT');
    lab.put(web(), BOTH);
    expect(lab.save()).toContain('-A FORWARD -s 10.1.1.1/32 -j ACCEPT');
    expect(lab.disturbed()).toBe(false);
    lab.nf.ipt('-t', 'nat', '-F');
    lab.nf.ipt('-t', 'nat', '-X');
    expect(lab.disturbed()).toBe(true);
    lab.fullSync();
    lab.cleanup();
    expect(lab.save()).not.toMatch(/KUBE-(SERVICES|SVC|SEP|EXT|FORWARD|NODEPORTS|PROXY)/);
  });
  it('above a thousand endpoints comments go', () => {
    const many = Array.from({ length: 1001 }, (_, i) => `10.244.${4 + (i >> 8)}.${i & 255}@n9`);
    const lab = new ProxyLab().put(web(), slice('web', many.slice(0, 1000)));
    expect(lab.save()).toContain('"default/web -> 10.244.4.0:8080"');
    lab.put(slice('web', many));
    expect(lab.save()).not.toContain('"default/web -> ');
  });
});
