// What the views print, held to what iproute2 6.1, net-tools and bridge-utils printed on Linux 6.18 for the same devices, addresses
// and routes, but for IPv6.
import { beforeAll, describe, expect, it } from 'vitest';
import { createKernel } from '../boot.ts';
import { VirtualClock } from '../clock/virtual-clock.ts';
import type { Kernel } from '../netns/kernel.ts';
import type { Netns } from '../netns/netns.ts';
import { rtnetlink } from '../rtnetlink/rtnetlink.ts';
import { tcpBind, tcpConnect, tcpListen } from '../transport/tcp/tcp.ts';
import { TcpSock } from '../transport/tcp/tcp-sock.ts';
import { UdpSock } from '../transport/udp.ts';
import { ANY, broadcastOf, ipv4, parseMac, prefix } from '../wire/addr.ts';
import { brctlShow, bridgeLink, lsns, procDev } from './devices.ts';
import { ipAddr, ipBrief, ipLink } from './ip-addr.ts';
import { bridgeFdb, ipNeigh, ipRoute, ipRouteGet, procArp, procRoute } from './ip-route.ts';
import { arp, routeTable } from './net-tools.ts';
import { procSnmp } from './snmp.ts';
import { procSockets } from './sockets.ts';
import { netstat, type SsView, ss } from './ss.ts';

const mac = (text: string) => parseMac(text)!;
let kernel: Kernel;
let ns: Netns;

beforeAll(() => {
  const clock = new VirtualClock();
  kernel = createKernel({ hostname: 'n1', clock, seed: 1 });
  ns = kernel.addNetns('wlA');
  const other = kernel.addNetns('wlB');
  const [rtnl, there] = [rtnetlink(ns), rtnetlink(other)];
  rtnl.linkSet('lo', { up: true });
  rtnl.linkAdd({
    type: 'veth',
    name: 'e0',
    mac: mac('76:d1:0e:b5:0d:f7'),
    peer: { name: 'e0', mac: mac('aa:1b:e1:6a:36:c8'), netns: other },
  });
  rtnl.linkSet('e0', { up: true });
  there.linkSet('e0', { up: true });
  rtnl.addrAdd('e0', { addr: prefix('10.0.0.1/24') });
  there.addrAdd('e0', { addr: prefix('10.0.0.2/24') });
  rtnl.linkAdd({ type: 'bridge', name: 'br0' });
  rtnl.linkAdd({
    type: 'veth',
    name: 'v0',
    mac: mac('fe:25:32:0c:16:d4'),
    peer: { name: 'v1', mac: mac('c6:f1:29:73:8e:5d') },
  });
  rtnl.linkSet('v0', { master: 'br0' });
  for (const name of ['br0', 'v0', 'v1']) rtnl.linkSet(name, { up: true });
  const cni = prefix('10.244.0.1/24');
  rtnl.addrAdd('br0', { addr: cni, broadcast: broadcastOf(cni) });
  rtnl.routeAdd({ dst: prefix('10.5.0.0/16'), via: ipv4('10.0.0.2') });
  rtnl.routeAdd({ dst: prefix('10.6.0.0/16'), type: 'blackhole' });
  rtnl.linkAdd({
    type: 'vxlan',
    name: 'flannel.1',
    mac: mac('2e:ba:4b:46:09:69'),
    vni: 1,
    dstPort: 8472,
    local: ipv4('10.0.0.1'),
    dev: 'e0',
    learning: false,
  });
  rtnl.linkSet('flannel.1', { up: true });
  rtnl.fdbAppend({ mac: mac('02:00:00:00:00:09'), dev: 'flannel.1', dst: ipv4('10.0.0.2') });
  rtnl.routeAdd({ dst: prefix('0.0.0.0/0'), via: ipv4('10.0.0.2') });
  rtnl.neighAdd({ dev: 'e0', addr: ipv4('10.0.0.9'), mac: mac('02:00:00:00:00:01') });
  const settle = (): void => {
    while (kernel.runQueue.pending > 0) kernel.runQueue.run();
  };
  const listener = new TcpSock(ns);
  listener.owner = 'nc';
  tcpBind(listener, ANY, 81);
  tcpListen(listener, 1);
  const datagrams = new UdpSock(ns);
  datagrams.bind(ANY, 82);
  const client = new TcpSock(other);
  tcpBind(client, ipv4('10.0.0.2'), 38_768);
  tcpConnect(client, ipv4('10.0.0.1'), 81);
  settle();
  clock.advance(1, settle);
});

