// Our iptables against Debian's, in a network namespace of its own: what we save the real iptables-restore takes, what it
// then saves we take, and both print the same; listings and complaints too.
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../node-runtime/kernel/clock/virtual-clock.ts';
import { ipsets } from '../../node-runtime/kernel/netfilter/ipset/ipset.ts';
import { iptables } from '../../node-runtime/kernel/netfilter/iptables/iptables.ts';
import { iptablesRestore } from '../../node-runtime/kernel/netfilter/iptables/restore.ts';
import { iptablesSave } from '../../node-runtime/kernel/netfilter/iptables/save.ts';
import { tokenize } from '../../node-runtime/kernel/netfilter/iptables/tokenize.ts';
import { Kernel } from '../../node-runtime/kernel/netns/kernel.ts';
import type { Netns } from '../../node-runtime/kernel/netns/netns.ts';

const NS = 'pwf-iptables';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}
function real(argv: readonly string[], input = ''): Ran {
  const r = spawnSync('ip', ['netns', 'exec', NS, ...argv], { input, encoding: 'utf8' });
  return { code: r.status ?? -1, out: r.stdout, err: r.stderr };
}

/** Why this cannot run here, or undefined. */
function missing(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  const version = spawnSync('iptables', ['--version'], { encoding: 'utf8' });
  if (version.status !== 0) return 'needs iptables';
  if (!version.stdout.includes('v1.8.9 (nf_tables)'))
    return `knows iptables 1.8.9, not ${version.stdout.trim()}`;
  if (spawnSync('ip', ['netns', 'add', NS]).status !== 0) return 'needs network namespaces';
  const works = real(['iptables-nft-save']).code === 0;
  spawnSync('ip', ['netns', 'del', NS]);
  return works ? undefined : 'the kernel lacks nf_tables';
}
const why = missing();
if (why !== undefined && process.env['PODWIRE_CI'] === '1') throw new Error(`iptables: ${why}`);
if (why !== undefined) console.log(`skipped: test/kernel/iptables.test.ts ${why}`);

function emulated(): Netns {
  return new Kernel({ hostname: 'n1', clock: new VirtualClock(), seed: 1 }).host;
}
const noHeaders = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n');
/** By table, since the legacy tool prints tables in another order. */
const byTable = (text: string): string[] =>
  noHeaders(text)
    .split(/(?=^\*)/m)
    .sort();

