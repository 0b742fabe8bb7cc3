// Service: defaults (pkg/apis/core/v1/defaults.go), what depends on the type (pkg/registry/core/service/strategy.go) and the
// addresses and ports a Service is given (storage/alloc.go). Single-stack IPv4.
import { child, type Fields, fieldsOf, isFields, listOf, type Mutable } from '../fields.ts';
import { type FieldError, internal, invalid, invalidValue } from '../status-error.ts';
import type { Service, ServiceSpec } from '../types/service.ts';
import { fill } from './pod-defaults.ts';
import type { Realm, Strategy } from './resource.ts';
import { FIRST_NODE_PORT, isIpv4, LAST_NODE_PORT } from './service-addresses.ts';
import { validateService, validateServiceUpdate } from './service-validation.ts';

type Spec = Mutable<ServiceSpec>;

export const serviceStrategy: Strategy = {
  status: true,
  createOnUpdate: true,
  names: 'dns-1035-label',
  selectable: ['spec.clusterIP', 'spec.type'],
  defaults,
  prepareUpdate(next, old) {
    keepAllocated(specOf(next), specOf(old));
  },
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  reserve,
};

const specOf = (object: Fields): Spec => fieldsOf(object['spec']) as unknown as Spec;

const isExternal = (spec: Spec): boolean =>
  spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.externalIPs ?? []).length > 0;

const hasAddress = (spec: Spec): boolean => spec.type !== 'ExternalName' && spec.clusterIP !== 'None';

const wantsNodePorts = (spec: Spec): boolean =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);

const wantsHealthPort = (spec: Spec): boolean =>
  spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';

