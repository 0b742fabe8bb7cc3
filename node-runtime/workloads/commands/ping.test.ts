import { describe, expect, it } from 'vitest';
import { PodLab } from '../test-kit.ts';
import { showTime } from './ping.ts';

describe('ping', () => {
  it('answers, with statistics', async () => {
    const lab = new PodLab();
    const { code, out } = await lab.run(lab.a, ['ping', '-c', '2', '10.0.0.2']);
    expect(code).toBe(0);
    expect(out).toBe(
      [
        'PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.',
        '64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.000 ms',
        '64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=0.000 ms',
        '',
        '--- 10.0.0.2 ping statistics ---',
        '2 packets transmitted, 2 received, 0% packet loss, time 1000ms',
        'rtt min/avg/max/mdev = 0.000/0.000/0.000/0.000 ms',
        '',
      ].join('\n'),
    );
  });

  it('names what it was given by name, and only says it all at the end with -q', async () => {
    const lab = new PodLab();
    const named = await lab.run(lab.a, ['ping', '-c1', 'web']);
    expect(named.out).toContain(
      'PING web (10.0.0.2) 56(84) bytes of data.\n64 bytes from b (10.0.0.2): icmp_seq=1',
    );
    const quiet = await lab.run(lab.a, ['ping', '-qc1', '-s', '8', '-I', 'eth0', '10.0.0.2']);
    expect(quiet.out).toBe(
      'PING 10.0.0.2 (10.0.0.2) from 10.0.0.1 eth0: 8(36) bytes of data.\n\n--- 10.0.0.2 ping statistics ---\n1 packets transmitted, 1 received, 0% packet loss, time 0ms\n\n',
    );
  });

  it('tells of each hop that says why not, and waits no longer', async () => {
    const lab = new PodLab();
    const { code, out } = await lab.run(lab.a, ['ping', '-c', '3', '10.0.0.77']);
    expect(code).toBe(1);
    expect(out).toContain('From 10.0.0.1 icmp_seq=1 Destination Host Unreachable\n');
    expect(out).toMatch(
      /3 packets transmitted, 0 received, \+3 errors, 100% packet loss, time \d+ms\npipe 3\n$/,
    );
  });

  it.each([
    [['ping', '-c1', '10.9.9.9'], 2, 'ping: connect: Network is unreachable\n'],
    [['ping'], 1, 'ping: usage error: Destination address required\n'],
    [['ping', '-c', 'a', '10.0.0.2'], 1, "ping: invalid argument: 'a'\n"],
    [['ping', '-c1', 'nosuch.invalid'], 2, 'ping: nosuch.invalid: Temporary failure in name resolution\n'],
    [['ping', '-c1', '-I', 'nodev', '10.0.0.2'], 2, 'ping: SO_BINDTODEVICE nodev: No such device\n'],
    [['ping', '-c1', '-I', '10.0.0.5', '10.0.0.2'], 2, 'ping: bind: Cannot assign requested address\n'],
    [
      ['ping', '-c1', '-M', 'do', '-s', '2000', '10.0.0.2'],
      1,
      'ping: local error: message too long, mtu=1500\n',
    ],
    [
      ['ping', '-c1', '10.0.0.255'],
      2,
      'ping: Do you want to ping broadcast? Then -b. If not, check your local firewall rules\n',
    ],
  ])('%j ends with %i', async (argv, code, err) => {
    const lab = new PodLab();
    expect(await lab.run(lab.a, argv)).toMatchObject({ code, err });
  });

  it('ends at its deadline', async () => {
    const lab = new PodLab();
    const before = lab.clock.now();
    const { code } = await lab.run(lab.a, ['ping', '-w', '2', '-i', '0.5', '10.0.0.2']);
    expect(code).toBe(0);
    expect(lab.clock.now() - before).toBe(2000);
  });
});

it.each([
  [0.0455, '0.045'],
  [1.239, '1.23'],
  [12.39, '12.3'],
  [123.9, '123'],
])('%d ms is shown as %s', (ms, text) => {
  expect(showTime(ms)).toBe(text);
});