const RULES = `*mangle
-A PREROUTING -j MARK --set-mark 5
-A PREROUTING -j MARK --set-mark 5/0xff
-A PREROUTING -j MARK --set-xmark 0x10/0xff
-A PREROUTING -j MARK --or-mark 0x4000
-A PREROUTING -j MARK --and-mark 0xff
-A PREROUTING -j MARK --xor-mark 0x4000
-A PREROUTING -j CONNMARK --save-mark
-A PREROUTING -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff
-A PREROUTING -j CONNMARK --restore-mark --mask 0xff
-A PREROUTING -j CONNMARK --set-mark 7
-A PREROUTING -j CONNMARK --set-xmark 7/0xf
-A PREROUTING -j CONNMARK --or-mark 7
-A PREROUTING -j CONNMARK --and-mark 7
-A PREROUTING -j CONNMARK --save-mark --nfmask 1 --ctmask 2
-A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
-A FORWARD -p tcp --syn -m tcpmss --mss 1400:65535 -j TCPMSS --set-mss 1360
-A FORWARD -p tcp ! --syn -m tcpmss ! --mss 1400
COMMIT
*raw
-A PREROUTING -p udp --dport 53 -j NOTRACK
-A PREROUTING -p udp --dport 54 -j CT --notrack
COMMIT
*filter
:INPUT DROP [5:500]
:C1 - [0:0]
:FLANNEL-FWD - [0:0]
[3:180] -A INPUT -m state --state NEW,ESTABLISHED -j ACCEPT
-A INPUT -m state ! --state INVALID
-A INPUT -m conntrack --ctstate INVALID -j DROP
-A INPUT -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT --ctproto tcp --ctorigsrc 1.2.3.0/24 --ctorigdst 10.96.0.1 --ctorigdstport 80 --ctorigsrcport 5:9 --ctdir ORIGINAL -j DROP
-A INPUT -m conntrack --ctstatus SEEN_REPLY,ASSURED --ctreplsrc 1.2.3.4 --ctrepldst 4.3.2.1 --ctreplsrcport 8 --ctrepldstport 9 --ctexpire 5:10 -j DROP
-A INPUT -s 1.2.3.4,5.6.7.8 -d 9.9.9.9 -i eth+ -j C1
-A INPUT -s 10/8 -d 10.1.2.3/255.0.255.0
-A INPUT -p icmp --icmp-type echo-request -j ACCEPT
-A INPUT -p icmp --icmp-type 3/4 -j ACCEPT
-A INPUT -p icmp ! --icmp-type 3 -j ACCEPT
-A INPUT -p icmp -m icmp --icmp-type any -j ACCEPT
-A INPUT -p icmp
-A INPUT -p 47 -f
-A INPUT ! -f -p sctp
-A INPUT -p sctp --dport 5 --sport 4:8
-A INPUT ! -p tcp
-A INPUT -p tcp ! --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE --tcp-option 8
-A INPUT -m limit --limit 5/min --limit-burst 10 -j LOG --log-prefix "a b " --log-level 4
-A INPUT -m limit --limit 3/s -j LOG --log-prefix "a\\"b" --log-level debug --log-ip-options --log-tcp-options --log-tcp-sequence --log-uid
-A INPUT -m limit --limit 200/hour -j LOG
-A INPUT -m limit --limit 7/day
-A INPUT -j REJECT
-A INPUT -p tcp -j REJECT --reject-with tcp-reset
-A INPUT -j REJECT --reject-with icmp-host-prohibited
-A INPUT -j REJECT --reject-with icmp-net-unreachable
-A INPUT -j REJECT --reject-with icmp-host-unreachable
-A INPUT -j REJECT --reject-with icmp-proto-unreachable
-A INPUT -j REJECT --reject-with icmp-net-prohibited
-A INPUT -j REJECT --reject-with icmp-admin-prohibited
-A INPUT -m mac --mac-source 02:42:AC:11:00:02 -j DROP
-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
-A FORWARD -m physdev --physdev-in eth0 ! --physdev-out veth+ --physdev-is-bridged -j ACCEPT
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -m comment --comment "it's \\"q\\" \\\\ x" -j C1
-A FORWARD -m comment --comment simple -g C1
-A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
-A FLANNEL-FWD -d 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
-A OUTPUT -m ttl --ttl-gt 5
-A OUTPUT -m ttl ! --ttl-eq 5
-A OUTPUT -m length --length 5:10
-A OUTPUT -m pkttype --pkt-type broadcast
-A OUTPUT -m connmark --mark 5/7
COMMIT
*nat
:U - [0:0]
:V - [0:0]
:FLANNEL-POSTRTG - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -m comment --comment "hello world" -j U
-A PREROUTING ! -d 127.0.0.0/8 -m addrtype ! --src-type LOCAL,UNICAST --dst-type LOCAL --limit-iface-in -g V
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j U
-A U ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
-A U -p tcp -m tcp --dport 8081 -j DNAT --to-destination 172.17.0.2
-A U -p tcp -m tcp --dport 8081:8090 -j DNAT --to-destination 172.17.0.2-172.17.0.9:80-90 --random --persistent
-A U -p udp --sport 1:100 ! --dport 5: -j REDIRECT --to-ports 53
-A U -p tcp -j REDIRECT --to-ports 53-60 --random
-A U -p tcp -m multiport --dports 80,443,1000:2000 -j RETURN
-A U -p tcp -m multiport ! --sports 80,443 -j RETURN
-A U -p tcp -m multiport --ports 80 -j RETURN
-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
-A POSTROUTING -s 10.244.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE --random-fully
-A POSTROUTING -p tcp -j MASQUERADE --to-ports 1000-2000 --random
-A POSTROUTING -s 10.0.0.0/8 -j SNAT --to-source 1.2.3.4
-A POSTROUTING -p tcp -j SNAT --to-source 1.2.3.4-1.2.3.9:1000-2000 --random-fully
-A POSTROUTING -p tcp -j SNAT --to-source 1.2.3.4:1000 --random --persistent
-A POSTROUTING -m mark ! --mark 5
-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.244.1.0/24 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j RETURN
-A V -m statistic --mode random --probability 0.33333333349 -j RETURN
-A V -m statistic --mode random ! --probability 0.5 -j RETURN
-A V -m statistic --mode nth --every 3 --packet 0 -j RETURN
-A V -m statistic --mode nth --every 3 --packet 2 -j RETURN
-A V -p tcp -m recent --name KUBE-SEP-X --set -j DNAT --to-destination 10.244.1.2:80
-A V -m recent --name KUBE-SEP-X --rcheck --seconds 10800 --reap --rsource -j RETURN
-A V -m recent ! --update --hitcount 3 --seconds 60 --rttl --rdest --mask 255.255.255.0
COMMIT
`;

