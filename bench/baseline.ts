// The process that Podwire's are measured against: one bundle with its code cache that imports what a node imports (ws,
// msgpackr, pino), opens a server, says that it is ready and does nothing else, unless it is asked to push, echo or
// count. Whatever a baseline does is the fastest form of it that we know.
//
// Questions come as lines of JSON on standard input, answers go as lines on descriptor 3; its end is our end.
import { createWriteStream } from 'node:fs';
import { pack } from 'msgpackr';
import pino from 'pino';
import { WebSocketServer } from 'ws';
import type { Answer, Question } from './baselines/messages.ts';

const log = pino({ level: 'warn' });
const out = createWriteStream('', { fd: 3 });
const say = (answer: Answer): void => void out.write(`${JSON.stringify(answer)}\n`);
const cpu = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
server.on('connection', (socket, request) => {
  socket.on('error', () => socket.terminate());
  if (request.url === '/echo') socket.on('message', (data: Buffer) => socket.send(data));
  else void import('./baselines/push.ts').then(({ push }) => push(socket));
});
server.on('listening', () => {
  const { port } = server.address() as { port: number };
  log.debug({ bytes: pack({ port }).length }, 'ready');
  say({ id: 0, url: `ws://127.0.0.1:${port}`, cpuMs: cpu(), ms: performance.now() });
});

async function answer(question: Question): Promise<unknown> {
  switch (question.op) {
    case 'cpu':
      return cpu();
    case 'receive':
      return (await import('./baselines/push.ts')).receive(question);
    case 'echo':
      return (await import('./baselines/echo.ts')).echo(question);
    case 'links':
      return (await import('./baselines/echo.ts')).links(question);
    case 'udp-receive':
      return (await import('./baselines/udp.ts')).receive();
    case 'udp-count':
      return (await import('./baselines/udp.ts')).count();
    case 'udp-send':
      return (await import('./baselines/udp.ts')).send(question);
  }
}

let text = '';
process.stdin.on('data', (chunk: Buffer) => {
  text += chunk.toString('utf8');
  for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
    const question = JSON.parse(text.slice(0, end)) as Question;
    text = text.slice(end + 1);
    answer(question).then(
      (value) => say({ id: question.id, value }),
      (error: unknown) => say({ id: question.id, error: String(error) }),
    );
  }
});
process.stdin.on('end', () => process.exit(0));
process.stdin.on('error', () => process.exit(0));
