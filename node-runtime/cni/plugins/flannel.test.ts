import { describe, expect, it } from 'vitest';
import { runPlugin } from '../skel.ts';
import { recorder, type TestHost, testHost } from '../test-kit.ts';
import { flannel } from './flannel.ts';

const ENV =
  'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n';

const call = async (host: TestHost, command: string, conf: object = {}) => {
  const env = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: 'abc',
    CNI_NETNS: '/var/run/netns/x',
    CNI_IFNAME: 'eth0',
    CNI_PATH: '/opt/cni/bin',
  };
  const stdin = JSON.stringify({ cniVersion: '0.3.1', name: 'cbr0', type: 'flannel', ...conf });
  const { exitCode, stdout } = await runPlugin(flannel, env as never, stdin, host);
  return { exitCode, msg: stdout === '' ? undefined : (JSON.parse(stdout) as { msg?: string }).msg };
};

describe('flannel plugin', () => {
  it('writes the bridge plugin’s configuration from subnet.env, and keeps it for DEL', async () => {
    const seen: { type: string; command: string; conf: unknown }[] = [];
    const host = testHost([flannel, recorder('bridge', seen)]);
    host.fs.write('/run/flannel/subnet.env', ENV);
    await call(host, 'ADD', { delegate: { hairpinMode: true, isDefaultGateway: true, mtu: 1400 } });
    const delegate = {
      type: 'bridge',
      name: 'cbr0',
      cniVersion: '0.3.1',
      hairpinMode: true,
      isDefaultGateway: true,
      isGateway: true,
      ipMasq: false,
      mtu: 1400,
      ipam: {
        type: 'host-local',
        ranges: [[{ subnet: '10.244.1.0/24' }]],
        routes: [{ dst: '10.244.0.0/16' }],
      },
    };
    expect(seen).toEqual([{ type: 'bridge', command: 'ADD', conf: delegate }]);
    expect(JSON.parse(host.fs.readText('/var/lib/cni/flannel/abc'))).toEqual(delegate);
    // DEL uses what was kept, though flanneld and its file are gone.
    host.fs.remove('/run/flannel/subnet.env');
    expect((await call(host, 'DEL')).exitCode).toBe(0);
    expect(seen[1]).toEqual({ type: 'bridge', command: 'DEL', conf: delegate });
    expect((await call(host, 'DEL')).exitCode).toBe(0);
    expect(seen).toHaveLength(2);
  });

  it.each<[string, string | undefined, object, string]>([
    [
      'no subnet.env',
      undefined,
      {},
      "failed to load flannel 'subnet.env' file: open /run/flannel/subnet.env: no such file or directory. Check the flannel pod log for this node.",
    ],
    [
      'keys missing',
      'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_MTU=1450\n',
      {},
      "failed to load flannel 'subnet.env' file: /run/flannel/subnet.env is missing FLANNEL_SUBNET, FLANNEL_IPMASQ",
    ],
    [
      'a name in delegate',
      ENV,
      { delegate: { name: 'x' } },
      "'delegate' dictionary must not have 'name' field, it'll be set by flannel",
    ],
    [
      'ipam in delegate',
      ENV,
      { delegate: { ipam: {} } },
      "'delegate' dictionary must not have 'ipam' field, it'll be set by flannel",
    ],
  ])('refuses %s', async (_, env, conf, message) => {
    const host = testHost([flannel, recorder('bridge', [])]);
    if (env !== undefined) host.fs.write('/run/flannel/subnet.env', env);
    expect(await call(host, 'ADD', conf)).toEqual({ exitCode: 1, msg: message });
  });
});
