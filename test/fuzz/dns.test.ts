// DNS messages at random, bent from real ones, into a server with the kubernetes, hosts, cache and rewrite plugins: each is answered by
// a message that can be read, or by silence, and nothing grows.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decode } from '../../coredns-lite/dns/decode.ts';
import type { Server } from '../../coredns-lite/server/server.ts';
import { Lab } from '../../coredns-lite/testing/lab.ts';
import { queryOf } from '../compliance/dns/ask.ts';
import { bend } from './mutate.ts';
import { dice, GROWTH, memory, pick, share } from './scale.ts';

const MESSAGES = 10_000_000;
const table = join(import.meta.dirname, '../compliance/dns');
const corefile = `. {
  rewrite name suffix .short .default.svc.cluster.local answer auto
  cache 30
  hosts {
    192.0.2.1 a.example.org
    fallthrough
  }
  kubernetes cluster.local in-addr.arpa {
    objects /o
    pods insecure
  }
}`;

describe('DNS messages', () => {
  it('bent, are answered by something that can be read, or not at all', async () => {
    const lab = await new Lab(corefile, {
      files: { '/o': readFileSync(join(table, 'objects.yaml'), 'utf8') },
    }).start();
    const seeds = readFileSync(join(table, 'questions.txt'), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => Uint8Array.from(queryOf(line)));
    const server = lab.instance.entry as Server;
    const rounds = share(MESSAGES);
    const roll = dice('dns messages', rounds);
    const peer = { address: '10.0.0.9', port: 5000 };
    let answered = 0;
    const before = memory();
    for (let i = 0; i < rounds; i++) {
      let bytes = pick(roll, seeds).slice();
      for (let n = roll.below(4); n > 0; n--) bytes = Uint8Array.from(bend(roll, bytes, pick(roll, seeds)));
      const waiting = server.receive(bytes, peer, i % 3 === 0 ? 'tcp' : 'udp', (reply) => {
        answered++;
        if (decode(reply) === undefined)
          expect.unreachable(`${Buffer.from(bytes).toString('hex')} → ${reply.toString('hex')}`);
      });
      if (waiting !== undefined) await waiting;
    }
    expect(answered).toBeGreaterThan(rounds / 4);
    expect(lab.lines.filter((line) => line.includes('Recovered'))).toEqual([]);
    expect(memory() - before).toBeLessThan(GROWTH);
  });
});
