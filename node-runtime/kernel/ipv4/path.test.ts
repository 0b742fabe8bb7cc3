import { describe, expect, it } from 'vitest';
import { Lab, tap } from './test-kit.ts';

describe('two namespaces on one link', () => {
  it('an echo request is answered', () => {
    const lab = new Lab();
    const a = lab.netns('a');
    const b = lab.netns('b');
    const [dev] = lab.link(a, 'eth0', '10.0.0.1/24', b, 'eth0', '10.0.0.2/24');
    const seen = tap(dev);
    lab.send(a, '10.0.0.2');
    lab.run();
    expect(
      seen.map((line) => line.replace(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, 'MAC').replace(/id \d+/, 'id N')),
    ).toEqual([
      '> MAC > MAC, ARP (0x0806), length 42: ARP who-has 10.0.0.2 tell 10.0.0.1',
      '< MAC > MAC, ARP (0x0806), length 42: ARP 10.0.0.2 is-at MAC',
      '> MAC > MAC, IPv4 (0x0800), length 98: IP (ttl 64, id N, length 84) 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 64',
      '< MAC > MAC, IPv4 (0x0800), length 98: IP (ttl 64, id N, length 84) 10.0.0.2 > 10.0.0.1: ICMP echo reply, id 1, seq 1, length 64',
    ]);
    expect(lab.delivered).toHaveLength(1);
  });
});
