// A cluster zone as a zone transfer has it (CoreDNS plugin/kubernetes/xfr.go): services by name, without pods, without the endpoint names of
// services that have a cluster IP, without PTR records.
import { addrBytes } from '../../dns/addr.ts';
import type { Rr } from '../../dns/message.ts';
import { fqdn } from '../../dns/name.ts';
import { addressRr, nameRecord, srvRecord, withTtl } from '../../dns/rr.ts';
import { TYPE } from '../../dns/types.ts';
import type { Catalogue } from './catalogue.ts';
import { endpointName, type Service } from './objects.ts';

/** What of the handler a transfer needs. */
export interface Transferable {
  readonly catalogue: Catalogue;
  readonly options: { readonly ttl: number; readonly endpointPodNames: boolean };
  exposed(namespace: string): boolean;
  soa(zone: string): Rr;
  nameservers(zone: string): { readonly answer: readonly Rr[]; readonly additional: readonly Rr[] };
}

/** From SOA to SOA; the SOA alone for a client that has this serial. */
export function* transferZone(k: Transferable, zone: string, serial: number): Generator<readonly Rr[]> {
  const soa = k.soa(zone);
  yield [soa];
  if (serial !== 0 && soa.data.kind === 'soa' && soa.data.serial === serial) return;
  const { answer, additional } = k.nameservers(zone);
  yield answer;
  // Upstream gives its glue no TTL.
  yield additional.map((rr) => withTtl(rr, 0));
  const services = [...k.catalogue.services.values()].sort((a, b) =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : 0,
  );
  for (const service of services)
    if (k.exposed(service.namespace)) yield [...serviceRecords(k, service, zone)];
  yield [soa];
}

function* serviceRecords(k: Transferable, service: Service, zone: string): Generator<Rr> {
  const { ttl, endpointPodNames } = k.options;
  const name = `${service.name}.${service.namespace}.svc.${zone}`;
  if (service.externalName !== undefined) {
    if (addrBytes(service.externalName) === undefined)
      yield nameRecord(name, TYPE.CNAME, ttl, fqdn(service.externalName));
    return;
  }
  if (!service.headless) {
    if (service.clusterIPs.length === 0) return;
    for (const ip of service.clusterIPs) {
      const bytes = addrBytes(ip);
      if (bytes !== undefined) yield addressRr(name, ttl, bytes);
    }
    for (const p of service.ports) {
      const srv = { weight: 100, port: p.port === -1 ? 65_535 : p.port, target: name };
      yield srvRecord(name, ttl, srv);
      if (p.name !== '') yield srvRecord(`_${p.name}._${p.protocol}.${name}`, ttl, srv);
    }
    return;
  }
  for (const slice of k.catalogue.slicesOf(service.key)) {
    const weight = Math.max(1, Math.floor(100 / slice.endpoints.length));
    for (const endpoint of slice.endpoints) {
      const own = `${endpointName(endpoint, endpointPodNames)}.${name}`;
      yield addressRr(name, ttl, endpoint.bytes);
      yield addressRr(own, ttl, endpoint.bytes);
      for (const p of slice.ports)
        if (p.name !== '')
          yield srvRecord(`_${p.name}._${p.protocol}.${name}`, ttl, { weight, port: p.port, target: own });
    }
  }
}
