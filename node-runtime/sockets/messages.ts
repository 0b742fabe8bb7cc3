// The socket API as messages: what a program asks of the kernel and what the kernel tells it. A program may live in the
// kernel's thread or in a worker, so nothing here is more than plain data; addresses are numbers, bytes are transferred
// or copied by the carrier. Linux: the system calls of socket(2) and the answers of epoll.
import type { Errno } from '../kernel/transport/errno.ts';
import type { SockError, SockOption, SockProto } from '../kernel/transport/sock.ts';
import type { Ipv4 } from '../kernel/wire/addr.ts';

export interface Address {
  readonly addr: Ipv4;
  readonly port: number;
}

/** Ids of sockets that the program opens are positive, those of accepted connections negative. */
export type SocketId = number;

/** Calls that are answered by `done` carry `call`, a number of the program's choice. */
export type ToKernel =
  | { readonly op: 'open'; readonly id: SocketId; readonly proto: SockProto; readonly protocol: number }
  | { readonly op: 'bind'; readonly id: SocketId; readonly call: number; readonly at: Address }
  | { readonly op: 'listen'; readonly id: SocketId; readonly call: number; readonly backlog: number }
  /** TCP: `done` says whether the attempt began; `connected` or `failed` ends it. Datagrams: `done` is all. */
  | { readonly op: 'connect'; readonly id: SocketId; readonly call: number; readonly to: Address }
  | {
      readonly op: 'setsockopt';
      readonly id: SocketId;
      readonly call: number;
      readonly name: SockOption;
      readonly value: number;
    }
  /** Stream data: never more than `room` has granted. */
  | { readonly op: 'send'; readonly id: SocketId; readonly data: Uint8Array }
  | {
      readonly op: 'sendto';
      readonly id: SocketId;
      readonly call: number;
      readonly data: Uint8Array;
      /** Undefined: the connected peer. */
      readonly to: Address | undefined;
      readonly ttl?: number | undefined;
      readonly tos?: number | undefined;
      readonly trace?: number | undefined;
    }
  /** The program has used up so much of what it was given: bytes of a stream, or datagrams. */
  | { readonly op: 'credit'; readonly id: SocketId; readonly amount: number }
  /** Everything this socket sends is traced under this id; 0 ends it. */
  | { readonly op: 'trace'; readonly id: SocketId; readonly trace: number }
  | { readonly op: 'shutdown'; readonly id: SocketId }
  | { readonly op: 'close'; readonly id: SocketId }
  /** close with a reset. */
  | { readonly op: 'abort'; readonly id: SocketId };

export type FromKernel =
  | {
      readonly ev: 'done';
      readonly id: SocketId;
      readonly call: number;
      readonly errno: Errno | undefined;
      /** getsockname. */
      readonly local: Address;
    }
  | { readonly ev: 'connected'; readonly id: SocketId; readonly local: Address; readonly remote: Address }
  | {
      readonly ev: 'accepted';
      readonly id: SocketId;
      readonly child: SocketId;
      readonly local: Address;
      readonly remote: Address;
    }
  /** The connection, or the attempt, ended with an error; nothing follows. */
  | { readonly ev: 'failed'; readonly id: SocketId; readonly errno: Errno }
  | { readonly ev: 'data'; readonly id: SocketId; readonly data: Uint8Array }
  /** So many more bytes may be sent. */
  | { readonly ev: 'room'; readonly id: SocketId; readonly bytes: number }
  /** The peer sends no more. */
  | { readonly ev: 'end'; readonly id: SocketId }
  | {
      readonly ev: 'datagram';
      readonly id: SocketId;
      readonly data: Uint8Array;
      readonly from: Address;
      readonly dst: Ipv4;
      readonly ttl: number;
      readonly tos: number;
      readonly trace: number;
    }
  /** An error on a datagram socket: ICMP answered. `report` with IP_RECVERR. */
  | {
      readonly ev: 'error';
      readonly id: SocketId;
      readonly errno: Errno;
      readonly report: SockError | undefined;
    };

/** Bytes of a stream, and datagrams, that a program is given before it says that it has used some up. */
export const STREAM_CREDIT = 1 << 20;
export const DATAGRAM_CREDIT = 64;
