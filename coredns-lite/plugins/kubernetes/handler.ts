// Names of Services, endpoints and pods (CoreDNS plugin/kubernetes, plugin/backend_lookup.go). Upstream looks every question up among
// its objects; here what a name was found to hold is kept until its service changes, ready to be written.
import { addrBytes, addrOfReverse } from '../../dns/addr.ts';
import { type Message, NONE, type Rr, replyTo } from '../../dns/message.ts';
import { fqdn, isSubDomain, lower, matchZone } from '../../dns/name.ts';
import { addressRr, nameRecord, srvRecord, targetOf, textRecord, withName } from '../../dns/rr.ts';
import { CLASS, RCODE, TYPE } from '../../dns/types.ts';
import type { Fall } from '../../server/config.ts';
import {
  type Handler,
  lookup,
  nextOrFailure,
  type Request,
  type Result,
  type Transfer,
  type Writer,
} from '../../server/plugin.ts';
import type { Catalogue } from './catalogue.ts';
import { endpointName } from './objects.ts';
import { parseRequest } from './parse-request.ts';
import { transferZone } from './transfer.ts';

export interface KubernetesOptions {
  /** Zones in the order of the Corefile. */
  readonly zones: readonly string[];
  readonly ttl: number;
  readonly pods: 'disabled' | 'insecure' | 'verified';
  readonly endpointPodNames: boolean;
  readonly ignoreEmptyService: boolean;
  /** Undefined: all. */
  readonly namespaces: ReadonlySet<string> | undefined;
  readonly fall: Fall | undefined;
}

/** One thing found under a name (CoreDNS msg.Service): an address, or another name. */
export interface Found {
  readonly bytes: Uint8Array | undefined;
  readonly cname: string | undefined;
  readonly port: number;
  /** The name that a SRV record points to, below the zone and in lower case. */
  readonly target: string;
}

/** A name that exists. Answers are made when first asked for. */
interface Node {
  /** In full, lower case. */
  readonly name: string;
  readonly found: readonly Found[];
  a: readonly Rr[] | undefined;
  aaaa: readonly Rr[] | undefined;
  srv: { readonly answer: readonly Rr[]; readonly additional: readonly Rr[] } | undefined;
}

/** A chain of names ends after this many. */
const MAX_CNAMES = 10;
const SCHEMA = '1.1.0';
const SCHEMA_TTL = 28_800;

const node = (name: string, found: readonly Found[]): Node => ({
  name,
  found,
  a: undefined,
  aaaa: undefined,
  srv: undefined,
});

export class Kubernetes implements Handler {
  readonly name = 'kubernetes';
  readonly catalogue: Catalogue;
  readonly options: KubernetesOptions;
  /** The zone that PTR records point into. */
  readonly primaryZone: string;
  /** Addresses that the server is bound to, once it is. */
  localAddresses: () => readonly string[] = () => [];
  /** The search list of the server's own resolv.conf. */
  hostSearch: () => readonly string[] = () => [];
  readonly #next: Handler | undefined;
  /** Names that were asked for and exist. Never more than there are. */
  readonly #nodes = new Map<string, Node>();
  /** By service: its names in #nodes. */
  readonly #cached = new Map<string, string[]>();

  constructor(options: KubernetesOptions, catalogue: Catalogue, next: Handler | undefined) {
    this.options = options;
    this.catalogue = catalogue;
    this.#next = next;
    this.primaryZone = options.zones.find((zone) => !isReverse(zone)) ?? '';
  }

  ready(): boolean {
    return this.catalogue.isSynced;
  }

  /** A service or its endpoints changed. */
  forget(service: string): void {
    const names = this.#cached.get(service);
    if (names === undefined) return;
    for (const name of names) this.#nodes.delete(name);
    this.#cached.delete(service);
  }

