import { describe, expect, it } from 'vitest';
import { createKernel } from '../../kernel/boot.ts';
import { VirtualClock } from '../../kernel/clock/virtual-clock.ts';
import type { Bridge } from '../../kernel/netdev/bridge.ts';
import { rtnetlink } from '../../kernel/rtnetlink/rtnetlink.ts';
import { formatIpv4, formatMac, prefix } from '../../kernel/wire/addr.ts';
import { chainName } from '../chain-name.ts';
import { parseConfList } from '../conf-dir.ts';
import { addNetworkList, checkNetworkList, delNetworkList } from '../libcni.ts';
import { resultAsVersion } from '../result.ts';
import { type TestHost, testHost } from '../test-kit.ts';
import { bridge } from './bridge.ts';
import { flannel } from './flannel.ts';
import { hostLocal } from './host-local.ts';
import { loopback } from './loopback.ts';
import { portmap } from './portmap.ts';

const LEASE = {
  type: 'host-local',
  ranges: [[{ subnet: '10.244.1.0/24' }]],
  routes: [{ dst: '10.244.0.0/16' }],
};
const make = (): TestHost =>
  testHost(
    [bridge, flannel, hostLocal, loopback, portmap],
    createKernel({ hostname: 'n1', clock: new VirtualClock(), seed: 1 }),
  );
const list = (extra: object = {}, cniVersion = '0.4.0') =>
  parseConfList(
    JSON.stringify({
      cniVersion,
      name: 'cbr0',
      plugins: [{ type: 'bridge', isDefaultGateway: true, ipam: LEASE, ...extra }],
    }),
  );
const rt = (name: string) => ({
  containerID: `id-${name}`,
  netns: `/var/run/netns/${name}`,
  ifName: 'eth0',
  args: {},
  capabilityArgs: {},
});
const routes = (host: TestHost, name: string) =>
  rtnetlink(host.netns(`/var/run/netns/${name}`)!)
    .routeList()
    .map((r) => `${formatIpv4(r.dst)}/${r.len} ${r.gateway === 0 ? 'link' : `via ${formatIpv4(r.gateway)}`}`);

