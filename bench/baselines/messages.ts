// What a baseline process is asked, and how it answers.
export type Question = { readonly id: number } & (
  | { readonly op: 'cpu' }
  | Receive
  | Echo
  | Links
  | { readonly op: 'udp-receive' }
  | { readonly op: 'udp-count' }
  | UdpSend
);
/** Reads what `url` pushes: first `warm` milliseconds uncounted, then `ms`. */
export interface Receive {
  readonly op: 'receive';
  readonly url: string;
  readonly warm: number;
  readonly ms: number;
}
export interface Received {
  readonly bytes: number;
  readonly ms: number;
  /** CPU of this process in the counted time, in milliseconds. */
  readonly cpuMs: number;
}
/** A message of 100 bytes there and back; the socket stays open for the next. */
export interface Echo {
  readonly op: 'echo';
  readonly url: string;
}
/** A link to each of `urls`, opened and echoed once; then closed. */
export interface Links {
  readonly op: 'links';
  readonly urls: readonly string[];
}
export interface UdpSend {
  readonly op: 'udp-send';
  readonly port: number;
  readonly size: number;
  readonly ms: number;
}
export interface Counted {
  readonly packets: number;
  readonly bytes: number;
  /** From the first to the last, in milliseconds. */
  readonly ms: number;
  readonly cpuMs: number;
}

/** The first answer, unasked, has id 0 and says that the process is ready. */
export type Answer =
  | { readonly id: 0; readonly url: string; readonly cpuMs: number; readonly ms: number }
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string };
