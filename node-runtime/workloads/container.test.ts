import { describe, expect, it } from 'vitest';
import { iptables } from '../kernel/netfilter/iptables/iptables.ts';
import { findImage, imageId, imageName } from './images.ts';
import { createContainerRuntime } from './runtime.ts';
import { PodLab, tcp, udp } from './test-kit.ts';

describe('images', () => {
  it.each([
    ['nginx', 'nginx', 'docker.io/library/nginx'],
    ['nginx:1.27-alpine', 'nginx', 'docker.io/library/nginx'],
    ['registry.k8s.io/e2e-test-images/agnhost:2.47', 'agnhost', 'registry.k8s.io/e2e-test-images/agnhost'],
    ['localhost:5000/a/busybox', 'busybox', 'localhost:5000/a/busybox'],
    ['traefik/whoami:v1.10', 'whoami', 'docker.io/traefik/whoami'],
    [`redis@sha256:${'a'.repeat(64)}`, 'redis', 'docker.io/library/redis'],
  ])('%s is %s', (reference, name, repository) => {
    expect(imageName(reference)).toBe(name);
    expect(imageId(reference)).toMatch(new RegExp(`^${repository}@sha256:[0-9a-f]{64}$`));
  });
  it.each(['', 'UPPER', 'a b', 'nginx:', ':tag', 'a//b'])('%j is none', (reference) => {
    expect(imageName(reference)).toBeUndefined();
  });
  it('pulling refuses what is none, and says of an unknown one what it will do', async () => {
    const runtime = createContainerRuntime(new PodLab());
    await expect(runtime.pull('UPPER')).rejects.toMatchObject({ reason: 'InvalidImageName' });
    expect((await runtime.pull('nginx')).notice).toBeUndefined();
    expect((await runtime.pull('example.org/app:1')).notice).toContain('example.org/app:1 is not known');
    expect(findImage('example.org/app', [])!.known).toBe(false);
  });
});

