// A container's environment and command line: pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables, podFieldSelectorRuntimeValue),
// pkg/kubelet/envvars, and k8s.io/kubernetes/third_party/forked/golang/expansion for $(VAR).
import type { ConfigMap, Secret } from '../../emulator/api/types/core.ts';
import type { Container, EnvVar, Pod } from '../../emulator/api/types/pod.ts';
import type { Service } from '../../emulator/api/types/service.ts';

/** What env and volumes refer to. Undefined: there is no such object. */
export interface References {
  configMap(name: string): Promise<ConfigMap | undefined>;
  secret(name: string): Promise<Secret | undefined>;
}

export interface EnvContext {
  readonly pod: Pod;
  readonly podIP: string | undefined;
  readonly hostIP: string;
  readonly nodeName: string;
  readonly references: References;
  /** The pod's namespace's Services, and default/kubernetes. */
  readonly services: readonly Service[];
}

/** CreateContainerConfigError's messages. */
export class ConfigError extends Error {}

export async function containerEnv(
  container: Container,
  context: EnvContext,
): Promise<Readonly<Record<string, string>>> {
  const env: Record<string, string> = {};
  const { pod } = context;
  Object.assign(
    env,
    serviceEnv(context.services, pod.metadata.namespace ?? 'default', pod.spec.enableServiceLinks !== false),
  );
  for (const source of container.envFrom ?? []) {
    const data = await fromSource(source, context.references);
    for (const [key, value] of Object.entries(data)) env[`${source.prefix ?? ''}${key}`] = value;
  }
  const own: Record<string, string> = {};
  for (const variable of container.env ?? []) {
    const value = await variableValue(variable, container, context, { ...env, ...own });
    if (value !== undefined) own[variable.name] = value;
  }
  return { ...env, ...own };
}

type Source = NonNullable<Container['envFrom']>[number];

async function fromSource(source: Source, references: References): Promise<Readonly<Record<string, string>>> {
  if (source.configMapRef !== undefined) {
    const { name = '', optional } = source.configMapRef;
    const map = await references.configMap(name);
    if (map === undefined && optional !== true) throw new ConfigError(`configmap "${name}" not found`);
    return map?.data ?? {};
  }
  if (source.secretRef !== undefined) {
    const { name = '', optional } = source.secretRef;
    const secret = await references.secret(name);
    if (secret === undefined && optional !== true) throw new ConfigError(`secret "${name}" not found`);
    return Object.fromEntries(Object.entries(secret?.data ?? {}).map(([k, v]) => [k, base64(v)]));
  }
  return {};
}

const base64 = (text: string): string => Buffer.from(text, 'base64').toString('utf8');

async function variableValue(
  { value, valueFrom, name }: EnvVar,
  container: Container,
  context: EnvContext,
  known: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  if (valueFrom === undefined) return expand(value ?? '', known);
  if (valueFrom.fieldRef !== undefined) return fieldValue(valueFrom.fieldRef.fieldPath, context);
  if (valueFrom.resourceFieldRef !== undefined)
    return resourceValue(valueFrom.resourceFieldRef.resource, container);
  const { configMapKeyRef, secretKeyRef } = valueFrom;
  const ref = configMapKeyRef ?? secretKeyRef;
  if (ref === undefined) throw new ConfigError(`environment variable ${name} has no source`);
  const kind = configMapKeyRef === undefined ? 'secret' : 'configmap';
  const object = await context.references[configMapKeyRef === undefined ? 'secret' : 'configMap'](
    ref.name ?? '',
  );
  if (object === undefined) {
    if (ref.optional === true) return undefined;
    throw new ConfigError(`${kind} "${ref.name}" not found`);
  }
  const found = object.data?.[ref.key];
  if (found === undefined) {
    if (ref.optional === true) return undefined;
    const space = context.pod.metadata.namespace;
    const word = kind === 'secret' ? 'Secret' : 'ConfigMap';
    throw new ConfigError(`couldn't find key ${ref.key} in ${word} ${space}/${ref.name}`);
  }
  return kind === 'secret' ? base64(found) : found;
}