function defaults(object: Fields): void {
  const spec = child(object, 'spec');
  fill(spec, { sessionAffinity: 'None', type: 'ClusterIP' });
  if (spec['sessionAffinity'] === 'None') delete spec['sessionAffinityConfig'];
  if (spec['sessionAffinity'] === 'ClientIP')
    fill(child(child(spec, 'sessionAffinityConfig'), 'clientIP'), { timeoutSeconds: 10_800 });
  for (const port of listOf(spec['ports'])) {
    if (!isFields(port)) continue;
    fill(port, { protocol: 'TCP' });
    const target = port['targetPort'];
    if (target === undefined || target === 0 || target === '') port['targetPort'] = port['port'];
  }
  const typed = spec as unknown as Spec;
  if (isExternal(typed)) fill(spec, { externalTrafficPolicy: 'Cluster' });
  if (typed.type === 'LoadBalancer') fill(spec, { allocateLoadBalancerNodePorts: true });
  if (typed.type === 'ExternalName') return;
  fill(spec, { internalTrafficPolicy: 'Cluster' });
  if (typed.clusterIP !== undefined && typed.clusterIPs === undefined) typed.clusterIPs = [typed.clusterIP];
  else if (typed.clusterIP === undefined && typed.clusterIPs?.[0] !== undefined)
    typed.clusterIP = typed.clusterIPs[0];
  fill(spec, { ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' });
}

/** patchAllocatedValues: a PUT that leaves out what was given keeps it; dropTypeDependentFields: what the type has no use for goes. */
function keepAllocated(next: Spec, old: Spec): void {
  if (hasAddress(next) && hasAddress(old) && old.clusterIP !== undefined && !next.clusterIP) {
    next.clusterIP = old.clusterIP;
    next.clusterIPs = old.clusterIPs ?? [old.clusterIP];
  }
  if (next.type === 'ExternalName' && old.type !== 'ExternalName') {
    if (next.clusterIP === old.clusterIP) {
      delete next.clusterIP;
      delete next.clusterIPs;
    }
    delete next.ipFamilies;
    delete next.ipFamilyPolicy;
    delete next.internalTrafficPolicy;
  }
  const before = new Map((old.ports ?? []).map((p) => [`${p.protocol} ${p.port}`, p.nodePort]));
  for (const port of next.ports ?? []) {
    const had = before.get(`${port.protocol} ${port.port}`);
    if (wantsNodePorts(next) && wantsNodePorts(old) && port.nodePort === undefined && had !== undefined)
      port.nodePort = had;
    else if (!wantsNodePorts(next) && next.type !== 'LoadBalancer' && port.nodePort === had)
      delete port.nodePort;
  }
  if (wantsHealthPort(next) && wantsHealthPort(old) && next.healthCheckNodePort === undefined) {
    if (old.healthCheckNodePort !== undefined) next.healthCheckNodePort = old.healthCheckNodePort;
  } else if (!wantsHealthPort(next) && next.healthCheckNodePort === old.healthCheckNodePort)
    delete next.healthCheckNodePort;
  if (!isExternal(next) && next.externalTrafficPolicy === old.externalTrafficPolicy)
    delete next.externalTrafficPolicy;
  if (
    next.type !== 'LoadBalancer' &&
    next.allocateLoadBalancerNodePorts === old.allocateLoadBalancerNodePorts
  )
    delete next.allocateLoadBalancerNodePorts;
}

function reserve(next: Fields | undefined, old: Fields | undefined, realm: Realm): void {
  const { namespace, name } = fieldsOf((next ?? old)!['metadata']) as { namespace?: string; name?: string };
  const owner = `${namespace}/${name}`;
  if (next !== undefined) {
    const spec = specOf(next);
    const faults = [...takeAddress(spec, owner, realm), ...takePorts(spec, owner, realm)];
    if (faults.length > 0) throw invalid({ group: '', kind: 'Service' }, name ?? '', faults);
  }
  if (realm.dryRun) return;
  realm.addresses.hold(owner, next as unknown as Service | undefined, old as unknown as Service | undefined);
}

function takeAddress(spec: Spec, owner: string, { addresses }: Realm): FieldError[] {
  if (!hasAddress(spec)) {
    if (spec.clusterIP === 'None') spec.clusterIPs = ['None'];
    return [];
  }
  if (!spec.clusterIP) {
    const picked = addresses.pickAddress();
    if (picked === undefined) throw internal('failed to allocate a serviceIP: range is full');
    spec.clusterIP = picked;
    spec.clusterIPs = [picked];
    return [];
  }
  const asked = spec.clusterIP;
  if (!isIpv4(asked)) return [];
  const why = addresses.refusal(asked, owner);
  if (why === undefined) return [];
  const detail =
    why === 'range'
      ? `the provided IP (${asked}) is not in the valid range. The range of valid IPs is ${addresses.range.text}`
      : 'provided IP is already allocated';
  return [
    {
      reason: 'FieldValueInvalid',
      message: `Invalid value: []string{${JSON.stringify(asked)}}: failed to allocate IP ${asked}: ${detail}`,
      field: 'spec.clusterIPs',
    },
  ];
}

function takePorts(spec: Spec, owner: string, { addresses }: Realm): FieldError[] {
  const faults: FieldError[] = [];
  const mine = new Set((spec.ports ?? []).flatMap((p) => p.nodePort ?? []));
  const check = (field: string, port: number): void => {
    const why = addresses.portRefusal(port, owner);
    if (why === 'range')
      faults.push(
        invalidValue(
          field,
          port,
          `provided port is not in the valid range. The range of valid ports is ${FIRST_NODE_PORT}-${LAST_NODE_PORT}`,
        ),
      );
    else if (why === 'taken') faults.push(invalidValue(field, port, 'provided port is already allocated'));
  };
  const pick = (): number => {
    const port = addresses.pickPort(mine);
    if (port === undefined) throw internal('failed to allocate a nodePort: range is full');
    mine.add(port);
    return port;
  };
  for (const [i, port] of (spec.ports ?? []).entries()) {
    if (port.nodePort !== undefined && port.nodePort !== 0) check(`spec.ports[${i}].nodePort`, port.nodePort);
    else if (wantsNodePorts(spec)) {
      // One number serves TCP and UDP of the same port.
      const twin = spec.ports!.find(
        (p) => p !== port && p.port === port.port && p.protocol !== port.protocol && p.nodePort,
      );
      port.nodePort = twin?.nodePort ?? pick();
    }
  }
  if (wantsHealthPort(spec)) {
    if (spec.healthCheckNodePort) check('spec.healthCheckNodePort', spec.healthCheckNodePort);
    else spec.healthCheckNodePort = pick();
  }
  return faults;
}
