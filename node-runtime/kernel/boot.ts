// Boots a kernel: start_kernel's initcalls. The one place that knows all rooms; each plugs itself into the registries
// of netns/ and knows only the rooms below it.
import { installIpv4 } from './ipv4/install.ts';
import { Loopback } from './netdev/loopback.ts';
import { Kernel, type KernelOptions } from './netns/kernel.ts';
import { installTransport } from './transport/install.ts';

/** A kernel with every room in it, and its own namespace `host` with loopback up, as an init system leaves it. */
export function createKernel(options: KernelOptions): Kernel {
  const kernel = new Kernel(options);
  installIpv4(kernel);
  installTransport(kernel);
  // After the rooms' own: they hear of the device. It comes down and without an address, as loopback_net_init leaves it.
  kernel.netnsInit.push((ns) => ns.register(new Loopback(kernel)));
  const host = kernel.host;
  host.setUp(host.device('lo')!, true);
  return kernel;
}
