// What the tests of this room share: a host with a real namespace and file tree, and an iptables that keeps rules as text.
import { VirtualClock } from '../kernel/clock/virtual-clock.ts';
import { Kernel } from '../kernel/netns/kernel.ts';
import type { Netns } from '../kernel/netns/netns.ts';
import { NodeFs } from '../node-fs.ts';
import { type IptablesRun, IptablesTool } from './iptables-tool.ts';
import type { CniHost, Plugin } from './plugin.ts';

/** Chains with their rules as words; enough of iptables' commands for go-iptables' calls. */
export function textIptables(): { run: IptablesRun; chains: Map<string, string[]> } {
  const chains = new Map<string, string[]>(
    ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'].map((name) => [`nat ${name}`, []]),
  );
  for (const name of ['INPUT', 'FORWARD', 'OUTPUT']) chains.set(`filter ${name}`, []);
  const bad = (stderr: string) => ({ exitCode: 1, stdout: '', stderr });
  const good = (stdout = '') => ({ exitCode: 0, stdout, stderr: '' });
  const word = (w: string): string => (/[\s"]/.test(w) ? `"${w.replace(/(["\\])/g, '\\$1')}"` : w);
  const run: IptablesRun = (argv) => {
    const [, table, command, chain, ...rest] = argv;
    const key = `${table} ${chain}`;
    if (command === '-N') {
      if (chains.has(key)) return bad('iptables: Chain already exists.');
      chains.set(key, []);
      return good();
    }
    const rules = chains.get(key);
    if (rules === undefined) return bad('iptables: No chain/target/match by that name.');
    const number = command === '-I' && /^\d+$/.test(rest[0] ?? '') ? Number(rest.shift()) : 1;
    const rule = rest.map(word).join(' ');
    const at = rules.indexOf(rule);
    if (command === '-A') rules.push(rule);
    else if (command === '-I') rules.splice(number - 1, 0, rule);
    else if (command === '-C') return at === -1 ? bad('iptables: Bad rule.') : good();
    else if (command === '-D') {
      if (at === -1) return bad('iptables: Bad rule.');
      rules.splice(at, 1);
    } else if (command === '-F') rules.length = 0;
    else if (command === '-X') chains.delete(key);
    else if (command === '-S')
      return good([`-N ${chain}`, ...rules.map((r) => `-A ${chain} ${r}`)].join('\n'));
    else return bad(`unknown command ${command}`);
    return good();
  };
  return { run, chains };
}

export interface TestHost extends CniHost {
  readonly kernel: Kernel;
  readonly chains: Map<string, string[]>;
  /** Makes a namespace that `/var/run/netns/<name>` names. */
  sandbox(name: string): Netns;
}

export function testHost(plugins: readonly Plugin[], kernel?: Kernel): TestHost {
  const k = kernel ?? new Kernel({ hostname: 'n1', clock: new VirtualClock(), seed: 1 });
  const { run, chains } = textIptables();
  const sandboxes = new Map<string, Netns>();
  const hex = k.dice.stream('test');
  return {
    kernel: k,
    chains,
    fs: new NodeFs({ now: () => 0 }),
    ns: k.host,
    netns: (path) => sandboxes.get(path),
    iptables: new IptablesTool(run),
    plugins: new Map(plugins.map((plugin) => [plugin.type, plugin])),
    randomHex: (n) => Array.from({ length: n }, () => hex.below(16).toString(16)).join(''),
    sandbox(name) {
      const ns = k.addNetns(name);
      sandboxes.set(`/var/run/netns/${name}`, ns);
      return ns;
    },
  };
}

/** A plugin that answers with what it was given, and remembers it. */
export function recorder(type: string, seen: { type: string; command: string; conf: unknown }[]): Plugin {
  return {
    type,
    versions: ['0.3.1', '0.4.0', '1.0.0'],
    add(args) {
      seen.push({ type, command: 'ADD', conf: args.conf });
      if (args.conf['fail'] !== undefined) throw new Error(String(args.conf['fail']));
      return {
        cniVersion: args.cniVersion,
        interfaces: [{ name: 'eth0', sandbox: args.netns }],
        ips: [{ interface: 0, address: '10.244.1.2/24', gateway: '10.244.1.1' }],
        routes: [],
        dns: {},
      };
    },
    del: (args) => void seen.push({ type, command: 'DEL', conf: args.conf }),
    check: (args) => void seen.push({ type, command: 'CHECK', conf: args.conf }),
  };
}
