// The same machines in processes, in threads and in one process: they find each other, and are killed, paused and
// restarted alike.
import { afterEach, describe, expect, it } from 'vitest';
import { isAlive } from '../../emulator/supervisor/adopt.ts';
import type { MemberEvent } from '../../emulator/supervisor/member.ts';
import { processPlacement } from '../../emulator/supervisor/place-process.ts';
import { FABRIC, Supervisor } from '../../emulator/supervisor/supervisor.ts';
import { API, bareCluster, bareNode, ENTRY, PLACES, type Place, ping, until } from './bare-cluster.ts';
import { allGone } from './podwire.ts';

const NODES = [bareNode(1), bareNode(2), bareNode(3, 'b')];

describe.each(Object.keys(PLACES) as (keyof typeof PLACES)[])('placement %s', (kind) => {
  let place: Place;
  let supervisor: Supervisor;
  let events: [string, MemberEvent][] = [];
  const start = async (cluster = bareCluster(NODES)): Promise<void> => {
    place = PLACES[kind]();
    events = [];
    supervisor = new Supervisor({
      cluster,
      placement: place.placement,
      api: () => API,
      lifetime: 'foreground',
      logLevel: 'silent',
      event: (name, event) => events.push([name, event]),
    });
    await place.during(supervisor.start());
  };
  const reply = async (from: string, dst: string, timeout = 1000) =>
    await place.during(ping(supervisor, from, dst, { timeout }));
  afterEach(async () => {
    await place.during(supervisor.stop());
    place.stop();
  });

  it('machines answer each other, on one segment and through the router', async () => {
    await start();
    expect(await reply('node-1', '192.168.100.12')).toMatchObject({ result: 'reply', text: /TTL 64/ });
    expect(await reply('node-1', '192.168.101.13')).toMatchObject({ result: 'reply', text: /TTL 63/ });
    expect(await reply('node-3', '192.168.100.2')).toMatchObject({ result: 'reply' });
    expect(await reply('node-3', '192.168.100.1')).toMatchObject({ result: 'reply' });
    // Unicast went directly from node to node, and what crossed segments through the fabric.
    const { links } = await supervisor.member('node-1').request('stats', {});
    expect(Object.fromEntries(links.map((link) => [link.peer, link.state]))).toEqual({
      fabric: 'open',
      'node-2': 'open',
    });
    // Three requests, a second apart: only virtual time can wait for that in a test.
    if (kind === 'inline, virtual time')
      expect(await reply('node-1', '192.168.100.77', 5000)).toMatchObject({
        result: 'icmp-error',
        icmp: { type: 3, code: 1, from: '192.168.100.11' },
      });
  });

  it('a killed node comes back with its address and MAC; the others go on meanwhile', async () => {
    await start();
    await reply('node-1', '192.168.100.12');
    supervisor.member('node-2').kill();
    await until(() => events.some(([name, event]) => name === 'node-2' && event.type === 'exited'));
    expect(await reply('node-1', '192.168.101.13')).toMatchObject({ result: 'reply' });
    await place.during(until(() => supervisor.member('node-2').state === 'ready'));
    expect(supervisor.member('node-2').restarts).toBe(1);
    expect(await reply('node-1', '192.168.100.12')).toMatchObject({ result: 'reply' });
    expect(await reply('node-2', '192.168.100.11')).toMatchObject({ result: 'reply' });
    const { devices } = await supervisor.member('node-2').request('stats', {});
    expect(devices.find((dev) => dev.dev === 'eth0')).toMatchObject({
      mac: '02:00:c0:a8:64:0c',
      addresses: ['192.168.100.12/24'],
    });
  });

  it('a killed fabric comes back too', async () => {
    await start();
    await reply('node-1', '192.168.100.12');
    supervisor.member(FABRIC).kill();
    await until(() => events.some(([name, event]) => name === FABRIC && event.type === 'exited'));
    // Nodes of one segment that know each other's MACs need no switch.
    expect(await reply('node-1', '192.168.100.12')).toMatchObject({ result: 'reply' });
    await place.during(until(() => supervisor.member(FABRIC).state === 'ready'));
    await place.during(
      until(async () => (await ping(supervisor, 'node-1', '192.168.101.13')).result === 'reply'),
    );
  });

  it('a paused node stands still and then answers what waited', async () => {
    await start();
    await reply('node-1', '192.168.100.12');
    supervisor.member('node-2').pause();
    expect(() => supervisor.member('node-2').pause()).toThrow(/paused/);
    const asked = ping(supervisor, 'node-1', '192.168.100.12', { timeout: 300 });
    expect(await place.during(asked)).toMatchObject({ result: 'timeout' });
    const late = ping(supervisor, 'node-1', '192.168.100.12', { timeout: 5000 });
    supervisor.member('node-2').resume();
    expect(await place.during(late)).toMatchObject({ result: 'reply' });
    expect(events.filter(([, event]) => event.type === 'exited')).toEqual([]);
  });

  it('nodes are added, removed and restarted in a running cluster', async () => {
    await start();
    await place.during(supervisor.addNode(bareNode(4)));
    expect(await reply('node-1', '192.168.100.14')).toMatchObject({ result: 'reply' });
    await place.during(supervisor.restart('node-4'));
    expect(await reply('node-4', '192.168.101.13')).toMatchObject({ result: 'reply' });
    await expect(supervisor.addNode(bareNode(4))).rejects.toMatchObject({ code: 'E_EXISTS' });
    await place.during(supervisor.removeNode('node-4'));
    expect(() => supervisor.member('node-4')).toThrow(/node-4/);
    expect(await reply('node-1', '192.168.100.14', 200)).toMatchObject({ result: 'timeout' });
  });

  it('says why a node cannot be set up, and leaves nothing', async () => {
    const wrong = bareCluster([bareNode(1), bareNode(2, 'a', { sysctls: { 'net.ipv4.nonsense': '1' } })]);
    await expect(start(wrong)).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: expect.stringContaining('net.ipv4.nonsense'),
    });
    expect([...supervisor.members.values()].map((member) => member.state)).toEqual([
      'stopped',
      'stopped',
      'stopped',
    ]);
  });

  it('answers what it cannot do with a code', async () => {
    await start();
    const node = supervisor.member('node-1');
    await expect(node.request('drops', {})).resolves.toMatchObject({ drops: expect.any(Array) });
    await expect(
      node.request('capture.start', {
        capture: 1,
        at: { netns: 'host', dev: 'eth9' },
        snaplen: 96,
        drops: false,
      }),
    ).rejects.toMatchObject({ code: 'E_NOT_FOUND', message: expect.stringContaining('eth9') });
    await expect(node.request('daemon', { name: 'crond', action: 'start' })).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
    });
  });

  it('captures the frames of a device', async () => {
    await start();
    const node = supervisor.member('node-2');
    const at = { netns: 'host', dev: 'eth0' };
    expect(await node.request('capture.start', { capture: 7, at, snaplen: 64, drops: true })).toEqual({
      linkType: 1,
    });
    await reply('node-1', '192.168.100.12');
    const { frames } = await node.request('capture.stop', { capture: 7 });
    const seen = events.flatMap(([name, event]) =>
      name === 'node-2' && event.type === 'message' && event.message.type === 'capture.frames'
        ? event.message.frames
        : [],
    );
    // ARP and its answer, echo and its answer.
    expect(seen.map((frame) => [frame.outgoing, frame.length, frame.bytes.length])).toEqual([
      [false, 42, 42],
      [true, 42, 42],
      [false, 98, 64],
      [true, 98, 64],
    ]);
    expect(frames).toBe(4);
  });
});

