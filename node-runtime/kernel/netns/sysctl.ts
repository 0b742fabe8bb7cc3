// Sysctls of a namespace, under Linux's own names (Documentation/networking/ip-sysctl.rst), with Linux's defaults.
// Plain records, so the packet path reads a field; `read` and `write` serve /proc/sys and `sysctl`.

/** net.ipv4.conf.<dev>.* */
export interface DevConf {
  forwarding: number;
  rp_filter: number;
  accept_local: number;
  route_localnet: number;
  log_martians: number;
  proxy_arp: number;
  arp_ignore: number;
  arp_announce: number;
  arp_filter: number;
  arp_notify: number;
  arp_accept: number;
  send_redirects: number;
  accept_redirects: number;
  src_valid_mark: number;
}

const devConf = (): DevConf => ({
  forwarding: 0,
  rp_filter: 0,
  accept_local: 0,
  route_localnet: 0,
  log_martians: 0,
  proxy_arp: 0,
  arp_ignore: 0,
  arp_announce: 0,
  arp_filter: 0,
  arp_notify: 0,
  arp_accept: 0,
  send_redirects: 1,
  accept_redirects: 1,
  src_valid_mark: 0,
});

export class Sysctl {
  /** net.core.* */
  readonly core = {
    netdev_max_backlog: 1000,
    somaxconn: 4096,
    rmem_default: 212_992,
    wmem_default: 212_992,
    rmem_max: 212_992,
    wmem_max: 212_992,
  };
  /** net.ipv4.* */
  readonly ipv4 = {
    ip_forward: 0,
    ip_default_ttl: 64,
    ip_no_pmtu_disc: 0,
    ip_local_port_range: [32_768, 60_999] as [number, number],
    ip_unprivileged_port_start: 1024,
    icmp_echo_ignore_all: 0,
    icmp_echo_ignore_broadcasts: 1,
    icmp_ratelimit: 1000,
    icmp_ratemask: 6168,
    icmp_msgs_per_sec: 1000,
    icmp_msgs_burst: 50,
    icmp_errors_use_inbound_ifaddr: 0,
    ipfrag_time: 30,
    ipfrag_high_thresh: 4_194_304,
    ipfrag_max_dist: 64,
    ip_forward_use_pmtu: 0,
    icmp_ignore_bogus_error_responses: 1,
    fwmark_reflect: 0,
    tcp_syn_retries: 6,
    tcp_synack_retries: 5,
    tcp_syn_linear_timeouts: 4,
    tcp_retries1: 3,
    tcp_retries2: 15,
    tcp_orphan_retries: 0,
    tcp_fin_timeout: 60,
    tcp_keepalive_time: 7200,
    tcp_keepalive_probes: 9,
    tcp_keepalive_intvl: 75,
    tcp_timestamps: 1,
    tcp_window_scaling: 1,
    tcp_sack: 1,
    tcp_dsack: 1,
    tcp_ecn: 2,
    tcp_frto: 2,
    tcp_recovery: 1,
    tcp_early_retrans: 3,
    tcp_max_syn_backlog: 1024,
    tcp_syncookies: 1,
    tcp_abort_on_overflow: 0,
    tcp_max_tw_buckets: 131_072,
    tcp_tw_reuse: 2,
    tcp_slow_start_after_idle: 1,
    tcp_no_metrics_save: 0,
    tcp_moderate_rcvbuf: 1,
    tcp_rmem: [4096, 131_072, 6_291_456] as [number, number, number],
    tcp_wmem: [4096, 16_384, 4_194_304] as [number, number, number],
    tcp_base_mss: 1024,
    tcp_mtu_probing: 0,
  };
  /** net.ipv4.route.* */
  readonly route = { mtu_expires: 600, min_pmtu: 552, min_adv_mss: 256 };
  /** net.ipv4.neigh.default.* */
  readonly neigh = {
    base_reachable_time_ms: 30_000,
    delay_first_probe_time: 5,
    retrans_time_ms: 1000,
    mcast_solicit: 3,
    ucast_solicit: 3,
    app_solicit: 0,
    gc_stale_time: 60,
    gc_thresh1: 128,
    gc_thresh2: 512,
    gc_thresh3: 1024,
    unres_qlen_bytes: 212_992,
    /** Hundredths of a second: a proxy's answer waits up to this long, and a fresh entry holds at least that long. */
    proxy_delay: 80,
    proxy_qlen: 64,
    locktime: 100,
  };
  /** net.bridge.* */
  readonly bridge = { 'bridge-nf-call-iptables': 1 };
  /** net.netfilter.* */
  readonly netfilter = {
    nf_conntrack_max: 262_144,
    nf_conntrack_buckets: 65_536,
    nf_conntrack_udp_timeout: 30,
    nf_conntrack_udp_timeout_stream: 120,
    nf_conntrack_icmp_timeout: 30,
    nf_conntrack_generic_timeout: 600,
    nf_conntrack_tcp_be_liberal: 0,
    nf_conntrack_tcp_loose: 1,
    nf_conntrack_tcp_max_retrans: 3,
    nf_conntrack_tcp_timeout_syn_sent: 120,
    nf_conntrack_tcp_timeout_syn_recv: 60,
    nf_conntrack_tcp_timeout_established: 432_000,
    nf_conntrack_tcp_timeout_fin_wait: 120,
    nf_conntrack_tcp_timeout_close_wait: 60,
    nf_conntrack_tcp_timeout_last_ack: 30,
    nf_conntrack_tcp_timeout_time_wait: 120,
    nf_conntrack_tcp_timeout_close: 10,
    nf_conntrack_tcp_timeout_unacknowledged: 300,
    nf_conntrack_tcp_timeout_max_retrans: 300,
    nf_conntrack_checksum: 1,
    nf_conntrack_acct: 0,
    nf_conntrack_tcp_ignore_invalid_rst: 0,
  };
  /** net.ipv4.conf.all, .default and one per device name. */
  readonly conf = new Map<string, DevConf>([
    ['all', devConf()],
    ['default', devConf()],
  ]);

