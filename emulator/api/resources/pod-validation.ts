// What a pod's spec may say, as far as it bears on networking and on what people commonly get wrong:
// pkg/apis/core/validation/validation.go, ValidatePodSpec.
import { type Fields, fieldsOf, listOf, textOf } from '../fields.ts';
import { nameFaults } from '../names.ts';
import {
  duplicate,
  type FieldError,
  invalidValue,
  notFoundField,
  notSupported,
  required,
} from '../status-error.ts';

const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const PORT_RANGE = 'must be between 1 and 65535, inclusive';
const DNS_POLICIES = ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'];

export function validatePodSpec(spec: Fields, at: string): FieldError[] {
  const containers = listOf(spec['containers']).map(fieldsOf);
  const init = listOf(spec['initContainers']).map(fieldsOf);
  const errors: FieldError[] = [];
  const volumes = volumeNames(spec, at, errors);
  if (containers.length === 0) errors.push(required(`${at}.containers`));
  const names = new Set<string>();
  containers.forEach((c, i) => {
    validateContainer(c, `${at}.containers[${i}]`, names, volumes, errors);
  });
  init.forEach((c, i) => {
    validateContainer(c, `${at}.initContainers[${i}]`, names, volumes, errors);
  });
  hostPorts(spec, containers, at, errors);
  const policy = spec['restartPolicy'];
  if (policy !== undefined && !['Always', 'OnFailure', 'Never'].includes(String(policy)))
    errors.push(notSupported(`${at}.restartPolicy`, policy, ['Always', 'OnFailure', 'Never']));
  const dns = spec['dnsPolicy'];
  if (dns !== undefined && !DNS_POLICIES.includes(String(dns)))
    errors.push(notSupported(`${at}.dnsPolicy`, dns, DNS_POLICIES));
  if (dns === 'None' && listOf(fieldsOf(spec['dnsConfig'])['nameservers']).length === 0)
    errors.push(
      required(
        `${at}.dnsConfig.nameservers`,
        'must provide at least one DNS nameserver when `dnsPolicy` is None',
      ),
    );
  for (const name of ['hostname', 'subdomain']) {
    const value = textOf(spec[name]);
    if (value !== '')
      for (const fault of nameFaults(value, 'dns-label'))
        errors.push(invalidValue(`${at}.${name}`, value, fault));
  }
  return errors;
}

function volumeNames(spec: Fields, at: string, errors: FieldError[]): Set<string> {
  const names = new Set<string>();
  listOf(spec['volumes']).forEach((volume, i) => {
    const name = textOf(fieldsOf(volume)['name']);
    const field = `${at}.volumes[${i}].name`;
    if (name === '') errors.push(required(field));
    else for (const fault of nameFaults(name, 'dns-label')) errors.push(invalidValue(field, name, fault));
    if (names.has(name)) errors.push(duplicate(field, name));
    names.add(name);
  });
  return names;
}

function validateContainer(
  container: Fields,
  at: string,
  names: Set<string>,
  volumes: ReadonlySet<string>,
  errors: FieldError[],
): void {
  const name = textOf(container['name']);
  if (name === '') errors.push(required(`${at}.name`));
  else {
    for (const fault of nameFaults(name, 'dns-label')) errors.push(invalidValue(`${at}.name`, name, fault));
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
  }
  if (textOf(container['image']).trim() === '') errors.push(required(`${at}.image`));
  validatePorts(container, at, errors);
  listOf(container['env']).forEach((env, i) => {
    const variable = textOf(fieldsOf(env)['name']);
    if (variable === '') errors.push(required(`${at}.env[${i}].name`));
  });
  const paths = new Set<string>();
  listOf(container['volumeMounts']).forEach((mount, i) => {
    const { name: volume, mountPath } = fieldsOf(mount) as { name?: string; mountPath?: string };
    const field = `${at}.volumeMounts[${i}]`;
    if (volume === undefined || volume === '') errors.push(required(`${field}.name`));
    else if (!volumes.has(volume)) errors.push(notFoundField(`${field}.name`, volume));
    if (mountPath === undefined || mountPath === '') errors.push(required(`${field}.mountPath`));
    else if (paths.has(mountPath))
      errors.push(invalidValue(`${field}.mountPath`, mountPath, 'must be unique'));
    if (mountPath !== undefined) paths.add(mountPath);
  });
  for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe'])
    validateProbe(container, probe, at, errors);
}

function validatePorts(container: Fields, at: string, errors: FieldError[]): void {
  const names = new Set<string>();
  listOf(container['ports']).forEach((item, i) => {
    const { name, containerPort, hostPort, protocol } = fieldsOf(item);
    const field = `${at}.ports[${i}]`;
    if (typeof name === 'string') {
      if (!/^(?=.*[a-z])(?!.*--)[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name))
        errors.push(invalidValue(`${field}.name`, name, 'must contain at least one letter (a-z)'));
      else if (name.length > 15)
        errors.push(invalidValue(`${field}.name`, name, 'must be no more than 15 characters'));
      if (names.has(name)) errors.push(duplicate(`${field}.name`, name));
      names.add(name);
    }
    if (containerPort === undefined || containerPort === 0) errors.push(required(`${field}.containerPort`));
    else if (!isPort(containerPort))
      errors.push(invalidValue(`${field}.containerPort`, containerPort, PORT_RANGE));
    if (hostPort !== undefined && hostPort !== 0 && !isPort(hostPort))
      errors.push(invalidValue(`${field}.hostPort`, hostPort, PORT_RANGE));
    if (protocol !== undefined && !PROTOCOLS.includes(String(protocol)))
      errors.push(notSupported(`${field}.protocol`, protocol, PROTOCOLS));
  });
}

const isPort = (port: unknown): boolean => typeof port === 'number' && port >= 1 && port <= 65_535;

const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc'];

function validateProbe(container: Fields, name: string, at: string, errors: FieldError[]): void {
  const probe = container[name];
  if (probe === undefined) return;
  const given = HANDLERS.filter((handler) => fieldsOf(probe)[handler] !== undefined);
  if (given.length === 0) errors.push(required(`${at}.${name}`, 'must specify a handler type'));
  for (const extra of given.slice(1))
    errors.push({
      reason: 'FieldValueForbidden',
      message: 'Forbidden: may not specify more than 1 handler type',
      field: `${at}.${name}.${extra}`,
    });
  const successes = fieldsOf(probe)['successThreshold'];
  if (name !== 'readinessProbe' && typeof successes === 'number' && successes !== 1)
    errors.push(invalidValue(`${at}.${name}.successThreshold`, successes, 'must be 1'));
}

/** Two containers of one pod cannot have the same port of the host. */
function hostPorts(spec: Fields, containers: readonly Fields[], at: string, errors: FieldError[]): void {
  const seen = new Set<string>();
  containers.forEach((container, i) => {
    listOf(container['ports']).forEach((item, j) => {
      const { hostPort, hostIP, protocol, containerPort } = fieldsOf(item);
      if (spec['hostNetwork'] === true && hostPort !== undefined && hostPort !== containerPort)
        errors.push(
          invalidValue(
            `${at}.containers[${i}].ports[${j}].containerPort`,
            containerPort,
            'must match `hostPort` when `hostNetwork` is true',
          ),
        );
      if (typeof hostPort !== 'number' || hostPort === 0) return;
      const key = `${protocol}/${hostIP ?? ''}/${hostPort}`;
      if (seen.has(key)) errors.push(duplicate(`${at}.containers[${i}].ports[${j}].hostPort`, key));
      seen.add(key);
    });
  });
}
