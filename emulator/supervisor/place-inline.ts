// Nodes in this process, in a world that the node runtime's bundle makes: for tests, for virtual time, and for more
// nodes than a machine has room for processes.
import { createRequire } from 'node:module';
import { ProtocolError } from '../protocol/errors.ts';
import type { InlineModule, InlineWorld } from '../protocol/inline.ts';
import type { Placement } from './placement.ts';

/** Loads the bundle that makes inline worlds. */
export function loadInline(path: string): InlineModule {
  try {
    // Not import(): a bundle that was loaded with its code cache has no loader to ask.
    return createRequire(import.meta.url)(path) as InlineModule;
  } catch (error) {
    throw new ProtocolError('E_START', `${path}: ${error instanceof Error ? error.message : error}`);
  }
}

export function inlinePlacement(world: InlineWorld): Placement {
  return {
    kind: 'inline',
    async start(boot) {
      const machine = world.start(boot);
      return {
        pid: process.pid,
        startTime: 0,
        url: machine.url,
        connect: async () => machine.connect(),
        kill: () => machine.kill(),
        pause: () => machine.pause(),
        resume: () => machine.resume(),
        exited: machine.exited.then((code) => ({ code, signal: undefined, stderr: '' })),
        release() {},
      };
    },
  };
}
