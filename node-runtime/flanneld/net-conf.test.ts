import { describe, expect, it } from 'vitest';
import { formatIpv4, formatPrefix } from '../kernel/wire/addr.ts';
import { backendNumber, checkNetConf, parseNetConf } from './net-conf.ts';

describe('net-conf.json', () => {
  it('matches keys whatever their case, and defaults to the udp back end', () => {
    const conf = parseNetConf('{"network":"10.244.3.0/16"}');
    expect([formatPrefix(conf.network), conf.backendType]).toEqual(['10.244.0.0/16', 'udp']);
    const kube = parseNetConf('{"NETWORK":"10.244.0.0/16","Backend":{"type":"vxlan","vni":7}}');
    expect([kube.backendType, backendNumber(kube, 'VNI', 1), backendNumber(kube, 'Port', 8472)]).toEqual([
      'vxlan',
      7,
      8472,
    ]);
  });

  it.each<[string, number, string, string]>([
    ['{"Network":"10.0.0.0/8"}', 24, '10.0.1.0', '10.255.255.0'],
    ['{"Network":"10.244.0.0/22"}', 24, '10.244.1.0', '10.244.3.0'],
    ['{"Network":"10.244.0.0/23"}', 25, '10.244.0.128', '10.244.1.128'],
    ['{"Network":"10.244.0.0/28"}', 30, '10.244.0.4', '10.244.0.12'],
    [
      '{"Network":"10.0.0.0/8","SubnetLen":20,"SubnetMin":"10.10.0.0","SubnetMax":"10.99.0.0"}',
      20,
      '10.10.0.0',
      '10.99.0.0',
    ],
  ])('%s shares out /%i from %s to %s', (text, len, min, max) => {
    const conf = checkNetConf(parseNetConf(text));
    expect([conf.subnetLen, formatIpv4(conf.subnetMin), formatIpv4(conf.subnetMax)]).toEqual([len, min, max]);
  });

  it.each([
    ['{"Network":"10.0.0.0/29"}', 'network is too small. Minimum useful network prefix is /28'],
    ['{"Network":"10.0.0.0/16","SubnetLen":31}', 'SubnetLen must be less than /31'],
    ['{"Network":"10.0.0.0/24","SubnetLen":25}', 'network must be able to accommodate at least four subnets'],
    ['{"Network":"10.0.0.0/16","SubnetMin":"10.9.0.0"}', 'SubnetMin is not in the range of the Network'],
    ['{"Network":"10.0.0.0/16","SubnetMax":"11.0.0.0"}', 'SubnetMax is not in the range of the Network'],
    [
      '{"Network":"10.0.0.0/16","SubnetMin":"10.0.1.1"}',
      'SubnetMin is not on a SubnetLen boundary: 10.0.1.1',
    ],
    [
      '{"Network":"10.0.0.0/16","SubnetMax":"10.0.9.8"}',
      'SubnetMax is not on a SubnetLen boundary: 10.0.9.8',
    ],
    ['{}', 'please define a correct Network parameter in the flannel config'],
    ['{"Network":"10.0.0.0"}', 'error parsing subnet config: invalid CIDR address: 10.0.0.0'],
    [
      '{"Network":"10.0.0.0/16","Backend":"vxlan"}',
      'error decoding Backend property of config: not an object',
    ],
    [
      '{"Network":"10.0.0.0/16","SubnetLen":"24"}',
      'error parsing subnet config: SubnetLen: 24 is not a prefix length',
    ],
    ['{"Network":"10.0.0.0/16","EnableIPv6":true}', 'EnableIPv6: IPv6 networks are not emulated yet'],
    ['nope', 'error parsing subnet config: '],
    ['[]', 'error parsing subnet config: cannot decode into Config'],
  ])('%s is refused: %s', (text, message) => {
    expect(() => checkNetConf(parseNetConf(text))).toThrow(message);
  });
});