const COMMANDS = `-A FOO -j ACCEPT
-A INPUT -j FOO
-A INPUT -p tcp --dport 99999 -j ACCEPT
-A INPUT --dport 80 -j ACCEPT
-A INPUT -p tcp --dport http
-A INPUT -p tcp --dport nosuch
-A INPUT -p nosuch
-A INPUT -s 1.2.3
-A INPUT -s 1.2.3.4/33
-A INPUT -s 300.1.1.1
-A INPUT -m nosuch
-A INPUT -j DNAT --to-destination 1.2.3.4
-t nat -A POSTROUTING -j DNAT --to-destination 1.2.3.4
-t nat -A PREROUTING -j DNAT
-t nat -A PREROUTING -j DNAT --to-destination 1.2.3.4:80
-t nat -A PREROUTING -j DNAT --to-destination foo
-t nat -A PREROUTING -p tcp -j DNAT --to-destination 1.2.3.4:99999
-t nat -A PREROUTING -j MASQUERADE
-t nat -A POSTROUTING -j MASQUERADE --to-ports 5
-t nosuch -L
-D INPUT 5
-D INPUT -j DROP
-C INPUT -j DROP
-N INPUT
-N C1
-N C1
-X INPUT
-A INPUT -j C1
-X C1
-P C1 DROP
-P INPUT REJECT
-P FOO DROP
-F FOO
-L FOO
-E C1 C2
-E C2 INPUT
-E NOPE C3
-N aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
-N ACCEPT
-N -foo
--foo
-A INPUT --foo
-A INPUT -j ACCEPT extra
-A
-A INPUT -m conntrack
-A INPUT -m conntrack --ctstate FOO
-A INPUT -m state --state FOO
-A INPUT -m multiport --dports 80
-A INPUT -p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16
-A INPUT -p tcp -m tcp --tcp-flags FOO BAR
-A INPUT -p icmp --icmp-type nosuch
-A INPUT -m comment
-A INPUT -m mark
-A INPUT -m mark --mark foo
-A INPUT -m statistic
-A INPUT -m statistic --mode random --probability 2
-A INPUT -j REJECT --reject-with foo
-A INPUT -j REJECT --reject-with tcp-reset
-t nat -A PREROUTING -j REJECT
-I INPUT 9 -j DROP
-I INPUT 0 -j DROP
-R INPUT 9 -j DROP
-R INPUT 1 -s 1.2.3.4,5.6.7.8 -j DROP
-A INPUT -o eth0
-A OUTPUT -i eth0
-A INPUT -i aaaaaaaaaaaaaaaaaaaaaaaaaa
-A INPUT -m addrtype
-A INPUT -m addrtype --dst-type FOO
-A INPUT -m recent --name x
-A INPUT -m set --match-set nosuch src
-A INPUT -p tcp -p udp
-A INPUT ! -j ACCEPT
-A INPUT -p tcp --dport 80 --dport 81
-A INPUT -m limit --limit foo
-N L1
-A L1 -j L1
-A INPUT -j MARK
-A INPUT -j MARK --set-mark zz
-A INPUT -g ACCEPT
-L INPUT -x -v
-A INPUT -j ACCEPT -D INPUT
-Z INPUT 1
-S FOO
-V
-w 5 -L FOO
-A INPUT -p all -s 0/0 -d 10/8 -j ACCEPT
-A INPUT -p TCP -s 10.1/16 -m tcp --dport 80:
-A INPUT -s 10.0.0.5/255.255.255.0
-A INPUT -j L1
-I INPUT -s 1.1.1.1,2.2.2.2 -j DROP
-I INPUT 2 -p udp -m multiport --dport 53,54 -j DROP
-R INPUT 1 -s 3.3.3.3 -j RETURN
-D INPUT -s 10.0.0.0/24
-D INPUT 1
-nvL INPUT --line-numbers
-S
-F
-X
-P FORWARD DROP
-S`.split('\n');