/** podFieldSelectorRuntimeValue and fieldpath.ExtractFieldPathAsString. */
export function fieldValue(
  path: string,
  { pod, podIP, hostIP, nodeName }: Omit<EnvContext, 'references' | 'services'>,
): string {
  const { metadata, spec } = pod;
  const subscript = path.match(/^metadata\.(labels|annotations)\['(.+)'\]$/);
  if (subscript !== null) return metadata[subscript[1] as 'labels' | 'annotations']?.[subscript[2]!] ?? '';
  const map = (values: Readonly<Record<string, string>> = {}): string =>
    Object.keys(values)
      .sort()
      .map((key) => `${key}=${JSON.stringify(values[key])}`)
      .join('\n');
  switch (path) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid ?? '';
    case 'metadata.labels':
      return map(metadata.labels);
    case 'metadata.annotations':
      return map(metadata.annotations);
    case 'spec.nodeName':
      return nodeName;
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? 'default';
    case 'status.hostIP':
    case 'status.hostIPs':
      return hostIP;
    case 'status.podIP':
    case 'status.podIPs':
      return (spec.hostNetwork === true ? hostIP : podIP) ?? '';
    default:
      throw new ConfigError(`unsupported fieldPath: ${path}`);
  }
}

const UNITS: Readonly<Record<string, number>> = {
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** resource.ExtractContainerResourceValue with divisor 1: whole cores, bytes; without a limit what a node has. */
function resourceValue(path: string, container: Container): string {
  const [side, what] = path.split('.') as ['limits' | 'requests', string];
  const text = container.resources?.[side]?.[what] ?? container.resources?.limits?.[what];
  if (text === undefined) return side === 'requests' ? '0' : what === 'cpu' ? '8' : String(16 * 2 ** 30);
  const [, number, unit] = text.match(/^([0-9.]+)([A-Za-z]*)$/) ?? [];
  return String(Math.ceil(Number(number ?? 0) * (UNITS[unit ?? ''] ?? 1)));
}

/** $(NAME) from `known`; $$ is a dollar; what is unknown stays as it is. */
export function expand(text: string, known: Readonly<Record<string, string>>): string {
  return text.replace(/\$(\$|\(([^()$]+)\))/g, (whole, escaped: string, name: string | undefined) =>
    escaped === '$' ? '$' : name !== undefined && Object.hasOwn(known, name) ? known[name]! : whole,
  );
}

/** envvars.FromServices: {SVC}_SERVICE_HOST and the docker-link names. */
export function serviceEnv(
  services: readonly Service[],
  namespace: string,
  links: boolean,
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const service of services) {
    const { name } = service.metadata;
    const isMaster = service.metadata.namespace === 'default' && name === 'kubernetes';
    if (!isMaster && (!links || service.metadata.namespace !== namespace)) continue;
    const ip = service.spec.clusterIP ?? '';
    const ports = service.spec.ports ?? [];
    if (ip === '' || ip === 'None' || ports.length === 0) continue;
    const prefix = name.toUpperCase().replaceAll('-', '_');
    env[`${prefix}_SERVICE_HOST`] = ip;
    env[`${prefix}_SERVICE_PORT`] = String(ports[0]!.port);
    for (const port of ports)
      if (port.name !== undefined && port.name !== '')
        env[`${prefix}_SERVICE_PORT_${port.name.toUpperCase().replaceAll('-', '_')}`] = String(port.port);
    for (const [i, port] of ports.entries()) {
      const proto = (port.protocol ?? 'TCP').toLowerCase();
      const url = `${proto}://${ip}:${port.port}`;
      if (i === 0) env[`${prefix}_PORT`] = url;
      const key = `${prefix}_PORT_${port.port}_${proto.toUpperCase()}`;
      env[key] = url;
      env[`${key}_PROTO`] = proto;
      env[`${key}_PORT`] = String(port.port);
      env[`${key}_ADDR`] = ip;
    }
  }
  return env;
}
