// The library: what scripts, the scenario runner and other people's tests import to drive a cluster.
//
//   import { Cluster } from 'podwire';
//   const cluster = await Cluster.start({ cluster: { nodes: 2 } });
//   await cluster.apply(manifests);
//   await cluster.wait('pods');
//   const { code, stdout } = await cluster.exec('pod/a', ['ping', '-c', '1', await cluster.address('pod/b')]);
//   await cluster.stop();
export { Cluster, type ClusterOptions } from './cluster/cluster.ts';
export { awaitCondition, CONDITIONS, type WaitOptions } from './cluster/condition.ts';
export { eventually } from './cluster/eventually.ts';
export { API_VERSION, type ClusterOverrides, readCluster } from './cluster/read.ts';
export { formatRef, parseRef, parseTarget, type Ref, type Target } from './cluster/ref.ts';
export type {
  Capture,
  CapturedFrame,
  ExecOptions,
  ExecProcess,
  ExecResult,
  LinkEffect,
  TraceOptions,
} from './cluster/types.ts';
export { InputError, oneOf } from './input/error.ts';
export { parseDuration, Reader, readDocuments } from './input/reader.ts';
export type { Hop, Outcome, TraceResult } from './observe/trace-result.ts';
export { hopLine, traceLines } from './observe/trace-text.ts';
export type { ClusterSpec } from './protocol/cluster.ts';
export type { NetemRecord, StatsReport } from './protocol/records.ts';
