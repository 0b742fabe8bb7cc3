import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { contextName, type Kubeconfig, merged, userKubeconfig, without } from './kubeconfig.ts';

const own = (server: string): Kubeconfig =>
  ({
    clusters: [{ name: 'podwire', cluster: { server } }],
    users: [{ name: 'podwire-admin', user: {} }],
    contexts: [{ name: 'podwire', context: { cluster: 'podwire', user: 'podwire-admin' } }],
    'current-context': 'podwire',
  }) as unknown as Kubeconfig;
const THEIRS = `# mine
apiVersion: v1
kind: Config
clusters:
- name: work
  cluster: {server: "https://work"}
users: []
contexts:
- name: work
  context: {cluster: work, user: me}
current-context: work
preferences: {colors: true}
`;

describe('a kubeconfig', () => {
  it.each([
    ['podwire', 'podwire'],
    ['podwire-two', 'podwire-two'],
    ['shop', 'podwire-shop'],
  ])('the context of cluster %s is %s', (cluster, context) => {
    expect(contextName(cluster)).toBe(context);
  });

  it('is made where there is none', () => {
    expect(parse(merged('', own('https://a'), 'f'))).toEqual({
      apiVersion: 'v1',
      kind: 'Config',
      ...own('https://a'),
    });
  });

  it('is merged by name: what was there stays, comments too, and a second time replaces the first', () => {
    const once = merged(THEIRS, own('https://a'), 'f');
    expect(once).toMatch(/^# mine\n/);
    expect(parse(once)).toMatchObject({
      clusters: [{ name: 'work' }, { name: 'podwire', cluster: { server: 'https://a' } }],
      users: [{ name: 'podwire-admin' }],
      contexts: [{ name: 'work' }, { name: 'podwire' }],
      'current-context': 'podwire',
      preferences: { colors: true },
    });
    const twice = parse(merged(once, own('https://b'), 'f'));
    expect(twice.clusters).toEqual([
      { name: 'work', cluster: { server: 'https://work' } },
      { name: 'podwire', cluster: { server: 'https://b' } },
    ]);
  });

  it('loses the entries of a cluster, and its context when it is the current one', () => {
    const gone = parse(without(merged(THEIRS, own('https://a'), 'f'), 'podwire', 'f'));
    expect(gone).toEqual({ ...parse(THEIRS), 'current-context': '' });
  });

  it.each(['- a list', 'a: [', 'word'])('%j is refused, and the file is named', (text) => {
    expect(() => merged(text, own('https://a'), '/home/me/config')).toThrow(/\/home\/me\/config/);
  });

  it('is the first file of KUBECONFIG', () => {
    expect(userKubeconfig({ KUBECONFIG: ':/a:/b' })).toBe('/a');
    expect(userKubeconfig({})).toMatch(/\.kube.config$/);
  });
});
