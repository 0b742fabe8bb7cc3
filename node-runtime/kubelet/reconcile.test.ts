import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Container, Pod, PodSpec } from '../../emulator/api/types/pod.ts';
import { backoffUntil, goDuration, raiseBackoff } from './backoff.ts';
import { type ContainerRecord, NEW_CONTAINER, type PodState } from './pod-state.ts';
import { podPhase, podStatus, qosClass } from './pod-status.ts';
import { type PodAction, reconcile } from './reconcile.ts';

const pod = (spec: Partial<PodSpec> & { names?: string[] }, meta: object = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default', uid: 'u1', ...meta },
  spec: { containers: (spec.names ?? ['a']).map((name) => ({ name, image: 'nginx' })), ...spec },
});
const container = (name: string, extra: Partial<Container> = {}): Container => ({
  name,
  image: 'x',
  ...extra,
});
const SANDBOX = { id: 's', attempt: 0, ready: true, ip: '10.244.1.2' };
const running = (extra: Partial<ContainerRecord> = {}): ContainerRecord => ({
  ...NEW_CONTAINER,
  run: { kind: 'running', containerID: 'containerd://1', startedAt: 5000 },
  started: true,
  ready: true,
  ...extra,
});
const exited = (exitCode: number, extra: Partial<ContainerRecord> = {}): ContainerRecord => ({
  ...NEW_CONTAINER,
  run: {
    kind: 'exited',
    end: {
      containerID: 'containerd://1',
      exitCode,
      signal: undefined,
      reason: exitCode === 0 ? 'Completed' : 'Error',
      message: undefined,
      startedAt: 5000,
      finishedAt: 6000,
    },
  },
  ...extra,
});
const state = (
  containers: Record<string, ContainerRecord> = {},
  extra: Partial<PodState> = { sandbox: SANDBOX },
): PodState => ({
  sandbox: undefined,
  containers: new Map(Object.entries(containers)),
  startTime: 1000,
  failed: undefined,
  ...extra,
});
const text = (actions: readonly PodAction[]): string[] =>
  actions.map((a) =>
    a.type === 'start'
      ? `start ${a.kind} ${a.container.name}`
      : a.type === 'kill'
        ? `kill ${a.container.name}`
        : a.type === 'create-sandbox'
          ? `create-sandbox ${a.attempt}`
          : a.type,
  );
const deleted = { deletionTimestamp: '2026-01-01T00:00:00Z' };
const init = [container('i1'), container('i2')];
const sidecar = [container('proxy', { restartPolicy: 'Always' }), container('i2')];
const gone = { ...SANDBOX, ready: false, ip: undefined };

