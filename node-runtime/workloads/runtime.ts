// The container runtime: what a real node has containerd and runc for. An image becomes a program or the shell, run in the pod's
// namespace with the container's own files.

import type { Kernel } from '../kernel/netns/kernel.ts';
import { ContainerError, type ContainerRuntime } from '../kubelet/runtime.ts';
import type { NodeFs } from '../node-fs.ts';
import { Container, PATH } from './container.ts';
import { ContainerFs } from './container-fs.ts';
import { findImage, imageId, imageName } from './images.ts';
import { Jobs } from './jobs.ts';
import { isSignal } from './launch.ts';
import { generateProc } from './proc-files.ts';
import type { Place, Signal } from './process.ts';
import type { Shell } from './shell/shell.ts';

export { execIn } from './exec.ts';

export function createContainerRuntime(options: {
  readonly kernel: Kernel;
  readonly shell: Shell;
}): ContainerRuntime {
  return {
    version: 'podwire://0.1.0',
    async pull(reference) {
      if (imageName(reference) === undefined)
        throw new ContainerError(
          'InvalidImageName',
          `Failed to apply default image tag "${reference}": couldn't parse image name "${reference}": invalid reference format`,
        );
      const known = findImage(reference, [])!.known;
      const notice = `image ${reference} is not known to Podwire: it listens on its containerPorts and answers with its hostname`;
      return { imageID: imageId(reference), ...(known ? {} : { notice }) };
    },
    start: (spec) => new Container(options, spec),
  };
}

/** The node itself as a place: its own files, and all its namespaces to see. */
export function nodePlace(
  kernel: Kernel,
  files: NodeFs,
): { readonly place: Place; readonly env: Readonly<Record<string, string>> } {
  const fs = new ContainerFs(files);
  generateProc(fs, kernel.host);
  return {
    place: { ns: kernel.host, fs, hostname: kernel.hostname, isNode: true, jobs: new Jobs() },
    env: { PATH, HOME: '/root', HOSTNAME: kernel.hostname },
  };
}

export const signalOf = (name: string): Signal => (isSignal(name) ? name : 'SIGKILL');