const RESTORES: readonly (readonly [string, readonly string[]])[] = [
  ['*filter\n-A FOO -j ACCEPT\nCOMMIT\n', []],
  ['*filter\n:FOO - [0:0]\n-A FOO -j BAR\nCOMMIT\n', []],
  ['*filter\n:FOO - [0:0]\n-A FOO -j ACCEPT\n', []],
  ['*filter\n\n# c\n-A INPUT -p tcp --dport 99999\nCOMMIT\n', []],
  ['-A INPUT -j DROP\n', []],
  ['*nosuch\nCOMMIT\n', []],
  ['*filter\n:INPUT FOO\nCOMMIT\n', []],
  ['*filter\n:INPUT ACCEPT [x:y]\nCOMMIT\n', ['-c']],
  ['*filter\n:INPUT\nCOMMIT\n', []],
  ['*filter\ngarbage\nCOMMIT\n', []],
  ['*filter\n-A INPUT --nosuch\nCOMMIT\n', []],
  ['*filter\n-A INPUT -j DROP\n*nat\nCOMMIT\n', []],
  ['*filter\n-X FOO\nCOMMIT\n', ['-n']],
  ['*filter\n:FOO - [0:0]\n-A INPUT -j FOO\nCOMMIT\n', ['-n']],
  ['*filter\n:FOO - [0:0]\n-X FOO\nCOMMIT\n', ['-n']],
  ['*filter\n-D INPUT -j DROP\nCOMMIT\n', ['-n']],
  ['*filter\n-A INPUT -t nat -j DROP\nCOMMIT\n', ['-n']],
  ['*filter\n-F NOPE\nCOMMIT\n', ['-n']],
  ['COMMIT\n', []],
  ['', []],
  ['*filter\n[1:2] -A INPUT -j ACCEPT\n-A INPUT -j DROP -c 3 4\nCOMMIT\n', ['-c']],
  ['*filter\n:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa - [0:0]\nCOMMIT\n', ['-n']],
  ['*nat\n-A POSTROUTING -j DNAT --to-destination 1.1.1.1\nCOMMIT\n', ['-n']],
  ['*filter\n:Y1 - [0:0]\n-A INPUT -j Y1\n-A FORWARD -j NOPE\nCOMMIT\n', ['-n']],
  ['*filter\n:Y1 - [0:0]\n-A INPUT -j Y1\n-C INPUT -j Y1\nCOMMIT\n', ['-n']],
];

