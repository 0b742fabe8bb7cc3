// What an image holds: the entrypoint and arguments that a container runs when its spec names none, and the files that people look
// for in it. Names are matched as users write them: registry, tag and digest do not matter.
import { createHash } from 'node:crypto';
import type { ContainerPort, ContainerSpec } from '../kubelet/runtime.ts';
import { servedPort } from './programs/any-server.ts';
import { NGINX_INDEX } from './programs/pages.ts';

export interface Image {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly workingDir?: string;
  /** Files of the image, by path, for a container of this hostname. */
  readonly files?: (hostname: string) => Readonly<Record<string, string>>;
  /** False for an image that is taken for a server of its ports. */
  readonly known: boolean;
}

type Extra = Partial<Pick<Image, 'env' | 'workingDir' | 'files'>>;
const image = (entrypoint: string, cmd: string | readonly string[], extra: Extra = {}): Image => ({
  entrypoint: entrypoint === '' ? [] : entrypoint.split(' '),
  cmd: typeof cmd === 'string' ? cmd.split(' ').filter((word) => word !== '') : cmd,
  known: true,
  ...extra,
});

const shellImage = (cmd: string, os: string): Image =>
  image('', cmd, { files: () => ({ '/etc/os-release': `ID=${os}\n` }) });

const IMAGES: Readonly<Record<string, Image>> = {
  agnhost: image('/agnhost', 'pause'),
  alpine: shellImage('/bin/sh', 'alpine'),
  bash: shellImage('bash', 'alpine'),
  busybox: shellImage('sh', 'busybox'),
  coredns: image('/coredns', ''),
  curl: image('curl', '', { env: { HOME: '/home/curl_user' } }),
  debian: shellImage('bash', 'debian'),
  'http-echo': image('/http-echo', ''),
  httpd: image('', 'httpd-foreground', {
    workingDir: '/usr/local/apache2',
    files: () => ({
      '/usr/local/apache2/htdocs/index.html': '<html><body><h1>It works!</h1></body></html>\n',
    }),
  }),
  iperf3: image('iperf3', ''),
  netshoot: shellImage('bash', 'alpine'),
  nginx: image('/docker-entrypoint.sh', ['nginx', '-g', 'daemon off;'], {
    files: (hostname) => ({
      '/usr/share/nginx/html/index.html': NGINX_INDEX(hostname),
    }),
  }),
  pause: image('/pause', ''),
  redis: image('docker-entrypoint.sh', 'redis-server', { workingDir: '/data' }),
  ubuntu: shellImage('/bin/bash', 'ubuntu'),
  whoami: image('/whoami', ''),
};

/** Names that several registries give to one thing. */
const ALIASES: Readonly<Record<string, string>> = {
  'busybox-curl': 'busybox',
  'curl-alpine': 'curl',
  centos: 'debian',
  fedora: 'debian',
  'nginx-unprivileged': 'nginx',
  'network-multitool': 'netshoot',
  toolbox: 'netshoot',
  valkey: 'redis',
};

/** A reference as github.com/distribution/reference reads it, as far as the last part of the name. */
const REFERENCE =
  /^(?:[\w.-]+(?::\d+)?\/)*([a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/;

/** "registry.k8s.io/e2e-test-images/agnhost:2.47@sha256:…" is agnhost. Undefined for what is no image name. */
export const imageName = (reference: string): string | undefined => REFERENCE.exec(reference)?.[1];

export function findImage(reference: string, ports: readonly ContainerPort[]): Image | undefined {
  const name = imageName(reference);
  if (name === undefined) return undefined;
  const known = IMAGES[ALIASES[name] ?? name];
  if (known !== undefined) return known;
  return { entrypoint: ['podwire-server'], cmd: ports.map(servedPort), known: false };
}

/** command replaces the entrypoint and with it the default arguments; args replace these alone. */
export function commandOf(
  { entrypoint, cmd }: Pick<Image, 'entrypoint' | 'cmd'>,
  { command, args }: Pick<ContainerSpec, 'command' | 'args'>,
): readonly string[] {
  if (command.length > 0) return [...command, ...args];
  return [...entrypoint, ...(args.length > 0 ? args : cmd)];
}

/** "docker.io/library/nginx@sha256:…", with a digest made of the reference: nothing was pulled. */
export function imageId(reference: string): string {
  const [, digest] = reference.split('@');
  const bare = reference.split('@')[0]!.replace(/:[\w][\w.-]*$/, '');
  const first = bare.split('/')[0]!;
  const hasRegistry = bare.includes('/') && (/[.:]/.test(first) || first === 'localhost');
  const whole = hasRegistry ? bare : `docker.io/${bare.includes('/') ? '' : 'library/'}${bare}`;
  return `${whole}@${digest ?? `sha256:${createHash('sha256').update(reference).digest('hex')}`}`;
}
