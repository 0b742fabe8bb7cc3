// GET /version. kubectl compares the minor version with its own, and dispatching front ends choose a client by it.

/** `version`: "1.32" or "1.32.4". */
export function versionInfo(version: string): object {
  const [major = '1', minor = '32', patch = '4'] = version.replace(/^v/, '').split('.');
  return {
    major,
    minor,
    gitVersion: `v${major}.${minor}.${patch}`,
    gitCommit: '0000000000000000000000000000000000000000',
    gitTreeState: 'clean',
    buildDate: '2025-04-22T00:00:00Z',
    goVersion: `podwire on node ${process.version}`,
    compiler: 'v8',
    platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
}
