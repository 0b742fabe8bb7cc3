import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

it('counts queries by type and replies by rcode, in the exposition format', async () => {
  const lab = await new Lab('. {\n prometheus\n hosts {\n 192.0.2.1 a.org\n }\n}').start();
  for (const type of ['A', 'A', 'AAAA', 'LOC']) await lab.ask('a.org.', type);
  await lab.ask('b.org.', 'A');
  const registry = new Registry();
  lab.instance.metrics.registerWith(registry);
  const text = await registry.metrics();
  const labels = 'server="dns://:53",zone=".",view=""';
  for (const line of [
    `coredns_dns_requests_total{${labels},proto="udp",family="1",type="A"} 3`,
    `coredns_dns_requests_total{${labels},proto="udp",family="1",type="other"} 1`,
    `coredns_dns_responses_total{${labels},rcode="NOERROR",plugin=""} 4`,
    `coredns_dns_responses_total{${labels},rcode="SERVFAIL",plugin=""} 1`,
    `coredns_dns_request_duration_seconds_bucket{${labels},le="0.00025"} 5`,
    `coredns_dns_request_duration_seconds_count{${labels}} 5`,
  ])
    expect(text).toContain(`${line}\n`);
});