  /** A device's settings, made from `default` when it appears. */
  confOf(dev: string): DevConf {
    let conf = this.conf.get(dev);
    if (conf === undefined) {
      conf = { ...this.conf.get('default')! };
      this.conf.set(dev, conf);
    }
    return conf;
  }

  /** The record and field behind "net.ipv4.ip_forward" or "net/ipv4/conf/eth0/rp_filter". */
  #resolve(path: string): { group: Record<string, unknown>; key: string } | undefined {
    const parts = path.includes('/') ? path.split('/') : path.split('.');
    if (parts[0] !== 'net' || parts.length < 3) return undefined;
    const key = parts[parts.length - 1]!;
    const room = parts.slice(1, -1);
    const group = (
      room[0] === 'ipv4' && room[1] === 'conf'
        ? this.conf.get(room.slice(2).join('.'))
        : room[0] === 'ipv4' && room[1] === 'neigh'
          ? this.neigh
          : room.join('.') === 'ipv4.route'
            ? this.route
            : { core: this.core, ipv4: this.ipv4, bridge: this.bridge, netfilter: this.netfilter }[
                room.join('.')
              ]
    ) as Record<string, unknown> | undefined;
    return group !== undefined && Object.hasOwn(group, key) ? { group, key } : undefined;
  }

  read(path: string): string | undefined {
    const at = this.#resolve(path);
    if (at === undefined) return undefined;
    const value = at.group[at.key];
    return Array.isArray(value) ? value.join('\t') : String(value);
  }

  /** False when there is no such sysctl or the value is not a number (or as many as it takes). */
  write(path: string, value: string): boolean {
    const at = this.#resolve(path);
    if (at === undefined) return false;
    const numbers = value.trim().split(/\s+/).map(Number);
    if (numbers.some((n) => !Number.isInteger(n))) return false;
    const old = at.group[at.key];
    if (Array.isArray(old)) {
      if (numbers.length !== old.length) return false;
      at.group[at.key] = numbers;
    } else {
      if (numbers.length !== 1) return false;
      at.group[at.key] = numbers[0];
    }
    // devinet.c: ip_forward is every device's forwarding, and conf/all/forwarding is ip_forward.
    if (at.group === this.ipv4 && at.key === 'ip_forward') this.#setForwarding(numbers[0]!);
    if (at.group === (this.conf.get('all') as unknown) && at.key === 'forwarding')
      this.#setForwarding(numbers[0]!);
    return true;
  }

  #setForwarding(on: number): void {
    this.ipv4.ip_forward = on;
    for (const conf of this.conf.values()) conf.forwarding = on;
    // inet_forward_change: routers do not take redirects, hosts do.
    this.conf.get('all')!.accept_redirects = on === 0 ? 1 : 0;
  }
}
