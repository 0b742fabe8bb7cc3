import { describe, expect, it } from 'vitest';
import { endpointChain, hash16, isServiceChain, unitChains } from './names.ts';

describe('chain names', () => {
  it("are upstream's", () => {
    expect(hash16('ns1/svc1:p80tcp')).toBe('XPGD46QRK7WJZT7O');
    expect(unitChains('ns1/svc1:p80', 'tcp')).toEqual({
      cluster: 'KUBE-SVC-XPGD46QRK7WJZT7O',
      local: 'KUBE-SVL-XPGD46QRK7WJZT7O',
      external: 'KUBE-EXT-XPGD46QRK7WJZT7O',
      firewall: 'KUBE-FW-XPGD46QRK7WJZT7O',
    });
    expect(endpointChain('ns1/svc1:p80', 'tcp', '10.180.0.1:80')).toBe('KUBE-SEP-SXIVWICOYRO3J4NJ');
  });
  it.each([
    ['KUBE-SVC-XPGD46QRK7WJZT7O', true],
    ['KUBE-SVL-XPGD46QRK7WJZT7O', true],
    ['KUBE-SEP-SXIVWICOYRO3J4NJ', true],
    ['KUBE-FW-XPGD46QRK7WJZT7O', true],
    ['KUBE-EXT-XPGD46QRK7WJZT7O', true],
    ['KUBE-SERVICES', false],
    ['KUBE-FIREWALL', false],
    ['FLANNEL-FWD', false],
  ])('%s belongs to a unit: %s', (name, expected) => expect(isServiceChain(name)).toBe(expected));
});