describe('reconcile', () => {
  it.each<[string, Pod, PodState, string[]]>([
    ['a new pod needs a sandbox first', pod({}), state({}, {}), ['create-sandbox 0']],
    ['then all its containers', pod({ names: ['a', 'b'] }), state(), ['start app a', 'start app b']],
    [
      'nothing while the network is being set up',
      pod({}),
      state({}, { sandbox: { ...SANDBOX, ip: undefined } }),
      [],
    ],
    [
      'host networking waits for no address',
      pod({ hostNetwork: true }),
      state({}, { sandbox: { ...SANDBOX, ip: undefined } }),
      ['start app a'],
    ],
    ['all runs: nothing', pod({}), state({ a: running() }), []],
    [
      'one being started: nothing',
      pod({}),
      state({ a: { ...NEW_CONTAINER, run: { kind: 'starting' } } }),
      [],
    ],
    ['Always restarts what ended well', pod({}), state({ a: exited(0) }), ['start app a']],
    ['OnFailure does not', pod({ restartPolicy: 'OnFailure' }), state({ a: exited(0) }), ['kill-pod']],
    [
      'OnFailure restarts what failed',
      pod({ restartPolicy: 'OnFailure' }),
      state({ a: exited(1) }),
      ['start app a'],
    ],
    ['Never restarts nothing', pod({ restartPolicy: 'Never' }), state({ a: exited(1) }), ['kill-pod']],
    [
      'Never waits for the others',
      pod({ restartPolicy: 'Never', names: ['a', 'b'] }),
      state({ a: exited(0), b: running() }),
      [],
    ],
    [
      'a finished pod without sandbox: nothing',
      pod({ restartPolicy: 'Never' }),
      state({ a: exited(0) }, {}),
      [],
    ],
    ['deleted: everything ends', pod({}, deleted), state({ a: running() }), ['kill-pod']],
    ['deleted and gone: nothing', pod({}, deleted), state({}, {}), []],
    [
      'past its deadline',
      pod({}),
      state({ a: running() }, { sandbox: SANDBOX, failed: { reason: 'DeadlineExceeded', message: 'm' } }),
      ['kill-pod'],
    ],
    ['liveness failed', pod({}), state({ a: running({ unhealthy: 'liveness' }) }), ['kill a']],
    ['init containers come first, one', pod({ initContainers: init }), state(), ['start init i1']],
    ['and one after the other', pod({ initContainers: init }), state({ i1: exited(0) }), ['start init i2']],
    ['the next waits for the one that runs', pod({ initContainers: init }), state({ i1: running() }), []],
    [
      'a failed one is tried again',
      pod({ initContainers: init }),
      state({ i1: exited(1) }),
      ['start init i1'],
    ],
    [
      'unless Never: the pod has failed',
      pod({ initContainers: init, restartPolicy: 'Never' }),
      state({ i1: exited(1) }),
      ['kill-pod'],
    ],
    [
      'all done: the app',
      pod({ initContainers: init }),
      state({ i1: exited(0), i2: exited(0) }),
      ['start app a'],
    ],
    [
      'a sidecar holds back the next until it has started',
      pod({ initContainers: sidecar }),
      state({ proxy: running({ started: false }) }),
      [],
    ],
    [
      'and then goes on running beside it',
      pod({ initContainers: sidecar }),
      state({ proxy: running() }),
      ['start init i2'],
    ],
    [
      'a sidecar that ended is started again, whatever the policy',
      pod({ initContainers: sidecar, restartPolicy: 'OnFailure' }),
      state({ proxy: exited(0), i2: exited(0), a: running() }),
      ['start sidecar proxy'],
    ],
    [
      'a sidecar keeps no pod from finishing',
      pod({ initContainers: sidecar, restartPolicy: 'Never' }),
      state({ proxy: running(), i2: exited(0), a: exited(0) }),
      ['kill-pod'],
    ],
    [
      'an ephemeral container is started once',
      pod({ ephemeralContainers: [container('debug'), container('done')] }),
      state({ a: running(), done: exited(0) }),
      ['start ephemeral debug'],
    ],
    [
      'a node that was restarted has no sandbox left: a new one, with the next number',
      pod({}),
      state({ a: exited(255) }, { sandbox: gone }),
      ['kill-pod', 'create-sandbox 1'],
    ],
    [
      'but not for a pod that is not to be restarted',
      pod({ restartPolicy: 'Never', names: ['a', 'b'] }),
      state({ a: exited(255), b: { ...NEW_CONTAINER } }, { sandbox: gone }),
      ['kill-pod'],
    ],
  ])('%s', (_, p, s, wanted) => {
    expect(text(reconcile(p, s))).toEqual(wanted);
  });
});

