// What is done to nodes and their daemons: kill, pause, resume, restart; a daemon stopped or started.
import type { Ref } from '../../emulator/client.ts';
import type { Verb } from '../step.ts';
import { readRef } from './exec.ts';

type Action = 'kill' | 'pause' | 'resume' | 'restart';

function nodeVerb(action: Action, about: string): Verb<Ref & { kind: 'node' }> {
  return {
    name: action,
    about,
    read(at) {
      const ref = readRef(at);
      return ref.kind === 'node' ? ref : at.fail(`only a node can be given to ${action}`, 'write node/NAME');
    },
    run: (step, { cluster }) => cluster.node(step.name)[action](),
  };
}

export const kill = nodeVerb(
  'kill',
  'ends a node’s process at once (SIGKILL); the supervisor starts it again',
);
export const pause = nodeVerb('pause', 'stops a node’s process in its tracks (SIGSTOP)');
export const resume = nodeVerb('resume', 'lets a paused node go on (SIGCONT)');
export const restart = nodeVerb('restart', 'shuts a node down and starts it again, as a reboot');

interface Daemon {
  readonly node: string;
  readonly name: string;
  readonly action: 'start' | 'stop' | 'restart';
}

export const daemon: Verb<Daemon> = {
  name: 'daemon',
  about: 'starts, stops or restarts a daemon of a node: flanneld, kubelet, dockerd',
  read(at) {
    const f = at.fields(['node', 'name', 'action']);
    return {
      node: f.node.text(),
      name: f.name.text(),
      action: f.action.choice(['start', 'stop', 'restart']),
    };
  },
  run: async (step, { cluster }) => {
    await cluster.node(step.node).daemon(step.name, step.action);
  },
};

interface Docker {
  readonly node: string;
  readonly run: string;
  readonly fails: boolean;
}

export const docker: Verb<Docker> = {
  name: 'docker',
  about: 'gives a docker host a command of the docker client: run -d --name web -p 8080:80 nginx',
  read(at) {
    const f = at.fields(['node', 'run', 'fails']);
    return { node: f.node.text(), run: f.run.text(), fails: f.fails.or(false, (r) => r.boolean()) };
  },
  async run(step, { cluster, report }) {
    const { code, stdout, stderr } = await cluster.node(step.node).docker(step.run.split(/\s+/));
    if ((code !== 0) === step.fails) return;
    report.check({
      name: `${step.node}: docker ${step.run}`,
      expected: step.fails ? 'an error' : 'exit code 0',
      seen: `exit code ${code}: ${(stderr + stdout).trim()}`,
      ok: false,
    });
  },
};