const lines = (...text: string[]): string => text.map((line) => `${line}\n`).join('');

describe('ip', () => {
  it('addr', () => {
    expect(ipAddr(ns)).toBe(
      lines(
        '1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000',
        '    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00',
        '    inet 127.0.0.1/8 scope host lo',
        '       valid_lft forever preferred_lft forever',
        '2: e0@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000',
        '    link/ether 76:d1:0e:b5:0d:f7 brd ff:ff:ff:ff:ff:ff link-netns wlB',
        '    inet 10.0.0.1/24 scope global e0',
        '       valid_lft forever preferred_lft forever',
        '3: br0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000',
        '    link/ether fe:25:32:0c:16:d4 brd ff:ff:ff:ff:ff:ff',
        '    inet 10.244.0.1/24 brd 10.244.0.255 scope global br0',
        '       valid_lft forever preferred_lft forever',
        '4: v1@v0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000',
        '    link/ether c6:f1:29:73:8e:5d brd ff:ff:ff:ff:ff:ff',
        '5: v0@v1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master br0 state UP group default qlen 1000',
        '    link/ether fe:25:32:0c:16:d4 brd ff:ff:ff:ff:ff:ff',
        '6: flannel.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN group default qlen 1000',
        '    link/ether 2e:ba:4b:46:09:69 brd ff:ff:ff:ff:ff:ff',
      ),
    );
  });

  it('-4 addr show dev e0; -o -4 addr', () => {
    expect(ipAddr(ns, { inet: true }, ns.device('e0'))).toBe(
      lines(
        '2: e0@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000 link-netns wlB',
        '    inet 10.0.0.1/24 scope global e0',
        '       valid_lft forever preferred_lft forever',
      ),
    );
    expect(ipAddr(ns, { inet: true, oneLine: true }, ns.device('br0'))).toBe(
      '3: br0    inet 10.244.0.1/24 brd 10.244.0.255 scope global br0\\       valid_lft forever preferred_lft forever\n',
    );
  });

  it('-br addr and link', () => {
    expect(ipBrief(ns, 'addr').split('\n').slice(0, 3)).toEqual([
      'lo               UNKNOWN        127.0.0.1/8 ',
      'e0@if2           UP             10.0.0.1/24 ',
      'br0              UP             10.244.0.1/24 ',
    ]);
    expect(ipBrief(ns, 'link', ns.device('flannel.1'))).toBe(
      'flannel.1        UNKNOWN        2e:ba:4b:46:09:69 <BROADCAST,MULTICAST,UP,LOWER_UP> \n',
    );
  });

  it('-s link: columns as wide as the widest number', () => {
    const dev = ns.device('e0')!;
    const before = { ...dev.stats };
    Object.assign(dev.stats, {
      rxBytes: 4_407_365,
      rxPackets: 66_528,
      txBytes: 42_234_812_834,
      txPackets: 85_503,
    });
    expect(ipLink(ns, { stats: true }, dev)).toBe(
      lines(
        '2: e0@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default qlen 1000',
        '    link/ether 76:d1:0e:b5:0d:f7 brd ff:ff:ff:ff:ff:ff link-netns wlB',
        '    RX:   bytes packets errors dropped  missed   mcast           ',
        '        4407365   66528      0       0       0       0 ',
        '    TX:   bytes packets errors dropped carrier collsns           ',
        '    42234812834   85503      0       0       0       0 ',
      ),
    );
    Object.assign(dev.stats, before);
  });

  it('route, in all tables', () => {
    expect(ipRoute(ns)).toBe(
      lines(
        'default via 10.0.0.2 dev e0 ',
        '10.0.0.0/24 dev e0 proto kernel scope link src 10.0.0.1 ',
        '10.5.0.0/16 via 10.0.0.2 dev e0 ',
        'blackhole 10.6.0.0/16 ',
        '10.244.0.0/24 dev br0 proto kernel scope link src 10.244.0.1 ',
      ),
    );
    expect(ipRoute(ns, 255)).toBe(
      lines(
        'local 10.0.0.1 dev e0 proto kernel scope host src 10.0.0.1 ',
        'broadcast 10.0.0.255 dev e0 proto kernel scope link src 10.0.0.1 ',
        'local 10.244.0.1 dev br0 proto kernel scope host src 10.244.0.1 ',
        'broadcast 10.244.0.255 dev br0 proto kernel scope link src 10.244.0.1 ',
        'local 127.0.0.0/8 dev lo proto kernel scope host src 127.0.0.1 ',
        'local 127.0.0.1 dev lo proto kernel scope host src 127.0.0.1 ',
        'broadcast 127.255.255.255 dev lo proto kernel scope link src 127.0.0.1 ',
      ),
    );
  });

  it.each([
    ['10.0.0.2', '10.0.0.2 dev e0 src 10.0.0.1 uid 0 \n    cache \n'],
    ['10.5.0.1', '10.5.0.1 via 10.0.0.2 dev e0 src 10.0.0.1 uid 0 \n    cache \n'],
    ['10.0.0.1', 'local 10.0.0.1 dev lo src 10.0.0.1 uid 0 \n    cache <local> \n'],
  ])('route get %s', (dst, text) => {
    expect(ipRouteGet(ns, ipv4(dst))).toBe(text);
  });

  it('neigh', () => {
    expect(ipNeigh(ns).split('\n').sort()).toEqual([
      '',
      '10.0.0.2 dev e0 lladdr aa:1b:e1:6a:36:c8 DELAY ',
      '10.0.0.9 dev e0 lladdr 02:00:00:00:00:01 PERMANENT ',
    ]);
  });
});

