// A document root served over HTTP: GET and HEAD of files, index.html for directories.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { FsError, normalizePath } from '../node-fs.ts';
import type { ContainerFs } from './container-fs.ts';

const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css',
  gif: 'image/gif',
  html: 'text/html',
  js: 'application/javascript',
  json: 'application/json',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain',
};

export interface Sent {
  readonly status: number;
  readonly bytes: number;
}

/** Answers a request from `root`; `errorPage` is the server's own way to say that it cannot. */
export function serveFile(
  fs: ContainerFs,
  root: string,
  { method = 'GET', url = '/' }: IncomingMessage,
  response: ServerResponse,
  errorPage: (status: number, text: string) => string,
): Sent {
  const refuse = (status: number, text: string): Sent =>
    send(status, 'text/html', Buffer.from(errorPage(status, text)));
  const send = (status: number, type: string, body: Uint8Array): Sent => {
    response.writeHead(status, { 'Content-Type': type, 'Content-Length': body.length });
    response.end(method === 'HEAD' ? undefined : body);
    return { status, bytes: method === 'HEAD' ? 0 : body.length };
  };
  if (method !== 'GET' && method !== 'HEAD') return refuse(405, 'Not Allowed');
  const path = pathOf(url);
  if (path === undefined) return refuse(400, 'Bad Request');
  let file = `${root}${path}`;
  try {
    if (fs.stat(file).kind === 'dir') file = normalizePath(`${file}/index.html`);
    if (!fs.exists(file)) return refuse(403, 'Forbidden');
    return send(200, TYPES[file.split('.').at(-1)!] ?? 'application/octet-stream', fs.read(file));
  } catch (error) {
    if (error instanceof FsError) return refuse(404, 'Not Found');
    throw error;
  }
}

/** A request's path below the root; undefined when it cannot be decoded. */
function pathOf(url: string): string | undefined {
  try {
    return normalizePath(decodeURIComponent(url.split(/[?#]/)[0]!));
  } catch {
    return undefined;
  }
}
