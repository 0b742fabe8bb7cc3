// Request bodies: read whole, within a limit, and parsed by their media type.
import type { IncomingMessage } from 'node:http';
import { type Fields, isFields } from '../fields.ts';
import { badRequest, StatusError, tooLarge } from '../status-error.ts';

/** MaxRequestBodyBytes of a real API server. */
export const BODY_LIMIT = 3 * 1024 * 1024;

export function readBody(req: IncomingMessage, limit = BODY_LIMIT): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (Number(req.headers['content-length'] ?? 0) > limit) {
      req.resume();
      reject(tooLarge(limit));
      return;
    }
    const chunks: Buffer[] = [];
    let size = 0;
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit) {
        chunks.length = 0;
        reject(tooLarge(limit));
      } else chunks.push(chunk);
    });
    req.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    req.on('error', reject);
    req.on('aborted', () => reject(new StatusError(499, 'ClientClosedRequest', 'the request was cut off')));
  });
}

export const mediaType = (req: IncomingMessage): string =>
  (req.headers['content-type'] ?? 'application/json').split(';')[0]!.trim().toLowerCase();

export function parseJson(body: Buffer): unknown {
  const text = body.toString('utf8');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(
      `error decoding: couldn't get version/kind; json parse error: ${error instanceof Error ? error.message : error}`,
    );
  }
}

/** YAML is loaded when a body is in it: kubectl and nodes send JSON. */
export async function parseYaml(body: Buffer): Promise<unknown> {
  const { parse } = await import('yaml');
  try {
    // Its warnings are the sender's business, not something for the server's own error output.
    return parse(body.toString('utf8'), { logLevel: 'error' }) as unknown;
  } catch (error) {
    throw badRequest(
      `error decoding: error converting YAML to JSON: ${error instanceof Error ? error.message : error}`,
    );
  }
}

export function asObject(value: unknown): Fields {
  if (!isFields(value)) throw badRequest('the body of the request must be a JSON object');
  return value;
}
