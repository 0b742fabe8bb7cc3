import { describe, expect, it } from 'vitest';
import { NodeFs } from '../node-fs.ts';
import { loadDefaultNetwork, parseConfList } from './conf-dir.ts';
import { addNetworkList, checkNetworkList, delNetworkList } from './libcni.ts';
import { parseResult, resultAsVersion } from './result.ts';
import { runPlugin } from './skel.ts';
import { recorder, testHost } from './test-kit.ts';

const RT = {
  containerID: 'abc',
  netns: '/var/run/netns/x',
  ifName: 'eth0',
  args: { IgnoreUnknown: '1', K8S_POD_NAME: 'web' },
  capabilityArgs: { portMappings: [{ hostPort: 80, containerPort: 80, protocol: 'tcp' }] },
};
const list = (cniVersion: string, ...plugins: object[]) =>
  parseConfList(JSON.stringify({ cniVersion, name: 'cbr0', plugins }));

describe('a list of plugins', () => {
  it('ADD goes forward with prevResult, DEL backward, capabilities only to who has them', async () => {
    const seen: { type: string; command: string; conf: unknown }[] = [];
    const host = testHost([recorder('first', seen), recorder('second', seen)]);
    const net = list('0.4.0', { type: 'first' }, { type: 'second', capabilities: { portMappings: true } });
    await addNetworkList(host, net, RT);
    const prev = {
      cniVersion: '0.4.0',
      interfaces: [{ name: 'eth0', sandbox: '/var/run/netns/x' }],
      ips: [{ version: '4', interface: 0, address: '10.244.1.2/24', gateway: '10.244.1.1' }],
      dns: {},
    };
    expect(seen).toEqual([
      { type: 'first', command: 'ADD', conf: { type: 'first', name: 'cbr0', cniVersion: '0.4.0' } },
      {
        type: 'second',
        command: 'ADD',
        conf: {
          type: 'second',
          name: 'cbr0',
          cniVersion: '0.4.0',
          capabilities: { portMappings: true },
          runtimeConfig: { portMappings: RT.capabilityArgs.portMappings },
          prevResult: prev,
        },
      },
    ]);
    await checkNetworkList(host, net, RT);
    expect(host.fs.list('/var/lib/cni/results')).toEqual(['cbr0-abc-eth0']);
    await delNetworkList(host, net, RT);
    expect(seen.slice(2).map(({ type, command }) => `${command} ${type}`)).toEqual([
      'CHECK first',
      'CHECK second',
      'DEL second',
      'DEL first',
    ]);
    expect(host.fs.list('/var/lib/cni/results')).toEqual([]);
    await delNetworkList(host, net, RT);
    await expect(checkNetworkList(host, net, RT)).rejects.toThrow('no cached result');
  });

  it.each([
    ['a plugin that fails', { type: 'first', fail: 'no luck' }, 'plugin type="first" failed (add): no luck'],
    [
      'a program that is not there',
      { type: 'calico' },
      'plugin type="calico" failed (add): failed to find plugin "calico" in path [/opt/cni/bin]',
    ],
  ])('%s', async (_, plugin, message) => {
    const host = testHost([recorder('first', [])]);
    await expect(addNetworkList(host, list('1.0.0', plugin), RT)).rejects.toThrow(new Error(message));
  });

  it('CHECK needs 0.4.0', async () => {
    await expect(checkNetworkList(testHost([]), list('0.3.1', { type: 'x' }), RT)).rejects.toThrow(
      'configuration version "0.3.1" does not support CHECK command',
    );
  });
});

