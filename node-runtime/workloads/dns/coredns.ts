// coredns in a container (coredns/coremain): coredns-lite on the pod's sockets, with the image's flags.
import { Instance } from '../../../coredns-lite/server/instance.ts';
import { getopt } from '../getopt.ts';
import { withStack } from '../http-server.ts';
import { ExitError, forever, Killed, type Process, type Program } from '../process.ts';
import { podHost } from './host.ts';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

export const coredns: Program = (args, proc) => {
  // Go's flags take one dash or two.
  const dashed = args.map((arg) => (/^-[a-z]/.test(arg) ? `-${arg}` : arg));
  const options = getopt(dashed, { short: '', long: ['conf:', 'dns.port:', 'quiet'] });
  const port = Number(options.last('dns.port') ?? options.last('p') ?? 53);
  const corefile = options.last('conf');
  return withStack(proc, 'coredns', async (stack) => {
    let end: (code: number) => void = () => {};
    const ended = new Promise<number>((resolve) => {
      end = resolve;
    });
    const host = podHost(proc, stack, (message) => {
      proc.err(`${message}\n`);
      end(1);
    });
    const instance = new Instance({
      host,
      corefile: corefile ?? 'Corefile',
      ...(corefile === undefined ? { defaultCorefile: `.:${port} {\n  whoami\n  log\n}\n` } : {}),
      port,
      extras: { api: inPod(proc) },
    });
    try {
      await instance.start();
    } catch (error) {
      throw new ExitError(1, error instanceof Error ? error.message : String(error));
    }
    for (const line of instance.listing) host.log(line);
    host.log('CoreDNS-lite');
    proc.ready();
    try {
      return await Promise.race([forever(proc), ended]);
    } catch (error) {
      if (!(error instanceof Killed) || error.signal !== 'SIGTERM') throw error;
      // Endpoints and kube-proxies learn that the pod goes while it still answers: lameduck.
      await instance.stop();
      return 0;
    }
  });
};

/** The API server as a pod of this cluster reaches it: by its Service, with the pod's token. */
function inPod(
  proc: Process,
): { readonly endpoint: string; token(): string | undefined; readonly ca?: string } | undefined {
  const { KUBERNETES_SERVICE_HOST: address, KUBERNETES_SERVICE_PORT: port } = proc.env;
  if (address === undefined || port === undefined) return undefined;
  const ca = proc.fs.tryRead(`${SERVICE_ACCOUNT}/ca.crt`);
  return {
    // Without an authority to check it against, the API server of an emulated cluster speaks plain HTTP.
    endpoint: `${ca === undefined ? 'http' : 'https'}://${address}:${port}`,
    token: () => proc.fs.tryRead(`${SERVICE_ACCOUNT}/token`)?.trim(),
    ...(ca === undefined ? {} : { ca }),
  };
}
