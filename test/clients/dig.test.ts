// Real DNS clients against coredns-lite on a loopback port: dig, host, nslookup, drill and dnsperf of Debian.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canRun, missing } from './support.ts';

const root = join(import.meta.dirname, '../..');
const objects = join(root, 'test/compliance/dns/objects.yaml');
const PORT = 18_353;

function run(command: string, ...args: string[]): string {
  const { stdout, stderr, status, error } = spawnSync(command, args, { encoding: 'utf8', timeout: 30_000 });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${status}\n${stdout}${stderr}`);
  return stdout;
}
const dig = (...args: string[]): string =>
  run('dig', '@127.0.0.1', '-p', String(PORT), '+norec', '+nocookie', ...args);

describe.runIf(canRun('DNS clients', missing('dig', 'host', 'nslookup', 'drill', 'dnsperf')))(
  'real clients',
  () => {
    let folder: string;
    let server: ChildProcess;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'podwire-dns-'));
      writeFileSync(
        join(folder, 'Corefile'),
        `.:${PORT} {\n  chaos\n  transfer cluster.local {\n    to *\n  }\n  kubernetes cluster.local in-addr.arpa {\n    objects ${objects}\n    pods insecure\n    ttl 30\n  }\n}\n`,
      );
      server = spawn(
        process.execPath,
        [join(root, 'dist/coredns-lite.js'), '-conf', join(folder, 'Corefile')],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      await new Promise<void>((resolve, reject) => {
        server.once('exit', (code) => reject(new Error(`coredns-lite ended with ${code}`)));
        server.stdout!.on('data', (chunk: Buffer) => {
          if (chunk.includes('CoreDNS-lite')) resolve();
        });
      });
    });
    afterAll(() => {
      server?.kill();
      rmSync(folder, { recursive: true, force: true });
    });

    it.each<[what: string, args: string[], out: RegExp]>([
      [
        'an A record',
        ['web.default.svc.cluster.local'],
        /status: NOERROR[\s\S]*flags: qr aa;[\s\S]*web\.default\.svc\.cluster\.local\. 30 IN\tA\t10\.96\.0\.20/,
      ],
      [
        '0x20',
        ['wEb.DEFAULT.svc.cluster.local'],
        /^wEb\.DEFAULT\.svc\.cluster\.local\. 30 IN\tA\t10\.96\.0\.20/m,
      ],
      ['TCP', ['+tcp', 'web.default.svc.cluster.local'], /\(TCP\)/],
      [
        'a cut answer, again over TCP',
        ['+bufsize=512', 'big.default.svc.cluster.local'],
        /Truncated, retrying in TCP mode[\s\S]*ANSWER: 100,/,
      ],
      ['a cut answer', ['+bufsize=512', '+ignore', 'big.default.svc.cluster.local'], /flags: qr aa tc;/],
      ['a size that is enough', ['+bufsize=4096', 'big.default.svc.cluster.local'], /ANSWER: 100,/],
      ['no EDNS', ['+noedns', 'web.default.svc.cluster.local'], /ADDITIONAL: 0/],
      ['another EDNS version', ['+edns=1', '+noednsneg', 'web.default.svc.cluster.local'], /status: BADVERS/],
      ['a reverse name', ['-x', '10.96.0.10'], /PTR\tkube-dns\.kube-system\.svc\.cluster\.local\./],
      [
        'SRV',
        ['_pg._tcp.db.default.svc.cluster.local', 'SRV'],
        /SRV\s0 50 5432 db-[01]\.db\.default\.svc\.cluster\.local\./,
      ],
      ['ANY', ['web.default.svc.cluster.local', 'ANY'], /status: NOERROR[\s\S]*ANSWER: 0, AUTHORITY: 1/],
      [
        'a name that is not there',
        ['nope.cluster.local'],
        /status: NXDOMAIN[\s\S]*SOA\tns\.dns\.cluster\.local\. hostmaster\.cluster\.local\./,
      ],
      ['CHAOS', ['version.bind', 'TXT', 'CH'], /"CoreDNS-lite"/],
      [
        'AXFR',
        ['cluster.local', 'AXFR'],
        /cluster\.local\.\t\t30\tIN\tSOA[\s\S]*web\.default\.svc\.cluster\.local\. 30 IN\tA\t10\.96\.0\.20[\s\S]*XFR size: \d+ records/,
      ],
    ])('dig: %s', (_what, args, out) => {
      expect(dig(...args)).toMatch(out);
    });

    it('host and nslookup', () => {
      expect(run('host', '-p', String(PORT), 'web.default.svc.cluster.local.', '127.0.0.1')).toContain(
        'web.default.svc.cluster.local has address 10.96.0.20',
      );
      expect(run('nslookup', `-port=${PORT}`, 'web.default.svc.cluster.local.', '127.0.0.1')).toContain(
        'Address: 10.96.0.20',
      );
    });

    it('drill', () => {
      expect(
        run('drill', '-p', String(PORT), '@127.0.0.1', 'both.default.svc.cluster.local', 'AAAA'),
      ).toMatch(/rcode: NOERROR[\s\S]*fd00:96::23/);
    });

    it('dnsperf loses nothing, over UDP and over TCP', () => {
      const file = join(folder, 'queries');
      writeFileSync(
        file,
        'web.default.svc.cluster.local A\ndb.default.svc.cluster.local SRV\nnope.cluster.local AAAA\n',
      );
      for (const mode of ['udp', 'tcp']) {
        const out = run(
          'dnsperf',
          '-s',
          '127.0.0.1',
          '-p',
          String(PORT),
          '-m',
          mode,
          '-d',
          file,
          '-n',
          '3000',
          '-q',
          '50',
        );
        expect(out).toMatch(/Queries lost:\s+0 /);
        expect(out).toMatch(/Queries completed:\s+9000 /);
      }
    });
  },
);
