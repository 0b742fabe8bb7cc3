// What an image holds: the entrypoint and arguments that a container runs when its spec names none.
import type { ContainerPort } from '../kubelet/runtime.ts';
import type { Program } from './process.ts';
import { anyServer } from './programs/web.ts';

export interface Image {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** Set for an image nobody knows: what runs instead of an entrypoint. */
  readonly program?: Program;
  /** The program whose arguments the spec's args are, where the entrypoint is it. */
  readonly known: boolean;
}

const image = (entrypoint: string, ...cmd: string[]): Image => ({
  entrypoint: entrypoint === '' ? [] : entrypoint.split(' '),
  cmd,
  known: true,
});

const IMAGES: Readonly<Record<string, Image>> = {
  agnhost: image('/agnhost', 'pause'),
  alpine: image('', '/bin/sh'),
  bash: image('', '/bin/bash'),
  busybox: image('', 'sh'),
  curl: image('curl'),
  debian: image('', '/bin/bash'),
  'http-echo': image('/http-echo'),
  httpd: image('', 'httpd'),
  netshoot: image('', 'sh'),
  nginx: image('', 'nginx'),
  pause: image('/pause'),
  redis: image('', 'redis-server'),
  ubuntu: image('', '/bin/bash'),
  whoami: image('/whoami'),
};

/** Names that several registries give to one thing. */
const ALIASES: Readonly<Record<string, string>> = {
  'nginx-unprivileged': 'nginx',
  valkey: 'redis',
  centos: 'debian',
  fedora: 'debian',
  'busybox-curl': 'busybox',
};

/** "registry.k8s.io/e2e-test-images/agnhost:2.47@sha256:…" is agnhost. Undefined for what is no image name. */
export function imageName(reference: string): string | undefined {
  const match =
    /^(?:[\w.-]+(?::\d+)?\/)*([a-z0-9]+(?:[._-]+[a-z0-9]+)*)(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/.exec(
      reference,
    );
  return match?.[1];
}

export function findImage(reference: string, ports: readonly ContainerPort[]): Image | undefined {
  const name = imageName(reference);
  if (name === undefined) return undefined;
  const known = IMAGES[ALIASES[name] ?? name];
  if (known !== undefined) return known;
  const served = ports.map((p) => ({ port: p.containerPort, protocol: p.protocol }));
  return { entrypoint: [], cmd: [], program: anyServer(served), known: false };
}
