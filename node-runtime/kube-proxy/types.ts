// What a proxier works on: pkg/proxy/types.go and serviceport.go, endpoint.go. One proxied unit is a port of a Service; the
// classes upstream has for both are plain records here.
import type { Protocol } from '../../emulator/api/types/service.ts';

export interface ServicePort {
  /** "default/web". */
  readonly service: string;
  /** "default/web:http", or "default/web" for a port without a name: ServicePortName.String(). */
  readonly name: string;
  readonly portName: string;
  readonly protocol: Protocol;
  readonly clusterIP: string;
  readonly port: number;
  /** 0: none. */
  readonly nodePort: number;
  readonly externalIPs: readonly string[];
  readonly loadBalancerVIPs: readonly string[];
  readonly sourceRanges: readonly string[];
  /** Seconds of ClientIP affinity; 0: none. */
  readonly affinity: number;
  readonly externalLocal: boolean;
  readonly internalLocal: boolean;
  /** 0: none. */
  readonly healthCheckNodePort: number;
}

export interface Endpoint {
  readonly ip: string;
  readonly port: number;
  /** "10.244.1.3:8080". */
  readonly text: string;
  /** On this node. */
  readonly local: boolean;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** Zones and nodes it is meant for; undefined without a hint. */
  readonly zones: readonly string[] | undefined;
  readonly nodes: readonly string[] | undefined;
}

/** A unit's endpoints are kept under this: the port's number plays no part. */
export const unitKey = (service: string, portName: string, protocol: Protocol): string =>
  `${service}:${portName}/${protocol}`;

export const externallyAccessible = (unit: ServicePort): boolean =>
  unit.nodePort !== 0 || unit.loadBalancerVIPs.length > 0 || unit.externalIPs.length > 0;

/** Cluster policy: for ClusterIP traffic, or for the short cut of pods to external addresses. */
export const usesCluster = (unit: ServicePort): boolean => !unit.internalLocal || externallyAccessible(unit);
export const usesLocal = (unit: ServicePort): boolean =>
  unit.internalLocal || (unit.externalLocal && externallyAccessible(unit));
