// The podwire command: its verbs, each in a file of its own that is loaded only when it is called.
import { Command, CommanderError, Option } from 'commander';
import { EXIT, fail, interrupted } from './exit.ts';

const program = new Command('podwire')
  .description("A Kubernetes cluster's network on one laptop: real packets, every hop explained.")
  .version('0.1.0')
  .addOption(
    new Option('--color <when>', 'colour the output').choices(['auto', 'always', 'never']).default('auto'),
  )
  .enablePositionalOptions()
  .showHelpAfterError('(podwire help shows the commands)')
  .exitOverride();

const name = () => new Option('--name <name>', 'the cluster').default('podwire');
const output = () =>
  new Option('-o, --output <format>', 'how to print')
    .choices(['table', 'wide', 'name', 'json', 'yaml'])
    .default('table');
const overrides = (command: Command): Command =>
  command
    .addOption(
      new Option('--backend <type>', "flannel's back end").choices(['vxlan', 'udp', 'host-gw', 'none']),
    )
    .addOption(new Option('--placement <how>', 'where nodes run').choices(['process', 'thread', 'inline']))
    .option('--virtual-time', 'time passes only when everything waits (inline)')
    .option('--seed <number>', 'of all chance', whole);

overrides(
  program
    .command('run')
    .description('boot a cluster, run scenarios, report, tear down')
    .argument('<file...>', 'scenario files'),
)
  .option('--fail-fast', 'stop at the first check that fails')
  .option('--only <name>', 'run the scenarios of this name only')
  .option('--report <file>', 'write the checks as JSON')
  .action(async (files: string[], options) =>
    exit((await import('./run.ts')).run(files, { ...options, ...globals() })),
  );

overrides(program.command('up').description('start a cluster that goes on in the background'))
  .addOption(name())
  .option('--nodes <count>', 'how many nodes', whole)
  .option('-f, --file <file>', 'a cluster file')
  .option('--orphan-timeout <duration>', 'how long nodes go on without the emulator', '10m')
  .option('--merge-kubeconfig', 'add it to ~/.kube/config (or $KUBECONFIG)')
  .action(async (options) => exit((await import('./up.ts')).up(options)));
program
  .command('down')
  .description('stop a cluster; up starts it again with its objects')
  .addOption(name())
  .option('--delete', 'and forget its objects, keys and logs')
  .action(async (options) => exit((await import('./down.ts')).down(options)));
program
  .command('kubeconfig')
  .description('what kubectl needs: podwire kubeconfig > kc; kubectl --kubeconfig kc get pods -A')
  .addOption(name())
  .option('--merge-kubeconfig', 'add it to ~/.kube/config (or $KUBECONFIG) instead of printing it')
  .action(async (options) => exit((await import('./kubeconfig.ts')).kubeconfig(options)));
program
  .command('list')
  .description('the clusters there are, and whether they run')
  .addOption(output())
  .action(async (options) => exit((await import('./list.ts')).list(options)));
program
  .command('status')
  .description("a cluster's nodes and their processes")
  .addOption(name())
  .addOption(output())
  .action(async (options) => exit((await import('./status.ts')).status(options)));

program
  .command('exec')
  .description('run a command in a pod: podwire exec web -- curl -s 10.244.1.3')
  .argument('<pod>', 'pod/NAME, pod/NAMESPACE/NAME, container/NODE/NAME or external/NAME')
  .argument('<command...>')
  .addOption(name())
  .option('-n, --namespace <namespace>', "the pod's namespace", 'default')
  .option('-c, --container <name>', 'which of its containers')
  .option('-i, --stdin', 'give it this standard input')
  .option('-t, --tty', 'give it a terminal')
  .action(async (pod: string, command: string[], options) =>
    exit((await import('./exec.ts')).exec(pod, command, options)),
  );

const node = program.command('node').description('act on one node').enablePositionalOptions();
node
  .command('exec')
  .description('a command on a node: podwire node exec n1 -- iptables-save')
  .argument('<node>')
  .argument('<command...>')
  .addOption(name())
  .option('-i, --stdin', 'give it this standard input')
  .action(async (which: string, command: string[], options) =>
    exit((await import('./exec.ts')).exec(`node/${which}`, command, options)),
  );
for (const [action, about] of [
  ['kill', 'end its process at once; the supervisor starts it again'],
  ['pause', 'stop its process in its tracks'],
  ['resume', 'let it go on'],
  ['restart', 'shut it down and start it again'],
] as const)
  node
    .command(action)
    .description(about)
    .argument('<node>')
    .addOption(name())
    .action(async (which: string, options) =>
      exit((await import('./node.ts')).nodeAction(which, action, options)),
    );

