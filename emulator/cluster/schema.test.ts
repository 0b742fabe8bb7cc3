// The published schema and the reader agree on what may stand in a cluster file.
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { readDocuments } from '../input/reader.ts';
import { readCluster } from './read.ts';

const schema = JSON.parse(
  readFileSync(new URL('../../docs/reference/cluster.schema.json', import.meta.url), 'utf8'),
);
const valid = new Ajv({ allErrors: true }).compile(schema);
const header = 'apiVersion: podwire.dev/v1alpha1\nkind: Cluster\n';

const accepts = (text: string): boolean => {
  try {
    readCluster(readDocuments(header + text, 'c')[0]!, {}, ['apiVersion', 'kind']);
    return true;
  } catch {
    return false;
  }
};

it.each([
  ['', true],
  ['nodes: 5', true],
  ['nodes: [a, {name: b, sysctls: {net.ipv4.ip_forward: "0"}, without: [flanneld]}]', true],
  ['nodes: 0', false],
  ['nodes: []', false],
  ['nodes: [A]', false],
  ['backend: udp', false],
  ['network: {backend: udp, port: 8285}', true],
  ['network: {backend: vxlam}', false],
  ['network: {vni: 0}', false],
  ['podCIDR: fd00::/8', false],
  ['segments: [{name: a, cidr: 10.1.0.0/24, mtu: 9000}]', true],
  ['segments: [{name: a}]', false],
  ['timing: {nodeLeaseRenew: 500ms, nodeMonitorGrace: 2s}', true],
  ['timing: {nodeLeaseRenew: soon}', false],
  ['external: [{name: client, image: agnhost, hostnames: [www.example.org]}]', true],
  ['external: [{address: 203.0.113.9}]', false],
  ['placement: inline\nvirtualTime: true', true],
  ['seed: -1', false],
  [
    'proxy: {mode: iptables, masqueradeAll: true, minSyncPeriod: 100ms, nodePortAddresses: [192.168.100.0/24]}',
    true,
  ],
  ['proxy: {mode: userspace}', false],
  ['proxy: {masqueradeBit: 32}', false],
  ['nodes: [{name: a, proxy: {mode: none}}]', true],
])('%s', (text, expected) => {
  expect({ schema: valid(parse(header + text)), reader: accepts(text) }).toEqual({
    schema: expected,
    reader: expected,
  });
});