describe('phase', () => {
  it.each<[string, Pod, PodState, string]>([
    ['nothing yet', pod({}), state({}, {}), 'Pending'],
    ['one of two', pod({ names: ['a', 'b'] }), state({ a: running() }), 'Pending'],
    ['all run', pod({ names: ['a', 'b'] }), state({ a: running(), b: running() }), 'Running'],
    ['crashed, will be restarted', pod({}), state({ a: exited(1) }), 'Running'],
    ['crashing with Never', pod({ restartPolicy: 'Never' }), state({ a: exited(1) }), 'Failed'],
    ['done with Never', pod({ restartPolicy: 'Never' }), state({ a: exited(0) }), 'Succeeded'],
    ['done with OnFailure', pod({ restartPolicy: 'OnFailure' }), state({ a: exited(0) }), 'Succeeded'],
    ['init runs', pod({ initContainers: init }), state({ i1: running() }), 'Pending'],
    [
      'init failed for good',
      pod({ initContainers: init, restartPolicy: 'Never' }),
      state({ i1: exited(1) }),
      'Failed',
    ],
    ['deleted, ended well', pod({}, deleted), state({ a: exited(0) }), 'Succeeded'],
    ['deleted, killed', pod({}, deleted), state({ a: exited(137) }), 'Failed'],
    [
      'waits to be started again: it has run',
      pod({}),
      state({ a: exited(1, { waiting: { reason: 'CrashLoopBackOff', message: 'm' } }) }),
      'Running',
    ],
  ])('%s', (_, p, s, phase) => {
    expect(podPhase(p, s)).toBe(phase);
  });
});

describe('podStatus', () => {
  const input = (p: Pod, s: PodState) => podStatus({ pod: p, state: s, hostIP: '192.168.100.11', now: 9000 });
  const short = (p: Pod, s: PodState) =>
    input(p, s).conditions!.map(
      (c) => `${c.type}=${c.status}${c.reason === undefined ? '' : ` ${c.reason}`}`,
    );

  it('a pod that runs', () => {
    const status = input(pod({}), state({ a: running() }));
    expect(status).toMatchObject({
      phase: 'Running',
      hostIP: '192.168.100.11',
      podIP: '10.244.1.2',
      podIPs: [{ ip: '10.244.1.2' }],
      startTime: '1970-01-01T00:00:01Z',
      qosClass: 'BestEffort',
      containerStatuses: [
        {
          name: 'a',
          ready: true,
          started: true,
          restartCount: 0,
          containerID: 'containerd://1',
          state: { running: { startedAt: '1970-01-01T00:00:05Z' } },
          lastState: {},
        },
      ],
    });
    expect(short(pod({}), state({ a: running() }))).toEqual([
      'PodReadyToStartContainers=True',
      'Initialized=True',
      'Ready=True',
      'ContainersReady=True',
      'PodScheduled=True',
    ]);
  });

  it('a pod without network shows ContainerCreating and names what is unready', () => {
    const p = pod({ names: ['a', 'b'] });
    const status = input(p, state({}, {}));
    expect(status.containerStatuses!.map((c) => c.state)).toEqual([
      { waiting: { reason: 'ContainerCreating' } },
      { waiting: { reason: 'ContainerCreating' } },
    ]);
    expect(status.podIP).toBeUndefined();
    expect(status.conditions!.find((c) => c.type === 'Ready')).toMatchObject({
      status: 'False',
      reason: 'ContainersNotReady',
      message: 'containers with unready status: [a b]',
    });
  });

  it('init containers under way', () => {
    const p = pod({ initContainers: init });
    const status = input(p, state({ i1: exited(0), i2: running() }));
    expect(status.initContainerStatuses!.map((c) => c.ready)).toEqual([true, false]);
    expect(status.containerStatuses![0]!.state).toEqual({ waiting: { reason: 'PodInitializing' } });
    expect(status.conditions!.find((c) => c.type === 'Initialized')).toMatchObject({
      status: 'False',
      reason: 'ContainersNotInitialized',
      message: 'containers with incomplete status: [i2]',
    });
  });

  it('a crash loop is waiting now and terminated before', () => {
    const record = exited(1, {
      restartCount: 3,
      waiting: {
        reason: 'CrashLoopBackOff',
        message: 'back-off 40s restarting failed container=a pod=web_default(u1)',
      },
    });
    expect(input(pod({}), state({ a: record })).containerStatuses![0]).toMatchObject({
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 1, reason: 'Error', finishedAt: '1970-01-01T00:00:06Z' } },
      restartCount: 3,
      ready: false,
      started: false,
    });
  });

  it('a finished pod says so', () => {
    const p = pod({ restartPolicy: 'Never' });
    expect(short(p, state({ a: exited(0) }))).toEqual([
      'PodReadyToStartContainers=False',
      'Initialized=True PodCompleted',
      'Ready=False PodCompleted',
      'ContainersReady=False PodCompleted',
      'PodScheduled=True',
    ]);
  });

  it('a readiness gate keeps the pod unready, not its containers', () => {
    const p = pod({ readinessGates: [{ conditionType: 'example.org/lb' }] });
    expect(short(p, state({ a: running() }))).toEqual([
      'PodReadyToStartContainers=True',
      'Initialized=True',
      'Ready=False ReadinessGatesNotReady',
      'ContainersReady=True',
      'PodScheduled=True',
    ]);
  });

  it('a condition keeps its time while its status stays', () => {
    const first = input(pod({}), state({ a: running() }));
    const later = podStatus({
      pod: { ...pod({}), status: first },
      state: state({ a: running({ ready: false }) }),
      hostIP: 'h',
      now: 60_000,
    });
    const times = Object.fromEntries(later.conditions!.map((c) => [c.type, c.lastTransitionTime]));
    expect(times).toMatchObject({ PodScheduled: '1970-01-01T00:00:09Z', Ready: '1970-01-01T00:01:00Z' });
  });

  it.each<[string, Partial<Container>[], string]>([
    ['nothing said', [{}], 'BestEffort'],
    ['some requests', [{ resources: { requests: { cpu: '1' } } }, {}], 'Burstable'],
    ['limits on all', [{ resources: { limits: { cpu: '1', memory: '1Gi' } } }], 'Guaranteed'],
    [
      'requests below',
      [{ resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } } }],
      'Burstable',
    ],
  ])('QoS: %s', (_, list, qos) => {
    expect(qosClass(pod({ containers: list.map((c, i) => container(`c${i}`, c)) }))).toBe(qos);
  });
});

