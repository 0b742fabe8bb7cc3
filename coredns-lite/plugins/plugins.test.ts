// Every plugin's README as a Corefile that loads, in every block it shows; and the chain in CoreDNS's order.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Lab } from '../testing/lab.ts';
import { CHAIN } from './chain.ts';

const folders = readdirSync(import.meta.dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** Files that Corefiles in the READMEs name. */
const FILES = {
  '/etc/resolv.conf': 'search default.svc.cluster.local svc.cluster.local\nnameserver 10.96.0.10\n',
  '/etc/hosts': '127.0.0.1 localhost\n',
  '/objects.yaml': '{"kind":"List","items":[]}',
  '/db.example.org': '@ 60 SOA ns hostmaster 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n',
  '/weights': 'www.example.org\n192.0.2.1 3\n',
};

it('each plugin is a folder, and each folder a plugin', () => {
  expect([...folders].sort()).toEqual(CHAIN.map(([directive]) => directive).sort());
});

it('the chain is in the order of plugin.cfg', () => {
  const upstream =
    'root metadata geoip cancel proxyproto quic grpc_server https https3 timeouts multisocket reload nsid bufsize bind debug trace ready health pprof shed prometheus errors log dnstap local dns64 any chaos loadbalance tsig rewrite autopath acl cache header dnssec tls minimal template transfer hosts route53 azure clouddns k8s_external kubernetes file auto secondary etcd loop forward grpc erratic whoami on sign view nomad'.split(
      ' ',
    );
  const places = CHAIN.map(([directive]) => upstream.indexOf(directive));
  expect(places).not.toContain(-1);
  expect(places).toEqual([...places].sort((a, b) => a - b));
});

it.each(folders)('the Corefiles in the README of %s load', async (folder) => {
  const path = join(import.meta.dirname, folder, 'README.md');
  expect(existsSync(path), `${folder} has a README`).toBe(true);
  const text = readFileSync(path, 'utf8');
  expect(text.startsWith(`# ${folder}\n`)).toBe(true);
  const blocks = [...text.matchAll(/```corefile\n(.*?)```/gs)].map((m) => m[1]!);
  expect(blocks.length).toBeGreaterThan(0);
  for (const corefile of blocks) {
    expect(corefile).toMatch(new RegExp(`\\b${folder}\\b`));
    const lab = new Lab(corefile, { files: FILES, env: { TTL: '30' } });
    const started = lab.start();
    await lab.pass(6000);
    await started;
    const stopped = lab.instance.stop();
    await lab.pass(6000);
    await stopped;
  }
});