describe.skipIf(why !== undefined)('iptables', () => {
  beforeAll(() => {
    spawnSync('ip', ['netns', 'add', NS]);
  });
  afterAll(() => {
    spawnSync('ip', ['netns', 'del', NS]);
  });
  const wipe = (): void => {
    spawnSync('ip', ['netns', 'del', NS]);
    spawnSync('ip', ['netns', 'add', NS]);
  };

  it.each(['nft', 'legacy'])('save → restore → save is the same through both (%s)', (variant) => {
    wipe();
    const ours = emulated();
    expect(iptablesRestore(ours, RULES, { counters: true })).toEqual({ code: 0, stdout: '', stderr: '' });
    const saved = iptablesSave(ours, { counters: true });
    const restored = real([`iptables-${variant}-restore`, '-c'], saved);
    expect([restored.code, restored.err]).toEqual([0, '']);
    const theirs = real([`iptables-${variant}-save`, '-c']).out;
    expect(byTable(theirs)).toEqual(byTable(saved));
    const again = emulated();
    expect(iptablesRestore(again, theirs, { counters: true }).code).toBe(0);
    expect(byTable(iptablesSave(again, { counters: true }))).toEqual(byTable(saved));
  });

  it('what the real tool makes of a text, ours makes too', () => {
    wipe();
    expect(real(['iptables-nft-restore', '-c'], RULES).code).toBe(0);
    const ours = emulated();
    iptablesRestore(ours, RULES, { counters: true });
    expect(noHeaders(iptablesSave(ours))).toBe(noHeaders(real(['iptables-nft-save']).out));
    for (const argv of [
      ...['filter', 'nat', 'mangle', 'raw'].map((t) => ['-t', t, '-L', '-v', '-n', '--line-numbers']),
      ['-L'],
      ['-S', '-v'],
      ['-t', 'nat', '-L', 'U', '2', '-n'],
      ['-t', 'nat', '-S', 'U', '3'],
      ['-L', 'INPUT', '-vnx'],
    ])
      expect(iptables(ours, argv).stdout).toBe(real(['iptables-nft', ...argv]).out);
  });

  it('every command ends with the same code, the same words and the same rules', () => {
    wipe();
    const ours = emulated();
    for (const line of COMMANDS) {
      const argv = tokenize(line);
      const r = real(['iptables', ...argv]);
      const e = iptables(ours, argv);
      expect([line, e.code, e.stdout, e.stderr]).toEqual([line, r.code, r.out, r.err]);
    }
  });

  it('sets are named as the real tool names them', () => {
    wipe();
    const ours = emulated();
    const saved = [
      'KUBE-A hash:ip',
      'KUBE-B hash:ip,port',
      'KUBE-C hash:ip,port,net',
      'KUBE-D bitmap:port',
    ].map((words) => {
      const [name, type] = words.split(' ') as [string, string];
      const range = type === 'bitmap:port' ? ['range', '0-65535'] : [];
      expect(real(['ipset', 'create', name, type, ...range]).code).toBe(0);
      ipsets(ours).create(name, type);
      return name;
    });
    expect(saved.length).toBe(4);
    const rules = [
      '*filter',
      '-A INPUT -m set --match-set KUBE-A src -j DROP',
      '-A INPUT -m set ! --match-set KUBE-B dst,dst -j ACCEPT',
      '-A INPUT -m comment --comment x -m set --match-set KUBE-C dst,dst,src',
      '-A INPUT -p tcp -m set --match-set KUBE-D dst',
      'COMMIT\n',
    ].join('\n');
    expect([real(['iptables-restore'], rules).code, iptablesRestore(ours, rules).code]).toEqual([0, 0]);
    expect(noHeaders(iptablesSave(ours))).toBe(noHeaders(real(['iptables-save']).out));
    expect(iptables(ours, ['-nvL']).stdout).toBe(real(['iptables', '-nvL']).out);
  });

  it('so does every restore', () => {
    wipe();
    const ours = emulated();
    for (const [text, options] of RESTORES) {
      const r = real(['iptables-restore', ...options], text);
      const e = iptablesRestore(ours, text, {
        noflush: options.includes('-n'),
        counters: options.includes('-c'),
      });
      expect([text, e.code, e.stdout + e.stderr]).toEqual([text, r.code, r.out + r.err]);
      expect([text, noHeaders(iptablesSave(ours, { table: 'filter', counters: true }))]).toEqual([
        text,
        noHeaders(real(['iptables-save', '-c', '-t', 'filter']).out),
      ]);
    }
  });
});