describe('/etc/cni/net.d', () => {
  const fs = (files: Record<string, string>) => {
    const tree = new NodeFs({ now: () => 0 });
    for (const [name, text] of Object.entries(files)) tree.write(`/etc/cni/net.d/${name}`, text);
    return tree;
  };
  const conflist = (name: string) =>
    JSON.stringify({ cniVersion: '0.3.1', name, plugins: [{ type: 'bridge' }] });

  it.each<[string, Record<string, string>, string]>([
    ['the first by name', { '20-b.conflist': conflist('b'), '10-a.conflist': conflist('a') }, 'a'],
    ['a single plugin', { '05.conf': '{"name":"one","type":"bridge","cniVersion":"0.3.1"}' }, 'one'],
    ['the next when the first is broken', { '1.conflist': '{', '2.conflist': conflist('ok') }, 'ok'],
    ['only known extensions', { '1.bak': conflist('no'), '2.conflist': conflist('yes') }, 'yes'],
  ])('%s', (_, files, name) => {
    expect(loadDefaultNetwork(fs(files)).name).toBe(name);
  });

  it('nothing there: the words the node condition shows', () => {
    expect(() => loadDefaultNetwork(fs({ 'readme.txt': '' }))).toThrow(/^cni plugin not initialized$/);
    expect(() => loadDefaultNetwork(new NodeFs({ now: () => 0 }))).toThrow('cni plugin not initialized');
  });

  it.each([
    ['{"plugins":[]}', 'error parsing configuration list: no name'],
    ['{"name":"n"}', "error parsing configuration list: no 'plugins' key"],
    ['{"name":"n","plugins":{}}', "error parsing configuration list: invalid 'plugins' type"],
    ['{"name":"n","plugins":[]}', 'error parsing configuration list: no plugins in list'],
    [
      '{"name":"n","plugins":[{}]}',
      "failed to parse plugin config 0: error parsing configuration: missing 'type'",
    ],
  ])('%s is refused', (text, message) => {
    expect(() => parseConfList(text)).toThrow(message);
  });
});

describe('skel', () => {
  const env = {
    CNI_COMMAND: 'ADD',
    CNI_CONTAINERID: 'a',
    CNI_NETNS: '/n',
    CNI_IFNAME: 'eth0',
    CNI_PATH: '/p',
  };
  const good = '{"cniVersion":"0.3.1","name":"n"}';
  it.each<[string, object, string, object]>([
    [
      'no command',
      { CNI_COMMAND: '' },
      good,
      { code: 4, msg: 'required env variables [CNI_COMMAND] missing' },
    ],
    ['a wrong one', { CNI_COMMAND: 'RUN' }, good, { code: 4, msg: 'unknown CNI_COMMAND: RUN' }],
    [
      'variables missing',
      { CNI_NETNS: '', CNI_IFNAME: '' },
      good,
      { code: 4, msg: 'required env variables [CNI_NETNS,CNI_IFNAME] missing' },
    ],
    [
      'a bad id',
      { CNI_CONTAINERID: '../x' },
      good,
      { code: 4, msg: 'invalid characters in containerID', details: '../x' },
    ],
    ['a long name', { CNI_IFNAME: 'x'.repeat(16) }, good, { code: 4 }],
    ['no name', {}, '{"cniVersion":"0.3.1"}', { code: 7, msg: 'missing network name' }],
    ['no JSON', {}, '{', { code: 6 }],
    [
      'another version',
      {},
      '{"cniVersion":"9.9.9","name":"n"}',
      {
        code: 1,
        msg: 'incompatible CNI versions',
        details: 'config is "9.9.9", plugin supports ["0.3.1" "0.4.0" "1.0.0"]',
      },
    ],
    ['bad arguments', { CNI_ARGS: 'IP' }, good, { code: 4, msg: 'ARGS: invalid pair "IP"' }],
  ])('%s', async (_, change, stdin, error) => {
    const { exitCode, stdout } = await runPlugin(
      recorder('r', []),
      { ...env, ...change },
      stdin,
      testHost([]),
    );
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject(error);
  });
  it('says its versions', async () => {
    const { stdout } = await runPlugin(recorder('r', []), { CNI_COMMAND: 'VERSION' }, '', testHost([]));
    expect(JSON.parse(stdout)).toEqual({
      cniVersion: '1.0.0',
      supportedVersions: ['0.3.1', '0.4.0', '1.0.0'],
    });
  });
});

describe('result versions', () => {
  const result = {
    cniVersion: '1.0.0',
    interfaces: [{ name: 'eth0', sandbox: '/n' }],
    ips: [{ interface: 0, address: '10.244.1.2/24', gateway: '10.244.1.1' }],
    routes: [{ dst: '0.0.0.0/0', gw: '10.244.1.1' }],
    dns: {},
  };
  it('0.2.0 has one ip4', () => {
    expect(resultAsVersion(result, '0.2.0')).toEqual({
      cniVersion: '0.2.0',
      ip4: { ip: '10.244.1.2/24', gateway: '10.244.1.1', routes: result.routes },
      dns: {},
    });
  });
  it.each(['0.3.0', '0.3.1', '0.4.0', '1.0.0'])('%s reads back what it prints', (version) => {
    const printed = resultAsVersion(result, version);
    expect(parseResult(JSON.parse(JSON.stringify(printed)), version)).toEqual({
      ...result,
      cniVersion: version,
    });
    expect(JSON.stringify(printed).includes('"version":"4"')).toBe(version !== '1.0.0');
  });
});
