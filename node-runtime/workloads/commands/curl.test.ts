import { describe, expect, it } from 'vitest';
import { PodLab, tcp } from '../test-kit.ts';

const whoami = async (): Promise<PodLab> => {
  const lab = new PodLab();
  await lab.serve(lab.b, 'traefik/whoami');
  return lab;
};

describe('curl', () => {
  it('prints the body, and on standard error the meter unless it is silent', async () => {
    const lab = await whoami();
    const silent = await lab.run(lab.a, ['curl', '-s', 'web']);
    expect(silent.code).toBe(0);
    expect(silent.err).toBe('');
    expect(silent.out).toMatch(
      /^Hostname: b\nIP: 127\.0\.0\.1\nIP: 10\.0\.0\.2\nRemoteAddr: 10\.0\.0\.1:\d+\nGET \/ HTTP\/1\.1\nHost: web\nAccept: \*\/\*\nUser-Agent: curl\/7\.88\.1\n\n$/,
    );
    const loud = await lab.run(lab.a, ['curl', 'web']);
    expect(loud.err).toMatch(/^ {2}% Total {4}% Received % Xferd/);
  });

  it('shows the conversation with -v', async () => {
    const lab = await whoami();
    const { err } = await lab.run(lab.a, ['curl', '-sv', '-H', 'X-A: 1', '-d', 'a=b', 'http://web/health']);
    expect(err.split('\n').filter((line) => !line.startsWith('< Date'))).toEqual([
      '*   Trying 10.0.0.2:80...',
      '* Connected to web (10.0.0.2) port 80 (#0)',
      '> POST /health HTTP/1.1',
      '> Host: web',
      '> User-Agent: curl/7.88.1',
      '> Accept: */*',
      '> X-A: 1',
      '> Content-Length: 3',
      '> Content-Type: application/x-www-form-urlencoded',
      '> ',
      '< HTTP/1.1 200 OK',
      '< Connection: keep-alive',
      '< Content-Length: 0',
      '< ',
      '* Connection #0 to host left intact',
      '',
    ]);
  });

  it('writes what is asked for with -w, and the body to a file', async () => {
    const lab = await whoami();
    const format =
      '%{http_code} %{remote_ip}:%{remote_port} %{local_ip} %{size_download} %{num_connects} %{exitcode}%{nosuch}\\n';
    expect(await lab.run(lab.a, ['curl', '-so', '/tmp/body', '-w', format, 'web/bench'])).toEqual({
      code: 0,
      out: '200 10.0.0.2:80 10.0.0.1 1 1 0\n',
      err: '',
    });
  });

  it.each([
    ['web:99', 7, "curl: (7) Failed to connect to web port 99 after 0 ms: Couldn't connect to server\n"],
    [
      '10.9.9.9',
      7,
      "curl: (7) Failed to connect to 10.9.9.9 port 80 after 0 ms: Couldn't connect to server\n",
    ],
    ['nosuch.invalid', 6, 'curl: (6) Could not resolve host: nosuch.invalid\n'],
    ['http://web:http/', 3, 'curl: (3) URL using bad/illegal format or missing URL\n'],
    ['ftp://web/', 1, 'curl: (1) Protocol "ftp" not supported or disabled in libcurl\n'],
  ])('%s ends with %i', async (url, code, err) => {
    const lab = await whoami();
    expect(await lab.run(lab.a, ['curl', '-sS', url])).toEqual({ code, out: '', err });
    expect((await lab.run(lab.a, ['curl', '-s', url])).err).toBe('');
  });

  it('gives up in time', async () => {
    const lab = new PodLab();
    const connect = await lab.run(lab.a, ['curl', '-sS', '--connect-timeout', '1', '10.0.0.77']);
    expect(connect).toMatchObject({
      code: 28,
      err: 'curl: (28) Failed to connect to 10.0.0.77 port 80 after 1000 ms: Timeout was reached\n',
    });
    const whole = await lab.run(lab.a, ['curl', '-sSm', '1', '10.0.0.77']);
    expect(whole).toMatchObject({
      code: 28,
      err: 'curl: (28) Connection timed out after 1000 milliseconds\n',
    });
  });

  it('-f makes an error of an error, without its page', async () => {
    const lab = new PodLab();
    await lab.serve(lab.b, 'nginx');
    expect(await lab.run(lab.a, ['curl', '-sSf', 'web/none'])).toEqual({
      code: 22,
      out: '',
      err: 'curl: (22) The requested URL returned error: 404\n',
    });
    expect((await lab.run(lab.a, ['curl', '-s', 'web/none'])).out).toContain(
      '<center><h1>404 Not Found</h1></center>',
    );
  });

  it('a server that says nothing is told from one that resets', async () => {
    const lab = new PodLab();
    const { handle } = lab.start(lab.b, 'busybox', { command: ['nc', '-l', '-p', '81'] });
    await lab.until(handle.ready);
    expect(await lab.run(lab.a, ['curl', '-sS', 'web:81'])).toMatchObject({
      code: 52,
      err: 'curl: (52) Empty reply from server\n',
    });
  });

  it('--resolve stands before every other source of names; -I asks for the head only', async () => {
    const lab = await whoami();
    const { out } = await lab.run(lab.a, [
      'curl',
      '-sI',
      '--resolve',
      'x.test:80:10.0.0.2',
      'http://x.test/',
    ]);
    expect(out).toMatch(/^HTTP\/1\.1 200 OK\r\nContent-Type: text\/plain; charset=utf-8\r\n/);
    expect(out).toMatch(/\r\n\r\n$/);
  });

  it('reads and writes files of the container', async () => {
    const lab = new PodLab();
    await lab.serve(lab.b, 'example.org/app', { ports: [tcp(8080)] });
    const { handle } = lab.start(lab.a, 'pause');
    await lab.exec(handle, ['sh', '-c', 'echo data > /tmp/d; curl -s -d @/tmp/d -o /tmp/out web:8080']);
    expect((await lab.exec(handle, ['cat', '/tmp/out'])).out).toBe('b\n');
    expect((await lab.exec(handle, ['curl', '-sS', '-o', '/nodir/x', 'web:8080'])).err).toBe(
      'curl: (23) Failure writing output to destination\n',
    );
  });

  it('says what it does not know', async () => {
    const lab = new PodLab();
    expect(await lab.run(lab.a, ['curl', '--nosuch', 'web'])).toEqual({
      code: 2,
      out: '',
      err: "curl: option --nosuch: is unknown\ncurl: try 'curl --help' or 'curl --manual' for more information\n",
    });
  });
});