  serve(w: Writer, r: Request): Result {
    const { type } = r;
    // What was found before and still holds: nothing to parse.
    if (type === TYPE.A || type === TYPE.AAAA) {
      const known = this.#nodes.get(r.lower);
      if (known !== undefined && this.#exposedName(known)) {
        const records = type === TYPE.A ? known.a : known.aaaa;
        if (records !== undefined && records.length > 0)
          return this.#answer(w, r, ownedBy(records, r.question.name, known.name));
      }
    }
    const zone = matchZone(this.options.zones, r.lower);
    if (zone === undefined) return nextOrFailure(this.name, this.#next, w, r);
    const { name } = r.question;
    // The zone as the client spelt it: owners of SOA records and targets below it follow.
    const asked = name.length === r.lower.length ? name.slice(name.length - zone.length) : zone;
    switch (type) {
      case TYPE.A:
      case TYPE.AAAA:
        return this.#addresses(w, r, zone, asked);
      case TYPE.SRV:
        return this.#srv(w, r, zone, asked);
      case TYPE.PTR:
        return this.#ptr(w, r, zone, asked);
      case TYPE.CNAME: {
        const found = this.#find(r.lower, zone, asked);
        if (found === undefined) return this.#nameError(w, r, asked);
        const cname = found.found[0]?.cname;
        if (cname === undefined) return this.#negative(w, r, asked, RCODE.NOERROR);
        return this.#answer(w, r, [nameRecord(name, TYPE.CNAME, this.options.ttl, fqdn(cname))]);
      }
      case TYPE.TXT:
        return this.#txt(w, r, zone, asked);
      case TYPE.SOA:
        if (name === asked) return this.#answer(w, r, [this.soa(asked)]);
        return this.#negative(w, r, asked, RCODE.NOERROR);
      case TYPE.AXFR:
      case TYPE.IXFR:
        return RCODE.REFUSED;
      case TYPE.NS:
        if (r.lower === asked) return this.#ns(w, r, asked);
        break;
      default:
    }
    if (this.#find(r.lower, zone, asked) === undefined) return this.#nameError(w, r, asked);
    return this.#negative(w, r, asked, RCODE.NOERROR);
  }

  /** A namespace may go while its services are still known. */
  #exposedName(known: Node): boolean {
    const found = known.found[0];
    if (found === undefined) return false;
    const parts = found.target.split('.');
    return this.exposed(parts.at(-2) ?? '');
  }

  exposed(namespace: string): boolean {
    const { namespaces } = this.options;
    return (
      (namespaces === undefined || namespaces.has(namespace)) && this.catalogue.namespaces.has(namespace)
    );
  }

  #answer(
    w: Writer,
    r: Request,
    answer: readonly Rr[],
    additional: readonly Rr[] = NONE,
    truncated = false,
  ): number {
    const reply = replyTo(r.message);
    reply.authoritative = true;
    reply.truncated = truncated;
    reply.answer = answer;
    reply.additional = additional;
    w.write(reply);
    return RCODE.NOERROR;
  }

