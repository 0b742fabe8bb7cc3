import { describe, expect, it } from 'vitest';
import { chainName } from '../chain-name.ts';
import { runPlugin } from '../skel.ts';
import { type TestHost, testHost } from '../test-kit.ts';
import { entryRules, portmap, splitRule } from './portmap.ts';

const ID = 'b7f0c3';

const PREV = {
  cniVersion: '0.3.1',
  interfaces: [{ name: 'cni0' }, { name: 'vethab' }, { name: 'eth0', sandbox: '/var/run/netns/x' }],
  ips: [{ version: '4', interface: 2, address: '10.244.1.2/24', gateway: '10.244.1.1' }],
  dns: {},
};

const call = async (
  host: TestHost,
  command: string,
  portMappings: object[],
  prevResult: object | undefined = PREV,
) => {
  const env = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: ID,
    CNI_NETNS: '/var/run/netns/x',
    CNI_IFNAME: 'eth0',
    CNI_PATH: '/opt/cni/bin',
  };
  const conf = {
    cniVersion: '0.3.1',
    name: 'test',
    type: 'portmap',
    runtimeConfig: { portMappings },
    prevResult,
  };
  return runPlugin(portmap, env as never, JSON.stringify(conf), host);
};

describe('portmap', () => {
  const web = { hostPort: 8080, containerPort: 80, protocol: 'TCP' };
  const dns = { hostPort: 53, containerPort: 53, protocol: 'UDP', hostIP: '192.168.100.11' };

  it('makes upstream’s chains', async () => {
    const host = testHost([portmap]);
    // The bridge plugin's own masquerading rule is there already: portmap's goes in front of it.
    host.chains.get('nat POSTROUTING')!.push('-s 10.244.1.2 -j CNI-other');
    const flushed: number[] = [];
    const { exitCode, stdout } = await call(
      Object.assign(host, { flushUdpConntrack: (port: number) => void flushed.push(port) }),
      'ADD',
      [web, dns],
    );
    expect([exitCode, JSON.parse(stdout)]).toEqual([0, PREV]);
    const chain = chainName('test', ID, 'DN-');
    const comment = /--comment "dnat name: \\"test\\" id: \\".*?\\""/;
    expect(host.chains.get('nat PREROUTING')).toEqual(['-m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT']);
    expect(host.chains.get('nat OUTPUT')).toEqual(['-m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT']);
    expect(host.chains.get('nat POSTROUTING')).toEqual([
      '-m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ',
      '-s 10.244.1.2 -j CNI-other',
    ]);
    expect(host.chains.get('nat CNI-HOSTPORT-SETMARK')).toEqual([
      '-m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark 0x2000/0x2000',
    ]);
    expect(host.chains.get('nat CNI-HOSTPORT-MASQ')).toEqual(['-m mark --mark 0x2000/0x2000 -j MASQUERADE']);
    expect(host.chains.get('nat CNI-HOSTPORT-DNAT')!.map((r) => r.replace(comment, 'C'))).toEqual([
      `-m comment C -m multiport -p tcp --destination-ports 8080 -j ${chain}`,
      `-m comment C -m multiport -p udp --destination-ports 53 -j ${chain}`,
    ]);
    expect(host.chains.get(`nat ${chain}`)).toEqual([
      '-p tcp --dport 8080 -s 10.244.1.0/24 -j CNI-HOSTPORT-SETMARK',
      '-p tcp --dport 8080 -s 127.0.0.1 -j CNI-HOSTPORT-SETMARK',
      '-p tcp --dport 8080 -j DNAT --to-destination 10.244.1.2:80',
      '-p udp --dport 53 -d 192.168.100.11 -s 10.244.1.0/24 -j CNI-HOSTPORT-SETMARK',
      '-p udp --dport 53 -d 192.168.100.11 -s 127.0.0.1 -j CNI-HOSTPORT-SETMARK',
      '-p udp --dport 53 -d 192.168.100.11 -j DNAT --to-destination 10.244.1.2:53',
    ]);
    expect(flushed).toEqual([53]);
    expect((await call(host, 'CHECK', [web])).exitCode).toBe(0);
    await call(host, 'DEL', []);
    expect(host.chains.get('nat CNI-HOSTPORT-DNAT')).toEqual([]);
    expect(host.chains.has(`nat ${chain}`)).toBe(false);
    expect((await call(host, 'DEL', [])).exitCode).toBe(0);
  });

  it('names chains as upstream does: its own test has this one', () => {
    expect(chainName('test', '1234')).toBe('CNI-2bbe0c48b91a7d1b8a6753a8');
    expect(chainName('test', '1234', 'PREFIX-')).toBe('CNI-PREFIX-2bbe0c48b91a7d1b8');
  });

  it('splits ports by fifteen', () => {
    const maps = Array.from({ length: 17 }, (_, i) => ({
      hostPort: 1000 + i,
      containerPort: 1,
      protocol: 'tcp',
    }));
    expect(entryRules(maps, 'c', 'X').map((rule) => rule[9]!.split(',').length)).toEqual([15, 2]);
  });

  it('must have something to chain to', async () => {
    const host = testHost([portmap]);
    const env = {
      CNI_COMMAND: 'ADD',
      CNI_CONTAINERID: 'a',
      CNI_NETNS: '/x',
      CNI_IFNAME: 'eth0',
      CNI_PATH: '/',
    };
    const { stdout } = await runPlugin(portmap, env, '{"cniVersion":"0.3.1","name":"n"}', host);
    expect(JSON.parse(stdout)).toMatchObject({ code: 999, msg: 'must be called as chained plugin' });
  });

  it('reads quoted words back as iptables prints them', () => {
    expect(splitRule('A -m comment --comment "x \\"y\\" z" -j B')).toEqual([
      'A',
      '-m',
      'comment',
      '--comment',
      'x "y" z',
      '-j',
      'B',
    ]);
  });
});
