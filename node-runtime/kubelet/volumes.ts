// A pod's volumes, written into the node's file tree under /var/lib/kubelet/pods/<uid>/volumes (pkg/volume: emptyDir, configMap,
// secret, downwardAPI, projected, hostPath). Containers see them through mounts.
import type { Container, KeyToPath, Pod, Volume } from '../../emulator/api/types/pod.ts';
import type { NodeFs } from '../node-fs.ts';
import { ConfigError, type EnvContext, fieldValue } from './env.ts';
import type { Mount } from './runtime.ts';

export const podDir = (uid: string): string => `/var/lib/kubelet/pods/${uid}`;

const PLUGIN: Readonly<Record<string, string>> = {
  emptyDir: 'kubernetes.io~empty-dir',
  configMap: 'kubernetes.io~configmap',
  secret: 'kubernetes.io~secret',
  downwardAPI: 'kubernetes.io~downward-api',
  projected: 'kubernetes.io~projected',
};

export interface VolumeContext extends EnvContext {
  readonly fs: NodeFs;
  /** A token of the pod's service account, for projected volumes. */
  token(seconds: number): Promise<string>;
}

type Files = ReadonlyMap<string, Uint8Array>;

/** Where a volume lies on the node; undefined for kinds that have no behaviour here (they are empty directories then). */
export function volumePath(pod: Pod, volume: Volume): string {
  if (volume.hostPath !== undefined) return volume.hostPath.path;
  const kind = Object.keys(PLUGIN).find((key) => volume[key as keyof Volume] !== undefined) ?? 'emptyDir';
  return `${podDir(pod.metadata.uid ?? '')}/volumes/${PLUGIN[kind]}/${volume.name}`;
}

/** Writes what every volume holds. Throws ConfigError when something it needs is not there. */
export async function setUpVolumes(context: VolumeContext): Promise<void> {
  const { pod, fs } = context;
  for (const volume of pod.spec.volumes ?? []) {
    const path = volumePath(pod, volume);
    fs.mkdir(path);
    const files = await volumeFiles(volume, context);
    for (const [name, bytes] of files) fs.write(`${path}/${name}`, bytes, { mode: modeOf(volume) });
  }
}

const modeOf = (volume: Volume): number =>
  (volume.configMap ?? volume.secret ?? volume.downwardAPI ?? volume.projected)?.defaultMode ?? 0o644;

async function volumeFiles(volume: Volume, context: VolumeContext): Promise<Files> {
  if (volume.configMap !== undefined) return configMapFiles(volume.configMap, context);
  if (volume.secret !== undefined)
    return secretFiles({ ...volume.secret, name: volume.secret.secretName ?? '' }, context);
  if (volume.downwardAPI !== undefined) return downwardFiles(volume.downwardAPI.items ?? [], context);
  if (volume.projected !== undefined) {
    const all = new Map<string, Uint8Array>();
    const parts = (volume.projected.sources ?? []).map((s) => projectedFiles(s as ProjectedSource, context));
    for (const files of await Promise.all(parts)) for (const [name, bytes] of files) all.set(name, bytes);
    return all;
  }
  return new Map();
}

interface Keyed {
  readonly name?: string;
  readonly items?: readonly KeyToPath[];
  readonly optional?: boolean;
}

interface ProjectedSource {
  readonly configMap?: Keyed;
  readonly secret?: Keyed;
  readonly downwardAPI?: { readonly items?: NonNullable<Volume['downwardAPI']>['items'] };
  readonly serviceAccountToken?: { readonly path: string; readonly expirationSeconds?: number };
}

async function projectedFiles(source: ProjectedSource, context: VolumeContext): Promise<Files> {
  if (source.configMap !== undefined) return configMapFiles(source.configMap, context);
  if (source.secret !== undefined) return secretFiles(source.secret, context);
  if (source.downwardAPI !== undefined) return downwardFiles(source.downwardAPI.items ?? [], context);
  if (source.serviceAccountToken !== undefined)
    return new Map([
      [
        source.serviceAccountToken.path,
        Buffer.from(await context.token(source.serviceAccountToken.expirationSeconds ?? 3600)),
      ],
    ]);
  return new Map();
}

async function configMapFiles(ref: Keyed, { references, pod }: VolumeContext): Promise<Files> {
  const map = await references.configMap(ref.name ?? '');
  if (map === undefined) {
    if (ref.optional === true) return new Map();
    throw new ConfigError(`configmap "${ref.name}" not found`);
  }
  const all = new Map<string, Uint8Array>();
  for (const [key, text] of Object.entries(map.data ?? {})) all.set(key, Buffer.from(text));
  for (const [key, text] of Object.entries(map.binaryData ?? {})) all.set(key, Buffer.from(text, 'base64'));
  return selected(all, ref, `configmap references non-existent config key: `, pod);
}

async function secretFiles(ref: Keyed, { references, pod }: VolumeContext): Promise<Files> {
  const secret = await references.secret(ref.name ?? '');
  if (secret === undefined) {
    if (ref.optional === true) return new Map();
    throw new ConfigError(`secret "${ref.name}" not found`);
  }
  const all = new Map<string, Uint8Array>();
  for (const [key, text] of Object.entries(secret.data ?? {})) all.set(key, Buffer.from(text, 'base64'));
  return selected(all, ref, 'references non-existent secret key: ', pod);
}

/** `items` picks and renames keys. */
function selected(all: Files, ref: Keyed, missing: string, _pod: Pod): Files {
  if (ref.items === undefined) return all;
  const picked = new Map<string, Uint8Array>();
  for (const { key, path } of ref.items) {
    const bytes = all.get(key);
    if (bytes !== undefined) picked.set(path, bytes);
    else if (ref.optional !== true) throw new ConfigError(`${missing}${key}`);
  }
  return picked;
}

function downwardFiles(
  items: NonNullable<NonNullable<Volume['downwardAPI']>['items']>,
  context: VolumeContext,
): Files {
  return new Map(
    items
      .filter((item) => item.fieldRef !== undefined)
      .map((item) => [item.path, Buffer.from(fieldValue(item.fieldRef!.fieldPath, context))]),
  );
}

/** What a container sees where: its volume mounts. Throws ConfigError for a mount of no volume. */
export function volumeMounts(pod: Pod, container: Container): Mount[] {
  return (container.volumeMounts ?? []).map((mount) => {
    const volume = (pod.spec.volumes ?? []).find((v) => v.name === mount.name);
    if (volume === undefined)
      throw new ConfigError(`cannot find volume "${mount.name}" to mount into container "${container.name}"`);
    const base = volumePath(pod, volume);
    const readOnly =
      mount.readOnly === true ||
      volume.configMap !== undefined ||
      volume.secret !== undefined ||
      volume.projected !== undefined ||
      volume.downwardAPI !== undefined;
    return {
      target: mount.mountPath,
      source: mount.subPath === undefined || mount.subPath === '' ? base : `${base}/${mount.subPath}`,
      readOnly,
    };
  });
}