  #negative(w: Writer, r: Request, zone: string, rcode: number): number {
    const reply: Message = replyTo(r.message, rcode);
    reply.authoritative = true;
    reply.authority = [this.soa(zone)];
    w.write(reply);
    return RCODE.NOERROR;
  }

  /** The name does not exist, or not as far as is known yet. */
  #nameError(w: Writer, r: Request, zone: string): Result {
    const { fall } = this.options;
    if (fall !== undefined && matchZone(fall.zones, r.lower) !== undefined)
      return nextOrFailure(this.name, this.#next, w, r);
    return this.#negative(w, r, zone, this.catalogue.isSynced ? RCODE.NXDOMAIN : RCODE.SERVFAIL);
  }

  soa(zone: string): Rr {
    const { ttl } = this.options;
    return {
      name: zone,
      type: TYPE.SOA,
      class: CLASS.IN,
      ttl: Math.min(ttl, 300),
      data: {
        kind: 'soa',
        mname: `ns.dns.${zone}`,
        rname: `hostmaster.${zone}`,
        serial: this.catalogue.modified,
        refresh: 7200,
        retry: 1800,
        expire: 86_400,
        minimum: ttl,
      },
    };
  }

  /** What a name holds; undefined where it does not exist. */
  #find(name: string, zone: string, asked: string): Node | undefined {
    const known = this.#nodes.get(name);
    if (known !== undefined && this.#exposedName(known)) return known;
    const base = baseOf(name, zone);
    if (name === `ns.dns.${asked}`)
      return node(
        name,
        this.#nsFound().map((ns) => ns.found),
      );
    const request = parseRequest(base);
    if (request.what === 'invalid') return undefined;
    if (request.what === 'node') {
      // Without a namespace the node is there; of a reverse zone only its apex is.
      if (request.namespace === undefined) return node(name, NONE);
      return isReverse(zone) || !this.exposed(request.namespace) ? undefined : node(name, NONE);
    }
    if (isReverse(zone) || !this.exposed(request.namespace)) return undefined;
    if (request.what === 'pod') {
      const found = this.#findPod(request.namespace, request.pod);
      return found === undefined ? undefined : node(name, found);
    }
    const key = `${request.namespace}/${request.service}`;
    const found = this.#findService(key, request);
    if (found === undefined) return undefined;
    const made = node(name, found);
    if (found.length > 0) {
      this.#nodes.set(name, made);
      const names = this.#cached.get(key);
      if (names === undefined) this.#cached.set(key, [name]);
      else names.push(name);
    }
    return made;
  }

  #findPod(namespace: string, pod: string): readonly Found[] | undefined {
    const { pods } = this.options;
    if (pods === 'disabled') return undefined;
    if (pod === '') return NONE;
    const v4 = pod.split('-').length === 4 && !pod.includes('--');
    const address = v4 ? pod.replaceAll('-', '.') : pod.replaceAll('-', ':');
    const bytes = addrBytes(address);
    if (pods === 'verified' && !this.catalogue.podsAt(address).some((p) => p.namespace === namespace))
      return undefined;
    if (bytes === undefined) return undefined;
    return [{ bytes, cname: undefined, port: 0, target: `${pod}.${namespace}.pod` }];
  }

  #findService(
    key: string,
    asked: { readonly endpoint: string; readonly port: string; readonly protocol: string },
  ): readonly Found[] | undefined {
    const service = this.catalogue.services.get(key);
    if (service === undefined) return undefined;
    const { endpoint, port, protocol } = asked;
    const { endpointPodNames, ignoreEmptyService } = this.options;
    const target = `${service.name}.${service.namespace}.svc`;
    if (service.externalName !== undefined) {
      const narrowed = endpoint !== '' || port !== '' || protocol !== '';
      if (narrowed || addrBytes(service.externalName) !== undefined) return undefined;
      return [{ bytes: undefined, cname: service.externalName, port: 0, target }];
    }
    const slices = this.catalogue.slicesOf(key);
    if (ignoreEmptyService && !service.headless && slices.every((slice) => slice.endpoints.length === 0))
      return undefined;
    const found: Found[] = [];
    if (service.headless || endpoint !== '') {
      for (const slice of slices)
        for (const one of slice.endpoints) {
          const label = endpointName(one, endpointPodNames);
          if (endpoint !== '' && label !== endpoint) continue;
          for (const p of slice.ports)
            if (matches(p, port, protocol))
              found.push({ bytes: one.bytes, cname: undefined, port: p.port, target: `${label}.${target}` });
        }
      return found.length > 0 ? found : undefined;
    }
    let matched = false;
    for (const p of service.ports) {
      if (!matches(p, port, protocol)) continue;
      matched = true;
      for (const ip of service.clusterIPs) {
        const bytes = addrBytes(ip);
        if (bytes !== undefined) found.push({ bytes, cname: undefined, port: p.port, target });
      }
    }
    return matched ? found : undefined;
  }

  #addresses(w: Writer, r: Request, zone: string, asked: string): Result {
    const found = this.#find(r.lower, zone, asked);
    if (found === undefined) return this.#nameError(w, r, asked);
    const chain = this.#chain(found, r, r.question.name, asked, NONE);
    if (!(chain instanceof Promise)) return this.#addressAnswer(w, r, asked, chain);
    return chain.then((done) => this.#addressAnswer(w, r, asked, done));
  }

  #addressAnswer(w: Writer, r: Request, zone: string, { records, truncated }: Chain): number {
    if (records.length === 0) return this.#negative(w, r, zone, RCODE.NOERROR);
    return this.#answer(w, r, records, NONE, truncated);
  }

  /** Addresses of a node's type, or its CNAME and what that leads to. */
  #chain(
    found: Node,
    r: Request,
    owner: string,
    zone: string,
    before: readonly Rr[],
  ): Chain | Promise<Chain> {
    const cname = found.found[0]?.cname;
    if (cname === undefined) {
      const records =
        r.type === TYPE.A
          ? (found.a ??= this.#ofFamily(found, 4))
          : (found.aaaa ??= this.#ofFamily(found, 16));
      return { records: ownedBy(records, owner, found.name), truncated: false };
    }
    const target = fqdn(cname);
    const key = lower(target);
    const record = nameRecord(owner, TYPE.CNAME, this.options.ttl, target);
    const seen = before.some((rr) => lower(rr.name) === lower(owner) && lower(targetOf(rr) ?? '') === key);
    if (key === found.name || before.length > MAX_CNAMES || seen) return NOTHING;
    if (isSubDomain(lower(zone), key)) {
      const next = this.#find(key, lower(zone), zone);
      if (next === undefined) return NOTHING;
      const rest = this.#chain(next, r, target, zone, [...before, record]);
      const join = ({ records, truncated }: Chain): Chain =>
        records.length === 0 ? { records: NONE, truncated } : { records: [record, ...records], truncated };
      return rest instanceof Promise ? rest.then(join) : join(rest);
    }
    const outside = (reply: Message | undefined): Chain =>
      reply === undefined ? NOTHING : { records: [record, ...reply.answer], truncated: reply.truncated };
    const reply = lookup(r, target, r.type);
    return reply instanceof Promise ? reply.then(outside) : outside(reply);
  }

  /** Each address once, however many ports it has. */
  #ofFamily(found: Node, size: number): readonly Rr[] {
    const seen = new Set<string>();
    const records: Rr[] = [];
    for (const { bytes } of found.found) {
      if (bytes?.length !== size) continue;
      const key = bytes.join('.');
      if (seen.has(key)) continue;
      seen.add(key);
      records.push(addressRr(found.name, this.options.ttl, bytes));
    }
    return records;
  }

  #srv(w: Writer, r: Request, zone: string, asked: string): Result {
    const found = this.#find(r.lower, zone, asked);
    if (found === undefined) return this.#nameError(w, r, asked);
    const plain = asked === zone;
    const { answer, additional } = (plain ? found.srv : undefined) ?? this.#srvRecords(found, asked);
    if (plain) found.srv = { answer, additional };
    if (answer.length === 0) return this.#negative(w, r, asked, RCODE.NOERROR);
    return this.#answer(w, r, ownedBy(answer, r.question.name, found.name), additional);
  }

  #srvRecords(found: Node, zone: string): { answer: readonly Rr[]; additional: readonly Rr[] } {
    const { ttl } = this.options;
    const all = found.found.filter((f) => f.bytes !== undefined);
    // Weights are shared out before duplicates are dropped.
    const weight = Math.max(1, Math.floor(100 / all.length));
    const answer: Rr[] = [];
    const additional: Rr[] = [];
    const seen = new Set<string>();
    const first = (key: string): boolean => !seen.has(key) && seen.add(key) !== undefined;
    for (const { bytes, port, target: base } of all) {
      if (port === -1) continue;
      const target = `${base}.${zone}`;
      if (first(`${target} ${port}`)) answer.push(srvRecord(found.name, ttl, { weight, port, target }));
      if (first(`${target} ${bytes!.join('.')} 0`)) additional.push(addressRr(target, ttl, bytes!));
    }
    return { answer, additional };
  }

  #ptr(w: Writer, r: Request, zone: string, asked: string): Result {
    const ip = addrOfReverse(r.lower);
    if (ip === undefined) {
      if (this.#find(r.lower, zone, asked) === undefined) return this.#nameError(w, r, asked);
      return this.#negative(w, r, asked, RCODE.NOERROR);
    }
    const targets = this.#reverse(ip);
    if (targets.length === 0) return this.#nameError(w, r, asked);
    const { ttl } = this.options;
    return this.#answer(
      w,
      r,
      [...new Set(targets)].map((target) => nameRecord(r.question.name, TYPE.PTR, ttl, target)),
    );
  }

  #reverse(ip: string): string[] {
    const { namespaces, endpointPodNames } = this.options;
    const hidden = (key: string): boolean => namespaces !== undefined && !this.exposed(key.split('/')[0]!);
    const service = this.catalogue.servicesAt(ip).find((s) => !hidden(s.key));
    if (service !== undefined) return [`${service.name}.${service.namespace}.svc.${this.primaryZone}`];
    return this.catalogue.slicesAt(ip).flatMap((slice) => {
      if (hidden(slice.service)) return [];
      const [namespace, name] = slice.service.split('/');
      return slice.endpoints
        .filter((e) => e.address === ip)
        .map((e) => `${endpointName(e, endpointPodNames)}.${name}.${namespace}.svc.${this.primaryZone}`);
    });
  }

  #txt(w: Writer, r: Request, zone: string, asked: string): Result {
    const base = baseOf(r.lower, zone);
    if (base === 'dns-version')
      return this.#answer(w, r, [textRecord(r.question.name, SCHEMA_TTL, [SCHEMA])]);
    // A node without records is no name for TXT: so has upstream it.
    const found = this.#find(r.lower, zone, asked);
    if (found === undefined || found.found.length === 0 || r.lower === `ns.dns.${asked}`)
      return this.#nameError(w, r, asked);
    return this.#negative(w, r, asked, RCODE.NOERROR);
  }

  /** Where this server is in the cluster: the services that have one of its addresses as an endpoint. */
  #nsFound(): { readonly name: string; readonly found: Found }[] {
    const local = this.localAddresses();
    const named: { name: string; ip: string }[] = [];
    let known = false;
    for (const ip of local)
      for (const slice of this.catalogue.slicesAt(ip)) {
        known = true;
        const service = this.catalogue.services.get(slice.service);
        if (service === undefined) continue;
        const name = `${service.name}.${service.namespace}.svc`;
        if (!service.headless)
          for (const clusterIP of service.clusterIPs) named.push({ name, ip: clusterIP });
        else
          for (const e of slice.endpoints)
            named.push({ name: `${endpointName(e, this.options.endpointPodNames)}.${name}`, ip: e.address });
      }
    if (!known) for (const ip of local) named.push({ name: 'ns.dns', ip });
    return named.flatMap(({ name, ip }) => {
      const bytes = addrBytes(ip);
      return bytes === undefined ? [] : [{ name, found: { bytes, cname: undefined, port: 0, target: name } }];
    });
  }

  /** NS records of a zone, and the addresses of their targets. */
  nameservers(zone: string): { answer: Rr[]; additional: Rr[] } {
    const { ttl } = this.options;
    const all = this.#nsFound();
    const names = [...new Set(all.map(({ name }) => `${name}.${zone}`))];
    return {
      answer: names.map((target) => nameRecord(zone, TYPE.NS, ttl, target)),
      additional: all.map(({ name, found }) => addressRr(`${name}.${zone}`, ttl, found.bytes!)),
    };
  }

  #ns(w: Writer, r: Request, zone: string): Result {
    const { answer, additional } = this.nameservers(zone);
    if (answer.length === 0) return this.#negative(w, r, zone, RCODE.NOERROR);
    return this.#answer(w, r, answer, additional);
  }

  transfer(zone: string, serial: number): Transfer | undefined {
    if (!this.options.zones.includes(zone) || isReverse(zone)) return undefined;
    return transferZone(this, zone, serial);
  }

  /** Sets what plugin/metadata promises about the name and the client. */
  metadata(r: Request): void {
    const zone = matchZone(this.options.zones, r.lower);
    const pod = this.options.pods === 'verified' ? this.catalogue.podsAt(r.peer.address)[0] : undefined;
    if (pod !== undefined) {
      r.setMetadata('kubernetes/client-namespace', () => pod.namespace);
      r.setMetadata('kubernetes/client-pod-name', () => pod.name);
    }
    if (zone === undefined) return;
    const asked = parseRequest(baseOf(r.lower, zone));
    if (asked.what === 'invalid') {
      r.setMetadata('kubernetes/parse-error', () => 'query name has no svc or pod label');
      return;
    }
    const { namespace } = asked;
    if (namespace !== undefined) r.setMetadata('kubernetes/namespace', () => namespace);
    r.setMetadata('kubernetes/kind', () =>
      asked.what === 'pod' ? 'pod' : asked.what === 'service' ? 'svc' : '',
    );
    if (asked.what !== 'service') return;
    r.setMetadata('kubernetes/endpoint', () => asked.endpoint);
    r.setMetadata('kubernetes/service', () => asked.service);
    r.setMetadata('kubernetes/port-name', () => asked.port);
    r.setMetadata('kubernetes/protocol', () => asked.protocol);
  }

  /** The search path of the pod that asks, for plugin/autopath: its namespace's, then the zone's, then the host's. */
  autopath(r: Request): readonly string[] | undefined {
    if (this.options.pods !== 'verified') return undefined;
    const zone = matchZone(this.options.zones, r.lower);
    const pod = this.catalogue.podsAt(r.peer.address)[0];
    if (zone === undefined || pod === undefined) return undefined;
    const below = zone === '.' ? '' : zone;
    return [`${pod.namespace}.svc.${below}`, `svc.${below}`, zone, ...this.hostSearch().map(fqdn), ''];
  }
}

interface Chain {
  readonly records: readonly Rr[];
  readonly truncated: boolean;
}
const NOTHING: Chain = { records: NONE, truncated: false };

export const isReverse = (zone: string): boolean =>
  zone.endsWith('.in-addr.arpa.') ||
  zone.endsWith('.ip6.arpa.') ||
  zone === 'in-addr.arpa.' ||
  zone === 'ip6.arpa.';

const baseOf = (name: string, zone: string): string =>
  name.length <= zone.length
    ? ''
    : zone === '.'
      ? name.slice(0, -1)
      : name.slice(0, name.length - zone.length - 1);

/** The records under the name that the client used. */
function ownedBy(records: readonly Rr[], owner: string, name: string): readonly Rr[] {
  return owner === name ? records : records.map((rr) => withName(rr, owner));
}

/** An empty label matches everything. */
const matches = (p: { name: string; protocol: string }, port: string, protocol: string): boolean =>
  (port === '' || p.name === port) && (protocol === '' || p.protocol === protocol);
