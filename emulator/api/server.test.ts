import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { settle } from './testing/clock.ts';
import { Harness, pod } from './testing/harness.ts';
import type { KubeList, Status } from './types/meta.ts';
import type { Pod } from './types/pod.ts';

let api: Harness;
beforeEach(async () => {
  api = new Harness();
  await api.namespace();
});
afterEach(() => api.close());

const PODS = '/api/v1/namespaces/default/pods';

describe('objects over HTTP', () => {
  it('are created with uid, time, version and defaults', async () => {
    const { code, body } = await api.call('POST', PODS, pod('web'));
    expect(code).toBe(201);
    expect(body).toMatchObject({
      metadata: { name: 'web', namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: {
        restartPolicy: 'Always',
        dnsPolicy: 'ClusterFirst',
        terminationGracePeriodSeconds: 30,
        containers: [{ imagePullPolicy: 'Always' }],
      },
      status: { phase: 'Pending', qosClass: 'BestEffort' },
    });
    expect((body as Pod).metadata.uid).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  it.each([
    ['GET', `${PODS}/none`, undefined, 404, 'NotFound', 'pods "none" not found'],
    ['POST', PODS, pod('web'), 409, 'AlreadyExists', 'pods "web" already exists'],
    ['POST', '/api/v1/namespaces/none/pods', pod('a'), 404, 'NotFound', 'namespaces "none" not found'],
    [
      'GET',
      '/api/v1/nothing',
      undefined,
      404,
      'NotFound',
      'the server could not find the requested resource',
    ],
    ['GET', '/apis/none/v1', undefined, 404, 'NotFound', 'the server could not find the requested resource'],
    [
      'GET',
      `${PODS}?fieldSelector=spec.foo=1`,
      undefined,
      400,
      'BadRequest',
      'field label not supported: spec.foo',
    ],
    [
      'PUT',
      PODS,
      pod('a'),
      405,
      'MethodNotAllowed',
      'the server does not allow this method on the requested resource',
    ],
    [
      'PUT',
      `${PODS}/web`,
      pod('web', { metadata: { name: 'web', resourceVersion: '1' } }),
      409,
      'Conflict',
      'Operation cannot be fulfilled on pods "web": the object has been modified; please apply your changes to the latest version and try again',
    ],
    ['DELETE', `${PODS}/none`, undefined, 404, 'NotFound', 'pods "none" not found'],
  ])('%s %s answers as upstream words it', async (method, path, body, code, reason, message) => {
    await api.call('POST', PODS, pod('web'));
    const answer = await api.call(method, path, body);
    expect(answer.body).toMatchObject({ kind: 'Status', status: 'Failure', code, reason, message });
    expect(answer.code).toBe(code);
  });

  it('refuses a name that is no DNS subdomain with the field and the rule', async () => {
    const { body } = await api.call('POST', PODS, pod('Web_1'));
    expect((body as Status).message).toMatch(
      /^Pod "Web_1" is invalid: metadata.name: Invalid value: "Web_1": a lowercase RFC 1123 subdomain/,
    );
  });

  it('makes names from generateName', async () => {
    const { body } = await api.call('POST', PODS, {
      ...pod(''),
      metadata: { generateName: 'web-' },
    });
    expect((body as Pod).metadata.name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  it('refuses without credentials all but health and version', async () => {
    const no = { authorization: '' };
    const wrong = { authorization: 'Bearer guess' };
    for (const path of ['/healthz', '/livez', '/readyz', '/version'])
      expect((await api.call('GET', path, undefined, no)).code).toBe(200);
    expect((await api.call('GET', '/api', undefined, no)).code).toBe(401);
    expect((await api.call('GET', '/version', undefined, wrong)).code).toBe(401);
    expect((await api.call('GET', PODS, undefined, wrong)).body).toMatchObject({
      code: 401,
      message: 'Unauthorized',
    });
  });

  it('pages through a list', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await api.call('POST', PODS, pod(name));
    const first = (await api.call('GET', `${PODS}?limit=2`)).body as KubeList<Pod>;
    expect(first.items.map((p) => p.metadata.name)).toEqual(['a', 'b']);
    expect(first.metadata.remainingItemCount).toBe(3);
    const token = encodeURIComponent(first.metadata.continue!);
    const second = (await api.call('GET', `${PODS}?limit=4&continue=${token}`)).body as KubeList<Pod>;
    expect(second.items.map((p) => p.metadata.name)).toEqual(['c', 'd', 'e']);
    expect(second.metadata.continue).toBeUndefined();
  });

  it('leaves a bound pod its grace period and takes it away when the kubelet says so', async () => {
    await api.call('POST', PODS, pod('web'));
    await api.call('POST', `${PODS}/web/binding`, { target: { kind: 'Node', name: 'n1' } });
    const { body } = await api.call('DELETE', `${PODS}/web`);
    expect(body).toMatchObject({
      spec: { nodeName: 'n1' },
      metadata: { deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 },
    });
    await api.call('DELETE', `${PODS}/web?gracePeriodSeconds=0`);
    expect((await api.call('GET', `${PODS}/web`)).code).toBe(404);
  });

  it('holds an object until its finalizers are gone', async () => {
    const path = '/api/v1/namespaces/default/configmaps';
    await api.call('POST', path, { metadata: { name: 'a', finalizers: ['example.com/hold'] } });
    await api.call('DELETE', `${path}/a`);
    expect((await api.call('GET', `${path}/a`)).body).toMatchObject({
      metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' },
    });
    await api.call(
      'PATCH',
      `${path}/a`,
      { metadata: { finalizers: null } },
      {
        'content-type': 'application/merge-patch+json',
      },
    );
    expect((await api.call('GET', `${path}/a`)).code).toBe(404);
  });

  it('keeps status and spec apart', async () => {
    await api.call('POST', PODS, { ...pod('web'), status: { phase: 'Running' } });
    const merge = { 'content-type': 'application/merge-patch+json' };
    await api.call('PATCH', `${PODS}/web`, { status: { phase: 'Failed' } }, merge);
    expect((await api.call('GET', `${PODS}/web`)).body).toMatchObject({ status: { phase: 'Pending' } });
    await api.call('PATCH', `${PODS}/web/status`, { status: { phase: 'Running' }, spec: { x: 1 } }, merge);
    const { body } = await api.call('GET', `${PODS}/web`);
    expect(body).toMatchObject({ status: { phase: 'Running' } });
    expect((body as { spec: object }).spec).not.toHaveProperty('x');
  });

  it('makes no new version of a write that changes nothing', async () => {
    const { body } = await api.call('POST', PODS, pod('web'));
    const again = await api.call('PUT', `${PODS}/web`, body);
    expect((again.body as Pod).metadata.resourceVersion).toBe((body as Pod).metadata.resourceVersion);
  });
});

describe('watch', () => {
  const names = (lines: readonly unknown[]): string[] =>
    lines.map((l) => {
      const event = l as { type: string; object: Pod };
      return `${event.type} ${event.object.metadata.name ?? ''}`.trim();
    });

  it('shows what is there, then what comes', async () => {
    await api.call('POST', PODS, pod('a'));
    const seen = api.watch(`${PODS}?watch=true&resourceVersion=0`);
    await settle();
    await api.call('POST', PODS, pod('b'));
    await api.call('DELETE', `${PODS}/a`);
    await settle();
    expect(names(seen.lines)).toEqual(['ADDED a', 'ADDED b', 'DELETED a']);
    seen.stop();
  });

  it('goes on from a version, and is told when that is forgotten', async () => {
    const old = new Harness({ history: 3 });
    await old.namespace();
    const { body } = await old.call('POST', PODS, pod('a'));
    const from = (body as Pod).metadata.resourceVersion;
    await old.call('POST', PODS, pod('b'));
    const seen = old.watch(`${PODS}?watch=true&resourceVersion=${from}`);
    await settle();
    expect(names(seen.lines)).toEqual(['ADDED b']);
    for (const name of ['c', 'd', 'e', 'f']) await old.call('POST', PODS, pod(name));
    const late = old.watch(`${PODS}?watch=true&resourceVersion=${from}`);
    await settle();
    expect(late.lines).toMatchObject([{ type: 'ERROR', object: { code: 410, reason: 'Expired' } }]);
    expect(late.ended).toBe(true);
    old.close();
  });

  it('a watch from the future is refused rather than silent', async () => {
    const seen = api.watch(`${PODS}?watch=true&resourceVersion=999999`);
    await settle();
    expect(seen.lines).toMatchObject([{ type: 'ERROR', object: { code: 410 } }]);
  });

  it('shows what enters and leaves a selection as added and deleted', async () => {
    const seen = api.watch(`${PODS}?watch=true&labelSelector=tier%3Dweb&resourceVersion=0`);
    await settle();
    const merge = { 'content-type': 'application/merge-patch+json' };
    await api.call('POST', PODS, pod('a'));
    await api.call('PATCH', `${PODS}/a`, { metadata: { labels: { tier: 'web' } } }, merge);
    await api.call('PATCH', `${PODS}/a`, { metadata: { labels: { x: 'y' } } }, merge);
    await api.call('PATCH', `${PODS}/a`, { metadata: { labels: { tier: 'db' } } }, merge);
    await settle();
    expect(names(seen.lines)).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
    seen.stop();
  });

  it('marks the time for who asks, and ends after its timeout', async () => {
    const seen = api.watch(`${PODS}?watch=true&allowWatchBookmarks=true&timeoutSeconds=70`);
    await settle();
    await api.clock.advance(61_000);
    expect(names(seen.lines)).toEqual(['BOOKMARK', 'BOOKMARK']);
    expect(seen.ended).toBe(false);
    await api.clock.advance(10_000);
    expect(seen.ended).toBe(true);
  });
});
