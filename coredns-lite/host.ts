// What coredns-lite asks of the machine it runs on: clock, sockets, files, environment. A real process gives it Node's
// (host-node.ts); a pod gives it the faces of its emulated stack.
import type { Duplex } from 'node:stream';

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds of a clock that only goes forward. */
  now(): number;
  /** Milliseconds since 1970. */
  wall(): number;
  /** Calls `fn` once, `ms` from now. */
  after(ms: number, fn: () => void): Timer;
}

export interface Peer {
  readonly address: string;
  readonly port: number;
}

export interface DatagramSocket {
  /** `data` may be kept until it is sent. Failures are silent, as UDP is. */
  send(data: Uint8Array, port: number, address: string): void;
  readonly local: Peer;
  close(): void;
}

export interface DialledSocket {
  send(data: Uint8Array): void;
  readonly local: Peer;
  close(): void;
}

/** A TCP connection. */
export type Stream = Duplex & {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
};

export interface Listener {
  readonly local: Peer;
  /** No more connections; those there are stay. */
  close(): void;
}

export interface Network {
  /** `address` undefined: every address of this machine. Rejects with EADDRINUSE and the like. */
  bindUdp(options: {
    readonly address?: string | undefined;
    readonly port: number;
    onMessage(data: Uint8Array, from: Peer): void;
    /** The peer's ICMP errors, where the socket hears them. */
    onError?(error: Error): void;
  }): Promise<DatagramSocket>;
  /** A socket that hears one peer alone, and its ICMP errors. Rejects where there is no way to it. */
  dialUdp(options: {
    readonly to: Peer;
    readonly localAddress?: string | undefined;
    onMessage(data: Uint8Array): void;
    onError(error: Error): void;
  }): Promise<DialledSocket>;
  listenTcp(options: {
    readonly address?: string | undefined;
    readonly port: number;
    onConnection(stream: Stream): void;
  }): Promise<Listener>;
  /** 'connect' or 'error' tells how it went. */
  connectTcp(to: Peer & { readonly localAddress?: string | undefined }): Stream;
  /** Devices and the addresses they have. */
  addresses(): readonly { readonly device: string; readonly address: string }[];
}

export interface Files {
  /** Throws for what cannot be read. */
  read(path: string): string;
  /** Changes when the file does; undefined while there is none. */
  stamp(path: string): string | undefined;
  /** Names in a directory; [] where there is none. */
  list(dir: string): readonly string[];
  /** Calls back some time after each change; undefined where that cannot be had. */
  watch?(path: string, onChange: () => void): { close(): void };
}

export interface Host {
  readonly clock: Clock;
  readonly network: Network;
  readonly files: Files;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly hostname: string;
  /** 0 … 1, 1 excluded. */
  random(): number;
  /** One line on standard output, with the time and level before it already. */
  log(line: string): void;
  /** Ends the process: a fault that it cannot serve with. */
  fatal(message: string): void;
}

export type Level = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR' | 'FATAL';

/** Lines as CoreDNS's plugin/pkg/log writes them: "[ERROR] plugin/errors: …". */
export interface Log {
  info(text: string): void;
  warning(text: string): void;
  error(text: string): void;
  debug(text: string): void;
}

export function logger(host: Pick<Host, 'log'>, plugin?: string, debug: () => boolean = () => false): Log {
  const from = plugin === undefined ? '' : `plugin/${plugin}: `;
  const line = (level: Level) => (text: string) => host.log(`[${level}] ${from}${text}`);
  const write = line('DEBUG');
  return {
    info: line('INFO'),
    warning: line('WARNING'),
    error: line('ERROR'),
    debug: (text) => {
      if (debug()) write(text);
    },
  };
}
