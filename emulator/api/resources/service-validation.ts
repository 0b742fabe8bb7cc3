// What a Service may say: pkg/apis/core/validation/validation.go, ValidateService.
import { type Fields, fieldsOf } from '../fields.ts';
import { nameFaults } from '../names.ts';
import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '../status-error.ts';
import type { ServicePort, ServiceSpec } from '../types/service.ts';
import { nonSpecialIp } from './endpoint-validation.ts';
import { isIpv4 } from './service-addresses.ts';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const PORT_RANGE = 'must be between 1 and 65535, inclusive';
/** validation.IsValidPortName. */
const PORT_NAME = /^(?=.*[a-z])(?!.*--)[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$/;

const specOf = (object: Fields): ServiceSpec => fieldsOf(object['spec']) as unknown as ServiceSpec;

export function validateService(object: Fields): FieldError[] {
  const spec = specOf(object);
  const errors: FieldError[] = [];
  const ports = spec.ports ?? [];
  const portless = spec.type === 'ExternalName' || spec.clusterIP === 'None';
  if (ports.length === 0 && !portless) errors.push(required('spec.ports'));
  if (spec.type === 'LoadBalancer' && spec.clusterIP === 'None')
    errors.push(
      invalidValue('spec.clusterIPs[0]', 'None', "may not be set to 'None' for LoadBalancer services"),
    );
  if (spec.type === 'NodePort' && spec.clusterIP === 'None')
    errors.push(invalidValue('spec.clusterIPs[0]', 'None', "may not be set to 'None' for NodePort services"));
  if (spec.type === 'ExternalName') errors.push(...externalName(spec));
  errors.push(...validatePorts(ports, spec.type === 'ClusterIP'));
  for (const [key, value] of Object.entries(spec.selector ?? {}))
    if (value.length > 63)
      errors.push(invalidValue('spec.selector', value, `must be no more than 63 characters: ${key}`));
  if (spec.sessionAffinity !== 'None' && spec.sessionAffinity !== 'ClientIP')
    errors.push(notSupported('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None']));
  errors.push(...affinityTimeout(spec));
  if (!TYPES.includes(spec.type ?? '')) errors.push(notSupported('spec.type', spec.type, TYPES));
  errors.push(...addresses(spec), ...policies(spec));
  return errors;
}

function externalName(spec: ServiceSpec): FieldError[] {
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (spec.clusterIP !== undefined && spec.clusterIP !== '')
    return [forbiddenField('spec.clusterIPs', 'may not be set for ExternalName services')];
  if (name === '') return [required('spec.externalName')];
  return nameFaults(name, 'dns-subdomain').map((fault) =>
    invalidValue('spec.externalName', spec.externalName, fault),
  );
}

function validatePorts(ports: readonly ServicePort[], plain: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const seen = new Set<string>();
  const nodePorts = new Set<string>();
  ports.forEach((port, i) => {
    const at = `spec.ports[${i}]`;
    if (port.name === undefined || port.name === '') {
      if (ports.length > 1) errors.push(required(`${at}.name`));
    } else {
      for (const fault of nameFaults(port.name, 'dns-label'))
        errors.push(invalidValue(`${at}.name`, port.name, fault));
      if (names.has(port.name)) errors.push(duplicate(`${at}.name`, port.name));
      names.add(port.name);
    }
    if (!isPort(port.port)) errors.push(invalidValue(`${at}.port`, port.port ?? 0, PORT_RANGE));
    if (!PROTOCOLS.includes(port.protocol ?? ''))
      errors.push(notSupported(`${at}.protocol`, port.protocol, PROTOCOLS));
    errors.push(...targetPort(port, at));
    const key = `${port.protocol} ${port.port}`;
    if (seen.has(key)) errors.push(duplicatePort(at, port));
    seen.add(key);
    if (port.nodePort === undefined || port.nodePort === 0) return;
    if (plain) errors.push(forbiddenField(`${at}.nodePort`, "may not be used when `type` is 'ClusterIP'"));
    const nodeKey = `${port.protocol} ${port.nodePort}`;
    if (nodePorts.has(nodeKey)) errors.push(duplicate(`${at}.nodePort`, port.nodePort));
    nodePorts.add(nodeKey);
  });
  return errors;
}

const isPort = (port: unknown): boolean => typeof port === 'number' && port >= 1 && port <= 65_535;

