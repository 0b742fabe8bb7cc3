import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { MessageChannel } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { Lab } from '../kernel/transport/test-kit.ts';
import { createSocket } from './dgram.ts';
import { httpAgent, httpRequest, httpServer } from './http.ts';
import { connect } from './net.ts';
import { createServer } from './net-server.ts';
import { ping } from './ping.ts';
import { hostsResolver } from './resolve.ts';
import { portStack, type SocketStack, servePort, socketStack } from './stack.ts';

interface Host {
  readonly stack: SocketStack;
  stop(): void;
}

/** The same tests over both carriers. The clock stands still but for `lab.run`. */
const carriers: readonly [string, (lab: Lab, ns: 'a' | 'b') => Host][] = [
  [
    'direct call',
    (lab, ns) => {
      const stack = socketStack(lab[ns], { resolve: hostsResolver(new Map([['b.test', ['10.0.0.2']]])) });
      return { stack, stop: () => stack.stop() };
    },
  ],
  [
    'MessagePort',
    (lab, ns) => {
      const { port1, port2 } = new MessageChannel();
      const server = servePort(lab[ns], port1);
      const stack = portStack(port2, { resolve: hostsResolver(new Map([['b.test', ['10.0.0.2']]])) });
      return { stack, stop: () => server.stop() };
    },
  ],
];

const body = async (response: IncomingMessage): Promise<string> => {
  let text = '';
  for await (const chunk of response) text += chunk;
  return text;
};

describe.each(carriers)('sockets by %s', (_name, host) => {
  function hosts(): { lab: Lab; a: SocketStack; b: SocketStack; stop(): void } {
    const lab = new Lab();
    const a = host(lab, 'a');
    const b = host(lab, 'b');
    // Time passes by itself here, so that delayed ACKs and the like come.
    const turn = setInterval(() => lab.run(20), 1);
    return {
      lab,
      a: a.stack,
      b: b.stack,
      stop: () => {
        clearInterval(turn);
        a.stop();
        b.stop();
      },
    };
  }

  it('speak TCP with addresses, data both ways and an orderly end', async () => {
    const { a, b, stop } = hosts();
    const server = createServer(b, (socket) => socket.pipe(socket));
    server.listen({ port: 7 });
    await once(server, 'listening');
    expect(server.address()).toEqual({ address: '0.0.0.0', port: 7, family: 'IPv4' });
    const client = connect(a, { host: 'b.test', port: 7 });
    await once(client, 'connect');
    expect([client.remoteAddress, client.remotePort, client.localAddress]).toEqual([
      '10.0.0.2',
      7,
      '10.0.0.1',
    ]);
    client.end('hello');
    let text = '';
    for await (const chunk of client) text += chunk;
    expect(text).toBe('hello');
    expect(client.bytesRead).toBe(5);
    server.close();
    await once(server, 'close');
    stop();
  });

  it('move megabytes with back pressure, hash right', async () => {
    const { a, b, stop } = hosts();
    const size = 6 << 20;
    const data = Buffer.alloc(size, 'podwire moves bytes ');
    let received = 0;
    let same = true;
    const server = createServer(b, (socket) => {
      socket.on('data', (chunk: Buffer) => {
        same &&= chunk.equals(data.subarray(received, received + chunk.length));
        received += chunk.length;
      });
    });
    server.listen({ port: 9 });
    await once(server, 'listening');
    const client = connect(a, { host: '10.0.0.2', port: 9 });
    client.end(data);
    await once(client, 'close');
    expect([received, same]).toEqual([size, true]);
    stop();
  });

  it('carry node:http, alone and with a keep-alive agent', async () => {
    const { a, b, stop } = hosts();
    const web = await httpServer(b, { port: 80 }, (request, response) => {
      response.end(`${request.method} ${request.url} from ${request.socket.remoteAddress}`);
    });
    const get = (path: string, agent?: ReturnType<typeof httpAgent>): Promise<string> =>
      new Promise((resolve, reject) => {
        const options = { host: 'b.test', port: 80, path, ...(agent === undefined ? {} : { agent }) };
        httpRequest(a, options, (response) => void body(response).then(resolve, reject))
          .on('error', reject)
          .end();
      });
    expect(await get('/one')).toBe('GET /one from 10.0.0.1');
    const agent = httpAgent(a, { keepAlive: true, maxSockets: 1 });
    expect(await get('/two', agent)).toBe('GET /two from 10.0.0.1');
    expect(await get('/three', agent)).toBe('GET /three from 10.0.0.1');
    agent.destroy();
    web.stop();
    stop();
  });

  it('refuse as Node does', async () => {
    const { a, b, stop } = hosts();
    const refused = connect(a, { host: '10.0.0.2', port: 81 });
    const [error] = await once(refused, 'error');
    expect(error).toMatchObject({
      code: 'ECONNREFUSED',
      errno: -111,
      syscall: 'connect',
      address: '10.0.0.2',
      port: 81,
      message: 'connect ECONNREFUSED 10.0.0.2:81',
    });
    const unknown = connect(a, { host: 'nowhere.test', port: 81 });
    expect((await once(unknown, 'error'))[0]).toMatchObject({
      code: 'ENOTFOUND',
      message: 'getaddrinfo ENOTFOUND nowhere.test',
    });
    const unrouted = connect(a, { host: '192.0.2.1', port: 81 });
    expect((await once(unrouted, 'error'))[0]).toMatchObject({ code: 'ENETUNREACH' });
    const first = createServer(b).listen({ port: 82 });
    await once(first, 'listening');
    const second = createServer(b).listen({ port: 82 });
    expect((await once(second, 'error'))[0]).toMatchObject({
      code: 'EADDRINUSE',
      message: 'listen EADDRINUSE: address already in use 0.0.0.0:82',
    });
    const controller = new AbortController();
    const aborted = connect(a, { host: '10.0.0.2', port: 82, signal: controller.signal });
    controller.abort();
    expect((await once(aborted, 'error'))[0]).toMatchObject({ code: 'ABORT_ERR' });
    stop();
  });

  it('speak UDP, and hear that nobody listens', async () => {
    const { a, b, stop } = hosts();
    const server = createSocket(b);
    server.on('message', (data: Buffer, from) => server.send(`re: ${data}`, from));
    server.bind({ port: 53 });
    await once(server, 'listening');
    const client = createSocket(a);
    client.send('query', { address: 'b.test', port: 53 });
    const [data, from] = await once(client, 'message');
    expect([String(data), from.address, from.port, from.ttl]).toEqual(['re: query', '10.0.0.2', 53, 64]);
    const lost = createSocket(a);
    lost.connect(54, '10.0.0.2');
    await once(lost, 'connect');
    lost.send('anyone?');
    expect((await once(lost, 'error'))[0]).toMatchObject({ code: 'ECONNREFUSED' });
    stop();
  });

  it('ping', async () => {
    const { a, stop } = hosts();
    expect(await ping(a, { host: 'b.test', size: 100 })).toMatchObject({
      outcome: 'reply',
      from: '10.0.0.2',
      seq: 1,
      ttl: 64,
      bytes: 108,
    });
    expect(await ping(a, { host: '10.0.0.2', df: true, size: 1473 })).toMatchObject({
      outcome: 'error',
      errno: 'EMSGSIZE',
    });
    expect(await ping(a, { host: '10.0.0.9', timeout: 10_000 })).toMatchObject({
      outcome: 'error',
      errno: 'EHOSTUNREACH',
      from: '10.0.0.1',
    });
    stop();
  });
});
