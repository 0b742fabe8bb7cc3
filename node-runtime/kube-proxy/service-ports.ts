// A Service's ports as proxied units: pkg/proxy/servicechangetracker.go and newBaseServiceInfo of serviceport.go. IPv4 only:
// addresses of the other family are left out, as upstream's IPv4 proxier leaves them out.
import type { Service } from '../../emulator/api/types/service.ts';
import { parseIpv4 } from '../kernel/wire/addr.ts';
import type { ServicePort } from './types.ts';

const PROXY_NAME = 'service.kubernetes.io/service-proxy-name';
const HEADLESS = 'service.kubernetes.io/headless';

const isIpv4 = (text: string | undefined): text is string =>
  text !== undefined && parseIpv4(text) !== undefined;

/** ShouldSkipService, and what the watch of upstream leaves out by label. */
function skipped({ spec, metadata }: Service): boolean {
  const labels = metadata.labels ?? {};
  return (
    spec.type === 'ExternalName' ||
    spec.clusterIP === undefined ||
    spec.clusterIP === '' ||
    spec.clusterIP === 'None' ||
    labels[PROXY_NAME] !== undefined ||
    labels[HEADLESS] !== undefined
  );
}

export function servicePorts(service: Service): readonly ServicePort[] {
  if (skipped(service)) return [];
  const { spec, metadata, status } = service;
  const key = `${metadata.namespace ?? 'default'}/${metadata.name}`;
  const clusterIP = [spec.clusterIP, ...(spec.clusterIPs ?? [])].find(isIpv4);
  if (clusterIP === undefined) return [];
  const type = spec.type ?? 'ClusterIP';
  const outside = type === 'NodePort' || type === 'LoadBalancer' || (spec.externalIPs ?? []).length > 0;
  const externalLocal = outside && spec.externalTrafficPolicy === 'Local';
  const affinity =
    spec.sessionAffinity === 'ClientIP'
      ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800)
      : 0;
  const shared = {
    service: key,
    clusterIP,
    externalIPs: (spec.externalIPs ?? []).filter(isIpv4),
    loadBalancerVIPs: (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode = 'VIP' }) =>
      isIpv4(ip) && ipMode === 'VIP' ? [ip] : [],
    ),
    sourceRanges: (spec.loadBalancerSourceRanges ?? [])
      .map((range) => range.trim())
      .filter((range) => isIpv4(range.split('/')[0])),
    affinity,
    externalLocal,
    internalLocal: spec.internalTrafficPolicy === 'Local',
    healthCheckNodePort: type === 'LoadBalancer' && externalLocal ? (spec.healthCheckNodePort ?? 0) : 0,
  };
  return (spec.ports ?? []).map((port) => ({
    ...shared,
    name: port.name === undefined || port.name === '' ? key : `${key}:${port.name}`,
    portName: port.name ?? '',
    protocol: port.protocol ?? 'TCP',
    port: port.port,
    nodePort: port.nodePort ?? 0,
  }));
}