function targetPort({ targetPort: target }: ServicePort, at: string): FieldError[] {
  if (typeof target === 'number')
    return isPort(target) ? [] : [invalidValue(`${at}.targetPort`, target, PORT_RANGE)];
  if (target === undefined || PORT_NAME.test(target)) return [];
  const why =
    target.length > 15
      ? 'must be no more than 15 characters'
      : 'must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)';
  return [invalidValue(`${at}.targetPort`, target, why)];
}

/** Printed by Go with %#v. */
const duplicatePort = (field: string, { protocol, port }: ServicePort): FieldError => ({
  reason: 'FieldValueDuplicate',
  message: `Duplicate value: core.ServicePort{Name:"", Protocol:"${protocol}", AppProtocol:(*string)(nil), Port:${port}, TargetPort:intstr.IntOrString{Type:0, IntVal:0, StrVal:""}, NodePort:0}`,
  field,
});

function affinityTimeout(spec: ServiceSpec): FieldError[] {
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (spec.sessionAffinity !== 'ClientIP' || seconds === undefined) return [];
  if (seconds > 0 && seconds <= 86_400) return [];
  return [
    invalidValue(
      'spec.sessionAffinityConfig.clientIP.timeoutSeconds',
      seconds,
      'must be greater than 0 and less than 86400',
    ),
  ];
}

function addresses(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const ip = spec.clusterIP;
  if (spec.type !== 'ExternalName' && ip !== undefined && ip !== '' && ip !== 'None' && !isIpv4(ip))
    errors.push(
      invalidValue('spec.clusterIPs[0]', ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'),
    );
  (spec.externalIPs ?? []).forEach((external, i) => {
    if (!isIpv4(external))
      errors.push(
        invalidValue(
          `spec.externalIPs[${i}]`,
          external,
          'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        ),
      );
    else errors.push(...nonSpecialIp(`spec.externalIPs[${i}]`, external));
  });
  for (const [i, range] of (spec.loadBalancerSourceRanges ?? []).entries())
    if (!/^\s*(\d{1,3}\.){3}\d{1,3}\/([0-9]|[12]\d|3[0-2])\s*$/.test(range))
      errors.push(
        invalidValue(
          `spec.loadBalancerSourceRanges[${i}]`,
          range,
          'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
        ),
      );
  return errors;
}

function policies(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const external = spec.externalTrafficPolicy;
  const isExternal =
    spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.externalIPs ?? []).length > 0;
  if (external !== undefined && !isExternal)
    errors.push(
      invalidValue(
        'spec.externalTrafficPolicy',
        external,
        'may only be set for externally-accessible services',
      ),
    );
  else if (external !== undefined && external !== 'Cluster' && external !== 'Local')
    errors.push(notSupported('spec.externalTrafficPolicy', external, ['Cluster', 'Local']));
  const inner = spec.internalTrafficPolicy;
  if (inner !== undefined && inner !== 'Cluster' && inner !== 'Local')
    errors.push(notSupported('spec.internalTrafficPolicy', inner, ['Cluster', 'Local']));
  const distribution = spec.trafficDistribution;
  if (distribution !== undefined && distribution !== 'PreferClose')
    errors.push(notSupported('spec.trafficDistribution', distribution, ['PreferClose']));
  if (spec.ipFamilyPolicy === 'RequireDualStack')
    errors.push(
      invalidValue(
        'spec.ipFamilyPolicy',
        'RequireDualStack',
        'this cluster is not configured for dual-stack services',
      ),
    );
  else if (spec.ipFamilies?.includes('IPv6') === true)
    errors.push(invalidValue('spec.ipFamilies[0]', 'IPv6', 'not configured on this cluster'));
  return errors;
}

export function validateServiceUpdate(next: Fields, old: Fields): FieldError[] {
  const now = specOf(next);
  const before = specOf(old);
  const stays = before.type !== 'ExternalName' && now.type !== 'ExternalName';
  if (!stays || before.clusterIP === undefined || now.clusterIP === before.clusterIP) return [];
  return [
    {
      reason: 'FieldValueInvalid',
      message: `Invalid value: []string{${JSON.stringify(now.clusterIP ?? '')}}: may not change once set`,
      field: 'spec.clusterIPs[0]',
    },
  ];
}
