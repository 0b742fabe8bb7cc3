import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { Lab } from '../kernel/transport/test-kit.ts';
import { connect } from '../sockets/net.ts';
import { socketStack } from '../sockets/stack.ts';
import { API_PORT, startRelay } from './relay.ts';

it('lets go of the API server when it stops, or the fabric could not end', async () => {
  const lab = new Lab();
  const turn = setInterval(() => lab.run(20), 1);
  const client = socketStack(lab.a, {});
  const dialled: PassThrough[] = [];
  const relay = await startRelay({
    ns: lab.b,
    dial: () => {
      dialled.push(new PassThrough());
      return dialled.at(-1)!;
    },
    log: { warn() {} } as never,
  });
  const socket = connect(client, { host: '10.0.0.2', port: API_PORT });
  await once(socket, 'connect');
  socket.write('x');
  await once(socket, 'data');
  relay.stop();
  expect(dialled.map((stream) => stream.destroyed)).toEqual([true]);
  clearInterval(turn);
  client.stop();
});
