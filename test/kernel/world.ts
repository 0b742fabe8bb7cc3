// The one interface through which the lab builds a network and sends packets through it, whether the kernel is Linux
// (linux.ts) or ours (podwire.ts). Commands are those of iproute2, iptables and sysctl; requests are plain data.

export interface EchoRequest {
  readonly op: 'echo';
  readonly ns: string;
  readonly dst: string;
  readonly src?: string;
  readonly ttl?: number;
  readonly tos?: number;
  /** Bytes of IP packet: 84. */
  readonly size?: number;
  /** Sent with DF and refused when larger than the path MTU known (IP_PMTUDISC_DO); else neither. */
  readonly df?: boolean;
  /** Sent at once. */
  readonly count?: number;
  /** How many answers end the wait. */
  readonly answers?: number;
  /** IP protocol of the probe, ICMP unless given. */
  readonly proto?: number;
  /** IP options in hexadecimal, whole words; with them the probe is sent with a header of its own making. */
  readonly options?: string;
  /** Milliseconds to wait. */
  readonly timeout: number;
}

/** An ICMP message that answered: an echo reply (type 0) or an error about the probe. */
export interface Answer {
  readonly type: number;
  readonly code: number;
  readonly from: string;
  readonly ttl: number;
  readonly tos: number;
  readonly len: number;
  readonly quotedTtl?: number;
  readonly quotedSrc?: string;
  /** What the error quotes, in hexadecimal. */
  readonly quote?: string;
  readonly mtu?: number;
  readonly gateway?: string;
  readonly pointer?: number;
  readonly options?: string;
  /** After the first packet was sent. */
  readonly ms: number;
}

export interface ConnectRequest {
  readonly op: 'udp' | 'tcp';
  readonly ns: string;
  readonly dst: string;
  readonly port: number;
  /** Namespace where something listens, on `listen`; it answers what it gets. */
  readonly server?: string;
  readonly listen?: number;
  /** Bytes of IP packet; UDP only. */
  readonly size?: number;
  readonly df?: boolean;
  readonly ttl?: number;
  readonly timeout: number;
}

export interface ConnectAnswer {
  readonly errno?: string;
  readonly reply?: boolean;
  readonly connected?: boolean;
  readonly ms?: number;
  /** What the server saw. */
  readonly seen?: { readonly src: string; readonly ttl?: number; readonly len?: number };
}

export interface Frame {
  readonly out: boolean;
  readonly bytes: Uint8Array;
}

export interface World {
  readonly kind: 'linux' | 'podwire';
  addNetns(name: string): Promise<void>;
  /** Runs one command in a namespace; throws when it fails. Names behind the word `netns` are namespaces of the lab. */
  sh(ns: string, command: string): Promise<void>;
  echo(request: Omit<EchoRequest, 'op'>): Promise<{ errno?: string; answers: readonly Answer[] }>;
  connect(request: ConnectRequest): Promise<ConnectAnswer>;
  /** Runs `fn` and returns the frames that passed a device meanwhile. */
  capture(ns: string, dev: string, fn: () => Promise<void>): Promise<readonly Frame[]>;
  /** Sends IP packets (hexadecimal) from a raw socket that says what it likes of its source. */
  raw(ns: string, packets: readonly string[]): Promise<{ errno?: string }>;
  /** The lines of /proc/net/nf_conntrack. */
  conntrack(ns: string): Promise<readonly string[]>;
  wait(ms: number): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Builds a network from text: "netns a b c" makes namespaces with loopback up, "a: command" runs it there; empty lines and
 * those that begin with # are skipped.
 */
export async function build(world: World, text: string): Promise<void> {
  for (const line of text.split('\n').map((l) => l.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('netns ')) {
      for (const name of line.split(/\s+/).slice(1)) {
        await world.addNetns(name);
        await world.sh(name, 'ip link set lo up');
        // The lab's own probes would use up what the kernel grants a peer; the limits have a probe of their own.
        await world.sh(name, 'sysctl -w net.ipv4.icmp_ratemask=0');
        for (const at of ['all', 'default'])
          await world.sh(name, `sysctl -w net.ipv4.conf.${at}.rp_filter=0`);
      }
      continue;
    }
    const at = line.indexOf(': ');
    for (const command of line.slice(at + 2).split(';')) await world.sh(line.slice(0, at), command.trim());
  }
}