describe('a node process', () => {
  const boot = {
    role: 'node',
    name: 'node-1',
    secret: 'x',
    listen: { host: '127.0.0.1', port: 0 },
    dialable: true,
    lifetime: 'foreground',
    orphanTimeout: 0,
    logLevel: 'silent',
  } as const;

  it('that cannot listen says so and ends', async () => {
    const { placement } = PLACES.process();
    await expect(
      placement.start({ ...boot, listen: { host: '203.0.113.1', port: 0 } }),
    ).rejects.toMatchObject({
      code: 'E_START',
      message: expect.stringMatching(/exit code 3.*cannot listen on 203\.0\.113\.1/),
    });
  });
  it('that is not there says so', async () => {
    await expect(processPlacement({ entry: '/nowhere/node.js' }).start(boot)).rejects.toMatchObject({
      code: 'E_START',
    });
  });
  it('is named in ps, and its secret is nowhere to be read', async () => {
    const placed = await processPlacement({ entry: ENTRY }).start({ ...boot, secret: 'not-for-others' });
    const { readFile } = await import('node:fs/promises');
    if (process.platform === 'linux') {
      const of = (file: string) => readFile(`/proc/${placed.pid}/${file}`, 'utf8');
      expect((await of('cmdline')).replaceAll('\0', '').trim()).toBe('node-runtime node-1');
      expect(await of('environ')).not.toContain('not-for-others');
    }
    placed.kill();
    expect(await placed.exited).toMatchObject({ signal: 'SIGKILL' });
    await allGone([placed.pid], 1000);
    expect(isAlive(placed.pid)).toBe(false);
  });
});
