import fc from 'fast-check';
import protobuf from 'protobufjs/minimal.js';
import { describe, expect, it } from 'vitest';
import { copy, type Fields } from '../fields.ts';
import { kubernetes, typeName } from './definitions.ts';
import { decodeProtobuf, ProtobufError } from './protobuf.ts';
import { readAs } from './read-object.ts';

const POD = { group: '', version: 'v1', kind: 'Pod' };
const SERVICE = { group: '', version: 'v1', kind: 'Service' };
const NETPOL = { group: 'networking.k8s.io', version: 'v1', kind: 'NetworkPolicy' };

describe('definitions', () => {
  it('name no type that is not defined', () => {
    const all = kubernetes();
    const missing: string[] = [];
    const visit = (type: { is: string; of?: unknown; type?: string }, where: string): void => {
      if (type.is === 'object' && all.get(type.type!) === undefined) missing.push(`${where}: ${type.type}`);
      if (type.of !== undefined) visit(type.of as never, where);
    };
    for (const name of all.names())
      for (const field of all.get(name)!.own) visit(field.type as never, `${name}.${field.name}`);
    expect(missing).toEqual([]);
  });
  it.each([
    ['core.v1.ServiceSpec', 'ports', { keys: ['port', 'protocol'], mergeKey: 'port', number: 1 }],
    ['core.v1.Probe', 'httpGet', { number: 2 }],
    ['apps.v1.DeploymentSpec', 'replicas', { pointer: true }],
    ['core.v1.ObjectReference', 'name', { required: false }],
    ['meta.v1.ObjectMeta', 'finalizers', { set: true, mergeKey: '' }],
    ['core.v1.PodSpec', 'tolerations', { atomic: true, mergeKey: undefined }],
  ])('%s.%s', (type, field, expected) =>
    expect(kubernetes().get(type)!.fields.get(field)).toMatchObject(expected),
  );
});

const read = (object: object, as = POD, validation: 'Ignore' | 'Warn' | 'Strict' = 'Ignore') => {
  const warnings: string[] = [];
  const body = copy(object) as Fields;
  try {
    readAs(body, as, validation, (text) => warnings.push(text));
  } catch (error) {
    return (error as Error).message;
  }
  return warnings.length > 0 ? warnings : body;
};

describe('a body read as its kind', () => {
  const extra = { spec: { foo: 1, containers: [{ name: 'a', bar: 2 }] } };
  it.each<[string, unknown, unknown]>([
    ['unknown fields go', read(extra), { spec: { containers: [{ name: 'a' }] } }],
    [
      'or are warned of',
      read(extra, POD, 'Warn'),
      ['unknown field "spec.foo"', 'unknown field "spec.containers[0].bar"'],
    ],
    [
      'or refused',
      read(extra, POD, 'Strict'),
      'Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.foo", unknown field "spec.containers[0].bar"',
    ],
    [
      'a text for a number',
      read({ spec: { ports: [{ port: 'http' }] } }, SERVICE),
      'Service in version "v1" cannot be handled as a Service: json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32',
    ],
    [
      'an object for a list',
      read({ spec: { containers: {} } }),
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container',
    ],
    [
      'a number for a label',
      read({ metadata: { labels: { a: 1 } } }),
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
    ],
    [
      'a port beyond 32 bits',
      read({ spec: { ports: [{ port: 3e9 }] } }, SERVICE),
      'Service in version "v1" cannot be handled as a Service: json: cannot unmarshal number 3000000000 into Go struct field ServicePort.spec.ports.port of type int32',
    ],
    [
      'nulls and zeros that Go leaves out go',
      read({ spec: { nodeName: '', hostNetwork: false, volumes: [], tolerations: null, containers: [] } }),
      { spec: { containers: [] } },
    ],
    [
      'pointers keep theirs',
      read({ spec: { automountServiceAccountToken: false, containers: [] } }),
      { spec: { automountServiceAccountToken: false, containers: [] } },
    ],
    [
      'an empty selector is a selector',
      read({ spec: { podSelector: {}, ingress: [] } }, NETPOL),
      { spec: { podSelector: {} } },
    ],
    [
      'a quantity may be a number',
      read({ spec: { containers: [{ resources: { limits: { cpu: 1 } } }] } }),
      { spec: { containers: [{ resources: { limits: { cpu: '1' } } }] } },
    ],
    [
      'inline sources are fields of the volume',
      read({ spec: { containers: [], volumes: [{ name: 'a', emptyDir: {} }] } }),
      { spec: { containers: [], volumes: [{ name: 'a', emptyDir: {} }] } },
    ],
  ])('%s', (_case, got, expected) => expect(got).toEqual(expected));
});

