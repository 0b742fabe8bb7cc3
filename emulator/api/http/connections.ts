// Connections of either kind on one port: a first byte of 0x16 is a TLS handshake (RFC 8446 section 5.1), anything else
// is plain HTTP, as nodes speak inside the emulated network with their bearer token.
import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { createServer, type Server as TlsServer } from 'node:tls';
import type { Pki } from '../auth/pki.ts';

const HANDSHAKE = 0x16;

export class Connections {
  #http: Server;
  #tls: TlsServer | undefined;
  #open = new Set<Duplex>();

  constructor(http: Server, pki: Pki | undefined) {
    this.#http = http;
    if (pki !== undefined) this.#tls = this.#terminator(pki);
  }

  get size(): number {
    return this.#open.size;
  }

  accept(stream: Duplex): void {
    this.#track(stream);
    if (this.#tls === undefined) this.#http.emit('connection', stream);
    else this.#sniff(stream);
  }

  destroy(): void {
    for (const stream of this.#open) stream.destroy();
  }

  #track(stream: Duplex): void {
    this.#open.add(stream);
    stream.on('close', () => this.#open.delete(stream));
    stream.on('error', () => stream.destroy());
  }

  #sniff(stream: Duplex): void {
    stream.once('readable', () => {
      const first = stream.read() as Buffer | null;
      if (first === null) {
        stream.destroy();
        return;
      }
      stream.unshift(first);
      if (first[0] === HANDSHAKE) this.#tls!.emit('connection', stream);
      else this.#http.emit('connection', stream);
    });
  }

  #terminator(pki: Pki): TlsServer {
    const server = createServer({
      key: pki.server.key,
      cert: pki.server.certificate,
      ca: pki.ca.certificate,
      requestCert: true,
      // A client without a certificate may have a token; one with a certificate of nobody we know is anonymous.
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
    });
    server.on('secureConnection', (socket) => {
      this.#track(socket);
      this.#http.emit('connection', socket);
    });
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    return server;
  }
}
