// What the groups need of a cluster: pods on given nodes, a flow measured by iperf3 between them, round trips by ping, and
// the CPU that the node processes took meanwhile.
import { Cluster } from '../emulator/client.ts';
import type { Bench } from './row.ts';

/** A cluster that ends with its group. */
export async function clusterFor(bench: Bench, cluster: Readonly<Record<string, unknown>>): Promise<Cluster> {
  const started = await Cluster.start({ cluster });
  bench.defer(() => started.stop());
  return started;
}

export interface PodSpec {
  readonly name: string;
  readonly node: string;
  readonly image?: string;
  readonly args?: readonly string[];
  readonly hostNetwork?: boolean;
}

/** Makes pods and waits until all of them are Ready. */
export async function pods(cluster: Cluster, specs: readonly PodSpec[], timeout = 60_000): Promise<void> {
  await cluster.apply(
    specs.map(({ name, node, image = 'busybox', args = ['sleep', 'infinity'], hostNetwork }) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: {
        nodeName: node,
        terminationGracePeriodSeconds: 0,
        ...(hostNetwork === undefined ? {} : { hostNetwork }),
        containers: [{ name: 'c', image, args }],
      },
    })),
  );
  const names = new Set(specs.map(({ name }) => name));
  const end = cluster.now() + timeout;
  for (;;) {
    const list = (await cluster.list('Pod')) as unknown as readonly PodObject[];
    const waiting = list.filter((pod) => names.has(pod.metadata.name) && !isReady(pod));
    if (waiting.length === 0) return;
    if (cluster.now() > end)
      throw new Error(`pods not Ready after ${timeout / 1000} s: ${waiting.map((p) => p.metadata.name)}`);
    await cluster.sleep(10);
  }
}
interface PodObject {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}
const isReady = ({ status }: PodObject): boolean =>
  status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true;

/** CPU of these nodes until now, in milliseconds. */
export async function cpuOf(cluster: Cluster, nodes: readonly string[]): Promise<number> {
  const all = await Promise.all(nodes.map((name) => cluster.node(name).stats()));
  return all.reduce((sum, s) => sum + s.cpuUserMs + s.cpuSystemMs, 0);
}

export interface Flow {
  readonly bytesPerSecond: number;
  /** CPU of the nodes, in nanoseconds per byte received. */
  readonly cpuPerByte: number;
}

/** iperf3's TCP test for `seconds`, from a pod to a server that runs already; what arrived is what counts. */
export async function tcpFlow(
  cluster: Cluster,
  { from, to, nodes, seconds }: { from: string; to: string; nodes: readonly string[]; seconds: number },
): Promise<Flow> {
  const before = await cpuOf(cluster, nodes);
  const { code, stdout, stderr } = await cluster.exec(
    from,
    ['iperf3', '-c', to, '-t', String(seconds), '-J'],
    { timeout: seconds * 1000 + 10_000 },
  );
  const cpu = (await cpuOf(cluster, nodes)) - before;
  if (code !== 0) throw new Error(`iperf3 ended with ${code}: ${stderr.trim()}`);
  const { end } = JSON.parse(stdout) as { end: { sum_received: { bytes: number; seconds: number } } };
  const { bytes, seconds: took } = end.sum_received;
  return { bytesPerSecond: bytes / took, cpuPerByte: (cpu * 1e6) / bytes };
}

/** Round-trip times in milliseconds as ping prints them, one every `interval` milliseconds. */
export async function pings(
  cluster: Cluster,
  { from, to, count, interval }: { from: string; to: string; count: number; interval: number },
): Promise<readonly number[]> {
  const { stdout, stderr } = await cluster.exec(
    from,
    ['ping', '-n', '-c', String(count), '-i', String(interval / 1000), '-W', '1', to],
    { timeout: count * (interval + 20) + 5000 },
  );
  const times = [...stdout.matchAll(/time=([\d.]+) ms/g)].map((m) => Number(m[1]));
  if (times.length === 0) throw new Error(`ping got no answer: ${stdout}${stderr}`);
  return times;
}