describe('bridge plugin', () => {
  it('makes bridge, veth pair, addresses and routes, and says so in the form of 0.3.1', async () => {
    const host = make();
    const pod = host.sandbox('web');
    const result = await addNetworkList(host, list({ mtu: 1450, hairpinMode: true }, '0.3.1'), rt('web'));
    const cni0 = host.ns.device('cni0') as Bridge;
    const [port] = cni0.ports;
    expect(resultAsVersion(result, '0.3.1')).toEqual({
      cniVersion: '0.3.1',
      interfaces: [
        { name: 'cni0', mac: formatMac(cni0.mac) },
        { name: port!.dev.name, mac: formatMac(port!.dev.mac) },
        { name: 'eth0', mac: '0a:58:0a:f4:01:02', sandbox: '/var/run/netns/web' },
      ],
      ips: [{ version: '4', interface: 2, address: '10.244.1.2/24', gateway: '10.244.1.1' }],
      routes: [{ dst: '10.244.0.0/16' }, { dst: '0.0.0.0/0', gw: '10.244.1.1' }],
      dns: {},
    });
    expect(port!.dev.name).toMatch(/^veth[0-9a-f]{8}$/);
    expect([port!.hairpin, port!.isolated, port!.state]).toEqual([true, false, 'forwarding']);
    expect([cni0.up, cni0.mtu, formatIpv4(cni0.addrs[0]!.addr), cni0.addrs[0]!.prefixLen]).toEqual([
      true,
      1450,
      '10.244.1.1',
      24,
    ]);
    const eth0 = pod.device('eth0')!;
    expect([formatMac(eth0.mac), eth0.mtu, eth0.up, eth0.carrier]).toEqual([
      '0a:58:0a:f4:01:02',
      1450,
      true,
      true,
    ]);
    expect(routes(host, 'web')).toEqual([
      '0.0.0.0/0 via 10.244.1.1',
      '10.244.0.0/16 via 10.244.1.1',
      '10.244.1.0/24 link',
    ]);
    expect([host.ns.sysctl.ipv4.ip_forward, eth0.conf.arp_notify]).toEqual([1, 1]);
  });

  it('keeps the bridge’s MAC whatever ports come and go', async () => {
    const host = make();
    host.sandbox('a');
    await addNetworkList(host, list(), rt('a'));
    const { mac } = host.ns.device('cni0')!;
    for (const name of ['b', 'c', 'd', 'e']) {
      host.sandbox(name);
      await addNetworkList(host, list(), rt(name));
    }
    expect(host.ns.device('cni0')!.mac).toBe(mac);
  });

  it('CHECK sees what is missing; DEL takes all away and may be repeated', async () => {
    const host = make();
    const pod = host.sandbox('web');
    await addNetworkList(host, list({ ipMasq: true }), rt('web'));
    const chain = chainName('cbr0', 'id-web');
    expect(host.chains.get(`nat ${chain}`)).toEqual([
      '-d 10.244.1.0/24 -j ACCEPT -m comment --comment "name: \\"cbr0\\" id: \\"id-web\\""',
      '! -d 224.0.0.0/4 -j MASQUERADE -m comment --comment "name: \\"cbr0\\" id: \\"id-web\\""',
    ]);
    await checkNetworkList(host, list({ ipMasq: true }), rt('web'));
    rtnetlink(pod).routeDel({ dst: prefix('0.0.0.0/0') });
    await expect(checkNetworkList(host, list(), rt('web'))).rejects.toThrow(
      'expected Route 0.0.0.0/0 not found',
    );
    await delNetworkList(host, list({ ipMasq: true }), rt('web'));
    expect(pod.device('eth0')).toBeUndefined();
    expect((host.ns.device('cni0') as Bridge).ports).toEqual([]);
    expect(host.fs.list('/var/lib/cni/networks/cbr0')).toEqual(['last_reserved_ip.0', 'lock']);
    expect([host.chains.has(`nat ${chain}`), host.chains.get('nat POSTROUTING')]).toEqual([false, []]);
    await delNetworkList(host, list({ ipMasq: true }), { ...rt('web'), netns: '' });
  });

  it.each<[string, object, (host: TestHost) => void, string]>([
    [
      'a bridge with another address',
      {},
      (host) => {
        rtnetlink(host.ns).linkAdd({ type: 'bridge', name: 'cni0' });
        rtnetlink(host.ns).addrAdd('cni0', { addr: prefix('10.244.7.1/24') });
      },
      'plugin type="bridge" failed (add): failed to set bridge addr: "cni0" already has an IP address different from 10.244.1.1/24',
    ],
    [
      'a device of that name that is no bridge',
      {},
      (host) => void rtnetlink(host.ns).linkAdd({ type: 'dummy', name: 'cni0' }),
      'plugin type="bridge" failed (add): failed to create bridge "cni0": "cni0" already exists but is not a bridge',
    ],
    [
      'hairpin and promiscuous together',
      { hairpinMode: true, promiscMode: true },
      () => {},
      'plugin type="bridge" failed (add): cannot set hairpin mode and promiscuous mode at the same time',
    ],
    [
      'a VLAN',
      { vlan: 7 },
      () => {},
      'plugin type="bridge" failed (add): unsupported field: vlan; the emulated bridge has none',
    ],
  ])('refuses %s, and keeps no address then', async (_, extra, prepare, message) => {
    const host = make();
    host.sandbox('web');
    prepare(host);
    await expect(addNetworkList(host, list(extra), rt('web'))).rejects.toThrow(new Error(message));
    expect(host.fs.exists('/var/lib/cni/networks/cbr0/10.244.1.2')).toBe(false);
  });

  it('forceAddress takes the old one off', async () => {
    const host = make();
    host.sandbox('web');
    rtnetlink(host.ns).linkAdd({ type: 'bridge', name: 'cni0' });
    rtnetlink(host.ns).addrAdd('cni0', { addr: prefix('10.244.7.1/24') });
    await addNetworkList(host, list({ forceAddress: true }), rt('web'));
    expect(host.ns.device('cni0')!.addrs.map((a) => formatIpv4(a.addr))).toEqual(['10.244.1.1']);
  });

  it('the whole of flannel’s list, from the file flanneld wrote', async () => {
    const host = make();
    const pod = host.sandbox('web');
    host.fs.write(
      '/run/flannel/subnet.env',
      'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n',
    );
    const flannelList = parseConfList(
      JSON.stringify({
        name: 'cbr0',
        cniVersion: '0.3.1',
        plugins: [
          { type: 'flannel', delegate: { hairpinMode: true, isDefaultGateway: true } },
          { type: 'portmap', capabilities: { portMappings: true } },
        ],
      }),
    );
    const result = await addNetworkList(host, flannelList, {
      ...rt('web'),
      capabilityArgs: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] },
    });
    expect(result.ips).toEqual([{ interface: 2, address: '10.244.1.2/24', gateway: '10.244.1.1' }]);
    expect(pod.device('eth0')!.mtu).toBe(1450);
    expect(host.chains.get(`nat ${chainName('cbr0', 'id-web', 'DN-')}`)).toContain(
      '-p tcp --dport 8080 -j DNAT --to-destination 10.244.1.2:80',
    );
    expect(host.ns.sysctl.conf.get('cni0')!.route_localnet).toBe(1);
    await delNetworkList(host, flannelList, rt('web'));
    expect(pod.device('eth0')).toBeUndefined();
    expect(host.fs.list('/var/lib/cni/flannel')).toEqual([]);
  });

  it('loopback gets its address by coming up', async () => {
    const host = make();
    const pod = host.sandbox('web');
    const lo = parseConfList('{"cniVersion":"0.3.1","name":"cni-loopback","plugins":[{"type":"loopback"}]}');
    const result = await addNetworkList(host, lo, { ...rt('web'), ifName: 'lo' });
    expect(result.ips).toEqual([{ interface: 0, address: '127.0.0.1/8' }]);
    expect(pod.device('lo')!.up).toBe(true);
  });
});