program
  .command('trace')
  .description('send one packet and print every decision it met')
  .argument(
    '<source>',
    'pod/NAME, node/NAME[/DEVICE], container/NODE/NAME, external/NAME, an address outside',
  )
  .argument('<destination>', 'the same, or an address; with :PORT')
  .addOption(name())
  .addOption(new Option('--proto <proto>').choices(['icmp', 'udp', 'tcp']))
  .option('--port <port>', 'destination port', whole)
  .option('--src-port <port>', 'source port', whole)
  .option('--size <bytes>', 'payload', whole)
  .option('--df', 'must not be fragmented')
  .option('--ttl <hops>', 'time to live', whole)
  .option('--src-ip <address>', 'spoofed source address')
  .option('--device <device>', 'leave by this device')
  .addOption(
    new Option('--expect <result>', 'exit 1 when it ends otherwise').choices([
      'delivered',
      'dropped',
      'rejected',
    ]),
  )
  .addOption(new Option('-o, --output <format>').choices(['text', 'json']).default('text'))
  .action(async (source: string, destination: string, options) =>
    exit((await import('./trace.ts')).trace(source, destination, { ...options, ...globals() })),
  );

program
  .command('expose')
  .description('open a Service on this host until interrupted: podwire expose svc/web, svc/web:80')
  .argument('<service>', 'svc/NAME, with :PORT for another than its first')
  .addOption(name())
  .option('--listen <port>', 'port on this host; a free one when left out', whole, 0)
  .option('--address <address>', 'address on this host', '127.0.0.1')
  .action(async (service: string, options) => exit((await import('./expose.ts')).expose(service, options)));

program
  .command('capture')
  .description('capture devices as pcapng: podwire capture pod/web node/n1/cni0 -w - | wireshark -k -i -')
  .argument('<device...>', 'pod/NAME[/DEVICE], node/NAME/DEVICE, container/NODE/NAME')
  .addOption(name())
  .requiredOption('-w, --write <file>', 'pcapng file, or - for standard output')
  .option('-c, --count <frames>', 'stop after this many', whole)
  .action(async (devices: string[], options) =>
    exit((await import('./capture.ts')).capture(devices, options)),
  );

program
  .command('logs')
  .description("a node's log for people, or one daemon's; or a pod's")
  .argument('[pod]', 'pod/NAME')
  .argument('[daemon]', 'flanneld, kubelet, kernel …')
  .addOption(name())
  .option('--node <node>', "this node's log")
  .option('-f, --follow', 'go on as it grows')
  .action(async (pod: string | undefined, daemon: string | undefined, options) =>
    exit((await import('./logs.ts')).logs(pod, daemon, options)),
  );

program
  .command('apply')
  .description('give manifests to the API server')
  .requiredOption('-f, --file <file>', 'YAML or JSON; - for standard input')
  .addOption(name())
  .action(async (options) => exit((await import('./objects.ts')).apply(options)));
program
  .command('get')
  .description('list objects')
  .argument('<kind>')
  .argument('[name]')
  .addOption(name())
  .addOption(output())
  .option('-n, --namespace <namespace>')
  .action(async (kind: string, which: string | undefined, options) =>
    exit((await import('./objects.ts')).get(kind, which, options)),
  );
program
  .command('wait')
  .description('wait until pods or nodes have a condition')
  .argument('<what>', 'pods, nodes, pod/NAME or node/NAME')
  .addOption(
    new Option('--for <condition>', 'the condition')
      .choices(['Ready', 'NotReady', 'Deleted', 'Running', 'Succeeded', 'Failed'])
      .default('Ready'),
  )
  .option('--timeout <duration>', 'how long', '30s')
  .addOption(name())
  .option('-n, --namespace <namespace>', 'namespace of the object', 'default')
  .action(async (what: string, options) => exit((await import('./wait.ts')).wait(what, options)));
program
  .command('delete')
  .description('delete an object')
  .argument('<object>', 'pod/NAME')
  .addOption(name())
  .option('-n, --namespace <namespace>', 'its namespace', 'default')
  .action(async (object: string, options) => exit((await import('./objects.ts')).del(object, options)));

program
  .command('emulator', { hidden: true })
  .requiredOption('--run-directory <folder>')
  .action(async (options) =>
    exit((await import('./emulator-process.ts')).emulatorProcess(options.runDirectory)),
  );

function whole(text: string): number {
  if (!/^\d+$/.test(text))
    throw new CommanderError(EXIT.input, 'podwire.number', `"${text}" is not a whole number`);
  return Number(text);
}

function globals(): { color: string } {
  return program.opts();
}

/** Ends the process with the code that a verb comes to; standard output is flushed first. */
async function exit(verb: Promise<number>): Promise<void> {
  const code = await verb;
  // Not by running dry: what a verb left waiting (a step's sleep, when it was interrupted) is not waited for.
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
}

interrupted();
program.parseAsync(process.argv).catch((error: unknown) => exit(Promise.resolve(fail(error))));