describe('sockets', () => {
  const all: SsView = {
    tcp: true,
    udp: false,
    listening: false,
    all: true,
    processes: false,
    noHeader: false,
  };

  it('ss -tan', () => {
    expect(ss(ns, all)).toBe(
      lines(
        'State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process',
        'LISTEN 1      1            0.0.0.0:81        0.0.0.0:*           ',
        'ESTAB  0      0           10.0.0.1:81       10.0.0.2:38768       ',
      ),
    );
  });
  it('ss -tln, -uan, -H, with states', () => {
    expect(ss(ns, { ...all, all: false, listening: true })).toBe(
      lines(
        'State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess',
        'LISTEN 1      1            0.0.0.0:81        0.0.0.0:*          ',
      ),
    );
    expect(ss(ns, { ...all, tcp: false, udp: true })).toBe(
      lines(
        'State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess',
        'UNCONN 0      0            0.0.0.0:82        0.0.0.0:*          ',
      ),
    );
    expect(ss(ns, { ...all, all: false, listening: true, noHeader: true })).toBe(
      'LISTEN 1      1      0.0.0.0:81 0.0.0.0:*\n',
    );
    expect(ss(ns, { ...all, states: new Set(['estab']) })).toBe(
      lines(
        'Recv-Q Send-Q Local Address:Port Peer Address:Port Process',
        '0      0           10.0.0.1:81       10.0.0.2:38768       ',
      ),
    );
  });
  it('netstat -tan', () => {
    expect(netstat(ns, all)).toBe(
      lines(
        'Active Internet connections (servers and established)',
        'Proto Recv-Q Send-Q Local Address           Foreign Address         State      ',
        'tcp        1      0 0.0.0.0:81              0.0.0.0:*               LISTEN     ',
        'tcp        0      0 10.0.0.1:81             10.0.0.2:38768          ESTABLISHED',
      ),
    );
  });
  it('/proc/net/tcp and udp: columns where programs look for them', () => {
    const [head, first, second] = procSockets(ns, 'tcp').split('\n');
    expect(head).toBe(
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'.padEnd(
        149,
      ),
    );
    expect(first).toMatch(
      /^ {3}0: 00000000:0051 00000000:0000 0A 00000000:00000001 00:00000000 00000000 {5}0 {8}0 \d+ 1 0{16} 100 0 0 10 0 +$/,
    );
    expect(second).toMatch(
      /^ {3}1: 0100000A:0051 0200000A:9770 01 00000000:00000000 00:00000000 00000000 {5}0 {8}0 \d+ 1 0{16} \d+ \d+ \d+ 10 -1 +$/,
    );
    expect(first).toHaveLength(149);
    expect(procSockets(ns, 'udp').split('\n')[1]).toMatch(
      /^ {4}0: 00000000:0052 00000000:0000 07 00000000:00000000 00:00000000 00000000 {5}0 {8}0 \d+ 2 0{16} 0 +$/,
    );
  });
});

