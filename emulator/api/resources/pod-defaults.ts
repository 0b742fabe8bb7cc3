// What an API server fills into a pod spec, wherever one stands: pkg/apis/core/v1/defaults.go, SetDefaults_PodSpec and the
// defaults of what is in it.
import { type Fields, fieldsOf, isFields, listOf } from '../fields.ts';

export function podSpecDefaults(spec: Fields): void {
  fill(spec, {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
  });
  const account = spec['serviceAccountName'] ?? spec['serviceAccount'];
  if (typeof account === 'string' && account !== '')
    fill(spec, { serviceAccountName: account, serviceAccount: account });
  for (const list of ['initContainers', 'containers', 'ephemeralContainers'])
    for (const container of listOf(spec[list])) if (isFields(container)) containerDefaults(container, spec);
  for (const volume of listOf(spec['volumes'])) if (isFields(volume)) volumeDefaults(volume);
  for (const constraint of listOf(spec['topologySpreadConstraints']))
    if (isFields(constraint) && constraint['whenUnsatisfiable'] === undefined)
      constraint['whenUnsatisfiable'] = 'DoNotSchedule';
}

export function fill(object: Fields, defaults: Fields): void {
  for (const [name, value] of Object.entries(defaults)) if (object[name] === undefined) object[name] = value;
}

function containerDefaults(container: Fields, spec: Fields): void {
  fill(container, {
    imagePullPolicy: pullPolicy(String(container['image'] ?? '')),
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
  });
  for (const port of listOf(container['ports'])) {
    if (!isFields(port)) continue;
    fill(port, { protocol: 'TCP' });
    // On the host's network a container's port is the host's.
    if (spec['hostNetwork'] === true && port['hostPort'] === undefined)
      port['hostPort'] = port['containerPort'];
  }
  for (const env of listOf(container['env'])) {
    const ref = fieldsOf(fieldsOf(env)['valueFrom'])['fieldRef'];
    if (isFields(ref)) fill(ref, { apiVersion: 'v1' });
    const resource = fieldsOf(fieldsOf(env)['valueFrom'])['resourceFieldRef'];
    if (isFields(resource)) fill(resource, { divisor: '0' });
  }
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const probe = container[name];
    if (!isFields(probe)) continue;
    fill(probe, { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 });
    handlerDefaults(probe);
  }
  const lifecycle = fieldsOf(container['lifecycle']);
  for (const name of ['postStart', 'preStop'])
    if (isFields(lifecycle[name])) handlerDefaults(fieldsOf(lifecycle[name]));
}

function handlerDefaults(handler: Fields): void {
  if (isFields(handler['httpGet'])) fill(handler['httpGet'], { path: '/', scheme: 'HTTP' });
  if (isFields(handler['grpc'])) fill(handler['grpc'], { service: '' });
}

/** "latest", or no tag at all, is always pulled: SetDefaults_Container. */
function pullPolicy(image: string): string {
  if (image.includes('@')) return 'IfNotPresent';
  const tag = /:([^/:]+)$/.exec(image)?.[1];
  return tag === undefined || tag === 'latest' ? 'Always' : 'IfNotPresent';
}

const VOLUME_MODE = 0o644;

function volumeDefaults(volume: Fields): void {
  const sources = Object.keys(volume).filter((name) => name !== 'name');
  if (sources.length === 0) volume['emptyDir'] = {};
  for (const name of ['secret', 'configMap', 'downwardAPI', 'projected'])
    if (isFields(volume[name])) fill(volume[name], { defaultMode: VOLUME_MODE });
  if (isFields(volume['hostPath'])) fill(volume['hostPath'], { type: '' });
  downwardDefaults(fieldsOf(volume['downwardAPI']));
  for (const source of listOf(fieldsOf(volume['projected'])['sources'])) {
    const token = fieldsOf(source)['serviceAccountToken'];
    if (isFields(token)) fill(token, { expirationSeconds: 3600 });
    downwardDefaults(fieldsOf(fieldsOf(source)['downwardAPI']));
  }
}

function downwardDefaults(source: Fields): void {
  for (const item of listOf(source['items'])) {
    const ref = fieldsOf(item)['fieldRef'];
    if (isFields(ref)) fill(ref, { apiVersion: 'v1' });
  }
}
