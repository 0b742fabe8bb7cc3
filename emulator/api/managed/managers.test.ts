import { describe, expect, it } from 'vitest';
import { copy, type Fields } from '../fields.ts';
import { kubernetes } from '../schema/definitions.ts';
import { applyConfiguration, trackUpdate, type Writer } from './managers.ts';

const type = kubernetes().get('core.v1.Service');
const by = (manager: string): Writer => ({
  manager,
  apiVersion: 'v1',
  subresource: '',
  time: '2026-01-01T00:00:00Z',
});
const apply = (live: Fields | undefined, manager: string, config: Fields, force = false): Fields =>
  applyConfiguration(live === undefined ? undefined : (copy(live) as Fields), config, {
    writer: by(manager),
    force,
    type,
  });
const update = (live: Fields, manager: string, next: Fields): Fields => {
  const made = {
    ...copy(next),
    metadata: { ...(next['metadata'] as object), managedFields: undefined },
  } as Fields;
  trackUpdate(made, live, by(manager), type);
  return made;
};
const service = (spec: Fields, metadata: Fields = {}): Fields => ({
  metadata: { name: 's', ...metadata },
  spec,
});
const owners = (object: Fields): Record<string, unknown> =>
  Object.fromEntries(
    ((object['metadata'] as Fields)['managedFields'] as Fields[]).map((e) => [
      `${e['operation']} ${e['manager']}`,
      e['fieldsV1'],
    ]),
  );
const spec = (object: Fields): unknown => object['spec'];
const outcome = (fn: () => Fields): unknown => {
  try {
    return spec(fn());
  } catch (error) {
    return (error as Error).message;
  }
};

const http = { port: 80, protocol: 'TCP', name: 'http' };
const https = { port: 443, protocol: 'TCP', name: 'https' };

describe('server-side apply', () => {
  const made = apply(
    undefined,
    'a',
    service({ selector: { app: 'x' }, ports: [http] }, { labels: { l: '1' } }),
  );

  it('owns what it says', () =>
    expect(owners(made)).toEqual({
      'Apply a': {
        'f:metadata': { 'f:labels': { 'f:l': {} } },
        'f:spec': {
          'f:selector': {},
          'f:ports': {
            'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:protocol': {}, 'f:name': {} },
          },
        },
      },
    }));

  it.each<[string, unknown, unknown]>([
    [
      'two appliers share a keyed list',
      outcome(() => apply(made, 'b', service({ ports: [https] }))),
      { selector: { app: 'x' }, ports: [http, https] },
    ],
    [
      'what an applier no longer says goes',
      outcome(() => apply(made, 'a', service({ ports: [https] }))),
      { ports: [https] },
    ],
    [
      'but stays while another says it',
      outcome(() =>
        apply(apply(made, 'b', service({ ports: [http] })), 'a', service({ selector: { app: 'x' } })),
      ),
      { selector: { app: 'x' }, ports: [http] },
    ],
    [
      'a value that another owns is a conflict',
      outcome(() => apply(made, 'b', service({ ports: [{ ...http, name: 'web' }] }))),
      'Apply failed with 1 conflict: conflict with "a": .spec.ports[port=80,protocol="TCP"].name',
    ],
    [
      'each of them named',
      outcome(() => apply(made, 'b', service({ selector: { app: 'y' }, ports: [{ ...http, name: 'web' }] }))),
      'Apply failed with 2 conflicts: conflicts with "a":\n- .spec.selector\n- .spec.ports[port=80,protocol="TCP"].name',
    ],
    [
      'the same value is none',
      outcome(() => apply(made, 'b', service({ selector: { app: 'x' } }))),
      { selector: { app: 'x' }, ports: [http] },
    ],
    [
      'one who updated is named with the time',
      outcome(() =>
        apply(
          update(made, 'u', { ...made, spec: { ...(made['spec'] as object), selector: { app: 'z' } } }),
          'a',
          service({ selector: { app: 'x' } }),
        ),
      ),
      'Apply failed with 1 conflict: conflict with "u" using v1 at 2026-01-01T00:00:00Z: .spec.selector',
    ],
  ])('%s', (_case, got, expected) => expect(got).toEqual(expected));

  it('takes by force, and the other has it no more', () => {
    const taken = apply(made, 'b', service({ selector: { app: 'y' } }), true);
    expect(spec(taken)).toMatchObject({ selector: { app: 'y' } });
    expect((owners(taken)['Apply a'] as Fields)['f:spec']).not.toHaveProperty('f:selector');
    expect(owners(taken)['Apply b']).toEqual({ 'f:spec': { 'f:selector': {} } });
  });

  it('of an object that nobody tracked finds its fields owned by before-first-apply', () => {
    const live = service({ selector: { app: 'x' } });
    expect(outcome(() => apply(live, 'a', service({ selector: { app: 'y' } })))).toMatch(
      /conflict with "before-first-apply" using v1/,
    );
  });

  it('again changes nothing', () => {
    const again = apply(
      made,
      'a',
      service({ selector: { app: 'x' }, ports: [http] }, { labels: { l: '1' } }),
    );
    expect(again).toEqual(made);
  });
});

describe('an update', () => {
  it('takes ownership of what it changes, adds and removes, and of nothing else', () => {
    const made = apply(undefined, 'a', service({ selector: { app: 'x' }, ports: [http], clusterIP: 'None' }));
    const next = update(made, 'u', { ...made, spec: { selector: { app: 'x' }, ports: [http, https] } });
    expect(owners(next)).toEqual({
      'Apply a': {
        'f:spec': {
          'f:selector': {},
          'f:ports': {
            'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:protocol': {}, 'f:name': {} },
          },
        },
      },
      'Update u': {
        'f:spec': {
          'f:ports': {
            'k:{"port":443,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:protocol': {}, 'f:name': {} },
          },
        },
      },
    });
  });
});
