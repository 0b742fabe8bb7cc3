// Wireshark's dissectors as the judge of captures: nothing malformed, every checksum right, inside the tunnel and out, and as many
// frames as the devices counted.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundled } from './cluster.ts';
import { canRun, missing } from './support.ts';

const OPTIONS = [
  '-d',
  'udp.port==8472,vxlan',
  '-o',
  'ip.check_checksum:TRUE',
  '-o',
  'udp.check_checksum:TRUE',
  '-o',
  'tcp.check_checksum:TRUE',
];
const BAD =
  '_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0 || tcp.checksum.status == 0 || icmp.checksum.status == 0';

function tshark(file: string, filter: string, ...more: string[]): string[] {
  const { stdout, stderr, status } = spawnSync(
    'tshark',
    ['-n', '-r', file, ...OPTIONS, '-Y', filter, ...more],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stderr);
  return stdout.split('\n').filter((l) => l !== '');
}

const POD = (name: string, node: string) =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\nspec: {nodeName: ${node}, containers: [{name: c, image: agnhost, args: [netexec]}]}\n`;

describe.runIf(canRun('tshark', missing('tshark')))('captures of a cluster', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'podwire-tshark-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(['vxlan', 'udp', 'host-gw'])(
    '%s: ping, UDP, fragments and HTTP, on a pod, its bridge and both nodes’ NICs',
    async (backend) => {
      const { Cluster } = await bundled();
      const cluster = await Cluster.start({ cluster: { nodes: 2, network: { backend } } });
      try {
        await cluster.apply(`${POD('a', 'n1')}---\n${POD('b', 'n2')}`);
        await cluster.ready('pod/a', 'pod/b');
        const b = await cluster.address('pod/b');
        // A file each: in one file Wireshark would take the same segment at two places for two segments.
        const places = ['pod/a', 'node/n1/cni0', 'node/n1/eth0', 'node/n2/eth0'];
        const captures = await Promise.all(places.map((place) => cluster.capture([place])));
        const before = await cluster.node('n1').stats();
        await cluster.exec('pod/a', ['ping', '-c', '3', '-i', '0.01', b]);
        await cluster.exec('pod/a', ['ping', '-c', '1', '-s', '3000', b]);
        await cluster.exec('pod/a', ['sh', '-c', `echo hostname | nc -u -w 1 ${b} 8081`]);
        const { stdout } = await cluster.exec('pod/a', [
          'curl',
          '-s',
          `http://${b}:8080/echo?msg=${'x'.repeat(5000)}`,
        ]);
        expect(stdout).toHaveLength(5000);
        const after = await cluster.node('n1').stats();
        const files: string[] = [];
        for (const [i, capture] of captures.entries()) {
          const file = join(folder, `${backend}-${i}.pcapng`);
          writeFileSync(file, await capture.stop());
          files.push(file);
          expect(tshark(file, BAD), places[i]).toEqual([]);
        }
        const [pod, , nic] = files as [string, string, string, string];
        // A whole 5,000 bytes went as a super-segment; what a capture shows are the frames it is cut to.
        expect(tshark(nic, 'frame.len > 1514')).toEqual([]);
        expect(tshark(pod, 'http.request').length).toBeGreaterThan(0);
        expect(tshark(pod, 'ip.flags.mf == 1').length).toBeGreaterThan(0);
        if (backend === 'vxlan') {
          const inner = tshark(nic, 'vxlan.vni == 1').length;
          const count = (s: typeof before, side: 'tx' | 'rx') => {
            const dev = s.devices.find((d) => d.netns === 'host' && d.dev === 'flannel.1')!;
            return side === 'tx' ? dev.txPackets : dev.rxPackets;
          };
          expect(inner).toBeGreaterThan(0);
          expect(tshark(nic, 'vxlan && vxlan.vni != 1')).toEqual([]);
          // A device counts a super-segment once, the capture its frames: never fewer.
          const counted = count(after, 'tx') - count(before, 'tx') + count(after, 'rx') - count(before, 'rx');
          expect(inner).toBeGreaterThanOrEqual(counted);
        }
      } finally {
        await cluster.stop();
      }
    },
  );

  it('finds one flipped byte', async () => {
    const { Cluster } = await bundled();
    const cluster = await Cluster.start({ cluster: { nodes: 2, placement: 'inline' } });
    try {
      await cluster.apply(`${POD('a', 'n1')}---\n${POD('b', 'n2')}`);
      await cluster.ready('pod/a', 'pod/b');
      const capture = await cluster.capture(['pod/a']);
      await cluster.exec('pod/a', ['ping', '-c', '1', await cluster.address('pod/b')]);
      const bytes = await capture.stop();
      const whole = join(folder, 'whole.pcapng');
      writeFileSync(whole, bytes);
      expect(tshark(whole, BAD)).toEqual([]);
      const frame = capture.frames.find((f) => f.text.includes('echo request') || f.text.includes('ICMP'))!;
      const at = Buffer.from(bytes).indexOf(Buffer.from(frame.bytes));
      bytes[at + frame.bytes.length - 3]! ^= 0x40;
      const flipped = join(folder, 'flipped.pcapng');
      writeFileSync(flipped, bytes);
      expect(tshark(flipped, BAD)).toHaveLength(1);
    } finally {
      await cluster.stop();
    }
  });
});