describe('back-off', () => {
  it('restarts at once, then after 10 s, doubling to 5 min', () => {
    let entry: ReturnType<typeof raiseBackoff> | undefined;
    let now = 0;
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      const finished = now;
      const until = backoffUntil(entry, finished, now) ?? now;
      waits.push((until - finished) / 1000);
      now = until;
      expect(backoffUntil(entry, finished, now)).toBeUndefined();
      entry = raiseBackoff(entry, finished, now);
    }
    expect(waits).toEqual([0, 10, 20, 40, 80, 160, 300, 300]);
  });
  it('is forgotten after ten quiet minutes', () => {
    const entry = { delay: 300_000, updated: 0 };
    expect(backoffUntil(entry, 600_001, 600_001)).toBeUndefined();
    expect(raiseBackoff(entry, 600_001, 600_001).delay).toBe(10_000);
  });
  it('never makes anyone wait longer than the limit', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2_000_000)), (runs) => {
        let entry: ReturnType<typeof raiseBackoff> | undefined;
        let now = 0;
        for (const ran of runs) {
          const finished = now + ran;
          const until = backoffUntil(entry, finished, finished) ?? finished;
          expect(until - finished).toBeLessThanOrEqual(300_000);
          now = until;
          entry = raiseBackoff(entry, finished, now);
        }
      }),
    );
  });
  it.each([
    [10_000, '10s'],
    [160_000, '2m40s'],
    [300_000, '5m0s'],
    [3_661_000, '1h1m1s'],
  ])('%i ms reads %s', (ms, words) => {
    expect(goDuration(ms)).toBe(words);
  });
});