/** An object as kubectl would write it: by the definitions, backwards. */
function encode(apiVersion: string, kind: string, object: Fields): Buffer {
  const slash = apiVersion.indexOf('/');
  const type = typeName(slash < 0 ? '' : apiVersion.slice(0, slash), apiVersion.slice(slash + 1), kind);
  const unknown = protobuf.Writer.create();
  unknown.uint32(0x0a).fork().uint32(0x0a).string(apiVersion).uint32(0x12).string(kind).ldelim();
  unknown.uint32(0x12).bytes(write(object, type));
  return Buffer.concat([Buffer.from('k8s\0'), unknown.finish()]);
}

function write(object: Fields, typeNamed: string): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const field of kubernetes().get(typeNamed)!.own) {
    if (field.inline && field.type.is === 'object') {
      writer.uint32((field.number << 3) | 2).bytes(write(object, field.type.type));
      continue;
    }
    const value = object[field.name];
    if (value === undefined) continue;
    const items = field.type.is === 'list' ? (value as unknown[]) : [value];
    const type = field.type.is === 'list' ? field.type.of : field.type;
    for (const item of items) writeValue(writer, field.number, type as never, item);
  }
  return writer.finish();
}

function writeValue(
  writer: protobuf.Writer,
  number: number,
  type: { is: string; scalar?: string; type?: string; of?: never },
  value: unknown,
): void {
  const bytes = (): protobuf.Writer => writer.uint32((number << 3) | 2);
  if (type.is === 'object') bytes().bytes(write(value as Fields, type.type!));
  else if (type.is === 'map') {
    for (const [key, item] of Object.entries(value as Fields)) {
      const entry = protobuf.Writer.create().uint32(0x0a).string(key);
      writeValue(entry, 2, type.of!, item);
      bytes().bytes(entry.finish());
    }
  } else if (type.scalar === 'string') bytes().string(value as string);
  else if (type.scalar === 'bytes') bytes().bytes(Buffer.from(value as string, 'base64'));
  else if (type.scalar === 'bool') writer.uint32(number << 3).bool(value as boolean);
  else if (type.scalar === 'int32' || type.scalar === 'int64')
    writer.uint32(number << 3).int64(value as number);
  else if (type.scalar === 'Quantity')
    bytes()
      .fork()
      .uint32(0x0a)
      .string(value as string)
      .ldelim();
  else if (type.scalar === 'IntOrString')
    bytes()
      .fork()
      .uint32(0x08)
      .int64(typeof value === 'string' ? 1 : 0)
      .uint32(0x10)
      .int32(typeof value === 'string' ? 0 : (value as number))
      .uint32(0x1a)
      .string(typeof value === 'string' ? value : '')
      .ldelim();
  else if (type.scalar === 'Time')
    bytes()
      .fork()
      .uint32(0x08)
      .int64(Date.parse(value as string) / 1000)
      .ldelim();
  else throw new Error(`no writer for ${type.scalar}`);
}

const DEPLOYMENT: Fields = {
  metadata: { name: 'web', labels: { app: 'web' }, creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        containers: [
          {
            name: 'nginx',
            image: 'nginx:1.27',
            ports: [{ containerPort: 80, protocol: 'TCP' }],
            resources: { requests: { cpu: '100m' } },
            readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 5 },
          },
        ],
        volumes: [{ name: 'v', configMap: { name: 'cm' } }],
      },
    },
    strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: '25%' } },
  },
};

describe('protobuf', () => {
  it('gives what was written', () => {
    const body = encode('apps/v1', 'Deployment', DEPLOYMENT);
    expect(decodeProtobuf(body, kubernetes())).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      ...DEPLOYMENT,
    });
  });
  it('leaves out the zeros that Go always writes', () => {
    const body = encode('v1', 'Namespace', {
      metadata: { name: 'a', generateName: '', generation: 0 },
      spec: {},
      status: {},
    });
    expect(decodeProtobuf(body, kubernetes())).toEqual({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'a' },
      spec: {},
      status: {},
    });
  });
  it('keeps secret bytes as base64', () => {
    const body = encode('v1', 'Secret', { metadata: { name: 'a' }, data: { k: 'aGk=' }, type: 'Opaque' });
    expect(decodeProtobuf(body, kubernetes())).toMatchObject({ data: { k: 'aGk=' }, type: 'Opaque' });
  });
  it('truncated anywhere, it is refused or read in part, and never throws anything else', () => {
    const body = encode('apps/v1', 'Deployment', DEPLOYMENT);
    for (let i = 0; i < body.length; i++)
      try {
        decodeProtobuf(body.subarray(0, i), kubernetes());
      } catch (error) {
        expect(error).toBeInstanceOf(ProtobufError);
      }
  });
  it('of noise likewise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (noise, framed) => {
        const head = framed ? encode('v1', 'Pod', {}).subarray(0, -1) : Buffer.from('k8s\0');
        try {
          decodeProtobuf(Buffer.concat([head, Buffer.from([noise.length % 128]), noise]), kubernetes());
        } catch (error) {
          if (!(error instanceof ProtobufError)) throw error;
        }
      }),
    );
  });
});