describe('a container', () => {
  it('of an unknown image answers on its ports, whatever its command', async () => {
    const lab = new PodLab();
    await lab.serve(lab.b, 'example.org/app', { command: ['/app/server'], ports: [tcp(8080), udp(53)] });
    expect((await lab.run(lab.a, ['curl', '-s', 'web:8080'])).out).toBe('b\n');
    expect((await lab.run(lab.a, ['nc', '-u', '-w1', 'web', '53'], 'hi')).out).toBe('hi');
  });

  it('two of one pod reach each other, and cannot have one port', async () => {
    const lab = new PodLab();
    await lab.serve(lab.a, 'nginx');
    expect((await lab.run(lab.a, ['curl', '-s', 'localhost'])).out).toContain('Server name: a');
    const second = lab.start(lab.a, 'nginx');
    const exit = await lab.until(second.handle.exited);
    expect(exit).toMatchObject({ exitCode: 1, message: 'nginx: [emerg] still could not bind()' });
    expect(second.log.lines[0]!.text).toBe(
      'nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)',
    );
    await lab.serve(lab.b, 'nginx');
  });

  it.each([
    [
      'agnhost',
      ['netexec', '--http-port=80', '--udp-port=-1'],
      / listen tcp :80: bind: address already in use$/,
    ],
    ['traefik/whoami', [], /^whoami: listen tcp :80: bind: address already in use$/],
    ['httpd', [], /^AH00015: Unable to open logs$/],
    ['redis', ['redis-server', '--port', '80'], /address already in use/i],
  ])('%s says in its own words that its port is taken', async (image, args, message) => {
    const lab = new PodLab();
    await lab.serve(lab.a, 'nginx');
    const { handle } = lab.start(lab.a, image, { args });
    const exit = await lab.until(handle.exited);
    expect(exit.exitCode).toBe(1);
    expect(exit.message).toMatch(message);
  });

  it('that cannot be started says why', async () => {
    const lab = new PodLab();
    const { handle } = lab.start(lab.a, 'busybox', { command: ['nosuch'] });
    await expect(handle.ready).rejects.toMatchObject({
      reason: 'RunContainerError',
      message: expect.stringContaining('exec: "nosuch": executable file not found in $PATH'),
    });
  });

  it.each([
    [['sh', '-c', 'exit 3'], 3],
    [['true'], 0],
    [['sleep', '1'], 0],
    [['cat', '/nosuch'], 1],
  ])('%j ends with %i', async (command, exitCode) => {
    const lab = new PodLab();
    const { handle } = lab.start(lab.a, 'busybox', { command });
    expect((await lab.until(handle.exited)).exitCode).toBe(exitCode);
  });

  it('busybox without anything to do ends at once; with standard input it waits for who attaches', async () => {
    const lab = new PodLab();
    expect((await lab.until(lab.start(lab.a, 'busybox').handle.exited)).exitCode).toBe(0);
    const { handle, log } = lab.start(lab.a, 'busybox', { stdin: true });
    let out = '';
    handle.attach!({
      stdin: (async function* () {
        yield Buffer.from('hostname\nexit 5\n');
      })(),
      stdout: (chunk) => {
        out += Buffer.from(chunk).toString();
      },
      stderr() {},
    });
    expect((await lab.until(handle.exited)).exitCode).toBe(5);
    expect(out).toBe('a\n');
    expect(log.lines.map((line) => line.text)).toEqual(['a']);
  });

  it('that is stopped ends, and what runs in it ends too', async () => {
    const lab = new PodLab();
    const { handle } = await lab.serve(lab.a, 'nginx');
    const { exited } = handle.exec(['sleep', '100'], { stdin: undefined, stdout() {}, stderr() {} });
    handle.stop(30_000);
    expect(await lab.until(handle.exited)).toMatchObject({ exitCode: 0, signal: 15 });
    expect((await lab.until(exited)).exitCode).toBe(137);
    const again = await lab.serve(lab.a, 'nginx');
    again.handle.stop(0);
    again.handle.stop(0);
    expect((await lab.until(again.handle.exited)).exitCode).toBe(137);
  });

  it.each([[['curl', '10.0.0.77']], [['sh', '-c', 'ping 10.0.0.77']]])(
    '%j runs as soon as it was started, whatever it waits for',
    async (command) => {
      const lab = new PodLab();
      const { handle } = lab.start(lab.a, 'busybox', { command });
      const first = Promise.race([handle.ready.then(() => 'ready'), handle.exited.then(() => 'exited')]);
      expect(await first).toBe('ready');
      handle.stop(0);
    },
  );

  it('runs scripts that are mounted into it', async () => {
    const lab = new PodLab();
    lab.files.write('/pods/run.sh', '#!/bin/sh\necho "$1 from $(hostname)"\n');
    const mounts = [{ target: '/scripts/run.sh', source: '/pods/run.sh', readOnly: true }];
    const { handle, log } = lab.start(lab.a, 'busybox', { command: ['/scripts/run.sh', 'hi'], mounts });
    await lab.until(handle.exited);
    expect(log.lines.map((line) => line.text)).toEqual(['hi from a']);
  });

  it('sees its files and the node’s through its mounts', async () => {
    const lab = new PodLab();
    lab.files.write('/pods/config/a', 'one');
    const mounts = [{ target: '/config', source: '/pods/config', readOnly: true }];
    const { handle } = lab.start(lab.a, 'busybox', { command: ['sleep', 'infinity'], mounts });
    const run = (script: string) => lab.exec(handle, ['sh', '-c', script]);
    expect((await run('ls /config; cat /config/a')).out).toBe('a\none');
    lab.files.write('/pods/config/a', 'two');
    expect((await run('cat /config/a; echo x > /config/a; echo $?')).out).toBe('two1\n');
    expect(
      (
        await run(
          'echo mine > /tmp/x; mkdir -p /data/d; mv /tmp/x /data/d; cat /data/d/x; rm -r /data; ls /data',
        )
      ).out,
    ).toBe('mine\n');
    expect((await run('head -1 /proc/net/tcp; cat /proc/sys/net/ipv4/ip_forward')).out).toMatch(
      /^ {2}sl {2}local_address[^\n]*\n0\n$/,
    );
  });
});

describe('agnhost', () => {
  it('netexec answers over HTTP and UDP, asks others, runs commands', async () => {
    const lab = new PodLab();
    await lab.serve(lab.a, 'registry.k8s.io/e2e-test-images/agnhost:2.47', { args: ['netexec'] });
    await lab.serve(lab.b, 'registry.k8s.io/e2e-test-images/agnhost:2.47', { args: ['netexec'] });
    const get = async (path: string): Promise<string> =>
      (await lab.run(lab.a, ['curl', '-s', `web:8080${path}`])).out;
    expect(await get('/hostname')).toBe('b');
    expect(await get('/hostName')).toBe('b');
    expect(await get('/clientip')).toMatch(/^10\.0\.0\.1:\d+$/);
    expect(await get('/echo?msg=x%20y')).toBe('x y');
    expect(await get('/header?key=User-Agent')).toBe('curl/7.88.1');
    expect(JSON.parse(await get('/shell?shellCommand=hostname'))).toEqual({ output: 'b\n' });
    expect(
      JSON.parse(await get('/dial?host=10.0.0.1&protocol=http&port=8080&request=hostname&tries=2')),
    ).toEqual({
      responses: ['a', 'a'],
    });
    expect(JSON.parse(await get('/dial?host=10.0.0.1&protocol=udp&port=8081&request=hostname'))).toEqual({
      responses: ['a'],
    });
    expect(JSON.parse(await get('/dial?host=10.0.0.1&protocol=http&port=99')).errors[0]).toBe(
      'Get "http://10.0.0.1:99/hostname": dial tcp 10.0.0.1:99: connect: connection refused',
    );
    expect((await lab.run(lab.a, ['nc', '-u', '-w1', 'web', '8081'], 'echo hi there')).out).toBe('hi there');
    expect((await lab.run(lab.a, ['nc', '-u', '-w1', 'web', '8081'], 'clientip')).out).toMatch(
      /^10\.0\.0\.1:\d+$/,
    );
  });

  it.each([
    ['10.0.0.2:80', 0, ''],
    ['10.0.0.2:81', 1, 'REFUSED\n'],
    ['10.0.0.77:80', 1, 'OTHER: dial tcp 10.0.0.77:80: connect: no route to host\n'],
    ['nosuch:80', 1, 'DNS: lookup nosuch: no such host\n'],
  ])('connect %s', async (target, code, err) => {
    const lab = new PodLab();
    await lab.serve(lab.b, 'agnhost', { args: ['serve-hostname', '--port', '80'] });
    expect(await lab.run(lab.a, ['/agnhost', 'connect', '--timeout=5s', target])).toEqual({
      code,
      out: '',
      err,
    });
    expect((await lab.run(lab.a, ['/agnhost', 'connect', '--timeout=1s', '10.0.0.77:80'])).err).toBe(
      'TIMEOUT\n',
    );
  });
});

