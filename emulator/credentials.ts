// What proves who is who in one cluster: the authority and its certificates, the nodes' token, and the loopback port that a
// kubeconfig names. kubeadm keeps the like in /etc/kubernetes; here a background cluster keeps it in its folder, so that a
// kubeconfig goes on being good when the emulator is started again, and a foreground cluster makes it anew each time.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createPki, type Pki } from './api/auth/pki.ts';
import { serviceRange } from './api/resources/service-addresses.ts';
import { formatAddress } from './cluster/prefix.ts';
import type { ClusterSpec } from './protocol/cluster.ts';

export interface Credentials {
  readonly pki: Pki;
  /** The bearer token of nodes. */
  readonly nodeToken: string;
}

/** Files of a background cluster's folder, mode 0600. */
const PKI = 'pki.json';
const NODE_TOKEN = 'node-token';
const PORT = 'api-port';

/** `folder`: where a background cluster keeps them. */
export function credentials(
  spec: ClusterSpec,
  controlPlane: string,
  now: Date,
  folder: string | undefined,
): Credentials {
  const make = (): Pki =>
    createPki({
      now,
      addresses: [controlPlane, formatAddress(serviceRange(spec.serviceCIDR).first)],
      clusterDomain: spec.dns.domain,
    });
  const token = (): string => randomBytes(24).toString('base64url');
  if (folder === undefined) return { pki: make(), nodeToken: token() };
  return {
    pki: JSON.parse(kept(join(folder, PKI), () => JSON.stringify(make()))) as Pki,
    nodeToken: kept(join(folder, NODE_TOKEN), token),
  };
}

/** A cluster's PKI as it lies in its folder; undefined when it never was up. */
export function readPki(folder: string): Pki | undefined {
  const file = join(folder, PKI);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Pki) : undefined;
}

/** The port that the API server had last, which kubeconfigs name; undefined when it never had one. */
export function keptPort(folder: string): number | undefined {
  const file = join(folder, PORT);
  const port = existsSync(file) ? Number(readFileSync(file, 'utf8')) : Number.NaN;
  return Number.isInteger(port) ? port : undefined;
}

export function keepPort(folder: string, port: number): void {
  write(join(folder, PORT), String(port));
}

function kept(file: string, make: () => string): string {
  if (!existsSync(file)) write(file, make());
  return readFileSync(file, 'utf8');
}

/** Whole or not at all: an emulator that is killed in between leaves none, and the next one makes it. */
function write(file: string, content: string): void {
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, content, { mode: 0o600 });
  renameSync(temporary, file);
}
