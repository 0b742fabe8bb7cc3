import { describe, expect, it } from 'vitest';
import { type Handshake, isNonce, newNonce, newSecret, proof, proves } from './challenge.ts';

const secret = newSecret();
const shake: Handshake = {
  path: '/link',
  dialler: 'node-1',
  acceptor: 'node-2',
  diallerNonce: newNonce(),
  acceptorNonce: newNonce(),
};

describe('challenge', () => {
  it('is passed by who knows the secret, in each role', () => {
    expect(proves(secret, 'dial', shake, proof(secret, 'dial', shake))).toBe(true);
    expect(proves(secret, 'accept', shake, proof(secret, 'accept', shake))).toBe(true);
  });
  it.each<[string, Partial<Handshake>]>([
    ['path', { path: '/supervise' }],
    ['dialler', { dialler: 'node-3' }],
    ['acceptor', { acceptor: 'node-3' }],
    ["dialler's nonce", { diallerNonce: newNonce() }],
    ["acceptor's nonce", { acceptorNonce: newNonce() }],
  ])('is not passed with an answer made for another %s', (_, other) => {
    expect(proves(secret, 'dial', shake, proof(secret, 'dial', { ...shake, ...other }))).toBe(false);
  });
  it("is not passed with the other side's answer played back, nor with another secret", () => {
    expect(proves(secret, 'dial', shake, proof(secret, 'accept', shake))).toBe(false);
    expect(proves(secret, 'dial', shake, proof(newSecret(), 'dial', shake))).toBe(false);
  });
  it.each([undefined, 7, '', 'é'.repeat(64), 'a'.repeat(63), 'A'.repeat(64)])(
    'is not passed with %s',
    (said) => {
      expect(proves(secret, 'dial', shake, said)).toBe(false);
    },
  );
  it('knows a nonce', () => {
    expect(isNonce(newNonce())).toBe(true);
    for (const not of [undefined, '', 'x'.repeat(32), 'a'.repeat(31)]) expect(isNonce(not)).toBe(false);
  });
});