it('redis keeps, counts and forgets', async () => {
  const lab = new PodLab();
  await lab.serve(lab.b, 'redis:7');
  const cli = async (...words: string[]) => (await lab.run(lab.a, ['redis-cli', '-h', 'web', ...words])).out;
  expect(await cli('ping')).toBe('PONG\n');
  expect(await cli('set', 'k', 'v w')).toBe('OK\n');
  expect(await cli('get', 'k')).toBe('v w\n');
  expect(await cli('incr', 'n')).toBe('1\n');
  expect(await cli('incr', 'n')).toBe('2\n');
  expect(await cli('nosuch')).toContain("ERR unknown command 'nosuch'");
});

it('iperf3 measures: client and server count the same bytes', async () => {
  const lab = new PodLab();
  const { log } = await lab.serve(lab.b, 'networkstatic/iperf3', { args: ['-s', '-1'] });
  const { code, out } = await lab.run(lab.a, ['iperf3', '-c', 'web', '-n', '2M', '-P', '2']);
  expect(code).toBe(0);
  expect(out).toMatch(
    /^Connecting to host web, port 5201\n\[ {2}5\] local 10\.0\.0\.1 port \d+ connected to 10\.0\.0\.2 port 5201\n/,
  );
  expect(out).toMatch(
    /\[SUM\] .* 2\.00 MBytes .*sender\n\[SUM\] .* 2\.00 MBytes .*receiver\n\niperf Done\.\n$/,
  );
  expect(log.lines.map((line) => line.text)).toContain('Server listening on 5201 (test #1)');
  const refused = await lab.run(lab.a, ['iperf3', '-c', '10.0.0.1']);
  expect(refused).toMatchObject({
    code: 1,
    err: 'iperf3: error - unable to connect to server: Connection refused\n',
  });
});

it.each(['10M', '0'])('iperf3 -u at %s: numbered datagrams, counted where they arrive', async (rate) => {
  const lab = new PodLab();
  const { log } = await lab.serve(lab.b, 'networkstatic/iperf3', { args: ['-s', '-1'] });
  const argv = ['iperf3', '-u', '-c', 'web', '-n', '64K', '-l', '1K', '-b', rate];
  const { code, out, err } = await lab.run(lab.a, argv);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(/local 10\.0\.0\.1 port \d+ connected to 10\.0\.0\.2 port 5201\n/);
  expect(out).toMatch(/64\.0 KBytes .*0\.000 ms {2}0\/64 \(0%\) {2}sender\n/);
  expect(out).toMatch(/64\.0 KBytes .* \d\.\d{3} ms {2}0\/64 \(0%\) {2}receiver\n/);
  expect(log.lines.at(-1)?.text).toMatch(/0\/64 \(0%\) {2}receiver$/);
});

it('iperf3 -u counts what is missing, and refuses datagrams that cannot hold a number', async () => {
  const lab = new PodLab();
  await lab.serve(lab.b, 'networkstatic/iperf3', { args: ['-s', '-1'] });
  // The hello is the first; of the datagrams the 3rd, 7th … 63rd die.
  const every = ['-m', 'statistic', '--mode', 'nth', '--every', '4', '--packet', '3'];
  iptables(lab.b.ns, ['-A', 'INPUT', '-p', 'udp', ...every, '-j', 'DROP']);
  const { out } = await lab.run(lab.a, 'iperf3 -u -c web -n 64K -l 1K -b 10M'.split(' '));
  expect(out).toMatch(/16\/64 \(25%\) {2}receiver\n/);
  const short = await lab.run(lab.a, ['iperf3', '-u', '-c', 'web', '-l', '8']);
  expect(short).toMatchObject({ code: 1, err: expect.stringContaining('valid range 16 to 65507 bytes') });
});