describe('the others', () => {
  it('brctl show, bridge link and fdb', () => {
    expect(brctlShow(ns)).toBe(
      lines('bridge name\tbridge id\t\tSTP enabled\tinterfaces', 'br0\t\t8000.fe25320c16d4\tno\t\tv0'),
    );
    expect(bridgeLink(ns)).toBe(
      '5: v0@v1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br0 state forwarding priority 32 cost 2 \n',
    );
    expect(bridgeFdb(ns, 'flannel.1')).toBe('02:00:00:00:00:09 dst 10.0.0.2 self permanent\n');
    expect(bridgeFdb(ns)).toContain('fe:25:32:0c:16:d4 dev v0 master br0 permanent\n');
  });
  it('arp -n and -an, /proc/net/arp', () => {
    expect(arp(ns, false).split('\n').slice(0, 2)).toContain(
      'Address                  HWtype  HWaddress           Flags Mask            Iface',
    );
    expect(arp(ns, false)).toContain(
      '10.0.0.9                 ether   02:00:00:00:00:01   CM                    e0\n',
    );
    expect(arp(ns, true)).toContain('? (10.0.0.9) at 02:00:00:00:00:01 [ether] PERM on e0\n');
    expect(procArp(ns)).toContain(
      '10.0.0.2         0x1         0x2         aa:1b:e1:6a:36:c8     *        e0\n',
    );
  });
  it('route -n and /proc/net/route', () => {
    expect(routeTable(ns).split('\n').slice(0, 4)).toEqual([
      'Kernel IP routing table',
      'Destination     Gateway         Genmask         Flags Metric Ref    Use Iface',
      '0.0.0.0         10.0.0.2        0.0.0.0         UG    0      0        0 e0',
      '10.0.0.0        0.0.0.0         255.255.255.0   U     0      0        0 e0',
    ]);
    expect(
      procRoute(ns)
        .split('\n')
        .slice(1, 5)
        .map((line) => line.trimEnd()),
    ).toEqual([
      'e0\t00000000\t0200000A\t0003\t0\t0\t0\t00000000\t0\t0\t0',
      'e0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
      'e0\t0000050A\t0200000A\t0003\t0\t0\t0\t0000FFFF\t0\t0\t0',
      '*\t0000060A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0',
    ]);
    expect(procRoute(ns).split('\n')[1]).toHaveLength(127);
  });
  it('/proc/net/dev and snmp', () => {
    expect(procDev(ns).split('\n')[2]).toBe(
      '    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0',
    );
    const [names, values] = procSnmp(ns)
      .split('\n')
      .filter((line) => line.startsWith('Tcp:'));
    const at = names!.split(' ').indexOf('PassiveOpens');
    expect(values!.split(' ')[at]).toBe('1');
  });
  it('lsns', () => {
    expect(lsns(kernel).split('\n')[2]).toMatch(/^\d+ net {7}1 {3}2 root {10}0 \/run\/netns\/wlA \/pause$/);
  });
});
