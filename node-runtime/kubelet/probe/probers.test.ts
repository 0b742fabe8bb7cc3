import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Probe } from '../../../emulator/api/types/pod.ts';
import { VirtualClock } from '../../kernel/clock/virtual-clock.ts';
import { initialRecord, observe, settingsOf } from './policy.ts';
import { healthRequest, portNumber, runProbe, servingStatus } from './probers.ts';

const container = { name: 'a', ports: [{ name: 'web', containerPort: 8080 }] };

/** A dial that refuses, and remembers what it was asked for. */
function refusing() {
  const dialled: string[] = [];
  const dial = (address: string, port: number): Duplex => {
    dialled.push(`${address}:${port}`);
    const stream = new Duplex({ read() {}, write: (_c, _e, done) => done() });
    process.nextTick(() => stream.destroy(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })));
    return stream;
  };
  return { dialled, dial };
}

describe('probers', () => {
  // An address that answers on the host's own network must not matter: every probe goes by `dial`, once.
  it.each<[string, Probe, string]>([
    [
      'http',
      { httpGet: { port: 'web', path: 'healthz' } },
      'Get "http://127.0.0.1:8080/healthz": dial tcp 127.0.0.1:8080: connect: connection refused',
    ],
    ['tcp', { tcpSocket: { port: '8080' } }, 'dial tcp 127.0.0.1:8080: connect: connection refused'],
    [
      'grpc',
      { grpc: { port: 8080 } },
      'error: this server does not implement the grpc health protocol: dial tcp 127.0.0.1:8080: connect: connection refused',
    ],
  ])('%s connects only by what it was handed', async (_, probe, output) => {
    const { dialled, dial } = refusing();
    const target = { container, podIP: '127.0.0.1', handle: {} as never };
    const result = await runProbe(probe, target, 1000, { clock: new VirtualClock(), dial });
    expect(result).toEqual({ success: false, output });
    expect(dialled).toEqual(['127.0.0.1:8080']);
  });

  it('a connection that never answers times out on the node’s clock', async () => {
    const clock = new VirtualClock();
    const dial = () => new Duplex({ read() {}, write: (_c, _e, done) => done() });
    const target = { container, podIP: '10.244.1.2', handle: {} as never };
    const result = runProbe({ tcpSocket: { port: 80 } }, target, 1000, { clock, dial });
    clock.advance(999);
    expect(clock.next()).toBe(1000);
    clock.advance(1);
    expect(await result).toEqual({ success: false, output: 'dial tcp 10.244.1.2:80: i/o timeout' });
  });

  it.each<[number | string, number | undefined]>([
    [80, 80],
    ['81', 81],
    ['web', 8080],
    ['none', undefined],
  ])('port %s is %s', (port, number) => {
    expect(portNumber(port, container)).toBe(number);
  });

  it('gRPC health messages', () => {
    expect([...healthRequest('')]).toEqual([0, 0, 0, 0, 0]);
    expect([...healthRequest('ab')]).toEqual([0, 0, 0, 0, 4, 0x0a, 2, 0x61, 0x62]);
    expect(servingStatus(Buffer.from([0, 0, 0, 0, 2, 8, 1]))).toBe(1);
    expect(servingStatus(Buffer.from([0, 0, 0, 0, 0]))).toBe(0);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => void servingStatus(Buffer.from(bytes))),
    );
  });
});

describe('thresholds', () => {
  const settings = settingsOf({ successThreshold: 2, failureThreshold: 3 });
  it.each<[string, 'readiness' | 'liveness', string, string]>([
    ['readiness begins unready and needs two', 'readiness', '++', '-+'],
    ['a failure between starts the count again', 'readiness', '+-++', '---+'],
    ['liveness begins well and bears two failures', 'liveness', '--+---', '+++++-'],
  ])('%s', (_, kind, results, verdicts) => {
    let record = initialRecord(kind);
    const seen = [...results].map((r) => {
      record = observe(record, r === '+', settings);
      return record.verdict ? '+' : '-';
    });
    expect(seen.join('')).toBe(verdicts);
  });
});
