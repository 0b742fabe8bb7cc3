// CoreDNS in one pod and its clients in the other: the table of test/compliance/dns over emulated sockets, and what the pods' tools
// and resolver make of it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { decode } from '../../../coredns-lite/dns/decode.ts';
import { encode } from '../../../coredns-lite/dns/encode.ts';
import { queryOf, render } from '../../../test/compliance/dns/ask.ts';
import { parseIpv4 } from '../../kernel/wire/addr.ts';
import type { ContainerHandle } from '../../kubelet/runtime.ts';
import { PodLab } from '../test-kit.ts';
import { askTcp, askUdp } from './exchange.ts';
import { outsideZone } from './outside.ts';
import { candidates, parseResolvConf } from './stub.ts';

const table = join(import.meta.dirname, '../../../test/compliance/dns');
const corefile = `.:53 {
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    objects /etc/coredns/objects.yaml
    pods insecure
    ttl 30
  }
}
`;

let lab: PodLab;
let client: ContainerHandle;
const server = parseIpv4('10.0.0.2')!;

beforeAll(async () => {
  // What the server loads at its first need is here before time, which is virtual, passes.
  await import('yaml');
  lab = new PodLab();
  lab.files.write('/coredns/Corefile', corefile);
  lab.files.write('/coredns/objects.yaml', readFileSync(join(table, 'objects.yaml')));
  lab.files.write(
    '/pods/resolv',
    'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.0.0.2\noptions ndots:5\n',
  );
  await lab.serve(lab.b, 'registry.k8s.io/coredns/coredns:v1.14.7', {
    args: ['-conf', '/etc/coredns/Corefile'],
    mounts: [{ target: '/etc/coredns', source: '/coredns', readOnly: true }],
  });
  client = lab.start(lab.a, 'pause', {
    mounts: [{ target: '/etc/resolv.conf', source: '/pods/resolv', readOnly: true }],
  }).handle;
  await client.ready;
});

it("answers the cluster zone as CoreDNS does, over the pods' network", async () => {
  const proc = { ns: lab.a.ns, signal: new AbortController().signal };
  const blocks = readFileSync(join(table, 'answers.txt'), 'utf8').split('\n\n');
  const wrong: unknown[] = [];
  let asked = 0;
  for (const block of blocks) {
    const m = /^\? (\S+ .*)\nudp (.*?)(?:\ntcp (.*))?$/s.exec(block.trim());
    // Of other zones this server knows nothing, and of names outside neither; and here it has an address to be named by.
    if (
      m === null ||
      !/^\S*(cluster\.local|in-addr\.arpa) /i.test(m[1]!) ||
      /^ext|^ns\.dns|^(cluster\.local|in-addr\.arpa) NS|ch$/i.test(m[1]!)
    )
      continue;
    const query = decode(queryOf(m[1]!))!.message;
    const to = { server, port: 53, timeout: 5000 };
    const tcp = asked % 2 === 1;
    const answer = await lab.until(
      tcp ? askTcp(proc, to, query) : askUdp(proc, to, [query]).then(([one]) => one!),
    );
    asked++;
    const got =
      'reply' in answer
        ? render(encode({ ...answer.reply }, answer.size)!).replace(/^\d+/, String(answer.size))
        : answer.failure;
    const want = tcp ? (m[3] ?? m[2]!) : m[2]!;
    if (got !== want) wrong.push({ question: m[1], tcp, got, want });
  }
  expect(asked).toBeGreaterThan(220);
  expect(wrong).toEqual([]);
});

it.each<[argv: string, code: number, out: string | RegExp]>([
  ['dig +short web.default.svc.cluster.local', 0, '10.96.0.20\n'],
  ['dig +search +short web.other', 0, '10.96.1.20\n'],
  ['dig +short -x 10.96.0.10', 0, 'kube-dns.kube-system.svc.cluster.local.\n'],
  ['dig +short SRV _http._tcp.web.default.svc.cluster.local', 0, '0 100 80 web.default.svc.cluster.local.\n'],
  [
    'dig +tcp nope.cluster.local',
    0,
    /status: NXDOMAIN[\s\S]*AUTHORITY: 1[\s\S]*SOA\tns\.dns\.cluster\.local\./,
  ],
  ['dig +bufsize=512 big.default.svc.cluster.local', 0, /ANSWER: 100,/],
  ['dig @10.0.0.9 +time=1 +tries=1 web', 9, /no servers could be reached/],
  ['nslookup web', 0, /Name:\tweb\.default\.svc\.cluster\.local\nAddress: 10\.96\.0\.20/],
  ['nslookup nope', 1, /server can't find nope: SERVFAIL/],
  ['host db', 0, /db\.default\.svc\.cluster\.local has address 10\.244\.1\.10/],
  ['getent hosts web.other', 0, '10.96.1.20      web.other.svc.cluster.local\n'],
  ['getent hosts nope', 2, ''],
])('%s', async (argv, code, out) => {
  const ran = await lab.exec(client, argv.split(' '));
  expect(ran.code).toBe(code);
  if (typeof out === 'string') expect(ran.out).toBe(out);
  else expect(ran.out).toMatch(out);
});

const CONF = { search: ['ns.svc.c.', 'svc.c', 'c'], ndots: 5 };
it.each<[name: string, libc: 'glibc' | 'musl', asked: string[]]>([
  ['web', 'glibc', ['web.ns.svc.c', 'web.svc.c', 'web.c', 'web']],
  ['a.b.c.d.e.f', 'glibc', ['a.b.c.d.e.f', 'a.b.c.d.e.f.ns.svc.c', 'a.b.c.d.e.f.svc.c', 'a.b.c.d.e.f.c']],
  ['a.b.c.d.e.f', 'musl', ['a.b.c.d.e.f']],
  ['www.example.org.', 'glibc', ['www.example.org']],
])('%s is asked for by %s as %j', (name, libc, asked) => {
  expect(candidates(name, CONF, libc)).toEqual(asked);
});

it('reads resolv.conf', () => {
  expect(
    parseResolvConf(
      'nameserver 10.0.0.1\nsearch a b\noptions ndots:2 timeout:1 attempts:9 rotate single-request',
    ),
  ).toMatchObject({
    search: ['a', 'b'],
    ndots: 2,
    timeout: 1000,
    attempts: 5,
    rotate: true,
    singleRequest: true,
    useVc: false,
  });
});

it('the outside is a root zone of the external hosts', () => {
  const text = outsideZone([
    { name: 'example', address: '203.0.113.10', image: 'agnhost', hostnames: ['www.example.com'] },
  ]);
  expect(text.split('\n').slice(3)).toEqual([
    'example. A 203.0.113.10',
    'www.example.com. A 203.0.113.10',
    '10.113.0.203.in-addr.arpa. PTR www.example.com.',
    '',
  ]);
});
